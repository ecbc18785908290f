"""Keep the best weights in a file, and load them for the test."""
import os
import tempfile
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16.0, y, test_size=0.2, random_state=0)
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(24, "relu"), keras.layers.Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
path = os.path.join(tempfile.mkdtemp(), "best.weights.h5")
model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.2, verbose=0, callbacks=[
    keras.callbacks.EarlyStopping(patience=3),
    keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)])
model.load_weights(path)
print(model.evaluate(x_test, y_test, verbose=0))
