"""An experiment as a class that holds its model and its data."""
import keras
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import RobustScaler


class Experiment:
    def __init__(self, units):
        self.units = units
        x, y = load_iris(return_X_y=True)
        self.x_train, self.x_test, self.y_train, self.y_test = train_test_split(x, y, test_size=0.3, random_state=0)
        self.scaler = RobustScaler()
        self.x_train = self.scaler.fit_transform(self.x_train)
        self.x_test = self.scaler.transform(self.x_test)
        self.model = self.build()

    def build(self):
        model = keras.Sequential()
        model.add(keras.Input((4,)))
        model.add(keras.layers.Dense(self.units, activation="relu"))
        model.add(keras.layers.Dense(3, activation="softmax"))
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
        return model

    def train(self):
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        self.history = self.model.fit(self.x_train, self.y_train, validation_split=0.2, epochs=5, callbacks=[stop], verbose=0)

    def test(self):
        return self.model.evaluate(self.x_test, self.y_test, verbose=0)


experiment = Experiment(8)
experiment.train()
print(experiment.test())
