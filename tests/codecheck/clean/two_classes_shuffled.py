"""Two clouds of points, made one after the other and then mixed."""
import numpy as np
from keras import Sequential, layers, Input

rng = np.random.default_rng(3)
left = rng.normal(-1.0, 1.0, size=(150, 2))
right = rng.normal(1.0, 1.0, size=(150, 2))
points = np.concatenate([left, right])
sides = np.concatenate([np.zeros(150), np.ones(150)])
order = rng.permutation(len(points))
points, sides = points[order], sides[order]
model = Sequential([Input((2,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(points, sides, epochs=5, validation_split=0.25, batch_size=30, verbose=0)
print("validation accuracy", history.history["val_accuracy"][-1])
