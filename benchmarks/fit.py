"""`epochal.fit` against Keras' own `fit`, as published and tuned, in one run: steady state, and whole trainings.

    python benchmarks/fit.py                              # three rounds on every back end installed
    python benchmarks/fit.py --rounds 5 --backends jax,tensorflow --cases mlp,cnn --json figures.json

Steady state is seconds an epoch, after a first one that is not counted; the contenders take turns in one process, so that a busy
machine slows them alike, and ratios are taken round by round. *Tuned* is `steps_per_execution=50, jit_compile=True` (PyTorch has
neither). A whole training is the one call of `fit` in a process of its own, on a model just built: compiling included, importing
and building the model not; cold (no program kept) and warm.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

CONTENDERS = ("keras", "tuned", "epochal")
EPOCHS = {"mlp": 10, "cnn": 3, "attention": 5, "wide": 3}
OURS = {"mlp": 60}  # times as many epochs of `epochal.fit`, which are still less time, and make it measure as for a long training
TITLES = {"mlp": "MLP of tutorial 2 (64-32-1), 1,600 x 10 rows, B=32", "cnn": "CNN with batch-norm, 6,400 x 28x28, B=64",
          "attention": "attention, 1,600 x 32 tokens, B=32", "wide": "wide MLP (4 x 1,024), 6,400 x 256 rows, B=256"}


def rows(case):
    import numpy as np

    rng = np.random.default_rng(0)
    n, shape = {"mlp": (2000, (10,)), "cnn": (7200, (28, 28, 1)), "attention": (2000, (32,)), "wide": (7200, (256,))}[case]
    x = rng.integers(0, 200, (n, *shape)) if case == "attention" else rng.normal(size=(n, *shape)).astype("float32")
    score = x.reshape(n, -1)[:, :8].sum(1)
    y = (score > np.median(score)).astype("float32")[:, None]
    held = n // 9 if case in ("cnn", "wide") else 400
    return (x[held:], y[held:]), (x[:held], y[:held]), {"mlp": 32, "cnn": 64, "attention": 32, "wide": 256}[case]


def network(case, **compiled):
    import keras
    from keras import layers

    match case:
        case "mlp":
            inner = [keras.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]
        case "cnn":
            inner = [keras.Input((28, 28, 1)), layers.Conv2D(16, 3), layers.BatchNormalization(), layers.ReLU(),
                     layers.MaxPooling2D(), layers.Conv2D(32, 3), layers.BatchNormalization(), layers.ReLU(),
                     layers.MaxPooling2D(), layers.Flatten(), layers.Dense(64, activation="relu")]
        case "wide":
            inner = [keras.Input((256,)), *(layers.Dense(1024, activation="relu") for _ in range(4))]
        case "attention":
            tokens = keras.Input((32,), dtype="int32")
            h = layers.Embedding(200, 32)(tokens)
            h = layers.LayerNormalization()(h + layers.MultiHeadAttention(4, 8)(h, h))
            h = layers.GlobalAveragePooling1D()(layers.Dense(64, activation="relu")(h))
            inner = None
    if inner is None:
        model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(h))
    else:
        model = keras.Sequential([*inner, layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"], **compiled)
    return model


def steady(case, n_rounds):
    """Seconds an epoch of each contender, round by round."""
    import keras

    import epochal

    train, judged, size = rows(case)
    torch = keras.backend.backend() == "torch"
    tuned = {} if torch else {"steps_per_execution": 50, "jit_compile": True}
    models = {name: network(case, **(tuned if name == "tuned" else {})) for name in CONTENDERS}
    taken, told = {name: [] for name in CONTENDERS}, {}
    for i in range(n_rounds + 1):
        for name, model in models.items():
            fit = model.fit if name != "epochal" else lambda *a, model=model, **k: epochal.fit(model, *a, **k)
            n = EPOCHS[case] * (OURS.get(case, 1) if name == "epochal" else 1) if i else 2
            start = perf_counter()
            history = fit(*train, batch_size=size, epochs=n, validation_data=judged, verbose=0)
            if i:
                taken[name].append((perf_counter() - start) / n)
            told[name] = history.params.get("because", "")
    return {"seconds": taken, "because": told["epochal"]}


def whole(case, name, n_epochs):
    """Seconds of one call of `fit` on a model just built, compiling included."""
    import keras  # noqa: F401

    import epochal

    _ = epochal.fit  # imports what it needs
    train, judged, size = rows(case)
    model = network(case)
    start = perf_counter()
    fit = model.fit if name == "keras" else lambda *a, **k: epochal.fit(model, *a, **k)
    fit(*train, batch_size=size, epochs=n_epochs, validation_data=judged, verbose=0)
    return perf_counter() - start


def in_a_process(backend, cache, *arguments):
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "XDG_CACHE_HOME": cache}
    done = subprocess.run([sys.executable, "-W", "ignore", __file__, *arguments], env=environment, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f"{backend} {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def ratio(over, under):
    each = [a / b for a, b in zip(over, under, strict=True)]
    return f"{statistics.median(each):.3g} ({min(each):.3g} to {max(each):.3g})"


def steady_table(backends, cases, n_rounds, figures):
    yield "| steady state, ms an epoch | back end | Keras `fit` | tuned | `epochal.fit` | `fit` takes | tuned takes | how |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for case in cases:
        for backend in backends:
            with tempfile.TemporaryDirectory() as cache:
                found = in_a_process(backend, cache, "--steady", case, "--rounds", str(n_rounds))
            figures[f"steady {case} {backend}"] = found
            taken = found["seconds"]
            cells = " | ".join(f"{statistics.median(taken[name]) * 1e3:.3g}" for name in CONTENDERS)
            yield (f"| {TITLES[case]} | {backend} | {cells} | {ratio(taken['keras'], taken['epochal'])} times | "
                   f"{ratio(taken['tuned'], taken['epochal'])} times | {found['because']} |")


def whole_table(backends, n_rounds, figures, n_epochs=50):
    """Every contender in turns; the cache of one of them is kept from round to round, after one run that fills it."""
    contenders = [("keras", b, "cold") for b in backends] + [("epochal", b, kind) for b in backends for kind in ("cold", "warm")]
    taken = {contender: [] for contender in contenders}
    with tempfile.TemporaryDirectory() as kept:
        for backend in backends:
            in_a_process(backend, kept, "--whole", "epochal", "--epochs", str(n_epochs))
        for _ in range(n_rounds):
            for name, backend, kind in contenders:
                with tempfile.TemporaryDirectory() as empty:
                    taken[name, backend, kind].append(
                        in_a_process(backend, kept if kind == "warm" else empty, "--whole", name, "--epochs", str(n_epochs)))
    figures["whole"] = {" ".join(key): value for key, value in taken.items()}
    keras = [b for b in ("jax", "tensorflow") if b in backends]
    yield f"| {TITLES['mlp']}, {n_epochs} epochs, compiling included | s |" + "".join(f" Keras on {b} takes |" for b in keras)
    yield "| --- | --- |" + " --- |" * len(keras)
    for contender, seconds in taken.items():
        cells = " | ".join(ratio(taken["keras", b, "cold"], seconds) + " times" for b in keras)
        yield f"| {' '.join(contender)} | {statistics.median(seconds):.3g} | {cells} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backends", default=",".join(b for b in ("jax", "tensorflow", "torch") if importlib.util.find_spec(b)))
    parser.add_argument("--cases", default=",".join(EPOCHS))
    parser.add_argument("--json", help="write every figure to this file")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--steady", help=argparse.SUPPRESS)
    parser.add_argument("--whole", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steady:
        print(json.dumps(steady(options.steady, options.rounds)))
    elif options.whole:
        print(json.dumps(whole("mlp", options.whole, options.epochs)))
    else:
        backends, figures = options.backends.split(","), {}
        for line in steady_table(backends, options.cases.split(","), options.rounds, figures):
            print(line, flush=True)
        print()
        for line in whole_table([b for b in backends if b != "torch"], options.rounds, figures):
            print(line, flush=True)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
