"""The engine against Keras' own `fit`, on the experiment of the tutorials, in one run: whole processes and steady state apart.

1,600 rows to train on and 400 to judge after every epoch; a 64-32-1 network, Adam, 50 epochs; batch sizes 32, 256 and 1,024. Keras
trains each once, on TensorFlow and on JAX; the engine trains 1, 8 or 40 lanes (seeds) of each. Every figure is taken anew in a
process of its own, in turns, and the ratios are taken round by round.

    python benchmarks/engine_against_fit.py                 # three rounds, about six minutes on two cores
    python benchmarks/engine_against_fit.py --rounds 5 --json figures.json
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

BATCH_SIZES, EPOCHS, STEADY_EPOCHS = (32, 256, 1024), 50, 30
CONTENDERS = ("keras tensorflow", "keras jax", "engine 1", "engine 8", "engine 40")


def rows():
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 10)).astype("float32")
    y = (x[:, :3].sum(1) + 0.5 * rng.normal(size=2000) > 0).astype("float32")[:, None]
    return (x[:1600], y[:1600]), (x[1600:], y[1600:])


def network():
    import keras

    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(64, activation="relu"),
                              keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def keras_seconds(steady):
    """Seconds an epoch at each batch size in the steady state; in a whole run nothing but the run itself counts."""
    train, judged = rows()
    found = {}
    for size in BATCH_SIZES:
        model = network()
        model.fit(*train, batch_size=size, epochs=2 if steady else EPOCHS, validation_data=judged, verbose=0)
        if steady:
            start = perf_counter()
            model.fit(*train, batch_size=size, epochs=STEADY_EPOCHS, validation_data=judged, verbose=0)
            found[size] = (perf_counter() - start) / STEADY_EPOCHS
    return found


def engine_seconds(steady, n_lanes):
    """Seconds an epoch and lane at each batch size in the steady state."""
    from epochal import engine
    from epochal.seam import Data, Part
    from epochal.seam.rigs.keras_rig import open_rig

    (x, y), (x_judged, y_judged) = rows()
    rig = open_rig(network, Data("tutorial", "binary", Part(x, y), Part(x_judged[:200], y_judged[:200]),
                                 Part(x_judged[200:], y_judged[200:])))
    lanes, found = [engine.Lane(seed, 1e-3) for seed in range(n_lanes)], {}
    for size in BATCH_SIZES:
        ends = []

        def go_on(*_, ends=ends):
            ends.append(perf_counter())
            return True

        how = engine.How("fused", n_lanes, 0.0, 0.0, 0.0)
        engine.train(rig, lanes, engine.Batches(size, STEADY_EPOCHS + 1 if steady else EPOCHS), how=how, go_on=go_on)
        found[size] = (ends[-1] - ends[0]) / (len(ends) - 1) / n_lanes
    return found


def work(contender, steady):
    name, which = contender.split()
    return keras_seconds(steady) if name == "keras" else engine_seconds(steady, int(which))


def in_a_process(contender, *, steady, cache):
    """Whole seconds of a fresh process, and what it printed."""
    backend = contender.split()[1] if contender.startswith("keras") else "jax"
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "XDG_CACHE_HOME": cache}
    start = perf_counter()
    done = subprocess.run([sys.executable, __file__, "--work", contender, *(["--steady"] if steady else [])], env=environment,
                          capture_output=True, text=True, check=False)
    seconds = perf_counter() - start
    if done.returncode:
        sys.exit(f"{contender} failed:\n{done.stderr}")
    return seconds, {int(size): value for size, value in json.loads(done.stdout.splitlines()[-1]).items()}


def rounds(n):
    """Per contender: whole seconds cold (no program kept), warm (programs kept), and steady seconds an epoch and lane."""
    taken = {c: {"cold": [], "warm": [], "steady": []} for c in CONTENDERS}
    with tempfile.TemporaryDirectory() as kept:
        for contender in CONTENDERS:  # fills the cache of kept programs
            in_a_process(contender, steady=False, cache=kept)
        for i in range(n):
            for contender in CONTENDERS:
                with tempfile.TemporaryDirectory() as empty:
                    taken[contender]["cold"].append(in_a_process(contender, steady=False, cache=empty)[0])
                taken[contender]["warm"].append(in_a_process(contender, steady=False, cache=kept)[0])
                taken[contender]["steady"].append(in_a_process(contender, steady=True, cache=kept)[1])
            print(f"round {i + 1} of {n} done", file=sys.stderr)
    return taken


def report(taken):
    """The tables as rows of strings: medians, and the ratios' medians with their extremes over the rounds."""
    def ratio(over, under):
        each = [a / b for a, b in zip(over, under, strict=True)]
        return f"{statistics.median(each):.3g} ({min(each):.3g} to {max(each):.3g})"

    yield ("steady state, ms an epoch and lane", *(f"B={b}" for b in BATCH_SIZES), "B=32: Keras on TF takes", "on JAX takes")
    for c in CONTENDERS:
        steady = {b: [r[b] for r in taken[c]["steady"]] for b in BATCH_SIZES}
        yield (c, *(f"{1e3 * statistics.median(steady[b]):.3g}" for b in BATCH_SIZES),
               *(ratio([r[32] for r in taken[k]["steady"]], steady[32]) + " times" for k in CONTENDERS[:2]))
    yield ()
    yield ("whole process, s", "trainings", "cold", "warm", "cold: Keras on TF takes", "on JAX takes", "warm: on TF", "on JAX")
    for c in CONTENDERS:
        n = 3 * (int(c.split()[1]) if c.startswith("engine") else 1)
        yield (c, str(n), *(f"{statistics.median(taken[c][k]):.3g}" for k in ("cold", "warm")),
               *(ratio(taken[k][kind], taken[c][kind]) + " times" for kind in ("cold", "warm") for k in CONTENDERS[:2]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="write all figures to this file")
    parser.add_argument("--work", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--steady", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work, options.steady)))
        return
    taken = rounds(options.rounds)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(taken, file, indent=1)
    for row in report(taken):
        print("| " + " | ".join(row) + " |" if row else "")


if __name__ == "__main__":
    main()
