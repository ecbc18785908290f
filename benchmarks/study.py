"""A study of 120 trainings against the loops that people write: Keras' `fit` on TensorFlow and on JAX, Optuna, KerasTuner.

    python benchmarks/study.py                       # three rounds
    python benchmarks/study.py --rounds 1 --sample 3 --json figures.json
    python benchmarks/study.py --alone --trial-seeds 100    # 1,524 trainings and no loop beside: asked for on a GPU in under 15 s
    python benchmarks/study.py --alone --trial-seeds 666    # 10,014 trainings: in under 60 s

The trainings are those of tutorial 2: 2,000 rows of 10 features (1,600 to train), Dense 64, 32, 1, Adam, 50 epochs; 3 batch sizes,
5 learning rates, 8 seeds. `epochal.study` makes all of them, and 24 more with fresh seeds, in one process from a cold start: the
time is that of the call, compiling and concluding included, imports not. Of each loop a sample is timed in a process of its own,
one training after the other as its users do, on a warmed-up back end (its first training is not counted, which favours it), and
multiplied up to 120. Rounds take turns. The share of the machine's peak is the trainings' own multiply-adds, by the count of their
layers, against the best product of two square matrices that the same process achieves.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

SIZES, RATES, N_SEEDS, EPOCHS = (32, 256, 1024), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 8, 50
N_TRAIN, N_VALIDATION, WIDTHS = 1600, 400, (10, 64, 32, 1)
N_TRAININGS = len(SIZES) * len(RATES) * N_SEEDS
LOOPS = {"fit on TensorFlow": ("loop", "tensorflow"), "fit on JAX": ("loop", "jax"), "Optuna, Keras on JAX": ("optuna", "jax"),
         "Optuna, Keras on TensorFlow": ("optuna", "tensorflow"), "KerasTuner, Keras on JAX": ("keras_tuner", "jax"),
         "KerasTuner, Keras on TensorFlow": ("keras_tuner", "tensorflow")}
NEEDED = {"loop": (), "optuna": ("optuna",), "keras_tuner": ("keras_tuner",)}


def rows():
    from sklearn.datasets import make_classification

    x, y = make_classification(n_samples=N_TRAIN + N_VALIDATION, n_features=WIDTHS[0], random_state=0)
    x, y = x.astype("float32"), y.astype("float32")[:, None]
    return x[:N_TRAIN], y[:N_TRAIN], (x[N_TRAIN:], y[N_TRAIN:])


def network(rate=1e-3):
    import keras

    model = keras.Sequential([keras.Input((WIDTHS[0],)), keras.layers.Dense(64, activation="relu"),
                              keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def fitted(size, rate, seed):
    import keras

    x, y, validation = rows()
    keras.utils.set_random_seed(seed)
    return network(rate).fit(x, y, validation_data=validation, epochs=EPOCHS, batch_size=size, verbose=0).history


def points(n):
    """The first n trainings to sample, the batch sizes in turn."""
    return [(SIZES[i % len(SIZES)], RATES[i % len(RATES)], i) for i in range(n)]


def loop(n):
    taken = []
    for point in points(n + 1):
        start = perf_counter()
        fitted(*point)
        taken.append(perf_counter() - start)
    return taken[1:]


def optuna(n):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends, wanted = [], points(n + 1)

    def objective(trial):
        size, rate = trial.suggest_categorical("batch_size", SIZES), trial.suggest_categorical("learning_rate", RATES)
        return min(fitted(size, rate, trial.number)["val_loss"])

    tuning = optuna.create_study()
    for size, rate, _ in wanted:
        tuning.enqueue_trial({"batch_size": size, "learning_rate": rate})
    ends.append(perf_counter())
    tuning.optimize(objective, n_trials=n + 1, callbacks=[lambda *_: ends.append(perf_counter())])
    return [b - a for a, b in itertools.pairwise(ends[1:])]


def keras_tuner(n):
    import keras_tuner

    x, y, validation = rows()

    class Network(keras_tuner.HyperModel):
        def build(self, hp):
            return network(hp.Choice("learning_rate", list(RATES)))

        def fit(self, hp, model, *arguments, **options):
            return model.fit(*arguments, batch_size=hp.Choice("batch_size", list(SIZES)), **options)

    ends = [perf_counter()]

    class Timed(keras_tuner.RandomSearch):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            ends.append(perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        tuner = Timed(Network(), objective="val_loss", max_trials=n + 1, directory=folder, seed=0)
        tuner.search(x, y, validation_data=validation, epochs=EPOCHS, verbose=0)
    return [b - a for a, b in itertools.pairwise(ends[1:])]


def ours(n_trial_seeds):
    """Seconds of the whole study, how many trainings it made, and the share of the machine's peak that they were."""
    import epochal

    x, y, validation = rows()
    make_study = epochal.study
    network().get_config()  # for which Keras imports TensorFlow, where it is installed
    start = perf_counter()
    study = make_study(network, x, y, validation_data=validation, batch_sizes=SIZES, learning_rates=RATES,
                       trial_seeds=n_trial_seeds, seeds=N_SEEDS, epochs=EPOCHS, equal="epochs", halving=False, verbose=0)
    seconds = perf_counter() - start
    a_row = 6 * sum(a * b for a, b in itertools.pairwise(WIDTHS))  # forward, and twice as much backward
    work = len(study.curves) * EPOCHS * (N_TRAIN * a_row + N_VALIDATION * a_row / 3)
    return {"seconds": seconds, "trainings": len(study.curves), "share_of_peak": work / seconds / peak()}


def peak():
    """Multiply-adds a second, times two, of the best of five products of two 2,048-square matrices."""
    import jax

    product = jax.jit(lambda a, b: a @ b)
    a = jax.random.normal(jax.random.key(0), (2048, 2048))
    product(a, a).block_until_ready()
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        product(a, a).block_until_ready()
        best = min(best, perf_counter() - start)
    return 2 * 2048**3 / best


def elsewhere(role, backend, *words, **environment):
    """What this script prints as JSON when it plays a role in a process of its own."""
    command = [sys.executable, __file__, "--role", role, *words]
    told = subprocess.run(command, env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
                          capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(f"{role} on {backend} failed:\n{told.stderr[-3000:]}")
    return json.loads(told.stdout.splitlines()[-1])


def span(values):
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=6, help="trainings of each loop that are timed, a round")
    parser.add_argument("--alone", action="store_true", help="no loops beside it")
    parser.add_argument("--trial-seeds", type=int, default=N_SEEDS, help="seeds that each rate is tried on at each batch size")
    parser.add_argument("--json", help="write the figures there too")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "ours":
        print(json.dumps(ours(options.trial_seeds)))
        return
    if options.role:
        print(json.dumps({"loop": loop, "optuna": optuna, "keras_tuner": keras_tuner}[options.role](options.sample)))
        return
    if options.trial_seeds != N_SEEDS and not options.alone:
        parser.error(f"The loops make {N_TRAININGS} trainings, those of --trial-seeds {N_SEEDS}; add --alone.")
    loops = {name: way for name, way in LOOPS.items()
             if not options.alone and all(importlib.util.find_spec(needed) for needed in (way[1], *NEEDED[way[0]]))}
    found = {"ours": [], **{name: [] for name in loops}}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            found["ours"].append(elsewhere("ours", "jax", "--trial-seeds", str(options.trial_seeds), XDG_CACHE_HOME=cache))
        print(f"round {number + 1}: {found['ours'][-1]}", flush=True)
        for name, (role, backend) in loops.items():
            found[name].append(statistics.mean(elsewhere(role, backend, "--sample", str(options.sample))))
            print(f"  {name}: {found[name][-1]:.3g} s a training", flush=True)
    seconds = [one["seconds"] for one in found["ours"]]
    print(f"\nepochal.study: {found['ours'][0]['trainings']} trainings in {span(seconds)} s, "
          f"{span([100 * one['share_of_peak'] for one in found['ours']])} % of the peak of a matrix product")
    if loops:
        print(f"\n| {N_TRAININGS} trainings by | seconds | times as long as epochal.study |\n| --- | --- | --- |")
    for name in loops:
        whole = [N_TRAININGS * each for each in found[name]]
        print(f"| {name} | {span(whole)} | {span([a / b for a, b in zip(whole, seconds, strict=True)])} |")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
