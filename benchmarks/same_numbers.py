"""How far `ep.fit` is from `model.fit`: every model of the test's zoo, on the back end of KERAS_BACKEND, as a Markdown table.

    KERAS_BACKEND=jax python benchmarks/same_numbers.py                    # every way to run, about three minutes on two cores
    KERAS_BACKEND=torch python benchmarks/same_numbers.py --engine stepwise --only attention cnn_batch_norm
    KERAS_BACKEND=jax python benchmarks/same_numbers.py --json same.json

Rows in their given order, three epochs of seven batches (the last one short), validation after each. A difference is a share of the
largest number of its curve or variable (`tests/parity/same_fit.py` has the definition); 0 means equal to the last bit. The column
"between two fits" is the same difference between two runs of Keras, so what chance alone would do.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import keras
from parity.fit_zoo import BATCH_SIZE, CASES, EPOCHS
from parity.same_fit import LOGS, OPTIMIZER, WEIGHTS, differences, epochal_fit, keras_fit, train

import epochal

ENGINES = {"jax": ("fused", "unrolled", "stepwise"), "tensorflow": ("fused", "looped", "stepwise"),
           "torch": ("stepwise",)}
BACKEND = keras.backend.backend()
HEAD = ("model", "back end", "run", "losses and metrics", "weights", "optimizer", "allowed", "between two fits")


def measure(case, engines):
    """One row for every way to run: name, back end, way, differences or why not, tolerance, differences of Keras from itself."""
    options = {"batch_size": BATCH_SIZE, "epochs": EPOCHS, "shuffle": False}
    theirs = train(keras_fit, case.make, **options)
    chance = max(differences(train(keras_fit, case.make, **options), theirs).values())
    for engine in engines:
        row = {"model": case.name, "backend": BACKEND, "engine": engine, "allowed": case.tolerance, "chance": chance}
        try:
            yield row | differences(train(epochal_fit, case.make, engine=engine, **options), theirs)
        except epochal.Unsupported as refused:
            yield row | {"refused": str(refused)}


def as_cells(row):
    found = [row["refused"], "", ""] if "refused" in row else [f"{row[name]:.1g}" for name in (LOGS, WEIGHTS, OPTIMIZER)]
    return row["model"], row["backend"], row["engine"], *found, f"{row['allowed']:.0e}", f"{row['chance']:.1g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", nargs="+", default=ENGINES[BACKEND], help="fused, looped, unrolled, stepwise, auto, keras")
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES), metavar="MODEL", help="models of the zoo")
    parser.add_argument("--json", help="write the rows to this file as well")
    options = parser.parse_args()
    rows = []
    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|")
    for name in options.only:
        for row in measure(CASES[name], options.engine):
            rows.append(row)
            print("| " + " | ".join(as_cells(row)) + " |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(any("refused" not in row and max(row[name] for name in (LOGS, WEIGHTS, OPTIMIZER)) > row["allowed"] for row in rows))


if __name__ == "__main__":
    main()
