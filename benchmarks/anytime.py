"""What an answer of `epochal plan` is worth, beside the default, a tutorial's protocol, Optuna, KerasTuner and all settings tried.

Each method names a setting (batch size, learning rate) within its seconds. Every distinct setting is then trained to the end
by Keras' `fit` with early stopping, with seeds that no method has seen, the same for all. *Sooner* is how many times sooner, on
the clock of `fit` without validation, it comes within 1 % (of what training gains) of the default's final validation loss:
geometric mean over the seeds, with the 95 % interval of the logarithms; a training that ends before it gets there counts as twice
its seconds. *Test loss* is the difference from the default, paired over the seeds, with Student's 95 % interval.

    python benchmarks/anytime.py digits sgd --out anytime.jsonl --budgets 10,60
    python benchmarks/anytime.py images_10k --out anytime.jsonl --mnist mnist.npz --budgets 10%,30,100%
    python benchmarks/anytime.py --table --out anytime.jsonl

Whatever ended is a line of the file: the same command goes on there. Needs `pip install optuna keras-tuner scipy`.
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

PATIENCE, MARGIN = 5, 0.01
GRID_SIZES, GRID_RATES = (8, 32, 128, 512, 2048), (0.3, 1.0, 3.0, 10.0)
LARGEST_SHARE = 8     # batches an epoch that the largest size leaves at least
BEST_OF_SCAN = 3      # settings of the scan that are trained with every seed
TUTORIAL = ((32, 256, 1024), 50)
METHODS = ("epochal", "optuna", "kerastuner")


class Book:
    """The lines of a file, by key; a line that was cut off by a kill is left out."""

    def __init__(self, path):
        self.path, self.known = Path(path), {}
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            try:
                one = json.loads(line)
            except ValueError:
                continue
            self.known[tuple(one["key"])] = one["value"]

    def get(self, *key, make):
        """What is known under a key; else made, written down and told."""
        if key not in self.known:
            self.known[key] = value = make()
            with open(self.path, "a") as file:
                file.write(json.dumps({"key": key, "value": value, "at": time.strftime("%Y-%m-%d %H:%M")}) + "\n")
            print(*key, {name: v for name, v in value.items() if not isinstance(v, list)}, flush=True)
        return self.known[key]


def trained(problem, setting, seed, most_seconds=math.inf):
    """One whole training by Keras' `fit`: seconds and validation loss epoch by epoch, test loss of the weights that were best."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.taken, self.seconds, self.losses = 0.0, [], []

        def on_epoch_begin(self, *_):
            self.begun = time.perf_counter()

        def on_test_begin(self, *_):
            self.taken += time.perf_counter() - self.begun

        def on_epoch_end(self, _, logs=None):
            self.seconds.append(self.taken)
            self.losses.append(float(logs["val_loss"]))
            if self.taken > most_seconds:
                self.model.stop_training = True

    size, rate = setting
    keras.utils.set_random_seed(seed)
    model = _at(problem, problem.build(), rate)
    begun, (x, y) = time.perf_counter(), problem.train
    few = slice(0, min(len(x), 2 * size) + len(x) % size)
    model.fit(x[few], y[few], batch_size=size, validation_data=problem.validation, verbose=0)     # compiles
    compiling, first = time.perf_counter() - begun, problem.build()
    model.set_weights(first.get_weights())
    cold = _at(problem, first, rate).optimizer
    cold.build(first.trainable_variables)
    for mine, new in zip(model.optimizer.variables, cold.variables, strict=True):
        mine.assign(new)
    clock = Clock()
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    before = float(model.evaluate(*problem.validation, batch_size=1024, verbose=0))
    begun = time.perf_counter()
    model.fit(x, y, batch_size=size, epochs=problem.most_epochs, validation_data=problem.validation, callbacks=[clock, stop],
              verbose=0)
    whole = time.perf_counter() - begun
    return {"seconds": clock.seconds, "losses": clock.losses, "before": before, "whole": whole, "compiling": compiling,
            "test": float(model.evaluate(*problem.test, batch_size=1024, verbose=0))}


def _at(problem, model, rate):
    if not problem.frozen_rate:
        model.optimizer.learning_rate = rate
    return model


def grid(problem):
    sizes = [size for size in GRID_SIZES if size * LARGEST_SHARE <= len(problem.train[0])]
    sizes = [size for size in sizes if size >= 32 or len(problem.train[0]) < 20_000]
    rates = [1.0] if problem.frozen_rate else GRID_RATES
    return [(size, float(f"{problem.rate * rate:.3g}")) for size, rate in itertools.product(sizes, rates)]


# the methods: each a dict that holds the `setting` and what was said

def by_epochal(problem, budget):
    import epochal as ep

    plan = ep.plan(problem.build, *problem.train, validation_data=problem.validation, budget=budget, verbose=0)
    return {"setting": [plan.batch_size.value, plan.learning_rate.value], "said": plan.headline}


def by_optuna(problem, budget):
    """TPE with pruning by the median, on the lowest validation loss of a training with early stopping."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends = time.perf_counter() + budget
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner())

    def objective(trial):
        class Report(keras.callbacks.Callback):
            def on_train_batch_end(self, *_):
                if time.perf_counter() > ends:
                    study.stop()
                    raise optuna.TrialPruned

            def on_epoch_end(self, epoch, logs=None):
                trial.report(logs["val_loss"], epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        size = trial.suggest_categorical("batch_size", _sizes(problem))
        rate = problem.rate if problem.frozen_rate else trial.suggest_float("rate", 1e-5, 1.0, log=True)
        keras.utils.set_random_seed(trial.number)
        stop = keras.callbacks.EarlyStopping(patience=PATIENCE)
        history = _at(problem, problem.build(), rate).fit(
            *problem.train, batch_size=size, epochs=problem.most_epochs, validation_data=problem.validation,
            callbacks=[Report(), stop], verbose=0)
        return min(history.history["val_loss"])

    study.optimize(objective, timeout=budget, catch=(ValueError,))
    if not any(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials):
        return {"setting": [32, problem.rate], "said": "no trial ended", "answered": False}
    best = study.best_params
    return {"setting": [best["batch_size"], best.get("rate", problem.rate)], "said": f"{len(study.trials)} trials"}


def by_kerastuner(problem, budget):
    """Hyperband, on the validation loss."""
    import keras
    import keras_tuner
    from keras_tuner.errors import FatalError

    ends = time.perf_counter() + budget

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            hp.Choice("batch_size", _sizes(problem))
            rate = problem.rate if problem.frozen_rate else hp.Float("rate", 1e-5, 1.0, sampling="log")
            return _at(problem, problem.build(), rate)

        def fit(self, hp, model, *arguments, **options):
            return model.fit(*arguments, batch_size=hp.get("batch_size"), **options)

    class Ends(keras.callbacks.Callback):
        def on_train_batch_end(self, *_):
            if time.perf_counter() > ends:
                raise FatalError("the time is up")

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Hyperband(Model(), "val_loss", max_epochs=30, seed=0, directory=folder, project_name="x",
                                      overwrite=True)
        with contextlib.suppress(FatalError):
            tuner.search(*problem.train, validation_data=problem.validation, callbacks=[Ends()], verbose=0)
        found = tuner.get_best_hyperparameters(1)
    if not found:
        return {"setting": [32, problem.rate], "said": "no trial ended", "answered": False}
    return {"setting": [found[0].get("batch_size"), found[0].values.get("rate", problem.rate)], "said": "the best trial"}


def by_tutorial(problem):
    """Tutorial 2: three batch sizes at the default rate, 50 epochs, one seed, the lowest validation loss."""
    import keras

    found = {}
    for size in (size for size in TUTORIAL[0] if size <= len(problem.train[0])):
        keras.utils.set_random_seed(0)
        history = problem.build().fit(*problem.train, batch_size=size, epochs=TUTORIAL[1], validation_data=problem.validation,
                                      verbose=0)
        found[size] = min(history.history["val_loss"])
    return {"setting": [min(found, key=found.get), problem.rate], "said": f"lowest of {len(found)}"}


def _sizes(problem):
    return [size for size in (8, 16, 32, 64, 128, 256, 512, 1024, 2048) if size * LARGEST_SHARE <= len(problem.train[0])]


def timed(make, *arguments):
    begun = time.perf_counter()
    found = make(*arguments)
    return {"answered": True} | found | {"took": time.perf_counter() - begun}


def work_on(name, options, book):
    from problems import problem

    it = problem(name, options.mnist)
    default, n_seeds = (32, it.rate), min(it.n_seeds, options.seeds)

    def final(setting, seed, most=math.inf):
        setting = (int(setting[0]), float(f"{setting[1]:.6g}"))
        return book.get(name, "final", *setting, seed, make=lambda: trained(it, setting, 1000 + seed, most))

    base = [final(default, seed) for seed in range(n_seeds)]
    one = float(np.mean([run["whole"] + run["compiling"] for run in base]))
    for budget in options.budgets.split(","):
        seconds = one * float(budget[:-1]) / 100 if budget.endswith("%") else float(budget)
        for method in options.methods.split(","):
            make = {"epochal": by_epochal, "optuna": by_optuna, "kerastuner": by_kerastuner}[method]
            found = book.get(name, method, budget, make=partial(timed, make, it, seconds))
            for seed in range(n_seeds):
                final(found["setting"], seed)
    if one < options.tutorial:
        found = book.get(name, "tutorial", make=lambda: timed(by_tutorial, it))
        for seed in range(n_seeds):
            final(found["setting"], seed)
    if one < options.scan:
        tried = {setting: final(setting, 0, 1.5 * base[0]["seconds"][-1]) for setting in grid(it)}
        goal = [goal_of(run) for run in base]
        fit = [s for s, run in tried.items() if min(run["losses"], default=math.inf) <= goal[0]]
        for setting in sorted(fit, key=lambda s: seconds_to(tried[s], goal[0]))[:BEST_OF_SCAN]:
            for seed in range(1, n_seeds):
                final(setting, seed)


def goal_of(run):
    """The default's final validation loss, and 1 % of what its training gained."""
    best = min(run["losses"])
    return best + MARGIN * max(run["before"] - best, 0.0)


def seconds_to(run, loss):
    """Seconds until a loss is reached, between the epochs where it is passed; twice the whole training where it never is."""
    before, then = 0.0, run["before"]
    for seconds, now in zip(run["seconds"], run["losses"], strict=True):
        if now <= loss:
            return before + (seconds - before) * (then - loss) / (then - now) if then > now else seconds
        before, then = seconds, now
    return 2 * run["seconds"][-1]


def compared(book, name, setting):
    """`(times sooner, its interval, difference in test loss, its interval, p of "worse")` of a setting beside the default."""
    from scipy import stats

    setting = (int(setting[0]), float(f"{setting[1]:.6g}"))
    runs = {key[-1]: run for key, run in book.known.items() if key[:2] == (name, "final") and tuple(key[2:4]) == setting}
    default = next(key[2:4] for key in book.known if key[:2] == (name, "final"))     # it is trained first
    base = {key[-1]: run for key, run in book.known.items() if key[:2] == (name, "final") and key[2:4] == default}
    both = sorted(runs.keys() & base.keys())
    logs = [math.log(seconds_to(base[s], goal_of(base[s])) / seconds_to(runs[s], goal_of(base[s]))) for s in both]
    worse = [runs[s]["test"] - base[s]["test"] for s in both]
    if setting == tuple(default):
        return 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0
    mean, half, diff, width = *_interval(logs, stats), *_interval(worse, stats)
    p = float(stats.ttest_1samp(worse, 0.0, alternative="greater").pvalue) if len(both) > 1 else 1.0
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half), diff, diff - width, diff + width, p


def _interval(values, stats):
    n = len(values)
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    return float(np.mean(values)), half


def table(book):
    """All that is in the file, as a table in Markdown."""
    print("| problem | a default training | method | budget, took | setting | times sooner (95 %) | test loss less the default's "
          "(95 %) |\n| --- | --- | --- | --- | --- | --- | --- |")
    tests = []
    for name in dict.fromkeys(key[0] for key in book.known):
        first = next(key[2:4] for key in book.known if key[:2] == (name, "final"))
        base = [run for key, run in book.known.items() if key[:2] == (name, "final") and key[2:4] == first]
        one = np.mean([run["whole"] + run["compiling"] for run in base])
        asked = [(key[1], key[2] if len(key) > 2 else "", found) for key, found in book.known.items()
                 if key[0] == name and key[1] in (*METHODS, "tutorial")]
        tried = {key[2:4] for key in book.known if key[:2] == (name, "final") and key[-1] == 1}
        rows = [(method, budget, found["took"], tuple(found["setting"]), found["answered"]) for method, budget, found in asked]
        good = {s: compared(book, name, s) for s in tried}
        ok = [s for s, c in good.items() if c[6] > 0.05]
        if ok:
            rows.append(("best of all, in hindsight", "", math.nan, max(ok, key=lambda s: good[s][0]), True))
        for method, budget, took, setting, answered in rows:
            found = compared(book, name, setting)
            tests.append((found[6], f"{name}, {method} {budget}"))
            seconds = "" if math.isnan(took) else f"{budget}{' s' if budget and not budget.endswith('%') else ''}, {took:.0f} s"
            said = f"{setting[0]:,} at {setting[1]:.3g}" + ("" if answered else " (no answer)")
            print(f"| {name} | {one:.3g} s | {method} | {seconds} | {said} | {found[0]:.3g} ({found[1]:.3g} to {found[2]:.3g}) | "
                  f"{found[3]:+.2g} ({found[4]:+.2g} to {found[5]:+.2g}) |")
    tests = sorted((p, what) for p, what in tests if "hindsight" not in what and p < 1)
    worse = list(itertools.takewhile(lambda t: t[1][0] * (len(tests) - t[0]) < 0.05, enumerate(tests)))
    print(f"\nDistinguishably worse than the default in test loss (Holm, {len(tests)} tests): "
          + (", ".join(what for _, (_, what) in worse) or "none"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", help="see benchmarks/problems.py")
    parser.add_argument("--out", default="anytime.jsonl", help="the file of what has ended")
    parser.add_argument("--budgets", default="10,30,60,120,10%,30%,100%", help="seconds, or shares of one default training")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", type=int, default=5, help="at most")
    parser.add_argument("--scan", type=float, default=math.inf, help="no scan where a default training takes more seconds")
    parser.add_argument("--tutorial", type=float, default=60.0, help="nor the tutorial's protocol")
    parser.add_argument("--mnist", help="mnist.npz")
    parser.add_argument("--table", action="store_true", help="print what the file holds")
    options = parser.parse_args()
    book = Book(options.out)
    for name in options.problems:
        work_on(name, options, book)
    if options.table or not options.problems:
        table(book)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
