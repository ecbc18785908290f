"""Files larger than memory: reading a file five times as large takes no more of it."""

import pathlib
import subprocess
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

pytestmark = pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(),
                                reason="only Linux tells the peak of one program's memory")

MOST = 200   # MB above the process before it reads: some blocks of 4 MB, and what pyarrow keeps of 20 columns in 8 row groups
WIDE = 350   # MB: the same, and 100 columns open of the 1,500 there are; all of them would take 700
GROWTH = 120  # MB from small files to large ones, which hold 256 MB more
N, D = 4_000_000, 20  # 320 MB in float32

PROGRAM = """
import sys
import numpy as np
import epochal.tables.parquet.rows  # with all that comes with it
from epochal.training.feeds import blocks, sources

for source in (blocks.ArrayBlocks, blocks.ParquetBlocks):
    source.__init__.__kwdefaults__["block_bytes"] = sources.BLOCK_BYTES = 2**22

class Trainee:
    def put(self, batch, *, any_size=False):
        return batch

def peak():
    with open("/proc/self/status") as status:  # `getrusage` knows the peak of whoever started this program, too
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

print(peak())
for path in sys.argv[1:]:
    for shuffle in (False, True):
        x, y = (path, "y") if path.endswith(".parquet") else (np.load(path, mmap_mode="r"), None)
        feed, n = sources.feed_of(x, y, sources.Batching(batch_size=256, shuffle=shuffle)), 0
        for chunk in feed.epoch(Trainee()):
            n += chunk.rows.size
            del chunk
        feed.close()
        print(path, shuffle, n, peak())
"""


def write(path, x, row_group_size):
    """The rows as a Parquet file, or as NumPy's where there are no row groups."""
    if row_group_size is None:
        np.save(path.with_suffix(".npy"), x)
        return path.with_suffix(".npy")
    table = pyarrow.table([*x.T], names=[f"x{i}" for i in range(D - 1)] + ["y"])
    pyarrow.parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=row_group_size, use_dictionary=False)
    return path.with_suffix(".parquet")


def read(*files):
    """Rows read from each file without shuffling and with it; the peaks of memory after each, the first before all; the output."""
    run = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, files)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    before, *lines = run.stdout.splitlines()
    return [int(line.split()[2]) for line in lines], [float(before), *(float(line.split()[-1]) for line in lines)], run.stdout


@pytest.mark.second
@pytest.mark.parametrize("row_group_size", [N, pytest.param(100_000, marks=pytest.mark.third), None],
                         ids=["one group", "many groups", "NumPy"])
def test_memory_does_not_grow_with_the_file(tmp_path, row_group_size):
    x = np.random.default_rng(0).standard_normal((N, D), dtype="float32")
    small, large = (write(tmp_path / str(n), x[:n], row_group_size) for n in (N // 5, N))
    n_rows, peaks, output = read(small, large)
    assert n_rows == [N // 5] * 2 + [N] * 2
    assert peaks[2] - peaks[0] < MOST, output
    assert max(peaks) - peaks[2] < GROWTH, output


@pytest.mark.second
def test_memory_does_not_grow_with_the_number_of_columns(tmp_path):
    x = np.random.default_rng(0).normal(size=(20_000, 1500)).astype("float32")
    table = pyarrow.table([*x.T], names=[f"x{i}" for i in range(1499)] + ["y"])
    pyarrow.parquet.write_table(table, tmp_path / "wide.parquet")
    n_rows, peaks, output = read(tmp_path / "wide.parquet")
    assert n_rows == [20_000] * 2
    assert max(peaks) - peaks[0] < WIDE, output
