"""The largest batch that `memory` names, in a process with a hard limit of memory: does it train, and does a larger one?

For three models on each back end: a process that has loaded Keras, the model and the rows may hold so many GiB more and not a byte
beyond them (a control group of Linux, which ends what goes beyond; it takes the rights to make one). In a process with that limit
the largest batch is measured. Then the user's program runs, in others with the same limit: two epochs with validation and
`predict`, at the size named, and at sizes beyond it. Ends with status 1 where the named size does not run, one more than 1.25
times as large does, or the process that measures ends in an error.

    python benchmarks/memory_limit.py --gb 2                                     # about 20 minutes on two cores
    python benchmarks/memory_limit.py --gb 2 --backends jax --models mlp --json figures.json
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

GIB = 2**30
BOUND = 1.25
ROWS = {"mlp": 125_000, "cnn": 9_000, "attention": 25_000}
SECONDS = 1200


def build(name):
    """A compiled model, small in parameters and large in activations, and rows of it."""
    import keras
    import numpy as np
    from keras import layers

    n, rng = ROWS[name], np.random.default_rng(0)
    if name == "mlp":
        x, inputs = rng.normal(size=(n, 32)).astype("float32"), keras.Input((32,))
        out = inputs
        for width in (1024, 16, 1024, 16, 1024):
            out = layers.Dense(width, activation="relu")(out)
    elif name == "cnn":
        x, inputs = rng.normal(size=(n, 28, 28, 1)).astype("float32"), keras.Input((28, 28, 1))
        out = inputs
        for channels in (8, 8):
            out = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same")(out)))
        out = layers.GlobalAveragePooling2D()(out)
    else:
        x, inputs = rng.integers(0, 100, (n, 48)).astype("int32"), keras.Input((48,), dtype="int32")
        out = layers.Embedding(100, 16)(inputs)
        out = layers.LayerNormalization()(out + layers.MultiHeadAttention(2, 8)(out, out))
        out = layers.GlobalAveragePooling1D()(out)
    model = keras.Model(inputs, layers.Dense(10)(out))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    y = rng.integers(0, 10, n)
    cut = n // 5
    return model, (x[cut:], y[cut:]), (x[:cut], y[:cut])


class Group:
    """A control group of Linux, of version 1 or 2, inside that of this process; a limit of it is hard."""

    def __init__(self):
        own = Path("/proc/self/cgroup").read_text().splitlines()
        number, _, path = next(line.split(":", 2) for line in own if "memory" in line.split(":")[1].split(",") or line[:2] == "0:")
        self._new = number == "0"
        root = Path("/sys/fs/cgroup") / ("" if self._new else "memory")
        self._folder = (root / path.strip("/") if (root / path.strip("/")).exists() else root) / f"epochal-{os.getpid()}"
        self._folder.mkdir()

    def enter(self):
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def used(self):
        return int((self._folder / ("memory.current" if self._new else "memory.usage_in_bytes")).read_text())

    def limit(self, n_bytes):
        (self._folder / ("memory.max" if self._new else "memory.limit_in_bytes")).write_text(str(n_bytes))

    def without_limit(self):
        (self._folder / ("memory.max" if self._new else "memory.limit_in_bytes")).write_text("max" if self._new else "-1")

    def empty(self):
        """Give back pages of files that earlier processes read."""
        force = self._folder / ("memory.reclaim" if self._new else "memory.force_empty")
        with contextlib.suppress(OSError):
            force.write_text("100G" if self._new else "0")

    def remove(self):
        self._folder.rmdir()


def role(words):
    """What a process with the limit does; its figures as the last line."""
    what, name, size = words[0], words[1], int(words[2])
    model, (x, y), held_out = build(name)
    if what == "measure":
        from epochal.probes.machine.memory import MEMORY
        from epochal.seam.rigs.keras_rig import open_rig
        from epochal.services.source import ArraySource

        rig = open_rig(*ArraySource(model, x, y, validation_data=held_out).open(0))
        reading = MEMORY(rig, seconds=600.0)
        print(json.dumps({"value": reading.value, "outcome": reading.outcome.name, "note": reading.note, "seconds": reading.cost,
                          "details": dict(reading.details), "tried": len(reading.points)}))
    elif what == "train":
        model.fit(x, y, batch_size=size, epochs=2, validation_data=held_out, verbose=0)
        model.predict(x, batch_size=size, verbose=0)
        print(json.dumps({"size": size}))
    else:
        print("loaded", flush=True)
        sys.stdin.readline()


def start(words, group, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, __file__, "--role", *map(str, words)], env=environment, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=group.enter)


def run(words, group, backend):
    """The figures of a process, or `None`; and the last line of its errors, or how it ended."""
    try:
        process = start(words, group, backend)
        out, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "too slow"
    last = [line for line in out.splitlines() if line.startswith("{")]
    return (json.loads(last[-1]) if last and process.returncode == 0 else None,
            "" if process.returncode == 0 else f"{process.returncode}: {errors.strip()[-120:]}")


def loaded(name, group, backend):
    """Bytes that the group holds when Keras, the model and the rows are loaded."""
    process = start(["hold", name, 0], group, backend)
    for line in process.stdout:
        if line.startswith("loaded"):
            break
    used = group.used
    process.communicate("\n")
    return used


def judge(name, backend, gib, group):
    group.without_limit()
    group.empty()
    base = loaded(name, group, backend)
    group.limit(base + int(gib * GIB))
    begun = perf_counter()
    named, error = run(["measure", name, 0], group, backend)
    row = {"model": name, "backend": backend, "loaded_gib": round(base / GIB, 2), "named": named and int(named["value"]),
           "measured": named, "error": error, "seconds": round(perf_counter() - begun, 1), "trains": False, "beyond": None}
    if not named or not named["value"]:
        return row
    size = int(named["value"])
    row["trains"], row["error"] = run(["train", name, size], group, backend)[0] is not None, error
    n, tried, runs = ROWS[name] - ROWS[name] // 5, int(BOUND * size) + 1, size
    refused = None
    while refused is None and runs < n:  # upwards until one does not run
        larger = min(tried, n)
        if run(["train", name, larger], group, backend)[0] is None:
            refused = larger
        else:
            runs, tried = larger, int(larger * BOUND)
    row |= {"runs_by_hand": runs, "refused_by_hand": refused, "beyond": runs / size}
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0, help="GiB beyond what is loaded")
    parser.add_argument("--models", default=",".join(ROWS))
    parser.add_argument("--backends", default="jax,tensorflow,torch")
    parser.add_argument("--json")
    parser.add_argument("--role", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        return role(arguments.role)
    group, rows = Group(), []
    print("| model | back end | named | trains | by hand: runs | does not | times | tried | seconds | outcome |", flush=True)
    try:
        for name in arguments.models.split(","):
            for backend in arguments.backends.split(","):
                row = judge(name, backend, arguments.gb, group)
                rows.append(row)
                told = row["measured"] or {}
                print(f"| {name} | {backend} | {row['named']} | {row['trains']} | {row.get('runs_by_hand')} | "
                      f"{row.get('refused_by_hand')} | {row['beyond'] and round(row['beyond'], 2)} | {told.get('tried')} | "
                      f"{row['seconds']} | {told.get('outcome')} {row['error']} {told.get('note', '')} |", flush=True)
    finally:
        group.remove()
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(rows, indent=1))
    sound = all(row["trains"] and row["beyond"] and row["beyond"] <= BOUND for row in rows)
    return None if sound else sys.exit("a named size does not train, or a much larger one does")


if __name__ == "__main__":
    main()
