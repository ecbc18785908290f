"""Compare batch sizes: a new model and several seeds for each."""
import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.3, random_state=0)


def build_model():
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(10, "softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


results = {}
for batch_size in [32, 256]:
    scores = []
    for seed in range(2):
        keras.utils.set_random_seed(seed)
        model = build_model()
        model.fit(x_train, y_train, batch_size=batch_size, epochs=2, verbose=0)
        scores.append(model.evaluate(x_val, y_val, verbose=0)[1])
    results[batch_size] = np.mean(scores)
best = max(results, key=results.get)
print("best batch size:", best, results)
