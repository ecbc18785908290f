"""What `epochal.fit(…, "auto")` costs and brings, measuring included, beside Keras' `fit` and `epochal.fit` with the default and
with the best setting in hindsight.

Every way trains a new model to the end, with early stopping, and its seconds are those of the whole call: compiling, measuring,
validation. *Sooner* is how many times sooner the validation loss comes within 1 % (of what training gains) of the default's
final one, everything before it counted.

    python benchmarks/auto.py wide --best 512,0.003 --mnist mnist.npz --out auto.jsonl
    python benchmarks/auto.py --table --out auto.jsonl

Whatever ended is a line of the file: the same command goes on there.
"""

import argparse
import os
import time

import numpy as np
from anytime import PATIENCE, Book, goal_of


def trained(problem, way, seed, best):
    """One training from a new model to the end."""
    import keras

    import epochal as ep

    class Clock(keras.callbacks.Callback):
        """Seconds since the call, and validation loss, at the end of every epoch."""

        def __init__(self):
            super().__init__()
            self.seconds, self.losses = [], []

        def on_epoch_end(self, _, logs=None):
            self.seconds.append(time.perf_counter() - begun)
            self.losses.append(float(logs["val_loss"]))

    keras.utils.set_random_seed(2000 + seed)
    model, clock = problem.build(), Clock()
    before = float(model.evaluate(*problem.validation, batch_size=1024, verbose=0))
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    shared = {"validation_data": problem.validation, "callbacks": [clock, stop], "verbose": 0}
    begun = time.perf_counter()
    if way == "auto":
        ep.fit(model, *problem.train, batch_size="auto", epochs="auto", learning_rate="auto", **shared)
    else:
        size, rate = (int(best[0]), best[1]) if way.startswith("best") else (32, problem.rate)
        model.optimizer.learning_rate = rate
        fit = ep.fit if "epochal" in way else keras.Model.fit
        fit(model, *problem.train, batch_size=size, epochs=problem.most_epochs, **shared)
    whole = time.perf_counter() - begun
    return {"seconds": clock.seconds, "losses": clock.losses, "before": before, "whole": whole,
            "test": float(model.evaluate(*problem.test, batch_size=1024, verbose=0))}


def reached(run, loss):
    """Seconds at the end of the epoch that first has this loss; twice the whole training where none has."""
    return next((s for s, now in zip(run["seconds"], run["losses"], strict=True) if now <= loss), 2 * run["whole"])


def table(book):
    print("| problem | way | seconds of the whole call | until the default's loss | times sooner than Keras' default | test loss "
          "|\n| --- | --- | --- | --- | --- | --- |")
    found = {}
    for (name, way, seed), run in book.known.items():
        found.setdefault(name, {}).setdefault(way, {})[seed] = run
    for name, ways in found.items():
        base = ways["Keras, default"]
        for way, runs in ways.items():
            both = sorted(runs.keys() & base.keys())
            mine, theirs = ([reached(of[s], goal_of(base[s])) for s in both] for of in (runs, base))
            sooner = np.exp(np.mean(np.log(np.divide(theirs, mine))))
            whole, tested = ([runs[seed][what] for seed in both] for what in ("whole", "test"))
            print(f"| {name} | {way} | {listed(whole)} | {listed(mine)} | {sooner:.2f} | {listed(tested)} |")


def listed(values):
    return ", ".join(f"{value:.3g}" for value in values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", help="see benchmarks/problems.py")
    parser.add_argument("--best", default="", help="SIZE,RATE that is best in hindsight")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", default="auto.jsonl", help="the file of what has ended")
    parser.add_argument("--mnist", help="mnist.npz")
    parser.add_argument("--table", action="store_true", help="print what the file holds")
    options = parser.parse_args()
    book, best = Book(options.out), tuple(map(float, options.best.split(","))) if options.best else None
    for name in options.problems:
        from problems import problem

        it = problem(name, options.mnist)
        for seed in range(options.seeds):
            for way in ("Keras, default", "epochal, default", "auto", *(("best in hindsight, epochal",) if best else ())):
                book.get(name, way, seed, make=lambda it=it, way=way, seed=seed: trained(it, way, seed, best))
    if options.table or not options.problems:
        table(book)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
