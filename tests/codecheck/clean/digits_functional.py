"""The functional interface on scikit-learn's digits."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

digits = load_digits()
images = digits.images[..., None] / 16.0
x_rest, x_test, y_rest, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=1)
x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=0.25, random_state=1)

inputs = keras.Input(shape=(8, 8, 1))
h = layers.Conv2D(8, 3, activation="relu")(inputs)
h = layers.BatchNormalization()(h)
h = layers.Flatten()(h)
outputs = layers.Dense(10, activation="softmax")(h)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
model.fit(x_train, y_train, epochs=4, batch_size=64, validation_data=(x_val, y_val), callbacks=[stop], verbose=0)
print("accuracy on the test images:", model.evaluate(x_test, y_test, verbose=0)[1])
