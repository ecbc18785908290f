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
from typing import NamedTuple

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
            keras.ops.convert_to_numpy(self.model.optimizer.iterations)  # on JAX the last updates may still be under way
            self.taken += time.perf_counter() - self.begun

        def on_epoch_end(self, _, logs=None):
            self.seconds.append(self.taken)
            self.losses.append(float(logs["val_loss"]))
            if self.taken > most_seconds:
                self.model.stop_training = True

    size, rate = setting
    keras.utils.set_random_seed(seed)
    model = _at(problem, problem.build(), size, rate)
    begun, (x, y) = time.perf_counter(), problem.train
    few = slice(0, min(len(x), 2 * size) + len(x) % size)
    model.fit(x[few], y[few], batch_size=size, validation_data=problem.validation, verbose=0)     # compiles
    compiling, first = time.perf_counter() - begun, problem.build()
    model.set_weights(first.get_weights())
    cold = _at(problem, first, size, rate).optimizer
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


def _at(problem, model, size, rate):
    """The model at a setting; a schedule is scaled as a whole."""
    if problem.scheduled is None:
        model.optimizer.learning_rate = rate
    else:
        model.compile(problem.scheduled(size, rate), model.loss)
    return model


def grid(problem):
    sizes = [size for size in GRID_SIZES if size * LARGEST_SHARE <= len(problem.train[0])]
    sizes = [size for size in sizes if size >= 32 or len(problem.train[0]) < 20_000]
    return [(size, float(f"{problem.rate * rate:.3g}")) for size, rate in itertools.product(sizes, GRID_RATES)]


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
            def on_train_batch_end(self, *_, **__):
                if time.perf_counter() > ends:
                    study.stop()
                    raise optuna.TrialPruned

            def on_epoch_end(self, epoch, logs=None):
                trial.report(logs["val_loss"], epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        size = trial.suggest_categorical("batch_size", _sizes(problem))
        rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
        keras.utils.set_random_seed(trial.number)
        stop = keras.callbacks.EarlyStopping(patience=PATIENCE)
        history = _at(problem, problem.build(), size, rate).fit(
            *problem.train, batch_size=size, epochs=problem.most_epochs, validation_data=problem.validation,
            callbacks=[Report(), stop], verbose=0)
        return min(history.history["val_loss"])

    study.optimize(objective, timeout=budget, catch=(ValueError,))
    if not any(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials):
        return {"setting": [32, problem.rate], "said": "no trial ended", "answered": False}
    best = study.best_params
    return {"setting": [best["batch_size"], best["rate"]], "said": f"{len(study.trials)} trials"}


def by_kerastuner(problem, budget):
    """Hyperband, on the validation loss."""
    import keras
    import keras_tuner
    from keras_tuner.errors import FatalError

    ends = time.perf_counter() + budget

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            size = hp.Choice("batch_size", _sizes(problem))
            return _at(problem, problem.build(), size, hp.Float("rate", 1e-5, 1.0, sampling="log"))

        def fit(self, hp, model, *arguments, **options):
            return model.fit(*arguments, batch_size=hp.get("batch_size"), **options)

    class Ends(keras.callbacks.Callback):
        def on_train_batch_end(self, *_, **__):
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
    return {"setting": [found[0].get("batch_size"), found[0].get("rate")], "said": "the best trial"}


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
        setting = rounded(setting)
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


def rounded(setting):
    return int(setting[0]), float(f"{setting[1]:.6g}")


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


class Compared(NamedTuple):
    """A setting beside the default: times sooner, difference in test loss, each with its interval; `worse`: p of a higher loss."""

    sooner: float
    sooner_low: float
    sooner_high: float
    higher: float
    higher_low: float
    higher_high: float
    worse: float


def compared(base, runs):
    """The runs of a setting beside those of the default, both `{seed: run}`."""
    from scipy import stats

    both = sorted(runs.keys() & base.keys())
    logs = [math.log(seconds_to(base[s], goal_of(base[s])) / seconds_to(runs[s], goal_of(base[s]))) for s in both]
    worse = [runs[s]["test"] - base[s]["test"] for s in both]
    if runs is base or len(both) < 2:
        return Compared(math.exp(np.mean(logs)), 0.0, math.inf, float(np.mean(worse)), -math.inf, math.inf, 1.0)
    (mean, half), (higher, width) = (
        (float(np.mean(v)), float(stats.t.ppf(0.975, len(v) - 1) * np.std(v, ddof=1) / math.sqrt(len(v)))) for v in (logs, worse))
    p = float(stats.ttest_1samp(worse, 0.0, alternative="greater").pvalue)
    return Compared(*map(math.exp, (mean, mean - half, mean + half)), higher, higher - width, higher + width, p)


def table(book):
    """All that is in the file as tables in Markdown: every answer, then the methods over all problems."""
    print("| problem | a default training | method | budget, took | setting | times sooner (95 %) | test loss less the default's "
          "(95 %) |\n| --- | --- | --- | --- | --- | --- | --- |")
    tests, over = [], {}
    for name in dict.fromkeys(key[0] for key in book.known):
        finals = {}
        for key, run in book.known.items():
            if key[:2] == (name, "final"):
                finals.setdefault(tuple(key[2:4]), {})[key[4]] = run
        default = next(iter(finals))  # it is trained first
        base = finals[default]
        one = np.mean([run["whole"] + run["compiling"] for run in base.values()])
        gain = MARGIN * np.mean([run["before"] - min(run["losses"]) for run in base.values()])
        found = {setting: compared(base, runs) for setting, runs in finals.items() if len(runs) == len(base)}
        best = max((s for s in found if found[s].higher <= gain), key=lambda s: found[s].sooner)
        rows = [("best of all, in hindsight", "", None, best, True)]
        rows += [(key[1], key[2] if len(key) > 2 else "", told["took"], rounded(told["setting"]), told["answered"])
                 for key, told in book.known.items() if key[0] == name and key[1] in (*METHODS, "tutorial")]
        for method, budget, took, setting, answered in rows:
            c, asked = found[setting], budget if budget.endswith("%") or not budget else f"{budget} s"
            over.setdefault((method, budget), []).append((c.sooner, found[best].sooner, c.higher > gain))
            tests += [(c.worse, f"{name}, {method} {budget}")] * (took is not None and setting != default)
            print(f"| {name} | {one:.3g} s | {method} | {asked}{'' if took is None else f', {took:.0f} s'} | {setting[0]:,} at "
                  f"{setting[1]:.3g}{'' if answered else ' (no answer)'} | "
                  f"{c.sooner:.3g} ({c.sooner_low:.3g} to {c.sooner_high:.3g}) | "
                  f"{c.higher:+.2g} ({c.higher_low:+.2g} to {c.higher_high:+.2g}) |")
    print("\n| method | budget | problems | times sooner (geometric mean) | least | share of the best of all (logarithms) "
          "| test loss higher by more than the margin |\n| --- | --- | --- | --- | --- | --- | --- |")
    for (method, budget), found in over.items():
        mine, best = (np.log([one[i] for one in found]) for i in (0, 1))
        print(f"| {method} | {budget} | {len(found)} | {math.exp(mine.mean()):.2f} | {math.exp(mine.min()):.2f} | "
              f"{mine.sum() / best.sum():.2f} | {sum(one[2] for one in found)} |")
    tests.sort()
    shown = itertools.takewhile(lambda one: one[1][0] * (len(tests) - one[0]) < 0.05, enumerate(tests))
    print(f"\nDistinguishably worse than the default in test loss (Holm, {len(tests)} tests): "
          + (", ".join(what for _, (_, what) in shown) or "none"))


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
