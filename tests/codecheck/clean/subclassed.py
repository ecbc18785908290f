"""A model as a class of its own."""
import keras
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler


class Net(keras.Model):
    def __init__(self, width=16):
        super().__init__()
        self.first = layers.Dense(width, activation="relu")
        self.norm = layers.BatchNormalization()
        self.last = layers.Dense(1, activation="sigmoid")

    def call(self, inputs, training=False):
        return self.last(self.norm(self.first(inputs), training=training))


data = load_breast_cancer()
trainX, testX, trainY, testY = train_test_split(data.data, data.target, test_size=0.2, random_state=5)
prepare = make_pipeline(SimpleImputer(), StandardScaler())
trainX = prepare.fit_transform(trainX)
testX = prepare.transform(testX)
net = Net()
net.compile(optimizer=keras.optimizers.AdamW(learning_rate=0.002), loss="binary_crossentropy", metrics=["accuracy"])
net.fit(trainX, trainY, validation_split=0.1, epochs=4, batch_size=32, verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(monitor="val_accuracy", mode="max", patience=2, restore_best_weights=True)])
print("accuracy", net.evaluate(testX, testY, verbose=0)[1])
