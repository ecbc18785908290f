"""Dates as people write them, and which of day and month stands first."""

import re
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.text import first_few
from ..options import DAY_FIRST, MONTH_FIRST
from .numbers import NONE, fold

ISO = "ISO8601"  # pandas' name for it: with and without time, zone and fractions of a second
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%m.%d.%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y",
         "%d.%m.%y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%d %b %y", "%d%b%Y",
         "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b-%d-%Y", "%Y-%b-%d", "%A, %B %d, %Y", "%a %b %d %Y",
         "%a, %d %b %Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%b/%Y", "%m/%Y", "%Y-%m-%d")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S %z", ", %H:%M", ", %I:%M %p", " %Hh",
          "T%H:%M", "T%H:%M:%S")
_FORMS = tuple(day + time for day, time in product(_DAYS, _TIMES) if "%d" in day or not time)
_MAY_BE = re.compile(r"(?=.*\d)[\w\s:/.,+-]{6,40}")
_FEW_ODD = 0.02  # share of the cells that may be no date
_TRIED = 60      # cells that are tried first
COMPACT = "%Y%m%d"
_FIRST_COMPACT, _LAST_COMPACT, _FEWEST_COMPACT = 19000101, 21001231, 10


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Dates of a column: datetime64, NaT where there is none; their format; cells that were none; and in words."""

    values: pd.Series
    form: str
    odd: tuple[str, ...]
    sentences: tuple[str, ...]


def dates_in(column, order=None):
    """The `Found` of a column of text, or of whole numbers such as 20240131, that are dates; `None` where they are none.

    Args:
        column: text or numbers, missing where they are.
        order: `"day-first"` or `"month-first"`, where both may be meant.
    """
    if types.is_numeric_dtype(column.dtype):
        return _compact(column)
    known = column.dropna()
    known = known[~known.map(fold).isin(NONE)].str.strip()
    different = known.drop_duplicates()
    some = different.iloc[np.unique(np.linspace(0, len(different) - 1, _TRIED).astype(int))] if len(different) else different
    if not len(some) or sum(bool(_MAY_BE.fullmatch(text)) for text in some) < (1 - _FEW_ODD) * len(some) or _is_clock(some):
        return None
    forms = [form for form in (ISO, *_FORMS) if _read(some, form).notna().mean() >= 1 - _FEW_ODD]
    found = {form: moments for form in forms if (moments := _read(known, form)).notna().mean() >= 1 - _FEW_ODD}
    if not found:
        return None
    form = max(found, key=lambda one: (found[one].notna().sum(), -forms.index(one)))
    sentences = []
    if (other := _other_order(form)) in found and found[other].notna().sum() == found[form].notna().sum() \
            and not found[other].equals(found[form]):
        form, why = _ordered(form, other, found, order)
        first, last = ("day", "month") if form.index("%d") < form.index("%m") else ("month", "day")
        sentences.append(f"{some.iloc[0]!r} is read with the {first} first, then the {last}{why}")
    values = found[form].reindex(column.index)
    odd = tuple(known[found[form].isna()].drop_duplicates())
    if odd:
        sentences.append(f"{first_few(odd, 3)} taken as missing")
    return Found(values, form, odd, tuple(sentences))


def _read(texts, form):
    try:
        found = pd.to_datetime(texts, format=form, errors="coerce", utc=form == ISO or "%z" in form)
    except (ValueError, OverflowError):  # pandas' way to say that a format cannot hold
        return pd.Series(pd.NaT, texts.index)
    with_zone = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any() if form == ISO else "%z" in form
    return found if with_zone or found.dt.tz is None else found.dt.tz_localize(None)


def _is_clock(texts):
    """Whether all is a time of day, with no date."""
    return bool(texts.str.fullmatch(r"\d{1,3}:[0-5]\d(:[0-5]\d(\.\d+)?)?").all())


def _other_order(form):
    """The format with day and month in each other's place."""
    return form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m") if "%m" in form and "%d" in form else None


def _ordered(form, other, found, order):
    """Of two formats that fit, the one that is meant, and why."""
    day, month = sorted((form, other), key=lambda one: one.index("%d"))
    if order is not None:
        return (day if order == DAY_FIRST else month), ""
    if (first := [one for one in (day, month) if (found[one].dropna().dt.day == 1).all()]) and len(first) == 1:
        return first[0], f": so each is the first of a month (else --dates {DAY_FIRST if first[0] == month else MONTH_FIRST})"
    in_order = {one: float(np.mean(np.diff(found[one].dropna().astype("int64")) >= 0)) for one in (day, month)}
    way_back = f"{MONTH_FIRST if (chosen := max(in_order, key=lambda one: in_order[one])) == day else DAY_FIRST}"
    if abs(in_order[day] - in_order[month]) > 0.02 and in_order[chosen] > 0.9:
        return chosen, f": so the rows are in order of time (else --dates {way_back})"
    chosen = month if "/" in form else day
    return chosen, f", which the rows cannot tell (else --dates {MONTH_FIRST if chosen == day else DAY_FIRST})"


def _compact(column):
    """Whole numbers of eight digits that are all dates, such as 20240131."""
    known = column.dropna()
    inside = known.between(_FIRST_COMPACT, _LAST_COMPACT).all() and (known == known.round()).all()
    if not len(known) or not inside or known.nunique() < _FEWEST_COMPACT:
        return None
    moments = pd.to_datetime(known.astype("int64").astype(str), format=COMPACT, errors="coerce")
    if moments.isna().any():
        return None
    return Found(moments.reindex(column.index), COMPACT, (), (f"{int(known.iloc[0])} is read as a date",))
