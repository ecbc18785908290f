"""A deeper network with batch-norm after every convolution."""
import keras
from keras import layers, models, optimizers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

images, labels = load_digits(return_X_y=True)
images = images.reshape((-1, 8, 8, 1)).astype("float32") / 16.0
x_tr, x_te, y_tr, y_te = train_test_split(images, labels, test_size=0.25, random_state=11)


def block(tensor, filters):
    tensor = layers.Conv2D(filters, 3, padding="same", use_bias=False)(tensor)
    tensor = layers.BatchNormalization()(tensor)
    return layers.Activation("relu")(tensor)


start = layers.Input(shape=(8, 8, 1))
end = layers.Dense(10, activation="softmax")(layers.GlobalMaxPooling2D()(block(block(start, 4), 8)))
cnn = models.Model(start, end)
cnn.compile(optimizer=optimizers.SGD(learning_rate=0.05, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
cnn.fit(x_tr, y_tr, epochs=3, batch_size=64, validation_split=0.1, verbose=0)
print("accuracy: %.3f" % cnn.evaluate(x_te, y_te, verbose=0)[1])
