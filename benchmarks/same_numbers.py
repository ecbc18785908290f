"""How far `ep.fit` is from `model.fit`: every model of the test's zoo, on the back end of KERAS_BACKEND, as a Markdown table.

    KERAS_BACKEND=jax python benchmarks/same_numbers.py                    # every way to run, about three minutes on two cores
    KERAS_BACKEND=torch python benchmarks/same_numbers.py --engine stepwise --only attention cnn_batch_norm
    KERAS_BACKEND=jax python benchmarks/same_numbers.py --json same.json
    KERAS_BACKEND=jax python benchmarks/same_numbers.py --optimizers 200   # so many pairs of a model and any optimizer of Keras

Rows in their given order, three epochs of seven batches (the last one short), validation after each. A difference is a share of the
largest number of its curve or variable (`tests/parity/same_fit.py` has the definition); 0 means equal to the last bit. The column
"between two fits" is the same difference between two runs of Keras, so what chance alone would do.

With `--optimizers` pairs of a model of either zoo and an optimizer (with clipping, averages, accumulation, several at once) are
drawn, each is trained in every way, and counted: equal, refused or handed over with a sentence, an error in Keras too, or
different. One epoch, since what rounding moves in a bit an optimizer that takes signs turns into a whole step.
"""

import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import sys
import warnings

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import keras
from contracts.optimizers import optimizers
from parity.fit_zoo import BATCH_SIZE, CASES, EPOCHS
from parity.own_zoo import OWN_CASES
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


def with_optimizer(case, optimizer):
    """A function that makes the case's model, with another optimizer; `None` where it does not train by a single one."""
    def make():
        model, data = case.make()
        model.optimizer = optimizer()
        return model, data

    trained = case.make()[0].optimizer
    return make if trained is not None and case.name not in ("gan", "no_call") else None


def count(n_pairs, engines, seed):
    """`(what came of it, model, optimizer, way)` of every comparison of `n_pairs` drawn pairs."""
    cases = {name: case for name, case in (CASES | OWN_CASES).items() if BACKEND not in case.not_on}
    pairs = list(itertools.product(cases.values(), optimizers().items()))
    random.Random(seed).shuffle(pairs)
    options = {"batch_size": BATCH_SIZE, "epochs": 1, "shuffle": False}
    for case, (optimizer, new) in pairs[:n_pairs]:
        make = with_optimizer(case, new)
        if make is None:
            continue
        try:
            theirs, error = train(keras_fit, make, **options), None
        except (ValueError, TypeError, RuntimeError, AttributeError, NotImplementedError) as raised:
            theirs, error = None, raised
        for engine in engines:
            yield _outcome(make, engine, theirs, error, options, case.tolerance), case.name, optimizer, engine


def _outcome(make, engine, theirs, error, options, tolerance):
    try:
        ours = train(epochal_fit, make, engine=engine, **options)
    except epochal.EpochalError as refused:
        return "refused" if error is None else "an error in both", str(refused)
    except type(error or KeyboardInterrupt) as raised:
        return "an error in both", str(raised)
    if error is not None:
        return "an error in Keras alone", str(error)
    apart = max(differences(ours, theirs).values())
    handed = ours.params["engine"] == "keras"
    return ("different", f"{apart:.1g}") if apart > tolerance else ("handed over" if handed else "equal", f"{apart:.1g}")


def print_counts(options):
    """Print every comparison that is not equal, and how many of each kind there are; returns whether any differs."""
    found = collections.Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for (outcome, detail), *what in count(options.optimizers, options.engine, options.seed):
            found[outcome] += 1
            if outcome != "equal":
                print(outcome, *what, detail[:300], sep=" | ", flush=True)
    print(BACKEND, keras.version(), dict(found), "of", sum(found.values()))
    return found["different"] > 0


def as_cells(row):
    found = [row["refused"], "", ""] if "refused" in row else [f"{row[name]:.1g}" for name in (LOGS, WEIGHTS, OPTIMIZER)]
    return row["model"], row["backend"], row["engine"], *found, f"{row['allowed']:.0e}", f"{row['chance']:.1g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", nargs="+", default=ENGINES[BACKEND], help="fused, looped, unrolled, stepwise, auto, keras")
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES), metavar="MODEL", help="models of the zoo")
    parser.add_argument("--json", help="write the rows to this file as well")
    parser.add_argument("--optimizers", type=int, metavar="PAIRS", help="count over so many pairs of a model and an optimizer")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of pairs")
    options = parser.parse_args()
    if options.optimizers:
        sys.exit(print_counts(options))
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
