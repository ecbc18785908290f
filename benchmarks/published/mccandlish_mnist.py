"""McCandlish et al. 2018 (arXiv:1812.06162), Table 1, MNIST: the simple noise scale at the start (50) and over a training (900).

    python benchmarks/published/mccandlish_mnist.py --mnist mnist.npz      # minutes on two cores; prints a table and the acceptance

`mnist.npz` is the file of `keras.datasets.mnist`. A small convolutional network with dropout 0.4 and plain SGD, batch 64, as they
had about; and an MLP of 128 units beside it. Chunks of 256 rows in training mode, 32 of them, the same for nine moments of an
epoch and a half; `epochal`'s own probe. Acceptance, declared before the first run: at the start within 10 and 300; over the run
within 300 and 3,000. "Over the run" is the mean of the noise scales at the moments, each a ratio of its own means, as the paper's
average over a training; the ratio of the means over the run, which weighs the first updates most, is printed beside it and not
accepted by. Ends with status 1 where a figure of the convolutional network lies outside.
"""

import argparse
import datetime
import os
import sys
from time import perf_counter

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers

from epochal.probes.noise.along import noise_scale_training
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import open_rig

START, AVERAGE = (10, 300), (300, 3000)


def cnn():
    return [keras.Input((28, 28, 1)), layers.Conv2D(32, 5, activation="relu"), layers.MaxPooling2D(),
            layers.Conv2D(64, 5, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(256, activation="relu"),
            layers.Dropout(0.4), layers.Dense(10)], 0.05


def mlp():
    return [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)], 0.1


def rig_of(build, path):
    with np.load(path) as file:
        x, y = (file["x_train"][..., None] / np.float32(255)).astype("float32"), file["y_train"].astype("int32")
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    body, rate = build()
    model = keras.Sequential(body)
    model.compile(keras.optimizers.SGD(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    few = Part(x[:8], y[:8])  # nothing is judged here
    return open_rig(model, Data("mnist", "multiclass", Part(x, y), few, few), batch_size=64)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--mnist", required=True)
    arguments.add_argument("--updates", type=int, default=1400)
    arguments.add_argument("--seconds", type=float, default=130.0, help="for each network, beside compiling")
    given = arguments.parse_args()
    print(f"{datetime.date.today()}, Keras {keras.__version__} on {keras.backend.backend()}\n")
    good = True
    for build in (mlp, cnn):
        begun, rig = perf_counter(), rig_of(build, given.mnist)
        reading = noise_scale_training(rig, seed=0, chunk=256, updates=given.updates, seconds=given.seconds)
        print(f"{build.__name__}: {reading} {reading.note}")
        if not reading.points:
            return 1
        print("  " + "; ".join(f"{m.n_updates}: {m.value:.0f} ({m.low:.0f} to {m.high:.0f})" for m in reading.points))
        start, average = reading.points[0].value, float(np.mean([m.value for m in reading.points]))
        fine = [low <= value <= high for value, (low, high) in ((start, START), (average, AVERAGE))]
        said = ["pass" if one else "fail" for one in fine]
        print(f"  start {start:.0f} (published 50): {said[0]}; mean over the moments {average:.0f} (published 900): {said[1]}; "
              f"ratio of means over the run {reading.value:.0f}; {perf_counter() - begun:.0f} s", flush=True)
        good &= build is mlp or all(fine)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
