"""Dates as people write them, and which of day, month and year stands first."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from itertools import product

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.text import first_few
from ..options import DAY_FIRST, MONTH_FIRST
from .numbers import NONE, fold

ISO = "ISO8601"  # pandas' name for it: with and without time, zone and fractions of a second
COMPACT, COMPACT_TIME = "%Y%m%d", "%Y%m%d%H%M%S"
_BETWEEN = "|"   # two formats
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%m.%d.%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y",
         "%d.%m.%y", "%y-%m-%d", "%y/%m/%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%d.%b.%Y",
         "%d %b %Y", "%d %B %Y", "%d %b, %Y", "%d %B, %Y", "%d %b %y", "%d%b%Y", "%d. %B %Y", "%d. %b %Y", "%b %d, %Y", "%B %d, %Y",
         "%b %d %Y", "%B %d %Y", "%b-%d-%Y", "%Y-%b-%d", "%A, %B %d, %Y", "%a %b %d %Y", "%a, %d %b %Y", "%b %Y", "%B %Y", "%b-%Y",
         "%b-%y", "%b/%Y", "%m/%Y", "%Y-%m-%d")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M%p", " %H:%M:%S %z", ", %H:%M",
          ", %I:%M %p", " %Hh", " %H.%M", "T%H:%M", "T%H:%M:%S", ":%H:%M:%S", ":%H:%M:%S %z")
_FORMS = (*(day + time for day, time in product(_DAYS, _TIMES) if "%d" in day or not time), "%a %b %d %H:%M:%S %Y", COMPACT_TIME)
_MAY_BE = re.compile(r"(?=.*\d)[\w\s:/.,+\-年月日]{6,40}")
_ZONE = re.compile(r"\s*(?:UTC|GMT)$")
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)
_MONTHS = {"januar": "January", "februar": "February", "märz": "March", "mai": "May", "juni": "June", "juli": "July",
           "oktober": "October", "dezember": "December", "mrz": "Mar", "okt": "Oct", "dez": "Dec", "sept": "Sep",
           "janvier": "January", "février": "February", "mars": "March", "avril": "April", "juin": "June", "juillet": "July",
           "août": "August", "septembre": "September", "octobre": "October", "novembre": "November", "décembre": "December",
           "enero": "January", "febrero": "February", "marzo": "March", "abril": "April", "mayo": "May", "junio": "June",
           "julio": "July", "agosto": "August", "septiembre": "September", "octubre": "October", "noviembre": "November",
           "diciembre": "December"}
_WORD = re.compile(r"[^\W\d_]{3,}(?:\.(?=[\s,]|$))?")
_FEW_ODD, _ONE_WORD = 0.02, 0.5  # share of the cells that may be no date; of one word that then means that there is none
_LONGEST = 60     # signs of a cell that may hold a date
_LONGEST_NONE = 20  # letters of what stands for "no date"
_TRIED = 60       # cells that are tried first
_ENDLESS = 9999   # a year that stands for "never"
_FIRST_COMPACT, _LAST_COMPACT, _FEWEST_COMPACT = 19000101, 21001231, 10
_NO_COMPACT = (0, 99991231, 99999999)  # whole numbers that stand for "no date" among such


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
    different = known.drop_duplicates()
    none = different[different.str.len() <= _LONGEST_NONE]
    none = none[none.map(fold).isin(NONE)]
    different = different[~different.isin(none)]
    raw = different.iloc[np.unique(np.linspace(0, len(different) - 1, _TRIED).astype(int))] if len(different) else different
    if (raw.str.len() > _LONGEST).mean() > 0.1:
        return None
    some = tidy(raw)
    if not len(some) or sum(bool(_MAY_BE.fullmatch(text)) for text in some) < 0.9 * len(some) or _is_clock(some):
        return None
    known = known[~known.isin(none)]
    texts = known.str.strip() if some.equals(raw.str.strip().astype(object)) else tidy(known)  # which takes its time
    tried = [form for form in _FORMS if _fits(some, form)]
    found = {form: moments for form in (ISO, *tried) if (moments := _read(texts, form)).notna().any()}
    forms, values = _together(found, order)
    if forms and values.isna().any():
        values = _first_of([values, read_as(known[values.isna()], _BETWEEN.join(forms)).reindex(known.index)])
    if not forms or not _nearly_all(values, known):
        return None
    form, sentences = forms[0], []
    equals = [one for one in found if found[one].notna().equals(found[form].notna()) and not found[one].equals(found[form])
              and "%m" in one and "%d" in one]
    if equals and "%m" in form and "%d" in form:
        form, why = _ordered([form, *equals], found, order)
        forms = [form, *(one for one in forms[1:])]
        values = _first_of([found[one] for one in forms])
        known_at = values.first_valid_index()
        first = _FIRST[form[1].lower()]
        sentences.append(f"{known[known_at]!r} is read with the {first} first, as {values[known_at]:%Y-%m-%d}{why}")
    elif order is not None and "%d" in form and "%m" in form and not form.lower().startswith("%y") \
            and (order == DAY_FIRST) != (form.index("%d") < form.index("%m")):
        sentences.append(f"dates are not {order}, since {known.iloc[0]!r} and others fit no such date")
    if values.dt.year.max() >= _ENDLESS:
        values = values.mask(values.dt.year >= _ENDLESS)
    if "%y" in form and values.max() > pd.Timestamp.now(values.dt.tz) + pd.Timedelta(days=366):
        sentences.append(f"two-digit years are read as {values.dt.year.min():.0f} to {values.dt.year.max():.0f}")
    odd = tuple(known[values.isna()].drop_duplicates())
    if odd:
        sentences.append(f"{first_few(odd, 3)} taken as missing")
    return Found(values.reindex(column.index), _BETWEEN.join(forms), odd, tuple(sentences))


_FIRST = {"d": "day", "m": "month", "y": "year"}


def tidy(texts):
    """Dates as text without what has no place in a format: ordinals, points behind months, months of other languages, `UTC`."""
    return texts.map({text: _tidied(text) for text in texts.unique()}).astype(object)


def read_as(texts, form):
    """datetime64 of text in the formats that `Found` names, UTC where a zone is in one of them; NaT where it is in none."""
    plain, forms = texts.str.strip(), form.split(_BETWEEN)
    found = _first_of([_read(plain, one) for one in forms])
    if not (left := found.isna()).any():
        return found
    plain = tidy(texts[left])
    return _first_of([found, *(_read(plain, one).reindex(texts.index) for one in forms)])


def _tidied(text):
    if len(text) > _LONGEST:
        return text
    plain = " ".join(unicodedata.normalize("NFKC", str(text)).split()).replace("_", "-")
    plain = re.sub(r"年|月", "-", plain).replace("日", "")
    plain = _ORDINAL.sub(r"\1", _ZONE.sub("Z", plain))
    plain = _WORD.sub(lambda word: _MONTHS.get(word[0].rstrip(".").lower(), word[0].rstrip(".")), plain)
    return re.sub(r"(\d)([AaPp][Mm])$", r"\1 \2", plain)


def _read(texts, form):
    try:
        found = pd.to_datetime(texts, format=form, errors="coerce", utc=form == ISO or "%z" in form)
    except (ValueError, OverflowError):  # pandas' way to say that a format cannot hold
        return pd.Series(pd.NaT, texts.index)
    with_zone = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any() if form == ISO else "%z" in form
    return found if with_zone or found.dt.tz is None else found.dt.tz_localize(None)


def _fits(texts, form):
    """Whether any text is in a format, as Python's own reader, which is quicker for a few, sees it."""
    for text in texts:
        try:
            datetime.strptime(text, form)
        except ValueError:
            continue
        return True
    return False


def _first_of(several):
    """Of several readings of the same cells the first that is a date; in UTC where one of them knows its zone."""
    if any(one.dt.tz is not None for one in several):
        several = [one.dt.tz_localize("UTC") if one.dt.tz is None else one for one in several]
    found = several[0]
    for other in several[1:]:
        found = found.fillna(other)
    return found


def _together(found, order):
    """The formats, three at most, that together read the most cells, the best one first; and the dates."""
    forms, values = [], None
    rest = dict(found)
    while rest and len(forms) < 3:
        new = {form: moments.notna() if values is None else moments.notna() & values.isna() for form, moments in rest.items()}
        wanted = DAY_FIRST if order is None else order

        def rank(form, new=new, wanted=wanted):
            day_first = "%d" in form and "%m" in form and form.index("%d") < form.index("%m")
            return new[form].sum(), form == ISO, day_first == (wanted == DAY_FIRST), -len(form)

        form = max(rest, key=rank)
        if not new[form].sum():
            break
        forms.append(form)
        values = found[form] if values is None else _first_of([values, found[form]])
        del rest[form]
        if values.notna().all():
            break
    return forms, values


def _nearly_all(values, known):
    odd = known[values.isna()]
    return len(odd) <= _FEW_ODD * len(known) or (odd.map(fold).nunique() == 1 and len(odd) <= _ONE_WORD * len(known))


def _is_clock(texts):
    """Whether all is a time of day, with no date."""
    return bool(texts.str.fullmatch(r"\d{1,3}:[0-5]\d(:[0-5]\d(\.\d+)?)?(\s?[AaPp][Mm])?").all())


def _ordered(forms, found, order):
    """Of formats that fit equally, the one that is meant, and why."""
    if order is not None:
        wanted = [one for one in forms if not one.lower().startswith("%y")
                  and (one.index("%d") < one.index("%m")) == (order == DAY_FIRST)]
        if wanted:
            return wanted[0], ""

    def way_back(chosen):
        return f"(else --dates {MONTH_FIRST if chosen.index('%d') < chosen.index('%m') else DAY_FIRST})"

    if len(first := [one for one in forms if (found[one].dropna().dt.day == 1).all()]) == 1:
        return first[0], f": so each is the first of a month {way_back(first[0])}"
    in_order = {one: float(np.mean(np.diff(found[one].dropna().astype("int64")) >= 0)) for one in forms}
    chosen, *others = sorted(forms, key=lambda one: -in_order[one])
    if in_order[chosen] - in_order[others[0]] > 0.02 and in_order[chosen] > 0.9:
        return chosen, f": so the rows are in order of time {way_back(chosen)}"
    spans = {one: found[one].max() - found[one].min() for one in forms}
    chosen, *others = sorted(forms, key=lambda one: spans[one])
    if 2 * spans[chosen] < spans[others[0]]:
        return chosen, f": so they lie closest together {way_back(chosen)}"
    monthly = [one for one in forms if one.startswith("%m") == ("/" in one) and not one.lower().startswith("%y")]
    chosen = (monthly or forms)[0]
    return chosen, f", which the rows cannot tell {way_back(chosen)}"


def _compact(column):
    """Whole numbers of eight digits that are all dates, such as 20240131, or of fourteen, with a time."""
    if not _FIRST_COMPACT <= column.max() < (_LAST_COMPACT + 1) * 10**6:
        return None
    known = column.dropna()
    known = known[~known.isin(_NO_COMPACT)]
    form = COMPACT if len(known) and known.max() <= _LAST_COMPACT else COMPACT_TIME
    tens = 1 if form == COMPACT else 10**6
    inside = ((known >= _FIRST_COMPACT * tens) & (known < (_LAST_COMPACT + 1) * tens) & (known == known.round())).all()
    if not len(known) or not inside or known.nunique() < _FEWEST_COMPACT:
        return None
    moments = pd.to_datetime(known.astype("int64").astype(str), format=form, errors="coerce")
    if moments.isna().any():
        return None
    odd = tuple(f"{number:.0f}" for number in column.dropna().unique() if number in _NO_COMPACT)
    sentences = [f"{int(known.iloc[0])} is read as a date", *([f"{first_few(odd, 3)} taken as missing"] if odd else [])]
    return Found(moments.reindex(column.index), form, odd, tuple(sentences))
