"""A file or a built-in data set as a data frame: text, Parquet, and the rows to predict."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet
from sklearn import datasets

from ...base.archives import DAMAGE
from ...base.validate import require
from ..columns.kinds import is_text, simplified
from ..options import NOTHING_SAID
from .text import UNREADABLE, beginning, first_row, in_memory, layout_of, no_table, not_utf8

_LOADERS = {"digits": datasets.load_digits, "breast_cancer": datasets.load_breast_cancer, "wine": datasets.load_wine,
            "diabetes": datasets.load_diabetes}
_AS_TEXT = {"dtype": str}
_ABSENT_SEPARATOR = "\x1f"  # in no text


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A table as its file has it: columns in the few dtypes of `columns.kinds.simplified`, text as it is written.

    `decimal` is the sign before decimals, as most are written; `notes` say how the file was read.
    """

    frame: Any
    decimal: str = "."
    notes: tuple[str, ...] = ()


def read_frame(place, options=NOTHING_SAID):
    """The `Raw` table at `place`.

    Raises:
        UsageError: it holds no table.
    """
    if place.format == "built-in":
        return Raw(_LOADERS[place.name](as_frame=True).frame)
    raw = Raw(_read_parquet(place.path)) if place.format == ".parquet" else _read_text(place.path, options)
    return replace(raw, frame=_simple(raw.frame))


def read_new_rows(place, options=NOTHING_SAID, *, as_written=()):
    """The rows to predict at `place`: as `read_frame`, but one column is enough.

    `as_written` names columns whose text stays as the file has it, where it is a file of text: a reader who finds 007 in every row
    takes it for 7.
    """
    if place.format in ("built-in", ".parquet"):
        return read_frame(place, options)
    alone = _of_one_column(place.path, options)
    raw = read_frame(place, options) if alone is None else Raw(_simple(_read(place.path, alone)[0]))
    changed = [name for name in as_written if name in raw.frame and not is_text(raw.frame[name])]
    if changed:
        written = _read_text(place.path, options, as_text=True).frame if alone is None else _read(place.path, alone | _AS_TEXT)[0]
        raw = replace(raw, frame=raw.frame.assign(**{name: written[name] for name in changed}))
    return raw


def _simple(frame):
    return pd.DataFrame({str(name): simplified(frame[name]) for name in frame.columns}, index=frame.index)


def _of_one_column(path, options):
    """How to read a file of one column, where an empty line is a row with an empty cell; `None` where it has more columns."""
    head = beginning(path)[: 2**16]
    if not head.strip() or any(sign in head for sign in (b",", b";", b"\t", b"|", b"\0")) or options.separator:
        return None
    lines = head.splitlines()
    before = next(i for i, line in enumerate(lines) if line.strip())
    if all(len(line.split()) != 1 for line in lines[before:] if line.strip()):  # blanks separate columns
        return None
    return {"sep": _ABSENT_SEPARATOR, "skip_blank_lines": False, "skiprows": before, "encoding": options.encoding or "utf-8-sig",
            "skipinitialspace": True, "keep_default_na": False, "na_values": [""]}


def _read_parquet(path):
    try:
        frame = pyarrow.parquet.ParquetFile(path).read()
        names = frame.column_names
        frame = frame.to_pandas() if len(set(names)) == len(names) else None
    except (*DAMAGE, pyarrow.ArrowException, OSError) as error:
        raise no_table(path, "a Parquet file", error) from error
    _check_duplicates(path.name, names)
    # pandas stores a named index as a column and takes it out again on reading; the user counts it among the columns.
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(level=named).reset_index(drop=True) if named else frame.reset_index(drop=True)


def _read_text(path, options, *, as_text=False):
    layout = layout_of(path, options)
    frame, notes = _read(path, layout.options | (_AS_TEXT if as_text else {}))
    if not isinstance(frame.index, pd.RangeIndex) and frame.index.nlevels == 1 and frame.index.is_unique:
        frame = frame.rename_axis("row names").reset_index()  # as R writes them: the heading has no name for them
    # Where rows are longer than the heading, pandas takes their first values for row labels, and all values shift.
    require(isinstance(frame.index, pd.RangeIndex), "source", path.name, "a table with as many values as columns in each row",
            f"Its first line names {layout.n_named} columns, the rows have more values: name every column.")
    frame.columns = _names(frame.columns)
    if layout.names is None:
        again = [name for name, n in Counter(map(str.strip, first_row(path, layout))).items() if n > 1 and name]
        notes = (*notes, *(f"{path.name} has more than one column named {name!r}: the next ones are called '{name}.1' and so on."
                           for name in again[:3]))
    return Raw(frame, layout.decimal, (*layout.notes, *notes))


def _names(columns):
    """The columns' names without blanks around them, where they still differ then."""
    names = [str(name).strip() for name in columns]
    return names if len(set(names)) == len(names) else list(map(str, columns))


def _read(path, options):
    """The frame, and a note where it is in no UTF-8 though its beginning is."""
    try:
        return pd.read_csv(in_memory(path) if path.suffix.lower() == ".zip" else path, **options), ()
    except (*UNREADABLE, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        if isinstance(error, UnicodeDecodeError) and options["encoding"] == "utf-8-sig":
            return _read(path, options | {"encoding": "cp1252"})[0], (not_utf8(path),)
        raise no_table(path, "a table as UTF-8 text, with as many values as columns in each row", error) from error


def _check_duplicates(file_name, names):
    twice = [name for name, n in Counter(names).items() if n > 1]
    require(not twice, "columns", twice[0] if twice else None, "named differently",
            f"{file_name} has this name more than once; rename or drop one of them.")
