"""Five folds, a new network and a new scaler in each."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
accuracies = []
for fold, (train, held_out) in enumerate(StratifiedKFold(n_splits=3, shuffle=True, random_state=0).split(X, y)):
    scaler = StandardScaler().fit(X[train])
    network = keras.Sequential([layers.Input((13,)), layers.Dense(10, activation="relu"), layers.Dense(3, activation="softmax")])
    network.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    network.fit(scaler.transform(X[train]), y[train], epochs=4, batch_size=8, verbose=0)
    accuracies.append(network.evaluate(scaler.transform(X[held_out]), y[held_out], verbose=0)[1])
print(f"accuracy {np.mean(accuracies):.3f} +- {np.std(accuracies):.3f}")
