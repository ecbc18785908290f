"""A plan for fine-tuning beside every rate and batch size tried in hindsight: on scikit-learn's digits.

    python benchmarks/fine_tuning.py                       # both cases, three seeds
    python benchmarks/fine_tuning.py --cases few --budget 30

*classes*: a network that learned the digits 0 to 4 gets a new head for 5 to 9, and all of it is tuned. *few*: a network that
learned all ten digits from 900 rows is tuned on 60 others. A plan (`epochal.plan`, which starts from the learned weights by itself)
and Keras' default (batch size 32, Adam at 0.001) stand beside a scan: rates from 1e-6 to 0.1 in half decades at batch sizes 8, 32
and 128. Each training has early stopping on validation rows; told is the loss on other rows, the mean of the seeds.
"""

import argparse
from time import perf_counter

import keras
import numpy as np
from sklearn.datasets import load_digits

import epochal

RATES = [10 ** (k / 2) for k in range(-12, -1)]
SIZES = (8, 32, 128)
EPOCHS, PATIENCE = 100, 10


def network(n_classes):
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((64,)), dense(64, "relu"), dense(32, "relu"), dense(n_classes, "softmax")])


def compiled(model, rate=1e-3):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cut(rows, *ends):
    x, y = rows
    starts = (0, *ends[:-1])
    return [(x[a:b], y[a:b]) for a, b in zip(starts, ends, strict=True)]


def case(name, seed):
    """`(a function that makes the model to tune, rows to train on, to validate on, to test on)`."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    x, y = (digits.data[order] / 16).astype("float32"), digits.target[order]
    keras.utils.set_random_seed(seed)
    if name == "classes":
        old = y < 5
        learned = compiled(network(5))
        epochal.fit(learned, x[old], y[old], epochs=40, verbose=0)
        tuned = cut((x[~old], y[~old] - 5), 150, 300, int((~old).sum()))
        kept = learned.get_weights()[:-2]
    else:
        learned = compiled(network(10))
        epochal.fit(learned, x[:900], y[:900], epochs=40, verbose=0)
        tuned = cut((x[900:], y[900:]), 60, 120, len(y) - 900)
        kept = learned.get_weights()

    def make(rate=1e-3):
        model = network(5 if name == "classes" else 10)
        model.set_weights([*kept, *model.get_weights()[len(kept):]])
        return compiled(model, rate)

    return make, *tuned


def tuned(make, rate, size, train, validation, test, seed, epochs=EPOCHS, patience=PATIENCE):
    """The loss on test rows after a training with early stopping."""
    keras.utils.set_random_seed(seed)
    model = make(rate)
    stopping = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    epochal.fit(model, *train, batch_size=size, epochs=epochs, validation_data=validation, callbacks=[stopping], verbose=0)
    return model.evaluate(*test, verbose=0)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="classes,few")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=30.0)
    given = parser.parse_args()
    for name in given.cases.split(","):
        found, rows = {}, []
        for seed in range(given.seeds):
            make, train, validation, test = case(name, seed)
            before = make().evaluate(*test, verbose=0)[0]
            for size in SIZES:
                for rate in RATES:
                    found.setdefault((size, rate), []).append(tuned(make, rate, size, train, validation, test, seed))
            begun = perf_counter()
            plan = epochal.plan(make(), *train, validation_data=validation, budget=given.budget, verbose=0, seed=seed)
            took = perf_counter() - begun
            size, rate, epochs = plan.batch_size.value, plan.learning_rate.value, plan.epochs.value
            loss = tuned(make, rate, size, train, validation, test, seed, epochs, plan.stopping.patience)
            rows.append((seed, before, size, rate, epochs, loss, took, plan.harm, plan.headline))
        best = min(found, key=lambda at: np.mean(found[at]))
        print(f"{name}: best of the scan (loss {np.mean(found[best]):.4g}): batch size {best[0]}, rate {best[1]:.3g}; "
              f"Keras' default: {np.mean(found[32, RATES[6]]):.4g}; before tuning {np.mean([row[1] for row in rows]):.4g}; "
              f"the plans: {np.mean([row[5] for row in rows]):.4g}")
        for size in SIZES:
            print(f"  scan, batch size {size}: " + ", ".join(f"{rate:.2g}: {np.mean(found[size, rate]):.3g}" for rate in RATES))
        for seed, before, size, rate, epochs, loss, took, harm, headline in rows:
            print(f"  seed {seed}: before {before:.4g}, plan {size} at {rate:.3g}, {epochs} epochs: {loss:.4g} "
                  f"(planned in {took:.0f} s){'; ' + harm if harm else ''}\n    {headline}", flush=True)


if __name__ == "__main__":
    main()
