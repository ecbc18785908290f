"""Two inputs, joined."""
import numpy as np
from keras import Input, Model
from keras.layers import Concatenate, Dense
from keras.callbacks import EarlyStopping, ReduceLROnPlateau

g = np.random.default_rng(6)
numbers = g.normal(size=(260, 4))
flags = g.integers(0, 2, size=(260, 3)).astype("float32")
price = numbers[:, :1] + flags.sum(axis=1, keepdims=True)
i1, i2 = Input((4,)), Input((3,))
joined = Concatenate()([Dense(6, activation="relu")(i1), Dense(3)(i2)])
model = Model([i1, i2], Dense(1)(joined))
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
record = model.fit([numbers[:200], flags[:200]], price[:200], epochs=6, batch_size=20, validation_split=0.2, verbose=0,
                   callbacks=[ReduceLROnPlateau(patience=2), EarlyStopping(patience=4, restore_best_weights=True)])
print(model.evaluate([numbers[200:], flags[200:]], price[200:], verbose=0))
