"""From a name to a data frame: finds the file, reads CSV, Parquet and the built-in data sets, refuses what is no table."""

import csv
import difflib
import gzip
import os
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet
from sklearn import datasets

from ..base.archives import DAMAGE
from ..base.errors import UsageError
from ..base.files import as_path
from ..base.text import first_line
from ..base.validate import require
from .columns import is_text, simplified

BUILT_IN = {"digits": datasets.load_digits, "breast_cancer": datasets.load_breast_cancer, "wine": datasets.load_wine,
            "diabetes": datasets.load_diabetes}
_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".npz")
_SEPARATORS = ",;\t|"
_ABSENT_SEPARATOR = "\x1f"  # in no text
_TEXT_OPTIONS = {"encoding": "utf-8-sig", "skipinitialspace": True, "na_values": ["?"], "low_memory": False}
_UNREADABLE = (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is: `format` is `"built-in"` or a file's ending, `path` is `None` for a built-in data set."""

    name: str
    format: str
    path: Path | None


def locate(source):
    """The `Place` that `source` (a path or a built-in name) means; raises `UsageError` when it is none."""
    require(isinstance(source, (str, os.PathLike)), "source", source, "a path or a name",
            "To plan on arrays, save them: numpy.savez('data.npz', x=x, y=y).")
    if str(source) in BUILT_IN:
        return Place(str(source), "built-in", None)
    path = as_path("source", source)
    require(not path.is_dir(), "source", str(source), "a file, not a folder", "Name the file inside it.")
    if not path.exists():
        near = [*BUILT_IN, *((p.name for p in path.parent.iterdir()) if path.parent.is_dir() else ())]
        close = difflib.get_close_matches(path.name, near, n=1)
        require(False, "source", str(source), f"a file that exists, or one of {', '.join(BUILT_IN)}",
                f"Did you mean {close[0]!r}?" if close else f"Check the path; the current folder is {Path.cwd()}.")
    ending = next((e for e in sorted(_ENDINGS, key=len, reverse=True) if path.name.lower().endswith(e)), None)
    require(ending is not None, "source", path.name, f"a file that ends in {', '.join(_ENDINGS)}",
            "Save the table as CSV or Parquet (and rename the file if it is one already).")
    require(path.is_file() and os.access(path, os.R_OK), "source", str(source), "a file that you may read",
            "Check its type and its permissions.")
    return Place(path.name[:-len(ending)], ending, path)


def read_frame(place):
    """The table at `place`, its columns in the few dtypes of `columns.simplified`, and notes on how it was read."""
    if place.format == "built-in":
        return BUILT_IN[place.name](as_frame=True).frame, ()
    frame, notes = (_read_parquet(place.path), ()) if place.format == ".parquet" else _read_text(place.path, place.format)
    frame.columns = [str(name) for name in frame.columns]
    _check_duplicates(place.path.name, frame.columns)
    return pd.DataFrame({name: simplified(frame[name]) for name in frame.columns}, index=frame.index), notes


def read_new_rows(place, *, text=()):
    """The rows to predict at `place`: as `read_frame`, but text stays as it is written, and one column is enough.

    `text` names the columns that are text in training. In a file of text, a reader who finds 007 in every row takes it for 7.
    """
    if place.format in ("built-in", ".parquet"):
        return read_frame(place)[0]
    lines = _head(place.path).splitlines()
    n_empty = next((i for i, line in enumerate(lines) if line.strip()), None)
    heading = "" if n_empty is None else lines[n_empty]
    separator = "\t" if place.format.startswith(".tsv") else max(_SEPARATORS, key=lambda s: len(_fields(heading, s)))
    options = {"sep": separator, **_TEXT_OPTIONS}
    if len(_fields(heading, separator)) == 1:  # where an empty line is a row with an empty cell
        options |= {"sep": _ABSENT_SEPARATOR, "skip_blank_lines": False, "skiprows": n_empty}
        frame = pd.read_csv(place.path, **options)
        frame = pd.DataFrame({str(name): simplified(frame[name]) for name in frame}, index=frame.index)
    else:
        frame = read_frame(place)[0]
    changed = [name for name in text if name in frame and not is_text(frame[name])]
    if changed:
        written = pd.read_csv(place.path, usecols=changed, dtype=str, **options)
        frame = frame.assign(**{name: written[name] for name in changed})
    return frame


def _read_parquet(path):
    try:
        frame = pyarrow.parquet.ParquetFile(path).read()
        names = frame.column_names
        frame = frame.to_pandas() if len(set(names)) == len(names) else None
    except (*DAMAGE, pyarrow.ArrowException, OSError) as error:
        raise _no_table(path, "a Parquet file", error) from error
    _check_duplicates(path.name, names)
    # pandas stores a named index as a column and takes it out again on reading; the user counts it among the columns.
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(level=named).reset_index(drop=True) if named else frame.reset_index(drop=True)


def _read_text(path, ending):
    head = _head(path)
    lines = [line for line in head.splitlines() if line.strip()]
    require(lines, "source", path.name, "a table with columns and rows", "The file is empty; write the table again.")
    separator = "\t" if ending.startswith(".tsv") else max(_SEPARATORS, key=lambda s: len(_fields(lines[0], s)))
    header = _fields(lines[0], separator)
    require(len(header) > 1, "source", path.name, "a table with two or more columns",
            f"Its first line is {lines[0][:60]!r}: separate the columns' names and the values by commas.")
    _check_duplicates(path.name, [name for name in header if name])

    with_comma, with_point = (len(re.findall(rf"(?<![\d,.])\d+{mark}\d+(?![\d,.])", "\n".join(lines[1:]))) for mark in (",", r"\."))
    decimal = "," if separator == ";" and with_comma > with_point else "."
    try:
        frame = pd.read_csv(path, sep=separator, decimal=decimal, **_TEXT_OPTIONS)
    except (*_UNREADABLE, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _no_table(path, "a table as UTF-8 text, with as many values as columns in each row", error) from error
    # Where rows are longer than the header, pandas takes their first values for row labels, and all values shift.
    require(isinstance(frame.index, pd.RangeIndex), "source", path.name,
            "a table with as many values as columns in each row",
            f"Its first line names {len(header)} columns, the rows have more values: name every column.")
    notes = () if separator == "," else (
        f"Columns are separated by {'a tab' if separator == chr(9) else repr(separator)}"
        + (" and decimals written with a comma." if decimal == "," else "."),)
    return frame, notes


def _head(path):
    """The first 64 Ki characters."""
    try:
        with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rt", encoding="utf-8-sig") as file:
            head = file.read(2**16)
    except _UNREADABLE as error:
        raise _no_table(path, "a table as UTF-8 text", error) from error
    require("\0" not in head, "source", path.name, "a table as text",
            "It holds binary data; save the table as CSV in UTF-8.")
    return head


def _fields(line, separator):
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True))


def _check_duplicates(file_name, names):
    twice = [name for name, n in Counter(names).items() if n > 1]
    require(not twice, "columns", twice[0] if twice else None, "named differently",
            f"{file_name} has this name more than once; rename or drop one of them.")


def _no_table(path, must, error):
    return UsageError(f"`source` must be {must}; got {path.name!r}, which cannot be read ({first_line(error)}). "
                      "Open it where it came from and save it again as CSV in UTF-8, or as Parquet.")
