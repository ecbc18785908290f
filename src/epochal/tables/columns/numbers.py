"""Numbers as people write them: currencies, per cent, units, thousands, decimal commas, and cells that are none."""

import re
import unicodedata
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
_SHARED = 0.9                   # of the cells that must end alike for any ending to be a unit
_CODES, _LONG = 0.1, 16         # share of whole numbers with a 0 in front, and digits of a number, from which on they are codes
_FEWEST_ROWS, _OFTEN = 20, 0.002  # of which a number in so many may stand for "missing",
_LONE, _MOST_CODES = 0.01, 3    # in so many where it is only the one below 0; and how many such numbers there may be
_LONGEST = 100                  # signs of a cell that may hold a number: what is longer would take the patterns long
_TRIED = 500                    # different cells that are tried first

# Cells that people leave where there is no number.
NONE = frozenset(["", "-", "--", "---", "–", "—", ".", "..", "...", "*", "**", "?", "na", "n.a.", "n.a", "n/a", "nan", "none",
                  "null", "nil", "<na>", "#na", "#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "missing", "unknown",
                  "not available", "not known", "undefined", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "-nan", "#n/a n/a",
                  "never", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000"])

_ISO = ("AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CRC CZK DKK EGP EUR GBP GHS HKD HUF IDR ILS INR ISK JPY KES KRW KZT MAD MXN "
        "MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR").replace(" ", "|")
_CURRENCY = (rf"(?:(?:US|AU?|CA?|R|HK|NZ?|NT|MX|S)?\$|CN¥|[€£¥₹₽₩₺₫฿₴₪₱₦₵₸₡₿₲₼₾]|{_ISO}|Rs\.?|Rp\.?|RM|KSh|TL|Ft|Kč|zł|kr\.?|Fr\.?|"
             r"SFr\.?|lei|лв\.?|руб\.?|S/\.?|B/\.|Bs\.?)")
_DIGITS = (r"(?:\d{1,3}(?:[ ,.'’]\d{3})+(?:[.,]\d+)?|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?|\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_TIMES = {"": 1.0, "k": 1e3, "thousand": 1e3, "tsd": 1e3, "lakh": 1e5, "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6,
          "crore": 1e7, "b": 1e9, "g": 1e9, "bn": 1e9, "mrd": 1e9, "billion": 1e9, "trillion": 1e12}
_SCALE = (r"(?:(?:k|K|M|B|G)|\s?(?:mn|bn|Mio\.?|Mrd\.?|Tsd\.?|[Tt]housand|[Mm]illion|[Bb]illion|[Tt]rillion|[Ll]akh|[Cc]rore)s?)"
          r"(?![A-Za-z])")
_UNIT = r"[^\W\d_][^\s\d]{0,11}(?:\s[^\W\d_][^\s\d]{0,11})?[23]?|°\s?[A-Z]?|[µ/\"']+"
_PLAIN = re.compile(_DIGITS)
_CELL = re.compile(rf"""(?P<about>(?:[<>≤≥~≈]|<=|>=|ca\.|c\.)?)\s*(?P<sign>[+\-−–]?)\s*(?P<before>{_CURRENCY}?)\s*
                        (?P<second>[\-−–]?)\s*(?P<digits>{_DIGITS})(?:[.,][-–—]{{1,2}}(?=\s*$|\s*{_CURRENCY}))?(?P<last>-?)(?P<times>(?:{_SCALE})?)
                        (?P<note>(?:\s?\*+|\s?[†‡§]|\s?\[\d+\])?)\s*
                        (?P<after>(?:{_CURRENCY}|%|[+]|{_UNIT})?)""", re.VERBOSE)
_RANGE = re.compile(rf"\s*{_CURRENCY}?\s*({_DIGITS})\s*(?:-|–|—|to|bis)\s*{_CURRENCY}?\s*({_DIGITS})\s*")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?(?:\s*([AaPp])\.?[Mm]\.?)?")
_DURATION = re.compile(r"(?=\d)(?:(\d+)\s?d(?:ays?)?,?)?\s?(?:(\d+)\s?h(?:ours?|rs?)?,?)?\s?(?:(\d+)\s?m(?:in(?:utes?|s)?)?,?)?\s?"
                       r"(?:(\d+)\s?s(?:ec(?:onds?|s)?)?)?", re.IGNORECASE)
_HOURS = (24, 1, 1 / 60, 1 / 3600)
_ENDING = re.compile(rf"[^\d]*?({_DIGITS})(.*)")
_INSIDE = re.compile(r"([^()\d]*)\(([^()]*)\)([^()\d]*)")
_OF_TIME = {"clock": "times such as 13:30 are hours, 13.5", "duration": "times such as 1h 30m are hours, 1.5"}
_INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
_CODE = re.compile(r"-?9{2,}(?:\.\d+)?|-?9+[678]|-?8{3,}(?:\.\d+)?|-99\.9+|-[1-9]0{2,}|32767|-32768|65535|2147483647|"
                   r"-2147483648|1e\+?20|1e\+?30|9\.96921e\+?36|-?3\.4028\d*e\+?38")
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


def numbers_in(column, *, decimal=".", kept=False, sure=False):
    """The `Found` of a column of text that holds numbers but for a few cells; `None` where it does not.

    Args:
        column: text, NaN where missing.
        decimal: the sign before decimals that the file has elsewhere: it decides what 1,234 means.
        kept: whether every cell must be a number, since the user wants the column as it stands.
        sure: whether the user says which sign it is.
    """
    counts = column.value_counts()
    first = [text for text in counts.index[:_TRIED] if fold(text) not in NONE]
    if len(counts) > _TRIED and (not first or _share(first, counts, decimal) < _MOST):
        return None
    texts = [text for text in counts.index if fold(text) not in NONE]
    if not texts or _are_codes(texts):
        return None
    writing = Writing(decimal if sure else _decimal(texts, decimal), _ending(texts, counts))
    cells = {text: _cell(text, writing) for text in texts}
    if not writing.unit:
        writing = Writing(writing.decimal, _unit(cells, counts))
    if writing.unit == "duration":  # then 45m is no number of metres
        cells = {text: _cell(text, writing) for text in texts}
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
    cells = {text: _cell(text, writing) for text in column.dropna().unique()}
    found = {text: cell.value for text, cell in cells.items()
             if cell is not None and (not cell.unit or _same(cell.unit, writing.unit))}
    return column.map(found).astype("float64")


def fold(text):
    """Text without what does not make another word: capitals, forms of letters, blanks around and between, signs of no width."""
    plain = unicodedata.normalize("NFKC", str(text)).replace("\u200b", "").replace("\ufeff", "")
    return " ".join(plain.split()).casefold()


@dataclass(frozen=True, slots=True)
class _Cell:
    value: float
    unit: str = ""
    decorated: tuple[str, ...] = ()  # what it is written with besides the unit
    is_range: bool = False


def _cell(text, writing):
    """The number in a cell, `None` where there is none."""
    if len(text) > _LONGEST:
        return None
    text = " ".join(unicodedata.normalize("NFKC", text.replace("’", "'")).split())
    if writing.unit and text.casefold().endswith(writing.unit) and text[: -len(writing.unit)].strip():
        text = text[: -len(writing.unit)].strip()
    if text.startswith(("[", '="')) and text.endswith(("]", '"')):
        text = text.strip('=[]"').strip()
    negative = False
    if (found := _INSIDE.fullmatch(text)) is not None:  # accountants' way to write a number below 0
        text, negative = "".join(found.groups()).strip(), True
    if (found := _RANGE.fullmatch(text)) is not None:
        ends = [_value(end, writing.decimal) for end in found.groups()]
        return None if None in ends else _Cell(sum(ends) / 2, is_range=True, decorated=("range",))
    if (found := _CLOCK.fullmatch(text)) is not None:
        hours, minutes, seconds, half = found.groups()
        hour = int(hours) % 12 + 12 * (half in ("p", "P")) if half else int(hours)
        return _Cell(hour + int(minutes) / 60 + float(seconds or 0) / 3600, unit="clock")
    if (found := _DURATION.fullmatch(text)) is not None and sum(map(bool, found.groups())) > (writing.unit != "duration"):
        return _Cell(sum(int(n or 0) * hours for n, hours in zip(found.groups(), _HOURS, strict=True)), unit="duration")
    if text.casefold() in _INFINITE:
        return _Cell(float(text))
    found = _CELL.fullmatch(text)
    signs = [] if found is None else [found[name] for name in ("sign", "second", "last") if found[name]]
    if found is None or len(signs) + negative > 1:
        return None
    value = _value(found["digits"], writing.decimal)
    if value is None:
        return None
    value *= _TIMES[_scale(found["times"])] * (-1 if negative or (signs and signs[0] in "-−–") else 1)
    after = found["after"].strip()
    money = found["before"] or (after if re.fullmatch(_CURRENCY, after) else "")
    unit = "" if after in ("", "%", "+") or after == money else after
    about = found["about"] or ("+" if after == "+" else "")
    marks = ("currency" if money else "", "%" if after == "%" else "", "times" if found["times"] else "", "about" if about else "",
             "note" if found["note"] else "")
    return _Cell(value, unit, tuple(filter(None, marks)))


def _scale(times):
    word = times.strip().rstrip(".").lower()
    return word if word in _TIMES else word.rstrip("s")


def _value(digits, decimal):
    other = "," if decimal == "." else "."
    mantissa, *exponent = re.split("[eE]", digits)
    indian = decimal == "." and re.fullmatch(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?", mantissa)
    if other in mantissa and not indian and not re.fullmatch(rf"\d{{1,3}}([{other}]\d{{3}})+([{decimal}]\d+)?", mantissa):
        return None
    plain = re.sub(rf"[ '{other}]", "", mantissa).replace(decimal, ".")
    return float(plain + ("e" + exponent[0] if exponent else "")) if plain.count(".") <= 1 and plain != "." else None


def _are_codes(texts):
    """Whether these are the digits of codes: with a 0 in front, or more of them than a number holds."""
    whole = [text.strip() for text in texts if text.strip().isdecimal()]
    odd = sum((text[0] == "0" and len(text) > 1) or len(text) >= _LONG for text in whole)
    return len(whole) > _MOST * len(texts) and odd > _CODES * len(whole)


def _decimal(texts, otherwise):
    """The sign before decimals: told by cells with both signs, or with one that stands before other than three digits."""
    votes = Counter()
    for text in texts:
        for digits in _PLAIN.findall(text[:_LONGEST]):
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


def _ending(texts, counts):
    """What nearly all cells end in behind their number, whatever it is: a unit such as "l/100km" or "out of 5"; `""` if nothing."""
    endings = Counter()
    for text in texts:
        found = None if len(text) > _LONGEST else _ENDING.fullmatch(" ".join(unicodedata.normalize("NFKC", text).split()))
        endings[found[2].strip().casefold() if found else ""] += int(counts[text])
    (ending, n), = endings.most_common(1)
    tells = any(sign.isalpha() or sign in "%‰/°²³" for sign in ending)
    usual = not tells or len(ending) > 15 or ")" in ending or re.fullmatch(rf"[%+)*]|{_CURRENCY}|{_SCALE}", ending, re.IGNORECASE)
    return "" if usual or n < _SHARED * endings.total() or re.match(r"[-:/]\d", ending) else ending


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
    n, ending = sum(counts[text] for text in texts), _ending(texts, counts)
    return max(sum(counts[text] for text in texts if _cell(text, Writing(sign, ending)) is not None)
               for sign in {decimal, ".", ","}) / n


def _told(found, cells, writing, left, counts):
    """Sentences on what was read in these cells."""
    used, n = Counter(), int(sum(counts[text] for text in found))
    for text in found:
        used.update(dict.fromkeys(cells[text].decorated, int(counts[text])))
    what = [words for key, words in (("currency", "currency signs"), ("%", "per cent signs"), ("note", "marks of footnotes"))
            if used[key]]
    what += [f"the unit {writing.unit!r}"] if writing.unit and writing.unit not in _OF_TIME else []
    if what:
        yield f"{' and '.join(what)} left out"
    if 0.05 * n < used["%"] < 0.95 * n:
        yield f"only {used['%']:,} of {n:,} have a per cent sign: all are taken as the numbers that they show"
    if writing.unit in _OF_TIME:
        yield _OF_TIME[writing.unit]
    if used["times"]:
        yield "K, M, B and words such as million multiply"
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
        yield f"{n:,} of {int(counts.sum()):,} are numbers, {first_few(left, 3)} taken as missing"


def codes_in(values):
    """The numbers, three at most, that by all looks stand for "missing", since they are often repeated and far outside the others.

    -999, 9999, -200 and their like, further from the nearest other number than the others are from each other; or the only one
    below 0.
    """
    known = values.to_numpy("float64")
    known = known[np.isfinite(known)]
    if len(known) < _FEWEST_ROWS or not any(_CODE.fullmatch(f"{end:.10g}") for end in (known.min(), known.max())):
        return []
    different, n_each = np.unique(known, return_counts=True)
    return [*_codes_at(different, n_each), *(-code for code in _codes_at(-different[::-1], n_each[::-1], -1))]


def _codes_at(different, n_each, way=1):
    """Those at the lower end, of rising numbers that stand in so many rows each; `way` is -1 where all have the other sign."""
    n = n_each.sum()
    for n_codes in range(min(_MOST_CODES, len(different) - 3), 0, -1):
        codes, others = different[:n_codes], different[n_codes:]
        often = bool((n_each[:n_codes] >= max(3, _OFTEN * n)).all())
        if not often or not all(_CODE.fullmatch(f"{way * code:.10g}") for code in codes):
            continue
        gap, spread, rows = others[0] - codes[-1], np.ptp(others), np.repeat(others, n_each[n_codes:])
        far = gap > spread and (len(others) >= _FEWEST or gap > 5 * spread)
        lonely = gap > 3 * np.ptp(np.quantile(rows, [0.05, 0.95])) > 0
        below = way == 1 and codes[-1] < 0 <= others[0] and n_each[:n_codes].sum() >= max(5, _LONE * n)
        if far or (len(others) >= _FEWEST and (lonely or below)):
            return list(map(float, codes))
    return []
