"""The encoder of a table: what was learned of each column, as plain data, and the features that it makes of rows."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import skrub
from pandas.api import types
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from ..base import seeds
from ..base.validate import require
from .columns.dates import ISO, read_as
from .columns.kinds import labels_of

KINDS = ("number", "truth", "date", "category", "text")
_FEW = 40  # different values, from which on text is no category
_PARTS = {"month": 12, "day": 30, "hour": 24, "weekday": 7}  # of a date, with their periods
_NGRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 4)}  # of text, as skrub cuts them
_SOFT_LIMIT = 3.0  # what scaled features stay below
_OF_ALL = ("median", "center", "divisor", "factor")  # arrays with a number for each feature


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table, with what was learned of it in training; what its kind does not need keeps its default."""

    name: str
    place: int  # among the columns, from 0
    kind: str  # one of `KINDS`
    # of numbers that came as text: the sign before decimals, and the unit behind them
    decimal: str = "."
    measure: str = ""
    blanks: tuple[str, ...] = ()  # cells that stand for "missing" in it, beside the usual ones
    # of dates: their format as text (`None`: they came as dates), time zone, unit, and whether they hold a time of day
    form: str | None = None
    zone: str | None = None
    unit: str = ""
    hours: bool = False
    values: tuple[str, ...] = ()  # of a category: its values, sorted; of text: its pieces of 3 and 4 letters
    missing: bool = False  # of a category: whether it was missing in a training row, which is a value of its own then


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoder:
    """From rows of a table to features.

    Attributes:
        columns: those that features are made of, in the order of the table. left_out: columns that could not help.
        arrays: by name. `marked`: int[m], features with a further one each that says where they are missing. `median`: float[d],
            what stands in there. `center`, `divisor`, `factor`: float[d + m], by which features are scaled. Of text in a column
            whose place is 3, `idf/3`: float[v], the weight of each piece; `components/3`: float[k, v], or `width/3` where
            the first pieces themselves are the features; `scale/3`: a number.
    """

    columns: tuple[Column, ...]
    left_out: tuple[str, ...]
    arrays: dict[str, np.ndarray]

    def names(self):
        """The features, by name."""
        first = [name for column in self.in_order() for name in self.names_of(column)]
        return (*first, *(f"missingindicator_{first[i]}" for i in self.arrays["marked"]))

    def names_of(self, column):
        """The features of one column, without those that say where it is missing."""
        if column.kind == "date":
            parts = [part for part in _PARTS if part != "hour" or column.hours]
            return [f"{column.name}_{what}" for what in
                    ("year", "total_seconds", *(f"{part}_circular_{i}" for part in parts for i in (0, 1)))]
        if column.kind == "category":
            return [f"{column.name}_{value}" for value in (*column.values, *(["nan"] if column.missing else []))]
        if column.kind == "text":
            width = self._width(column)
            return [f"{column.name}_{i:0{len(str(width - 1))}}" for i in range(width)]
        return [column.name]

    def in_order(self):
        """The columns in the order of their features: numbers first."""
        return sorted(self.columns, key=lambda column: column.kind != "number")

    def marked(self):
        """The names of the columns that have a feature which says where they are missing."""
        marked, first, found = set(self.arrays["marked"].tolist()), 0, set()
        for column in self.in_order():
            found |= {column.name} if first in marked else set()
            first += len(self.names_of(column))
        return found

    def filled(self):
        """What stands in for a missing value, in words, by the columns' names."""
        first, found = 0, {}
        for column in self.in_order():
            if column.kind in ("number", "truth"):
                found[column.name] = f"median {self.arrays['median'][first]:.4g}"
            else:
                found[column.name] = {"date": "the middle date", "category": "a value of its own"}.get(column.kind, "empty text")
            first += len(self.names_of(column))
        return found

    def transform(self, frame):
        """float32[n, d + m], finite: the features of the rows of `frame`, which has (at least) the columns that are kept."""
        numbers = [column.name for column in self.columns if column.kind == "number"]
        parts = [frame[numbers].to_numpy("float64", na_value=np.nan)] if numbers else []
        parts += [self._of(column, frame[column.name]) for column in self.in_order()[len(numbers):]]
        return self._scaled(np.hstack(parts)).astype(np.float32)

    def _of(self, column, values):
        if column.kind == "truth":
            return values.to_numpy("float32", na_value=np.nan).reshape(-1, 1)
        if column.kind == "date":
            return _of_moments(_moments(values, column), column.hours)
        labels = labels_of(values)
        if column.kind == "category":
            place = pd.Index(column.values, dtype=object).get_indexer(labels)
            place[labels.isna()] = len(column.values)
            return (place[:, None] == np.arange(len(column.values) + column.missing)).astype(np.float32)
        return self._of_text(column, labels.fillna(""))

    def _of_text(self, column, texts):
        counts = CountVectorizer(**_NGRAMS, vocabulary=column.values, dtype=np.float64).transform(texts)
        counts.data *= self.arrays[f"idf/{column.place}"][counts.indices]
        pieces, components = normalize(counts).astype(np.float32), self.arrays.get(f"components/{column.place}")
        found = pieces[:, :self._width(column)].toarray() if components is None else pieces @ components.T
        found /= self.arrays[f"scale/{column.place}"]
        return found

    def _width(self, column):
        components = self.arrays.get(f"components/{column.place}")
        return int(self.arrays[f"width/{column.place}"]) if components is None else len(components)

    def _scaled(self, x):
        median, center, divisor, factor = (self.arrays[name] for name in _OF_ALL)
        missing = np.isnan(x)
        x[missing] = np.broadcast_to(median, x.shape)[missing]
        x = np.hstack([x, missing[:, self.arrays["marked"]]])
        x -= center  # in place, since x is float32 where all columns are small numbers
        x /= divisor
        x *= factor
        return x / np.sqrt(1 + (x / _SOFT_LIMIT) ** 2)


def learn(frame, left_out, *, seed, cleaned=()):
    """The `Encoder` of the training rows `frame`, of columns that hold a value each; `left_out` names those it does not know.

    Args:
        frame: columns as `columns.clean.cleaned` leaves them. seed: for the decomposition of text, which is random.
        cleaned: `{name: Cleaned}` of columns whose cells were read, for new rows to be read alike.
    """
    columns, arrays, parts, cleaned = [], {}, [], dict(cleaned)
    for place, (name, values) in enumerate(frame.items()):
        column, features = _learned(name, place, values, arrays, seeds.integer(seed, "text"))
        if (read := cleaned.get(name)) is not None:
            column = replace(column, decimal=read.writing.decimal, measure=read.writing.unit, form=read.form, blanks=read.missing)
        columns.append(column)
        parts.append(features)
    encoder = Encoder(columns=tuple(columns), left_out=tuple(left_out), arrays=arrays)
    order = sorted(range(len(columns)), key=lambda i: columns[i].kind != "number")
    # Of text the features that it was fitted with: those of `features` differ in their last digits.
    x = np.hstack([encoder._of(columns[i], frame[columns[i].name]) if parts[i] is None else parts[i] for i in order])
    missing = np.isnan(x)
    arrays["marked"], arrays["median"] = np.flatnonzero(missing.any(axis=0)), np.nanmedian(x, axis=0).astype(np.float64)
    x[missing] = np.broadcast_to(arrays["median"], x.shape)[missing]
    _learn_scales(np.hstack([x, missing[:, arrays["marked"]]]), arrays)
    return encoder


def _learn_scales(x, arrays):
    scaler = skrub.SquashingScaler(max_absolute_value=_SOFT_LIMIT).fit(x)
    center, divisor, factor = np.zeros(x.shape[1]), np.ones(x.shape[1]), np.ones(x.shape[1])
    if scaler.robust_scaler_ is not None:
        center[scaler.robust_cols_], divisor[scaler.robust_cols_] = scaler.robust_scaler_.center_, scaler.robust_scaler_.scale_
    if scaler.minmax_scaler_ is not None:
        center[scaler.minmax_cols_], factor[scaler.minmax_cols_] = scaler.minmax_scaler_.median_, scaler.minmax_scaler_.scale_
    factor[scaler.zero_cols_] = 0
    arrays |= {"center": center, "divisor": divisor, "factor": factor}


def _learned(name, place, values, arrays, seed):
    """The `Column`, and the features of the rows it was learned from where they are more than what follows from it."""
    if types.is_bool_dtype(values.dtype) or types.infer_dtype(values, skipna=True) == "boolean":
        return Column(name=name, place=place, kind="truth"), None
    if types.is_numeric_dtype(values.dtype):
        return Column(name=name, place=place, kind="number"), values.to_numpy("float64", na_value=np.nan).reshape(-1, 1)
    if (date := _date_in(name, place, values)) is not None:
        return date, None
    labels = labels_of(values)
    if labels.nunique() < _FEW:
        return Column(name=name, place=place, kind="category", values=tuple(sorted(set(labels.dropna()))),
                      missing=bool(labels.isna().any())), None
    text = skrub.StringEncoder(random_state=seed, **_NGRAMS)
    features = text.fit_transform(labels).to_numpy()
    pieces = text.vectorizer_
    arrays |= {f"idf/{place}": pieces.idf_, f"scale/{place}": np.float64(text.scaling_factor_)}
    if hasattr(text, "tsvd_"):
        arrays[f"components/{place}"] = text.tsvd_.components_
    else:
        arrays[f"width/{place}"] = np.int64(features.shape[1])
    return Column(name=name, place=place, kind="text", values=tuple(map(str, pieces.get_feature_names_out()))), features


def _date_in(name, place, values):
    """The `Column` of dates; `None` where they are none."""
    if not types.is_datetime64_any_dtype(values.dtype):
        return None
    known = values.dropna()
    zone = None if values.dt.tz is None else str(values.dt.tz)
    return Column(name=name, place=place, kind="date", zone=zone, unit=values.dt.unit,
                  hours=not bool((known.dt.normalize() == known).all()))


def _moments(values, column):
    """Dates in the time zone and the unit of training; text that is none becomes missing."""
    if not types.is_datetime64_any_dtype(values.dtype):
        values = read_as(values, column.form or ISO)
    if values.dt.tz is None and column.zone is not None:
        values = values.dt.tz_localize("UTC")
    if values.dt.tz is not None:
        values = values.dt.tz_convert(column.zone)
    return values.dt.as_unit(column.unit)


def _of_moments(moments, hours):
    seconds = (moments - datetime(1970, 1, 1, tzinfo=None if moments.dt.tz is None else UTC)) / pd.Timedelta("1s")
    features = [moments.dt.year, seconds]
    for part, period in _PARTS.items():
        if part != "hour" or hours:
            at = (moments.dt.day_of_week + 1 if part == "weekday" else getattr(moments.dt, part)).fillna(0) / period * 2 * np.pi
            features += [np.sin(at), np.cos(at)]
    found = np.stack([feature.to_numpy("float32", na_value=np.nan) for feature in features], axis=1)
    found[moments.isna()] = np.nan
    return found


def checked(encoder, n_features):
    """`encoder`, once what a file says of it is shown to fit together; a stranger may have written it.

    Raises:
        UsageError: it does not.
    """
    columns, arrays = encoder.columns, encoder.arrays
    _hold(len({column.name for column in columns}) == len(columns) > 0, "columns of different names")
    for place, column in enumerate(columns):
        _hold(column.place == place, "columns in their order")
        _hold(column.kind in KINDS, "columns of known kinds")
        _hold(len(set(column.values)) == len(column.values), "values that differ")
        _hold(column.kind != "category" or column.values, "values of each category")
        if column.kind == "date":
            _check_date(column)
        if column.kind == "text":
            _check_text(column, arrays)
    expected = {"marked", *_OF_ALL} | {f"{what}/{column.place}" for column in columns if column.kind == "text"
                                       for what in ("idf", "components", "width", "scale")}
    _hold(set(arrays) <= expected and {"marked", *_OF_ALL} <= set(arrays), "the arrays that its columns need")
    n = sum(len(encoder.names_of(column)) for column in columns)
    marked = arrays["marked"]
    _hold(marked.dtype.kind == "i" and marked.ndim == 1 and ((marked >= 0) & (marked < n)).all()
          and (np.diff(marked) > 0).all(), "places of features that exist")
    for name in _OF_ALL:
        _numbers(arrays[name], (n + len(marked) * (name != "median"),))
    _hold((arrays["divisor"] > 0).all() and n + len(marked) == n_features, f"the {n_features:,} features that the model takes")
    return encoder


def _check_date(column):
    _hold(column.unit in ("s", "ms", "us", "ns"), "a unit of time")
    _hold(column.zone is None or re.fullmatch(r"(?!dateutil)[A-Za-z][A-Za-z0-9_+:/-]{0,63}", column.zone), "a time zone")
    _hold(column.form is None or len(column.form) <= 100, "a format of dates")
    try:
        for form in (column.form or ISO).split("|"):
            pd.to_datetime(pd.Series(["1"], dtype=object), format=form, errors="coerce")  # raises what is wrong with it
        _moments(pd.Series(["1"], dtype=object if column.form is not None else "datetime64[ns]"), column)
    except (ValueError, LookupError, TypeError, re.error) as error:
        _hold(False, f"a format and a time zone of dates ({error})")


def _check_text(column, arrays):
    n, idf, scale = len(column.values), f"idf/{column.place}", f"scale/{column.place}"
    components, width = arrays.get(f"components/{column.place}"), arrays.get(f"width/{column.place}")
    _hold(n and idf in arrays and scale in arrays and (components is None) != (width is None), "the arrays that its text needs")
    _numbers(arrays[idf], (n,))
    _numbers(arrays[scale], ())
    _hold(arrays[scale] > 0, "a scale above 0")
    if components is not None:
        _numbers(components, (len(components) if components.ndim else 0, n))
        _hold(len(components), "components")
    else:
        _hold(width.dtype.kind == "i" and width.shape == () and 0 < width <= n, "as many features as pieces of text")


def _numbers(array, shape):
    _hold(array.dtype.kind == "f" and array.shape == shape and np.isfinite(array).all(), f"finite numbers of shape {shape}")


CURE = "Take its backup, or make it anew: epochal fit DATA --out MODEL.keras."


def _hold(condition, must):
    require(condition, "model", "something else", f"a file whose encoder holds {must}", CURE)
