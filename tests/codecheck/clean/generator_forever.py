"""A generator that goes round and round, and the number of steps that makes one round of it."""
import math
import numpy as np
from keras.layers import Dense, Input
from keras.models import Model

ROWS, BATCH = 230, 20
source = np.random.default_rng(1)
inputs_all = source.uniform(size=(ROWS, 3))
targets_all = inputs_all.sum(axis=1, keepdims=True)


def rounds(batch):
    while True:
        order = np.random.permutation(ROWS)
        for start in range(0, ROWS, batch):
            chosen = order[start:start + batch]
            yield inputs_all[chosen], targets_all[chosen]


entrance = Input((3,))
model = Model(inputs=entrance, outputs=Dense(1)(Dense(6, activation="relu")(entrance)))
model.compile("sgd", "mse")
model.fit(rounds(BATCH), steps_per_epoch=math.ceil(ROWS / BATCH), epochs=3, verbose=0)
model.summary(print_fn=lambda *a, **k: None)
