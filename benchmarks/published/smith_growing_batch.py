"""Smith et al. 2018 (arXiv:1711.00489), figure 1: a growing batch does what a decaying rate does, in fewer updates; on MNIST.

    python benchmarks/published/smith_growing_batch.py --mnist mnist.npz [--seeds 5] [--rows 10000]

`mnist.npz` is the file of `keras.datasets.mnist`. Gradient descent with momentum 0.9, a CNN, 30 epochs. Three arms, as theirs:
the rate is divided by 5 at epochs 12, 18 and 24 (batch 32); the batch is multiplied by 5 there and the rate stays; and both in
turn (batch first, then rate). The paper has a wide residual network on CIFAR-10 (200 epochs, steps at 60, 120 and 160, batch 128
first). Acceptance, declared before the first run: over the seeds the last five epochs' validation loss of the two growing arms
lies within 5 % of that of the decaying one, or the 95 % interval of the paired difference holds 0; and the growing batch takes
less than 60 % of the updates. Ends with status 1 where one does not hold. That the curves fall upon each other over the epochs is
told by the largest distance of the mean curves, relative to the decaying one.
"""

import argparse
import datetime
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers

import epochal as ep
from epochal.base.stats import paired_difference

EPOCHS, STEPS, CUT, SIZE, RATE, LAST = 30, (12, 18, 24), 5, 32, 0.01, 5


def network():
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.AveragePooling2D(2), layers.Conv2D(16, 3, activation="relu"),
                              layers.MaxPooling2D(), layers.Flatten(), layers.Dense(64, activation="relu"),
                              layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.SGD(RATE, momentum=0.9), "sparse_categorical_crossentropy")
    return model


class Stages(ep.callbacks.GrowBatch):
    """At each of the steps the batch takes the cut, or the rate does: one letter a step, `"b"` or `"r"`."""

    def __init__(self, who, most):
        super().__init__(by="plateau", monitor="loss", most=most)
        self.who = who

    def _by_plateau(self, epoch, rate, *_):
        if epoch + 1 not in STEPS:
            return self.size, rate
        batch = self.who[STEPS.index(epoch + 1)] == "b"
        return (self.size * CUT, rate) if batch else (self.size, rate / CUT)


ARMS = {"decaying rate": "rrr", "growing batch": "bbb", "batch, then rate": "brr"}


def rows_of(path, n):
    with np.load(path) as file:
        x, y = (np.concatenate([file["x_train"], file["x_test"]])[..., None] / np.float32(255)).astype("float32"), \
            np.concatenate([file["y_train"], file["y_test"]]).astype("int32")
    order = np.random.default_rng(0).permutation(len(x))[: n + 5000]
    return (x[order[:n]], y[order[:n]]), (x[order[n:]], y[order[n:]])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--mnist", required=True)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--rows", type=int, default=10_000)
    given = arguments.parse_args()
    train, held = rows_of(given.mnist, given.rows)
    print(f"{datetime.date.today()}, Keras {keras.__version__} on {keras.backend.backend()}; {given.rows} rows, "
          f"{given.seeds} seeds",
          flush=True)
    curves, updates = {}, {}
    for arm, who in ARMS.items():
        curves[arm] = []
        for seed in range(given.seeds):
            keras.utils.set_random_seed(seed)
            model = network()
            history = ep.fit(model, *train, batch_size=SIZE, epochs=EPOCHS, validation_data=held, validation_batch_size=1000,
                             verbose=0, callbacks=[Stages(who, given.rows)])
            curves[arm].append(history.history["val_loss"])
            updates[arm] = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    curves = {arm: np.array(found) for arm, found in curves.items()}
    base, good = curves["decaying rate"], True
    print(f"decaying rate: {updates['decaying rate']} updates; val. loss of the last {LAST} epochs {base[:, -LAST:].mean():.4f}")
    for arm in list(ARMS)[1:]:
        mean, low, high = paired_difference(curves[arm][:, -LAST:].mean(1), base[:, -LAST:].mean(1))
        relative, share = mean / base[:, -LAST:].mean(), updates[arm] / updates["decaying rate"]
        apart = np.abs(curves[arm].mean(0) / base.mean(0) - 1).max()
        fine = (abs(relative) <= 0.05 or low <= 0 <= high) and share < (0.6 if arm == "growing batch" else 1)
        good &= bool(fine)
        print(f"{arm}: {updates[arm]} updates ({share:.0%}); {mean:+.4f} ({low:+.4f} to {high:+.4f}), {relative:+.1%}; curves "
              f"at most {apart:.1%} apart: {'pass' if fine else 'fail'}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
