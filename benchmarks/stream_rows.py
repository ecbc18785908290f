"""Rows from standard input through `epochal stream`: how many a second, and how much memory, by the number of rows.

    python benchmarks/stream_rows.py 1000000
"""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import psutil

COMMAND = [sys.executable, "-c", "from epochal.cli import main; main(prog_name='epochal')"]


def pump(to, n_rows, seed=0):
    """Write rows of CSV: four numbers, a category, a target of two classes."""
    rng = np.random.default_rng(seed)
    to.write(b"a,b,c,d,city,y\n")
    for start in range(0, n_rows, 10_000):
        n = min(10_000, n_rows - start)
        x, city = rng.normal(size=(n, 4)), rng.integers(0, 3, n)
        y = x[:, 0] + x[:, 1] * x[:, 2] + (city == 0) + rng.normal(size=n) > 0
        to.write("".join(f"{a:.4f},{b:.4f},{c:.4f},{d:.4f},{'xyz'[k]},{'ny'[t]}\n"
                         for (a, b, c, d), k, t in zip(x.tolist(), city.tolist(), y.tolist(), strict=True)).encode())
    to.close()


def measured(n_rows, *more):
    """`{figure: value}` of a stream of so many rows: rows a second of all the time, and MiB by the tenth of the run."""
    begun = time.perf_counter()
    process = subprocess.Popen([*COMMAND, "stream", "-", "--target", "y", "--json", *more], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found, memory = [], []
    threading.Thread(target=pump, args=(process.stdin, n_rows), daemon=True).start()
    reader = threading.Thread(target=lambda: found.append(process.stdout.read()), daemon=True)
    reader.start()
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        memory.append(watched.memory_info().rss / 2**20 if process.poll() is None else memory[-1])
        time.sleep(0.2)
    reader.join()
    seconds, record = time.perf_counter() - begun, json.loads(found[0])["record"]
    inside = [m for m in memory if m > 0]
    tenths = [round(max(part)) for part in np.array_split(np.array(inside), min(10, len(inside)))]
    return {"rows": record["n_rows"], "seconds": seconds, "rows_a_second": record["n_rows"] / seconds,
            "learning_seconds_a_row": record["arms"][0]["seconds_a_row"], "most_MiB": round(max(inside)), "MiB_by_tenth": tenths,
            "accuracy": record["arms"][0]["faded_score"], "alarms": len(record["alarms"])}


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), *sys.argv[2:]), indent=2))
