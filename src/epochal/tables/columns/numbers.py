"""Numbers as people write them: currencies, per cent, units, thousands, decimal commas, and cells that are none."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...base.text import counted, first_few

_FEW_ODD, _FEW_KINDS = 0.1, 10  # share of the cells that may be no number, and how many different ones
_HARDLY_ANY = 0.01              # share of them that may be of any kinds
_ONE_WORD = 0.5                 # share of one word that then means that there is no number
_FEWEST = 10                    # different numbers, below which odd cells make a category of a column
_MOST = 0.5                     # of the cells that must have a unit where some have
_FEWEST_ROWS, _OFTEN = 20, 0.002  # of which a number in so many may stand for "missing"
_TRIED = 500                    # different cells that are tried first

# Cells that people leave where there is no number.
NONE = frozenset(["", "-", "--", "---", "–", "—", ".", "..", "...", "*", "**", "?", "na", "n.a.", "n.a", "n/a", "nan", "none",
                  "null", "nil", "<na>", "#na", "#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "missing", "unknown",
                  "not available", "not known", "undefined", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "-nan", "#n/a n/a"])

_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
_CURRENCY = r"(?:(?:US|A|C|R|HK|NZ)?\$|[€£¥₹₽₩₺₫฿₴₪]|USD|EUR|GBP|CHF|INR|JPY|CNY|AUD|CAD|Rs\.?|kr\.?|zł)"
_DIGITS = r"(?:\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(_DIGITS)
_CELL = re.compile(rf"""(?P<about>(?:[<>≤≥~≈]|<=|>=|ca\.|c\.)?)\s*(?P<open>\()?\s*(?P<sign>[+\-−–]?)\s*(?P<before>{_CURRENCY}?)\s*
                        (?P<second>[\-−–]?)\s*(?P<digits>{_DIGITS})(?P<times>(?:(?:k|K|M|B|mn|bn|Mio\.?|Mrd\.?)(?![A-Za-z]))?)\s*
                        (?P<after>(?:{_CURRENCY}|%|[+]|[^\W\d_][^\s\d]{{0,11}}(?:\s[^\W\d_][^\s\d]{{0,11}})?[23]?|°\s?[A-Z]?|[²³µ/"']+)?)
                        \s*(?P<close>\))?""", re.VERBOSE)
_RANGE = re.compile(rf"\s*({_DIGITS})\s*(?:-|–|—|to|bis)\s*({_DIGITS})\s*")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")
_TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "Mio": 1e6, "B": 1e9, "bn": 1e9, "Mrd": 1e9}
_CODE = re.compile(r"-?9{2,}|-[1-9]0{2,}")
_GROUPED = re.compile(r"\d{1,3}([,.])\d{3}(\1\d{3})*")


@dataclass(frozen=True, slots=True)
class Writing:
    """How the numbers of a column are written: the sign before decimals, and the unit behind them (`""`: none)."""

    decimal: str = "."
    unit: str = ""


PLAIN = Writing()


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Numbers of a column of text: float64, NaN where there is none; how they are written; cells that were none; and in words."""

    values: pd.Series
    writing: Writing
    odd: tuple[str, ...]
    sentences: tuple[str, ...]


def numbers_in(column, *, decimal=".", kept=False):
    """The `Found` of a column of text that holds numbers but for a few cells; `None` where it does not.

    Args:
        column: text, NaN where missing.
        decimal: the sign before decimals that the file has elsewhere: it decides what 1,234 means.
        kept: whether every cell must be a number, since the user wants the column as it stands.
    """
    counts = column.value_counts()
    texts = [text for text in counts.index if fold(text) not in NONE]
    if not texts or (len(texts) > _TRIED and _share(texts[:_TRIED], counts, decimal) < _MOST):
        return None
    writing = Writing(_decimal(texts, decimal))
    cells = {text: _cell(text, writing.decimal) for text in texts}
    writing = Writing(writing.decimal, _unit(cells, counts))
    plain = sum(int(counts[text]) for text, cell in cells.items() if cell is not None and not cell.is_range)
    found = {text: cell.value for text, cell in cells.items()
             if cell is not None and (not cell.unit or _same(cell.unit, writing.unit))
             and (not cell.is_range or plain >= _MOST * counts.sum())}
    odd = [text for text in texts if text not in found]
    n_odd, n = (int(sum(counts[text] for text in some)) for some in (odd, texts))
    few = (len(set(map(fold, odd))) <= _FEW_KINDS and n_odd <= _FEW_ODD * n) or n_odd <= _HARDLY_ANY * n
    if not found or not (few or (len(set(map(fold, odd))) == 1 and n_odd <= _ONE_WORD * n)):
        return None
    if odd and (kept or len(set(found.values())) < _FEWEST):
        return None
    values = column.map(found).astype("float64")
    left = [text for text in counts.index if text not in found]
    return Found(values, writing, tuple(odd), tuple(_told(found, cells, writing, left, counts)))


def parsed(column, writing):
    """float64: the cells of a column of text as numbers that are written so, NaN for any other."""
    cells = {text: _cell(text, writing.decimal) for text in column.dropna().unique()}
    found = {text: cell.value for text, cell in cells.items()
             if cell is not None and (not cell.unit or _same(cell.unit, writing.unit))}
    return column.map(found).astype("float64")


def fold(text):
    """Text without what does not make another word: capitals and blanks around and between."""
    return " ".join(str(text).split()).casefold()


@dataclass(frozen=True, slots=True)
class _Cell:
    value: float
    unit: str = ""
    decorated: tuple[str, ...] = ()  # what it is written with besides the unit
    is_range: bool = False


def _cell(text, decimal):
    """The number in a cell, `None` where there is none."""
    text = text.strip()
    text = text[1:-1].strip() if text.startswith("[") and text.endswith("]") else text
    if (found := _RANGE.fullmatch(text)) is not None:
        ends = [_value(end, decimal) for end in found.groups()]
        return None if None in ends else _Cell(sum(ends) / 2, is_range=True, decorated=("range",))
    if (found := _CLOCK.fullmatch(text)) is not None:
        hours, minutes, seconds = found.groups()
        return _Cell(int(hours) + int(minutes) / 60 + float(seconds or 0) / 3600, unit="clock")
    if text.casefold() in _INFINITE:
        return _Cell(float(text))
    found = _CELL.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["sign"] and found["second"]):
        return None
    value = _value(found["digits"], decimal)
    if value is None:
        return None
    negative = found["open"] or (found["sign"] or found["second"]) in tuple("-−–")
    value *= _TIMES[found["times"].rstrip(".")] * (-1 if negative else 1)
    after = found["after"].strip()
    money = found["before"] or (after if re.fullmatch(_CURRENCY, after) else "")
    unit = "" if after in ("", "%", "+") or after == money else after
    about = found["about"] or ("+" if after == "+" else "")
    marks = ("currency" if money else "", "%" if after == "%" else "", "times" if found["times"] else "", "about" if about else "")
    return _Cell(value, unit, tuple(filter(None, marks)))


def _value(digits, decimal):
    other = "," if decimal == "." else "."
    mantissa, *exponent = re.split("[eE]", digits)
    if other in mantissa and not re.fullmatch(rf"\d{{1,3}}([{other}]\d{{3}})+([{decimal}]\d+)?", mantissa):
        return None
    plain = re.sub(rf"[ '’\u00a0\u202f{other}]", "", mantissa).replace(decimal, ".")
    return float(plain + ("e" + exponent[0] if exponent else "")) if plain.count(".") <= 1 and plain != "." else None


def _decimal(texts, otherwise):
    """The sign before decimals: told by cells with both signs, or with one that stands before other than three digits."""
    votes = Counter()
    for text in texts:
        for digits in _PLAIN.findall(text):
            signs = [sign for sign in digits if sign in ".,"]
            if not signs:
                continue
            if len(set(signs)) == 2:
                votes[signs[-1]] += 1
            elif len(signs) > 1:
                votes["," if signs[0] == "." else "."] += 1
            elif not _GROUPED.fullmatch(digits) or digits.startswith("0"):
                votes[signs[0]] += 1
    return otherwise if not votes or votes["."] == votes[","] else max(votes, key=lambda sign: votes[sign])


def _unit(cells, counts):
    """The unit of most cells that have one, if most cells have it."""
    units, known = Counter(), 0
    for text, cell in cells.items():
        if cell is not None:
            known += counts[text]
            units[fold(cell.unit)] += counts[text] if cell.unit else 0
    unit, n = units.most_common(1)[0] if units else ("", 0)
    return unit if n >= _MOST * known else ""


def _same(unit, other):
    """Whether two names of a unit are one: "year" and "years"."""
    return fold(unit).rstrip("s.") == fold(other).rstrip("s.")


def _share(texts, counts, decimal):
    """The share of cells that hold a number in either way of writing decimals."""
    n = sum(counts[text] for text in texts)
    return max(sum(counts[text] for text in texts if _cell(text, sign) is not None) for sign in {decimal, ".", ","}) / n


def _told(found, cells, writing, left, counts):
    """Sentences on what was read in these cells."""
    used = Counter()
    for text in found:
        used.update(dict.fromkeys(cells[text].decorated, int(counts[text])))
    what = [words for key, words in (("currency", "currency signs"), ("%", "per cent signs")) if used[key]]
    what += [f"the unit {writing.unit!r}"] if writing.unit and writing.unit != "clock" else []
    if what:
        yield f"{' and '.join(what)} left out"
    if writing.unit == "clock":
        yield "times such as 13:30 are hours, 13.5"
    if used["times"]:
        yield "K, M and B are thousands, millions and billions"
    if used["range"]:
        yield f"{counted(used['range'], 'range')} such as {next(t for t in found if cells[t].is_range)!r} became the middle"
    about = [text for text in found if "about" in cells[text].decorated]
    if about:
        yield f"{about[0]!r} is taken as {found[about[0]]:g}"
    if writing.decimal == ",":
        yield "decimals are written with a comma"
    elif any("," in text for text in found):
        yield "commas separate thousands"
    if left:
        n_found = int(sum(counts[text] for text in found))
        yield f"{n_found:,} of {int(counts.sum()):,} are numbers, {first_few(left, 3)} taken as missing"


def far_and_often(values):
    """A number that by all looks stands for "missing", since it is often repeated and far outside the others; `None` without one.

    -999, 9999, -200 and their like, further from the nearest other number than the others are from each other; or the only one
    below 0.
    """
    known = values.dropna().to_numpy("float64")
    known = known[np.isfinite(known)]
    for value in {known.min(), known.max()} if len(known) >= _FEWEST_ROWS else ():
        others = known[known != value]
        often = len(known) - len(others) >= max(3, _OFTEN * len(known))
        if not often or len(np.unique(others[:5000])) < _FEWEST or value != round(value) or abs(value) < 9:
            continue
        gap = max(others.min() - value, value - others.max())
        if _CODE.fullmatch(f"{value:.0f}") and (gap > np.ptp(others) or gap > 3 * np.ptp(np.quantile(others, [0.05, 0.95])) > 0):
            return float(value)
        if value < 0 <= others.min():
            return float(value)
    return None
