"""Memory of a process that calls `ep.fit` a thousand times: of the same model, and of new ones.

    KERAS_BACKEND=jax python benchmarks/many_fits.py                    # both, a thousand calls each; minutes
    KERAS_BACKEND=torch python benchmarks/many_fits.py --calls 300 --kinds new --by epochal keras

Each kind runs in a process of its own, which prints a line of JSON: megabytes of resident memory after every tenth of the calls,
and what a call adds, by a line through the second half of them (compiling and first calls are in the first). With `--engine` one
way to run batches. Models are small: what they hold is some kilobytes, so that what is kept of each is seen.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
KINDS = ("same", "new", "new, of another size")


def build(width):
    import keras

    body = [keras.layers.Dense(width, activation="tanh"), keras.layers.Dropout(0.2), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((5,)), *body])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def measure(kind, by, engine, calls, clears):
    import keras
    import numpy as np
    import psutil

    import epochal

    rng, model, found, start = np.random.default_rng(0), None, [], time.monotonic()
    x, y = rng.normal(size=(64, 5)).astype("float32"), rng.integers(0, 3, 64)
    for n in range(calls):
        if model is None or kind != "same":
            model = build(8 + (n % 200 if kind == KINDS[2] else 0))
        options = {"batch_size": 16, "epochs": 2, "verbose": 0, "validation_data": (x[:20], y[:20])}
        epochal.fit(model, x, y, engine=engine, **options) if by == "epochal" else model.fit(x, y, **options)
        if clears:
            keras.utils.clear_session()
        if (n + 1) % max(1, calls // 10) == 0:
            gc.collect()
            found.append((n + 1, psutil.Process().memory_info().rss))
            print(f"{n + 1} calls, {found[-1][1] / 2**20:.0f} MB", file=sys.stderr, flush=True)
    half = found[len(found) // 2 - 1 :]
    slope = np.polyfit([n for n, _ in half], [used for _, used in half], 1)[0] if len(half) > 1 else float("nan")
    return {"backend": keras.backend.backend(), "keras": keras.version(), "kind": kind, "by": by, "engine": engine, "calls": calls,
            "clear_session": clears, "megabytes": [round(used / 2**20) for _, used in found],
            "kilobytes_a_call": round(slope / 2**10, 1), "seconds": round(time.monotonic() - start)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--kinds", nargs="+", default=KINDS[:2], choices=KINDS)
    parser.add_argument("--by", nargs="+", default=["epochal"], choices=["epochal", "keras"])
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--clear-session", action="store_true", help="call keras.utils.clear_session() after each")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.kinds[0], options.by[0], options.engine, options.calls, options.clear_session)))
        return
    clears = ["--clear-session"] if options.clear_session else []
    for kind in options.kinds:
        for by in options.by:
            with tempfile.TemporaryDirectory() as cache:  # what an earlier run measured or compiled would change what is kept
                subprocess.run([sys.executable, __file__, "--here", "--calls", str(options.calls), "--kinds", kind, "--by", by,
                                "--engine", options.engine, *clears], check=True, env=os.environ | {"XDG_CACHE_HOME": cache})


if __name__ == "__main__":
    main()
