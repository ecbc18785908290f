"""A Parquet file larger than memory should be: one epoch of a small network from it, and the memory that took.

Writes a file of the size asked for and a tiny one, trains from each in a process of its own, and reports the peak of the resident
memory of the first above that of the second: what the file's size costs, imports, model and compiled programs left out. Ends with
status 1 where that is more than the bound.

    python benchmarks/large_file.py                           # 4 GB, in the folder for temporary files
    python benchmarks/large_file.py --gb 0.5 --columns 200 --group-rows 100000000 --json figures.json
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from time import perf_counter

MB = 1e6


def write(path, n_bytes, n_columns, group_rows):
    """A file of about `n_bytes`, written as pyarrow does unless told otherwise; returns its rows."""
    import numpy as np
    import pyarrow
    import pyarrow.parquet

    names, rng, n_rows = [*(f"x{i}" for i in range(n_columns)), "y"], np.random.default_rng(0), 0
    some = rng.normal(size=(2**16, n_columns)).astype("float32")
    schema = pyarrow.schema([(name, pyarrow.float32()) for name in names])
    with open(path, "wb") as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        group_rows = min(group_rows, max(1, int(n_bytes / (4 * len(names)))))  # no more than the whole file
        while n_rows == 0 or file.tell() < n_bytes:
            x = np.concatenate([some + np.float32(rng.normal()) for _ in range(-(-group_rows // len(some)))])[:group_rows]
            columns = [*x.T, np.tanh(x[:, 0])]
            writer.write_table(pyarrow.table(columns, names=names), row_group_size=group_rows)
            n_rows += len(x)
    return n_rows


def train(path, n_columns, batch_size, shuffle):
    """One epoch from the file; the figures of this process."""
    import keras

    import epochal

    model = keras.Sequential([keras.Input((n_columns,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    before, start = peak_bytes(), perf_counter()
    history = epochal.fit(model, path, "y", batch_size=batch_size, epochs=1, shuffle=shuffle, verbose=0)
    return {"seconds": perf_counter() - start, "before": before, "peak": peak_bytes(), "engine": history.params["engine"],
            "loss": history.history["loss"][0]}


def peak_bytes():
    """The most this program has held; on Linux `getrusage` counts in whoever started it."""
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measured(path, args):
    command = [sys.executable, __file__, "--train", path, "--columns", str(args.columns), "--batch-size", str(args.batch_size)]
    run = subprocess.run(command + ["--no-shuffle"] * args.no_shuffle, capture_output=True, text=True,
                         env=os.environ | {"KERAS_BACKEND": args.backend, "TF_CPP_MIN_LOG_LEVEL": "3"})
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=4.0, help="size of the file in GB")
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--group-rows", type=int, default=2**17, help="rows of a row group")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--no-shuffle", action="store_true")
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--bound", type=float, default=1000.0, help="MB that the large file may cost above the tiny one")
    parser.add_argument("--folder", help="where to write; the system's folder for temporary files, if left out")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        print(json.dumps(train(args.train, args.columns, args.batch_size, not args.no_shuffle)))
        return

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        free = shutil.disk_usage(folder).free
        if free < 1.2 * args.gb * 1e9:
            sys.exit(f"{folder} has {free / 1e9:.1f} GB free, and the file takes {args.gb:g} GB. Name another folder: --folder.")
        tiny, large = os.path.join(folder, "tiny.parquet"), os.path.join(folder, "large.parquet")
        write(tiny, 1e5, args.columns, 1000)
        n_rows = write(large, args.gb * 1e9, args.columns, args.group_rows)
        figures = {"rows": n_rows, "bytes": os.path.getsize(large), "columns": args.columns, "backend": args.backend,
                   "group_rows": args.group_rows, "tiny": measured(tiny, args), "large": measured(large, args)}
    figures["extra_mb"] = (figures["large"]["peak"] - figures["tiny"]["peak"]) / MB
    large = figures["large"]
    print(f"{figures['bytes'] / 1e9:.2f} GB, {n_rows:,} rows of {args.columns} columns in row groups of {args.group_rows:,}: one "
          f"epoch at batch size {args.batch_size} ({large['engine']}, {args.backend}) in {large['seconds']:.1f} s, "
          f"{figures['bytes'] / MB / large['seconds']:.0f} MB/s.")
    print(f"Peak memory {large['peak'] / MB:,.0f} MB, {figures['extra_mb']:,.0f} MB above the same training from a tiny file "
          f"(bound: {args.bound:,.0f} MB).")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    sys.exit(figures["extra_mb"] > args.bound)


if __name__ == "__main__":
    main()
