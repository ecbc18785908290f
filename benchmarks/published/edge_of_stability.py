"""The edge of stability (Cohen et al. 2021, arXiv:2103.00065): the sharpness of full-batch training rises to 2 / rate and stays.

    python benchmarks/published/edge_of_stability.py               # a few minutes on two cores; prints a table and the acceptance

digits (scikit-learn), all 1,797 rows standardised; 64-32-10 with tanh; plain SGD without momentum on all rows, at rates 0.2, 0.4
and 0.8. The loss is half the squared distance from the one-hot target, the one Cohen et al. look at first. The sharpness is the
largest eigenvalue of the loss' second derivatives on all rows, by `epochal`'s own probe, every 200 updates. Acceptance, declared
before the first run: sharpness x rate / 2, the mean over the last five checks, lies within 0.95 and 1.10 for each rate. Ends with
status 1 where one does not. The first run was with cross-entropy (`--loss crossentropy`) and failed: there the sharpness falls once
the rows are learnt, since second derivatives vanish with the loss, as Cohen et al. describe.
"""

import argparse
import datetime
import os
import sys
from time import perf_counter

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_digits

from epochal.probes.curvature.subset import Subset
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import open_rig

RATES, EVERY, LAST = (0.2, 0.4, 0.8), 200, 5
ACCEPTED = (0.95, 1.10)


def squared(y_true, y_pred):
    return 0.5 * keras.ops.sum((keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 10) - y_pred) ** 2, axis=-1)


def rig_of(rate, loss):
    x, y = load_digits(return_X_y=True)
    x = ((x - x.mean(0)) / np.maximum(x.std(0), 1e-6)).astype("float32")
    y = y.astype("int32")
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="tanh"),
                              keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(10)])
    model.compile(keras.optimizers.SGD(rate), LOSSES[loss])
    few = Part(x[:8], y[:8])  # nothing is judged here
    return open_rig(model, Data("digits", "multiclass", Part(x, y), few, few), batch_size=len(x))


LOSSES = {"squared": squared, "crossentropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def trained(rate, n_updates, loss):
    """`(updates, sharpness, loss)` at every check, and the share of updates after which the loss was higher."""
    rig = rig_of(rate, loss)
    rows = np.arange(rig.n_examples)
    subset, state, losses, checks = Subset(rig, 0, rig.n_examples), rig.fresh(0), [], []
    for i in range(n_updates + 1):
        if i % EVERY == 0:
            checks.append((i, subset.top(state).value, rig.loss(state, rows)))
        state, loss = rig.step(state, rows, rate)
        losses.append(loss)
    losses = np.array([float(loss) for loss in losses])
    return checks, float(np.mean(np.diff(losses) > 0))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--updates", type=int, default=3000)
    arguments.add_argument("--loss", choices=LOSSES, default="squared")
    given = arguments.parse_args()
    n_updates = given.updates
    print(f"{datetime.date.today()}, Keras {keras.__version__} on {keras.backend.backend()}, {n_updates:,} updates, {given.loss}\n")
    print("| rate | sharpness at the start | 2 / rate | last five checks | x rate / 2 | within 0.95 to 1.10 | loss at the end | "
          "updates that raised the loss |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    good, begun = True, perf_counter()
    for rate in RATES:
        checks, raised = trained(rate, n_updates, given.loss)
        last = np.array([value for _, value, _ in checks[-LAST:]])
        ratio = float(last.mean()) * rate / 2
        fine = ACCEPTED[0] <= ratio <= ACCEPTED[1]
        good &= fine
        print(f"| {rate} | {checks[0][1]:.3g} | {2 / rate:.3g} | {last.min():.3f} to {last.max():.3f} | {ratio:.3f} | "
              f"{'pass' if fine else '**fail**'} | {checks[-1][2]:.4f} | {raised:.0%} |", flush=True)
    print(f"\n{perf_counter() - begun:.0f} s.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
