"""How often `epochal.diagnose` finds fault with trainings that are healthy: false alarms, with the upper bound of their share.

    python benchmarks/diagnose_healthy.py --draws 240 --real 60 --first 1000

A training counts as healthy when it was made as one should be: rows at random in training and validation, a rate found by trying
a grid of half decades on other seeds (then that rate, 0.6 or 1.5 times it), early stopping by the validation loss (patience 5
or 10) that ended it before its 400 epochs. Drawn ones (made data of nine kinds, models from a linear one to two layers of 64, Adam
or SGD with momentum, 300 to 2,000 rows) are trained by Epochal's engine, many at a time; real ones (scikit-learn's data) by Keras'
own `fit`. Half of the histories are given with what the `History` object knows, half as bare curves. An alarm is a finding that is
advice or a fault. The thresholds of the rules were set on draws below 1100; report from 2000 on.
"""

import argparse
import collections
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from scipy.stats import beta
from sklearn import datasets

from epochal.engine import Batches, Lane, measure_mode, train
from epochal.histories import history_of
from epochal.rules.diagnosis.diagnose import diagnosed
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

GRID = tuple(10 ** (-half / 2) for half in range(8, 0, -1))  # 1e-4 to 0.316
MOST = 400
layers = keras.layers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=240, help="trainings on made data")
    parser.add_argument("--real", type=int, default=60, help="trainings on real data")
    parser.add_argument("--first", type=int, default=2000, help="the number of the first draw")
    parser.add_argument("--keep", type=pathlib.Path, help="write the histories here, as JSON lines")
    options = parser.parse_args()
    alarms, n, kinds = [], 0, collections.Counter()
    for name, wanted, some in (("made", options.draws, drawn), ("real", options.real, real)):
        taken = 0
        for label, history in some(options.first):
            if taken == wanted:
                break
            taken += 1
            if options.keep:
                with options.keep.open("a") as file:
                    file.write(json.dumps({"label": label, "curves": dict(history.curves),
                                           "known": {k: getattr(history.known, k) for k in history.known.__slots__}}) + "\n")
            found = diagnosed(history).faults
            kinds.update(one.kind for one in found)
            if found:
                alarms.append((name, label, [one.kind for one in found]))
                print(f"  {name} {label}: {', '.join(one.kind for one in found)}", flush=True)
        of_these = sum(1 for kind, *_ in alarms if kind == name)
        n += taken
        print(f"{name}: {of_these} alarms in {taken}, at most {upper(of_these, taken):.1%}", flush=True)
    print(f"all: {len(alarms)} alarms in {n} ({len(alarms) / max(n, 1):.1%}), at most {upper(len(alarms), n):.1%} (95 %)")
    print(dict(kinds))


def upper(found, n):
    """Clopper and Pearson's upper bound of a share, 95 %, one-sided."""
    return 1.0 if found >= n else float(beta.ppf(0.95, found + 1, n - found))


def drawn(first):
    """`(label, History)` of healthy trainings on made data, a group of six from each draw, without end."""
    number = first
    while True:
        yield from _group(number)
        number += 1


def _group(number):
    rng = np.random.default_rng(number)
    label, (x, y, loss, outputs) = made(rng)
    widths = [(), (16,), (64,), (32, 16), (64, 64)][rng.integers(5)]
    dropout = float(rng.choice([0.0, 0.0, 0.3]))
    optimizer = ["adam", "adam", "sgd"][rng.integers(3)]
    size, patience = int(rng.choice([16, 32, 64, 128])), int(rng.choice([5, 10]))
    model = network(x.shape[1], widths, dropout, outputs, loss, optimizer)
    n_held = max(100, len(x) // 5)
    source = ArraySource(model, x[n_held:], y[n_held:], validation_data=(x[:n_held], y[:n_held]))
    rig = open_rig(*source.open(0), size, None, start="fresh")
    rate = tuned(rig, size)
    lanes = [Lane(100 + seed, rate * times) for seed, times in enumerate((0.6, 1, 1.5, 0.6, 1, 1.5))]
    how = measure_mode(rig, size, len(lanes))
    for i, run in enumerate(train(rig, lanes, Batches(size, MOST), how=how)):
        val = run.figures[:, :2, 0].mean(1)
        stop = ended(val, patience)
        if stop is None:
            continue
        curves = {"loss": run.train_loss[:stop].tolist(), "val_loss": val[:stop].tolist()}
        if loss != "mse":
            curves["val_accuracy"] = run.figures[:stop, :2, 1].mean(1).tolist()
        known = {"planned_epochs": MOST, "steps_per_epoch": -(-rig.n_examples // size), "batch_size": size, "optimizer": optimizer,
                 "learning_rate": float(lanes[i].rates), "batch_norm": 0.0, "dropout": dropout, "updates_before": 0}
        yield f"{number}.{i} {label} {widths} dropout {dropout} {optimizer} {size}", history_of(curves, **(known if i % 2 else {}))


def tuned(rig, size):
    """The rate of the grid with the lowest validation loss over 60 epochs, mean of two seeds that are not used again."""
    lanes = [Lane(seed, rate) for rate in GRID for seed in (1, 2)]
    runs = train(rig, lanes, Batches(size, 60), how=measure_mode(rig, size, len(lanes)))
    lowest = [run.figures[:, :2, 0].mean(1).min() if run.outcome.name == "OK" else np.inf for run in runs]
    return GRID[int(np.argmin(np.reshape(lowest, (-1, 2)).mean(1)))]


def ended(val, patience):
    """The epochs that Keras' EarlyStopping lets it make; `None` where it never ends it."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(val):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= patience:
            return epoch + 1
    return None


def network(n_inputs, widths, dropout, outputs, loss, optimizer, *, batch_norm=False, rate=None):
    parts = [keras.Input((n_inputs,))]
    for width in widths:
        parts.append(layers.Dense(width, "relu"))
        if batch_norm:
            parts.append(layers.BatchNormalization())
        if dropout:
            parts.append(layers.Dropout(dropout))
    head = {"mse": None, "binary_crossentropy": "sigmoid"}.get(loss, "softmax")
    model = keras.Sequential([*parts, layers.Dense(outputs, head)])
    model.compile({"adam": lambda: keras.optimizers.Adam(rate or 1e-3), "sgd": lambda: keras.optimizers.SGD(
        rate or 1e-2, momentum=0.9)}[optimizer](), loss, metrics=[] if loss == "mse" else ["accuracy"])
    return model


def made(rng):
    """Made data: name, and `(x, y, loss, outputs)`, in random order and standardised."""
    n, d = int(rng.choice([400, 800, 2000])), int(rng.choice([5, 10, 20]))
    seed, kind = int(rng.integers(2**31)), int(rng.integers(9))
    if kind < 4:  # classes, of which some are mislabelled
        classes, wrong = (2, 2, 4, 4)[kind], (0.01, 0.1, 0.01, 0.1)[kind]
        x, y = datasets.make_classification(n, d, n_informative=max(4, d // 2), n_redundant=0, n_classes=classes, flip_y=wrong,
                                            n_clusters_per_class=1 + kind % 2, class_sep=1.0, random_state=seed)
        label = f"{classes} classes, {wrong:.0%} wrong"
    elif kind == 4:
        x, y = datasets.make_moons(n, noise=0.25, random_state=seed)
        label, classes = "moons", 2
    elif kind == 5:
        x, y = datasets.make_blobs(n, d, centers=3, cluster_std=4.0, random_state=seed)
        label, classes = "blobs", 3
    else:
        make = (datasets.make_friedman1, datasets.make_friedman2, datasets.make_regression)[kind - 6]
        x, y = (make(n, noise=1.0, random_state=seed) if kind == 6 else make(n, noise=50.0, random_state=seed) if kind == 7 else
                make(n, d, n_informative=5, noise=20.0, random_state=seed))
        label, classes = ("friedman1", "friedman2", "linear")[kind - 6], 0
    return f"{label}, {n} rows", prepared(x, y, classes)


def prepared(x, y, classes):
    x = ((x - x.mean(0)) / (x.std(0) + 1e-9)).astype("float32")
    if not classes:
        return x, ((y - y.mean()) / y.std()).astype("float32"), "mse", 1
    return (x, y.astype("float32"), "binary_crossentropy", 1) if classes == 2 else (x, y.astype("int32"),
                                                                                  "sparse_categorical_crossentropy", classes)


def real(first):
    """`(label, History)` of healthy trainings of real data by Keras' own `fit`, without end."""
    number = first
    rates = {}
    loads = {"digits": (datasets.load_digits, 10), "breast_cancer": (datasets.load_breast_cancer, 2),
             "wine": (datasets.load_wine, 3), "diabetes": (datasets.load_diabetes, 0)}
    while True:
        rng = np.random.default_rng(number)
        name = list(loads)[number % 4]
        load, classes = loads[name]
        x, y, loss, outputs = prepared(*load(return_X_y=True), classes)
        form = int(rng.integers(4))
        widths, dropout, optimizer = [((64, 32), 0.0, "adam"), ((32,), 0.0, "sgd"), ((64,), 0.3, "adam"), ((), 0.0, "adam")][form]
        size, patience = int(rng.choice([16, 32, 64])), int(rng.choice([5, 10]))
        order = rng.permutation(len(x))
        n_held = max(len(x) // 5, 60)
        held, kept = order[:n_held], order[n_held:]
        key = (name, form, size)
        if key not in rates:
            model = network(x.shape[1], widths, dropout, outputs, loss, optimizer)
            rig = open_rig(*ArraySource(model, x[kept], y[kept], validation_data=(x[held], y[held])).open(0), size, None,
                           start="fresh")
            rates[key] = tuned(rig, size)
        keras.utils.set_random_seed(number)
        rate = rates[key] * float(rng.choice([0.6, 1, 1.5]))
        model = network(x.shape[1], widths, dropout, outputs, loss, optimizer, rate=rate)
        stopping = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
        kept_history = model.fit(x[kept], y[kept], batch_size=size, epochs=MOST, validation_data=(x[held], y[held]), verbose=0,
                                 callbacks=[stopping])
        number += 1
        if len(kept_history.epoch) < MOST:
            whole = history_of(kept_history, batch_size=size)
            yield f"{number - 1} {name} {widths} dropout {dropout} {optimizer} {size}", \
                whole if number % 2 else history_of(kept_history.history)


if __name__ == "__main__":
    main()
