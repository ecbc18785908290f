"""Words of a column: those that stand for "missing", and one word in several spellings."""

from collections import Counter

from ...base.text import counted, first_few
from .numbers import fold

# What skrub takes for missing.
MISSING = frozenset(["", "?", "...", "none", "None", "null", "NULL", "nan", "-nan", "NaN", "-NaN", "NA", "<NA>", "#NA", "n/a",
                     "N/A", "#N/A", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"])
MISSING_CLASS = frozenset(["", "?"])  # in a target: a class may be called None, or NA
_MOST = 1000  # different words, beyond which spellings are not compared


def without_missing(column, words=MISSING):
    """A column of text without the cells that stand for "missing"."""
    return column.mask(column.str.strip().isin(words))


def one_spelling(column):
    """A column of text where words that differ in capitals and blanks alone are one, spelled as most of them are; and sentences."""
    counts = column.value_counts()
    if len(counts) > _MOST:
        return column, ()
    spelled: dict[str, Counter] = {}
    for text, n in counts.items():
        spelled.setdefault(fold(text), Counter())[text] += int(n)
    several = {key: found for key, found in spelled.items() if len(found) > 1}
    best = {text: min(found, key=lambda one: (-found[one], one)).strip() for found in spelled.values() for text in found}
    if not several:
        return (column if all(text == word for text, word in best.items()) else column.map(best).astype(object)), ()
    first = next(iter(several.values()))
    more = f", and {counted(len(several) - 1, 'other word')} in several spellings" if len(several) > 1 else ""
    return column.map(best).astype(object), (f"{first_few(first, 4)} are one value{more}",)


def as_known(column, known):
    """Words of new rows in the spelling of training."""
    spelled = {fold(text): text for text in reversed(known)}
    return column.map(lambda text: text if text in known else spelled.get(fold(text), text), na_action="ignore")
