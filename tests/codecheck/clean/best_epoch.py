"""How many epochs? The epoch with the lowest validation loss."""
import numpy as np
import keras as k
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split as tts

X, y = load_diabetes(return_X_y=True)
X1, X2, y1, y2 = tts(X, y / y.std(), test_size=0.2, random_state=0)
net = k.Sequential([k.Input((10,)), k.layers.Dense(30, activation="relu"), k.layers.Dense(1)])
net.compile(loss="mse", optimizer="adam")
seen = net.fit(X1, y1, epochs=8, batch_size=32, validation_split=0.25, verbose=0)
best_epoch = int(np.argmin(seen.history["val_loss"])) + 1
print("best epoch:", best_epoch, "validation loss:", min(seen.history["val_loss"]))
