"""A search by KerasTuner on validation rows, and one look at the test rows."""
import tempfile
import keras
import keras_tuner as kt
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

x, y = load_iris(return_X_y=True)
x_all, x_test, y_all, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
x_train, x_val, y_train, y_val = train_test_split(x_all, y_all, test_size=0.25, random_state=0)


def build(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 4, 12, step=4), activation="relu"),
                              keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(hp.Choice("rate", [1e-2, 1e-3])), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


tuner = kt.RandomSearch(build, objective="val_accuracy", max_trials=2, directory=tempfile.mkdtemp(), project_name="iris", seed=1)
tuner.search(x_train, y_train, epochs=2, validation_data=(x_val, y_val), verbose=0)
best = tuner.get_best_models(1)[0]
print("test accuracy", best.evaluate(x_test, y_test, verbose=0)[1])
