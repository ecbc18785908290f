"""How much sooner Keras' own `fit` makes an update with `steps_per_execution=16` and `jit_compile=True`, on three small models.

    KERAS_BACKEND=tensorflow python benchmarks/switches.py

Prints a row for each model and way: seconds an update, times sooner the least and the most of five turns, seconds of compiling.
"""

import keras
import numpy as np
from keras import layers

from epochal.probes.switches import switches
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

SIZE = 32


def digits():
    return [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax")], np.random.default_rng(0).normal(size=(1500, 64)).astype("float32")


def images():
    return [keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
            layers.Dense(10, activation="softmax")], np.random.default_rng(0).normal(size=(3000, 28, 28, 1)).astype("float32")


def texts():
    return [keras.Input((40,)), layers.Embedding(2000, 32), layers.LSTM(32),
            layers.Dense(10, activation="softmax")], np.random.default_rng(0).integers(0, 2000, (3000, 40))


def main():
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, batch size {SIZE}")
    for make in (digits, images, texts):
        parts, x = make()
        model = keras.Sequential(parts)
        model.compile("adam", "sparse_categorical_crossentropy")
        rig = open_rig(*ArraySource(model, x, np.random.default_rng(1).integers(0, 10, len(x))).open(0))
        found = switches(rig, size=SIZE, compilation=rig.compile_seconds(SIZE), seconds=120.0)
        for point in found.points:
            print(f"{make.__name__:8} steps_per_execution={point.steps_per_execution:2} jit_compile={point.jit_compile!s:5} "
                  f"{point.seconds * 1e3:7.2f} ms, {point.sooner:.2f} times sooner "
                  f"({point.low:.2f} to {point.high:.2f}), compiles {point.compile_seconds:.1f} s")


if __name__ == "__main__":
    main()
