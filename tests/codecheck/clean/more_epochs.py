"""Train a little, look, and train on."""
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16.0, y, random_state=2)
net = keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(10, activation="softmax")])
net.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
one = net.fit(x_train, y_train, epochs=2, validation_split=0.1, verbose=0)
two = net.fit(x_train, y_train, epochs=2, validation_split=0.1, verbose=0)
print(one.history["val_loss"] + two.history["val_loss"])
print(net.evaluate(x_test, y_test, verbose=0))
