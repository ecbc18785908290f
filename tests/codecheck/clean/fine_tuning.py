"""Train a head on a frozen base, then all of it at a lower rate: goes on on purpose."""
import keras
import numpy as np
from keras import layers

noise = np.random.default_rng(2)
pictures = noise.normal(size=(120, 8, 8, 1)).astype("float32")
kinds = (pictures.mean(axis=(1, 2, 3)) > 0).astype(int)
base = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()])
base.trainable = False
whole = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(1, activation="sigmoid")])
whole.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=["accuracy"])
first = whole.fit(pictures, kinds, epochs=2, batch_size=16, validation_split=0.2, verbose=0)
base.trainable = True
whole.compile(optimizer=keras.optimizers.Adam(1e-4), loss="binary_crossentropy", metrics=["accuracy"])
second = whole.fit(pictures, kinds, epochs=4, initial_epoch=2, batch_size=8, validation_split=0.2, verbose=0)
losses = first.history["val_loss"] + second.history["val_loss"]
print("validation losses:", losses)
