"""Batches made by a class of one's own."""
import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    def __init__(self, features, targets, size, **kwargs):
        super().__init__(**kwargs)
        self.features, self.targets, self.size = features, targets, size

    def __len__(self):
        return -(-len(self.features) // self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return self.features[rows], self.targets[rows]


generator = np.random.default_rng(4)
x = generator.normal(size=(250, 6))
t = x @ generator.normal(size=(6, 1))
loader = Batches(x[:200], t[:200], 16)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1)])
model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.01))
model.fit(loader, epochs=4, verbose=0)
print("mean squared error:", model.evaluate(x[200:], t[200:], verbose=0))
