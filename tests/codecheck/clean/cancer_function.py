"""Breast cancer: everything in functions."""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from tensorflow import keras


def load():
    data, target = load_breast_cancer(return_X_y=True)
    a, b, c, d = train_test_split(data, target, test_size=0.25, random_state=3)
    scale = MinMaxScaler().fit(a)
    return scale.transform(a), scale.transform(b), c, d


def build(units=12):
    net = keras.Sequential()
    net.add(keras.Input(shape=(30,)))
    net.add(keras.layers.Dense(units, activation="relu"))
    net.add(keras.layers.Dense(1, activation="sigmoid"))
    net.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy", metrics=["accuracy"])
    return net


def main():
    keras.utils.set_random_seed(7)
    x_train, x_test, y_train, y_test = load()
    net = build()
    net.fit(x_train, y_train, epochs=6, validation_split=0.2, verbose=0,
            callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)])
    print("loss and accuracy:", net.evaluate(x_test, y_test, verbose=0))


if __name__ == "__main__":
    main()
