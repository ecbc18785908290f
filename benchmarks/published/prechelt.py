"""Prechelt 1998, "Early stopping - but when?": slower stopping rules generalise a little better and take several times as long.

    python benchmarks/published/prechelt.py        # minutes on two cores; prints a table and the acceptance

Over 12 problems and 1,296 networks he finds about 4 per cent better generalisation for about 4 times the training time, when the
slowest rules are taken in place of the fastest. Here: the tutorials' network on scikit-learn's four tables, 20 seeds each, plain
trainings of 300 epochs; a rule stops on one half of the validation rows and is judged on the other, which then are test rows.
Test loss of a rule and its time are set beside those of GL 1 on the same training. Acceptance, declared before the first run: among
Prechelt's rules time and quality have the same order (rank correlation of time and test loss below -0.3), and the slowest third of
them is better than the fastest third on average and takes longer. Ends with status 1 where it does not hold.
"""

import datetime
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

import epochal as ep
from epochal.base.stats import mean_interval
from epochal.rules.epochs.choose import PRECHELT
from epochal.rules.epochs.stopping import kept, stopped

EPOCHS, SEEDS = 300, 20


def problem(load, classes):
    x, y = load(return_X_y=True)
    x = ((x - x.mean(0)) / np.maximum(x.std(0), 1e-6)).astype("float32")
    y = y.astype("int32") if classes else ((y - y.mean()) / y.std()).astype("float32")
    order = np.random.default_rng(0).permutation(len(x))

    def build():
        layers = keras.layers
        head = layers.Dense(classes, activation="softmax") if classes else layers.Dense(1)
        model = keras.Sequential([keras.Input(x.shape[1:]), layers.Dense(64, activation="relu"),
                                  layers.Dense(32, activation="relu"), head])
        model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy" if classes else "mse")
        return model

    return build, x[order], y[order]


def main():
    problems = {"digits": problem(load_digits, 10), "breast_cancer": problem(load_breast_cancer, 2),
                "wine": problem(load_wine, 3), "diabetes": problem(load_diabetes, 0)}
    worse, longer = {rule: [] for rule in PRECHELT}, {rule: [] for rule in PRECHELT}
    for name, (build, x, y) in problems.items():
        found = ep.study(build, x, y, batch_sizes=[16, 32], learning_rates=[1e-3], epochs=EPOCHS, equal="epochs", seeds=SEEDS,
                         trial_seeds=1, halving=False, validation_split=0.4, verbose=0)
        curves = [c for c in found.curves if c.stage == "confirm" and c.setting.batch_size == 32]
        lengths = sorted({c.n_epochs for c in curves})
        first, every = PRECHELT[0], {}
        for rule in PRECHELT:
            every[rule] = [(c.half_b[kept(rule, c.half_a, c.train_loss) - 1], stopped(rule, c.half_a, c.train_loss))
                           for c in curves]
        for rule in PRECHELT:
            worse[rule] += [loss / base for (loss, _), (base, _) in zip(every[rule], every[first], strict=True)]
            longer[rule] += [n / base for (_, n), (_, base) in zip(every[rule], every[first], strict=True)]
        print(f"{name}: {len(curves)} trainings of {lengths} epochs", flush=True)
    print(f"\n{datetime.date.today()}, Keras {keras.__version__}\n\n"
          "| rule | test loss, of that of GL 1 | 95 % | epochs, of GL 1 |\n| --- | --- | --- | --- |")
    table = []
    for rule in PRECHELT:
        mean, low, high = mean_interval(worse[rule])
        table.append((float(np.mean(longer[rule])), mean))
        print(f"| {rule} | {mean:.3f} | {low:.3f} to {high:.3f} | {table[-1][0]:.2f} |")
    table = np.array(sorted(table))
    third = len(table) // 3
    fast, slow = table[:third].mean(0), table[-third:].mean(0)
    rank = float(spearmanr(table[:, 0], table[:, 1]).statistic)
    print(f"\nThe slowest third takes {slow[0] / fast[0]:.2f} times as long as the fastest and has "
          f"{100 * (1 - slow[1] / fast[1]):.1f} % less test loss (Prechelt: about 4 times "
          f"and 4 %); rank correlation of time and loss {rank:.2f}.")
    good = rank < -0.3 and slow[1] < fast[1] and slow[0] > fast[0]
    print("accepted" if good else "not accepted")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
