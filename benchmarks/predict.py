"""`ep.predict` against `model.predict`, each back end in a process of its own: the default, and the best batch size tuned by hand.

An MLP (64-32-1) on 20,000 rows of 32 numbers, and a small convolutional network on 2,000 images of 28 by 28. All contenders take
turns, round by round, and ratios are taken within a round; the table gives their median and range. `first` is the first call in a
process, whatever it imports and compiles included; of `ep.predict` once with nothing remembered and once with its size known.

    python benchmarks/predict.py                              # about three minutes on two cores
    python benchmarks/predict.py --rounds 15 --json figures.json
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

BACKENDS = ("jax", "tensorflow", "torch")
TUNED = {"mlp": (256, 1024, 4096, 20_000), "cnn": (32, 64, 128, 256, 512)}  # what a user would try by hand


def problem(name):
    import keras
    import numpy as np
    from keras import layers

    rng = np.random.default_rng(0)
    if name == "mlp":
        body = [layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(1)]
        return keras.Sequential([keras.Input((32,)), *body]), rng.normal(size=(20_000, 32)).astype("float32")
    body = [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28, 1)), *body]), rng.normal(size=(2_000, 28, 28, 1)).astype("float32")


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def steady(name, rounds):
    """{contender: seconds of each round}, after calls of each that do not count: timings that look disturbed are taken again."""
    import numpy as np

    import epochal

    model, x = problem(name)
    calls = {"epochal": lambda: epochal.predict(model, x, verbose=0), "keras": lambda: model.predict(x, verbose=0)}
    for size in TUNED[name]:
        calls[f"keras {size}"] = lambda size=size: model.predict(x, batch_size=size, verbose=0)
    theirs = [call() for call in calls.values()]
    apart = float(np.abs(theirs[0] - theirs[1]).max() / np.abs(theirs[1]).max())
    for call in [*calls.values(), *[calls["epochal"]] * 3]:
        call()
    taken = {who: [] for who in calls}
    for _ in range(rounds):
        for who, call in calls.items():
            taken[who].append(seconds(call))
    return {"taken": taken, "apart": apart}


def first(name, who):
    """Seconds of the first call in this process."""
    import epochal

    model, x = problem(name)
    return seconds(lambda: epochal.predict(model, x, verbose=0) if who == "epochal" else model.predict(x, verbose=0))


def in_process(backend, folder, *arguments):
    env = os.environ | {"KERAS_BACKEND": backend, "XDG_CACHE_HOME": folder, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, __file__, "--work", *map(str, arguments)], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(backend, name, rounds):
    with tempfile.TemporaryDirectory() as known:
        figures = in_process(backend, known, "steady", name, rounds)
        firsts = {"epochal": [], "epochal, size known": [], "keras": []}
        for _ in range(max(rounds // 5, 2)):
            with tempfile.TemporaryDirectory() as empty:
                firsts["epochal"].append(in_process(backend, empty, "first", name, "epochal"))
                firsts["keras"].append(in_process(backend, empty, "first", name, "keras"))
            firsts["epochal, size known"].append(in_process(backend, known, "first", name, "epochal"))
    return figures | {"first": firsts}


def ratio(over, under):
    """Median and range of the ratios of the rounds."""
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"{statistics.median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"


def report(backend, name, figures):
    taken, firsts = figures["taken"], figures["first"]
    tuned = min((who for who in taken if who.startswith("keras ")), key=lambda who: statistics.median(taken[who]))
    rows = taken | {f"first {who}": row for who, row in firsts.items()}
    middle = {who: f"{statistics.median(row) * 1e3:.3g} ms" for who, row in rows.items()}
    return [backend, name, middle["epochal"], middle["keras"], ratio(taken["keras"], taken["epochal"]),
            f"{middle[tuned]} at {tuned.split()[1]}", ratio(taken[tuned], taken["epochal"]), middle["first epochal"],
            middle["first epochal, size known"], middle["first keras"], f"{figures['apart']:.1g}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--json", help="write all figures to this file")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        what, name, how = options.work
        print(json.dumps(steady(name, int(how)) if what == "steady" else first(name, how)))
        return
    rows, everything = [["back end", "model", "ep.predict", "Keras' default", "ratio", "Keras tuned", "ratio", "first call",
                         "size known", "Keras' first", "apart"]], {}
    for name in TUNED:
        for backend in options.backends:
            everything[f"{backend} {name}"] = figures = measure(backend, name, options.rounds)
            rows.append(report(backend, name, figures))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(everything, file, indent=1)
    for i, row in enumerate(rows):
        print("| " + " | ".join(row) + " |" + ("\n" + "|---" * len(row) + "|" if i == 0 else ""))


if __name__ == "__main__":
    main()
