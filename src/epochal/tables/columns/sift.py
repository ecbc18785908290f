"""Columns that cannot help: identifiers, names, constants, copies; and columns that give the answer away."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier

from ...base.text import first_few, listed
from .clean import is_number
from .kinds import is_text

_ID = re.compile(r"(?:^|.*[\s_.\-])(?:id|ids|uid|uuid|guid|rowid|key)$|.*[a-z](?:ID|Id|Key)$|^(?:ID|Id)\b.*|[A-Z]+ID$", re.DOTALL)
_NO_ID = re.compile(r"(?:PA|RA|AC|VO|MA|B|GR|SOL|VAL|COV|FLU|LIQU|RAP|KI)ID$", re.IGNORECASE)
_NUMBERING = re.compile(r"(?:^|.*[\s_.\-])(?:no|nr|number|index|idx|code|row|obs|observation|rownames|row names)\.?$"
                        r"|.*(?:user|cust|customer|client|patient|person|member|account|order|case|subject|employee|global)_?num$"
                        r"|p?id_?(?:num|nr|no)$|^[pucsr]id$|^Unnamed: \d+$", re.IGNORECASE | re.DOTALL)
_PERSON = re.compile(r"(?:.*[\s_.\-])?(?:(?:sur|last|first|full|given|family|middle|user|customer|client|patient|passenger|player)?"
                     r"[\s_]?name|e-?mail|phone|url|ssn|iban|passport)(?:[\s_](?:address|number))?$", re.IGNORECASE | re.DOTALL)
_MOMENT = re.compile(r"year|date|time|day|week|month|quarter|hour|age", re.IGNORECASE)
_FEW = 40            # different values, up to which an identifier is a category: a shop, a ward
_NAMES = 0.1         # share of rows with a name of their own, from which on names say nothing of new rows
_PARTS = 8           # words of a number that is written with blanks
_LONG = 1e15         # numbers of 16 digits and more are no quantities
_MOST_SUMMED, _FEW_SUMMED = 60, 6  # columns of which a sum is looked for, and of which it may consist
_LOOKED_AT = 5000    # rows in which a column is tried alone
_MOST_TRIED = 300    # columns
_ALONE = 0.975       # share of the rows in which a column alone gives the answer, from which on it is told
_ALL_BUT = 0.9999    # correlation with a target of numbers, from which on it is told
_FEW_ROWS = 0.01     # of the rows that have a value, from which on it is looked at whether they are of one class,
_PURE, _USUAL = 0.95, 0.75  # as so many of them must be, where at most so many of all rows are
_NEARLY = 0.9998     # what a column gets at most that is not the target itself
_LESS_WRONG = 0.1    # and the share of the errors of a constant answer that it may have
_ROW_NUMBERS, _LONG_NUMBERS = "no more than row numbers", "identifiers of 16 digits or more"
_OWN_ID, _ID_AGAIN = "an identifier, another one in (nearly) every row", "an identifier"
_EMPTY = "without a value in the training rows"
_TARGET = "the target once more, in every row"
_NAMED, _OWN_NAME = "names, which say nothing of others", "a different name in every row"
_NAMING = (_ROW_NUMBERS, _LONG_NUMBERS, _OWN_ID, _ID_AGAIN, _NAMED, _OWN_NAME)


@dataclass(frozen=True, slots=True)
class Sifted:
    """Why columns are left out, by name; and sentences on those that are not, but look odd."""

    left_out: dict[str, str]
    sentences: tuple[str, ...]


def sifted(frame, *, keep=(), target=None, codes=None):
    """The `Sifted` columns of the training rows `frame`; those named in `keep` stay.

    Args:
        target: the training rows' target as a column, `None` where it is not to be compared.
        codes: int[n], its classes; `None` for regression.
    """
    left_out, sentences = {}, []
    for name in frame:
        why, sentence = _why_not(name, frame[name])
        if name in keep and why != _EMPTY:
            continue
        if why:
            left_out[name] = why
        if sentence:
            sentences.append(sentence)
    others = [name for name in frame if name not in left_out]
    left_out |= {name: f"the same as `{first}` in every row" for name, first in _copies(frame[others]).items() if name not in keep}
    if target is not None:
        tried = [name for name in others if name not in left_out][:_MOST_TRIED]
        for name in tried:
            told = _answer_in(frame[name], target, codes)
            if told == 1 and name not in keep:
                left_out[name] = _TARGET
            elif told:
                how = f"gives the answer in {100 * told:.1f} % of the rows" if codes is not None else (
                    "follows the target nearly exactly" if told == _NEARLY else "follows the target exactly")
                sentences.append(f"`{name}` alone {how}: is it known only afterwards? Then --drop {name!r}.")
        rest = frame[[name for name in tried if name not in left_out]]
        if codes is not None and (filled := _filled_by_class(rest, codes)):
            sentences.append(f"{first_few(filled, 5, '`{}`'.format)}: a value stands there (nearly) only in rows of one class. "
                             "Known only afterwards? Then --drop.")
        if codes is None and (together := _sum_of(rest, target)):
            named = listed(f"`{name}`" for name in together[0])
            sentences.append(f"{named} together give the target exactly, as a {together[1]}: are they known only afterwards? Then "
                             f"{' '.join(f'--drop {name!r}' for name in together[0])}.")
    if again := [name for name, why in left_out.items() if why == _TARGET and len(left_out) == len(frame.columns)]:
        left_out = {name: why for name, why in left_out.items() if name not in again}  # else nothing is left to learn from
        sentences += [f"`{name}` is {_TARGET}, and nothing else is left: is it known only afterwards?" for name in again]
    return Sifted(left_out, tuple(sentences))


def names_rows(why):
    """Whether a column is left out because its values name the rows."""
    return why in _NAMING


def _why_not(name, column):
    """Why a column is left out, or `None`; and a sentence."""
    known = column.dropna()
    if known.empty:
        return _EMPTY, None
    n_different = known.nunique()
    if n_different == 1 and is_number(column) and known.iloc[0] >= _LONG * 1e3:  # so long that they are told apart no more
        return _LONG_NUMBERS, None
    if n_different == 1 and len(known) == len(column):
        return "constant in the training rows", None
    own = n_different == len(column)
    whole = types.is_integer_dtype(column.dtype) or (is_number(column) and bool((known == known.round()).all()))
    word = bool(_NO_ID.search(name))
    named, numbered = bool(_ID.match(name)) and not word, bool(_NUMBERING.match(name)) and not word
    if own and types.is_integer_dtype(column.dtype) and (span := int(known.max()) - int(known.min())) < 2 * len(known):
        in_order = known.is_monotonic_increasing or known.is_monotonic_decreasing or span == len(known) - 1
        return (_ROW_NUMBERS if (in_order or named or numbered) and not _MOMENT.search(name) else None), None
    if own and whole and known.median() >= _LONG:
        return _LONG_NUMBERS, None
    n_own = n_different > 0.98 * len(known)
    if (named or numbered) and n_own and n_different > min(_FEW, len(column) / 4) and (whole or is_text(column)):
        return _OWN_ID, None
    if named and n_different > _FEW and (whole or is_text(column)):
        often = len(known) / n_different
        return (_ID_AGAIN, f"`{name}` repeats, {often:.3g} rows each: if rows of one belong together, --groups {name} keeps them "
                "on one side of the split." if often >= 1.1 else None)
    if not is_text(column):
        return None, None
    if _PERSON.match(name) and n_different > min(_FEW, len(column) / 4) and n_different >= _NAMES * len(column):
        return _NAMED, None
    if own and not types.is_datetime64_any_dtype(column.dtype):
        words, digits, letters = known.str.split().str.len(), known.str.count(r"\d"), known.str.count(r"[^\W\d_]")
        if words.max() == 1 or (words.max() <= _PARTS and bool((digits > letters).all())):
            return _OWN_NAME, None
    return None, None


def _copies(frame):
    """`{name: the earlier column with the same values}`."""
    first, copies = {}, {}
    for name in frame:
        column = frame[name]
        key = pd.util.hash_array(column.astype(object).to_numpy() if not is_number(column) else
                                 column.to_numpy("float64", na_value=np.nan)).tobytes()
        if key in first:
            copies[name] = first[key]
        else:
            first[key] = name
    return copies


def _answer_in(column, target, codes):
    """Share of the rows in which a column alone gives the answer, where that is suspicious: 1 where it is the target again."""
    known = column.notna().to_numpy()
    if codes is None:
        if not is_number(column) or known.sum() < 3:
            return 0.0
        x, y = column.to_numpy("float64", na_value=np.nan)[known], target.to_numpy("float64")[known]
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            return 0.0
        x, y = (of / max(np.abs(of).max(), np.finfo(float).tiny) for of in (x - x.mean(), y - y.mean()))
        along = float(x @ y / max(np.sqrt((x @ x) * (y @ y)), np.finfo(float).tiny))
        left = y - along * np.sqrt((y @ y) / max(x @ x, np.finfo(float).tiny)) * x
        if np.abs(left).max() <= 1e-9 * np.ptp(y):
            return 1.0 if known.all() else 0.99
        if abs(along) >= _ALL_BUT and known.mean() >= 0.5:
            return _NEARLY
        rank, ranked = rankdata(x, "dense"), rankdata(y, "dense")
        along = np.array_equal(rank, ranked) or np.array_equal(rank.max() + 1 - rank, ranked)
        return 0.99 if ranked.max() > _FEW and along else 0.0
    places, values = pd.factorize(column)
    if len(values) == len(np.unique(codes)) and known.all() and len(set(zip(places, codes, strict=True))) == len(values):
        return 1.0
    rows = np.linspace(0, len(codes) - 1, min(len(codes), _LOOKED_AT)).astype(int)
    x, y = (column.to_numpy("float64", na_value=np.nan) if is_number(column) else places.astype(float))[rows], codes[rows]
    n_constant, least = np.bincount(y).max(), np.bincount(y)[np.unique(y)].min()
    if least < 3:
        return 0.0
    x = np.column_stack([np.where(np.isfinite(x), x, np.nanmin(x) - 1 if np.isfinite(x).any() else 0), ~known[rows]])
    tree = DecisionTreeClassifier(max_leaf_nodes=64, min_samples_leaf=3, random_state=0)
    n_right = sum(int((tree.fit(x[i::2], y[i::2]).predict(x[1 - i::2]) == y[1 - i::2]).sum()) for i in (0, 1))
    right = min(n_right / len(y), _NEARLY)
    return right if right >= _ALONE and 1 - right <= _LESS_WRONG * (1 - n_constant / len(y)) else 0.0


def _filled_by_class(frame, codes):
    """Columns that hold a value, or none, in nearly no rows but those of one class, which is not most rows anyhow."""
    shares = np.bincount(codes) / len(codes)

    def tells(inside):
        if inside.sum() < max(_FEW, _FEW_ROWS * len(codes)) or inside.all():
            return False
        of_them = np.bincount(codes[inside], minlength=len(shares)) / inside.sum()
        return of_them.max() >= _PURE and shares[of_them.argmax()] <= _USUAL

    return [name for name in frame if (known := frame[name].notna().to_numpy()).sum() < len(known) and tells(known)]


def _sum_of(frame, target):
    """The columns of which the target is a weighted sum or a product, two to six of them, and which it is; `None` if it is none."""
    names = [name for name in frame if is_number(frame[name]) and frame[name].notna().all()][:_MOST_SUMMED]
    x, y = frame[names].to_numpy("float64"), target.to_numpy("float64")
    rows = np.linspace(0, len(y) - 1, min(len(y), _LOOKED_AT)).astype(int)
    for what in ("sum", "product"):
        a, b = x[rows], y[rows]
        if what == "product":
            if not (b > 0).all():
                return None
            a, b = np.log(a[:, (a > 0).all(axis=0)]), np.log(b)
        used = [name for name, column in zip(names, x[rows].T, strict=True) if what == "sum" or (column > 0).all()]
        a = (a - a.mean(axis=0)) / np.maximum(a.std(axis=0), 1e-30)
        b = (b - b.mean()) / max(b.std(), 1e-30)
        if len(b) < 3 * a.shape[1] or a.shape[1] < 2:
            continue
        weights, _, rank, _ = np.linalg.lstsq(a, b, rcond=None)
        parts = [name for name, weight in zip(used, weights, strict=True) if abs(weight) > 1e-6]
        if rank == a.shape[1] and np.abs(b - a @ weights).max() < 1e-8 and 1 < len(parts) <= _FEW_SUMMED:
            return parts, what
    return None
