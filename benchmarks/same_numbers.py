"""How far `ep.fit` is from `model.fit`: every model of the test's zoo, on the back end of KERAS_BACKEND, as a Markdown table.

    KERAS_BACKEND=jax python benchmarks/same_numbers.py                    # every way to run, about three minutes on two cores
    KERAS_BACKEND=torch python benchmarks/same_numbers.py --engine stepwise --only attention cnn_batch_norm
    KERAS_BACKEND=jax python benchmarks/same_numbers.py --json same.json
    KERAS_BACKEND=jax python benchmarks/same_numbers.py --drawn 300 --lines ~/same.jsonl   # so many trainings of any kind
    python benchmarks/same_numbers.py --summary --lines ~/same.jsonl                       # what came of all of them

Rows in their given order, three epochs of seven batches (the last one short), validation after each. A difference is a share of the
largest number of its curve or variable (`tests/parity/same_fit.py` has the definition); 0 means equal to the last bit. The column
"between two fits" is the same difference between two runs of Keras, so what chance alone would do.

With `--drawn`, trainings are drawn (`tests/parity/drawn.py`): a model of any zoo, an optimizer, data, validation, weights,
callbacks, steps. Each is trained by Keras once and by `ep.fit` in every way, and then predicted. A line of JSON is written for each
comparison, to a file that says what is done already: the same command goes on where it was ended. What counts as equal is the
tolerance of the model, as above; where it is exceeded, Keras trains once more from weights that differ in the last bit, and what is
no further apart than three times that is told by itself. "RAISED" and "DIFFERENT" are faults.
"""

import argparse
import collections
import gc
import json
import os
import pathlib
import sys
import time
import warnings

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import keras
from parity import drawn
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


def compare_drawn(options):
    """Compare what is drawn and not yet among the lines; returns whether any comparison found a fault."""
    path, faulty, start = pathlib.Path(options.lines).expanduser(), False, time.monotonic()
    models = [name for name in drawn.large_cases() if not options.only or name in options.only] if options.large else options.only
    done = {(line["seed"], line["n"], line["engine"]) for line in read_lines(path)
            if line["backend"] == BACKEND and line["large"] == options.large}
    for n in range(options.first, options.first + options.drawn):
        engines = [engine for engine in options.engine or drawn.ENGINES if (options.seed, n, engine) not in done]
        if not engines or (options.minutes and time.monotonic() - start > 60 * options.minutes):
            continue
        training = drawn.draw(options.seed, n, models)
        theirs = drawn.reference(training)
        for engine in engines:
            began = time.monotonic()
            line = {"backend": BACKEND, "large": options.large, "seed": options.seed, "n": n, "engine": engine,
                    **drawn.judge(training, engine, theirs), "training": training.told()}
            line |= {"seconds": round(time.monotonic() - began, 2), "keras": keras.version(), "flags": os.getenv("XLA_FLAGS", "")}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if any(str(line.get(what, "")).startswith(drawn.BAD) for what in ("fit", "predict")):
                faulty = True
                print(json.dumps(line), flush=True)
        free_programs()
    return faulty


def free_programs():
    """Compiled programs take memory maps, of which Linux allows a process some 65,000."""
    maps = pathlib.Path("/proc/self/maps")
    if BACKEND == "jax" and (not maps.exists() or len(maps.read_bytes().splitlines()) > 20_000):
        gc.collect()
        sys.modules["jax"].clear_caches()


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def print_summary(path):
    """How many comparisons came to what, by back end and way to run; and of predictions."""
    lines = read_lines(pathlib.Path(path).expanduser())
    for what in ("fit", "predict"):
        rows = [(line["backend"], line["engine"], str(line[what]).split(":")[0]) for line in lines if what in line]
        outcomes = sorted({outcome for _, _, outcome in rows})
        print(f"| {what} | " + " | ".join(outcomes) + " | all |\n" + "| --- " * (len(outcomes) + 2) + "|")
        for way in [*sorted({row[:2] for row in rows}), ("all", "")]:
            found = collections.Counter(row[2] for row in rows if way[0] == "all" or row[:2] == way)
            print(f"| {' '.join(way)} | " + " | ".join(str(found[outcome]) for outcome in outcomes) + f" | {found.total()} |")


def as_cells(row):
    found = [row["refused"], "", ""] if "refused" in row else [f"{row[name]:.1g}" for name in (LOGS, WEIGHTS, OPTIMIZER)]
    return row["model"], row["backend"], row["engine"], *found, f"{row['allowed']:.0e}", f"{row['chance']:.1g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", nargs="+", help="fused, looped, unrolled, stepwise, auto, keras")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="models of the zoo")
    parser.add_argument("--json", help="write the rows to this file as well")
    parser.add_argument("--drawn", type=int, metavar="N", help="compare so many trainings that are drawn")
    parser.add_argument("--large", action="store_true", help="of those drawn: tasks of KerasHub and keras.applications")
    parser.add_argument("--first", type=int, default=0, help="of those drawn: the number of the first")
    parser.add_argument("--seed", type=int, default=0, help="of those drawn")
    parser.add_argument("--minutes", type=float, help="of those drawn: begin none after so many")
    parser.add_argument("--lines", default="same_numbers.jsonl", help="of those drawn: the file of JSON lines")
    parser.add_argument("--summary", action="store_true", help="of those drawn: what came of all in the file")
    options = parser.parse_args()
    if options.summary:
        sys.exit(print_summary(options.lines))
    if options.drawn:
        warnings.simplefilter("ignore")
        sys.exit(compare_drawn(options))
    rows = []
    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|")
    for name in options.only or CASES:
        for row in measure(CASES[name], options.engine or ENGINES[BACKEND]):
            rows.append(row)
            print("| " + " | ".join(as_cells(row)) + " |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(any("refused" not in row and max(row[name] for name in (LOGS, WEIGHTS, OPTIMIZER)) > row["allowed"] for row in rows))


if __name__ == "__main__":
    main()
