"""What a user may say of a table, beside the names of its columns: how its file is written, and what becomes of its columns."""

import math
from dataclasses import dataclass, replace

import pandas as pd
from pandas.api import types

from ..base.text import first_few
from ..base.validate import one_of, require
from .columns.numbers import fold

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
RARE = ("drop", "merge")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How a table is to be read, where that is not to be found out.

    Attributes:
        drop: columns that are no features.
        keep: columns that are used as they stand: not left out for what they look like, none of their numbers taken as missing.
        missing: what stands for "missing", beside empty cells: `"-1"` in every column, `"age=-1"` in that one.
        dates: `"day-first"` or `"month-first"`, where 01/02/2024 may be either; `None` to find out.
        decimal: the sign before decimals, `","` or `"."`; `None` to find out.
        separator: between values, such as `";"` or `"tab"`; `None` to find out.
        encoding: of the text, such as `"cp1252"`; `None` is UTF-8, or what a mark at its beginning says, or else cp1252.
        skip: lines before the one with the columns' names; `None` to find out.
        header: whether the first line names the columns; `None` to find out.
        rare: what becomes of classes of fewer than 3 rows: `"drop"` them, or `"merge"` them into one; `None` refuses them.
        far: `"drop"` leaves out rows whose target is so far off that they alone decide the error; `None` tells of them.
        standardise: whether a target of numbers becomes one of mean 0 and standard deviation 1.
    """

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dates: str | None = None
    decimal: str | None = None
    separator: str | None = None
    encoding: str | None = None
    skip: int | None = None
    header: bool | None = None
    rare: str | None = None
    far: str | None = None
    standardise: bool = True

    def __post_init__(self):
        one_of("dates", self.dates, (None, DAY_FIRST, MONTH_FIRST))
        one_of("decimal", self.decimal, (None, ",", "."))
        one_of("rare", self.rare, (None, *RARE))
        one_of("far", self.far, (None, "drop"))

    def check_columns(self, columns: "list[str]", target: str) -> "TableOptions":
        """The same, names without the blanks around them; raises `UsageError` where one is none of these columns, or the target."""
        self = replace(self, drop=tuple(map(str.strip, self.drop)), keep=tuple(map(str.strip, self.keep)))
        named = [("--drop", name) for name in self.drop] + [("--keep", name) for name in self.keep]
        named += [("--na", text.partition("=")[0]) for text in self.missing
                  if "=" in text and not any(text.startswith(f"{name}=") for name in columns)]
        for option, name in named:
            require(name != target or option == "--na", option, name, "a column of features", "This is the target.")
            require(name in columns, option, name, "a column of the table",
                    f"The columns are {first_few(columns)}."
                    + (" Write COLUMN=VALUE where a value has an = in it." if option == "--na" else ""))
        both = sorted({*self.drop} & {*self.keep})
        require(not both, "--drop and --keep", both[0] if both else None, "different columns", "Leave one of the two out.")
        return self

    def missing_in(self, name: str) -> frozenset[str]:
        """What the user says stands for "missing" in a column."""
        of_it = [text.removeprefix(f"{name}=") for text in self.missing if text.startswith(f"{name}=")]
        return frozenset([*of_it, *(text for text in self.missing if "=" not in text)])


NOTHING_SAID = TableOptions()


def without_said(column: "pd.Series", said: frozenset[str]) -> "pd.Series":
    """`column` without the cells that the user says stand for "missing"; -1 is -1.0 where it holds numbers."""
    if not said:
        return column
    texts = column.astype(object).map(fold, na_action="ignore")
    numbers = {number for text in said if (number := _number(text)) is not None}
    values = column if types.is_numeric_dtype(column.dtype) else pd.to_numeric(texts, errors="coerce")
    is_truth = types.is_bool_dtype(column.dtype)
    return column.mask(texts.isin({fold(text) for text in said}) | (False if is_truth else values.isin(numbers)))


def _number(text):
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number

