"""Rows as cells by name become inputs and targets: how is learned of the first rows, and stays so."""

import typing
from dataclasses import fields

import numpy as np
import pandas as pd

from ...base.errors import UsageError
from ...base.text import Wording, counted, first_few
from ...base.validate import require
from ...records.store import from_plain, to_plain
from ..columns.again import as_in_training
from ..columns.clean import cleaned_target
from ..columns.kinds import labels_of, simplified
from ..columns.sift import sifted
from ..columns.words import as_known
from ..encoder import Column, Encoder
from ..encoding import Encoding
from ..features import as_frame, fit_features, read_columns
from ..new_rows import known_targets
from ..target import find_task

_HINTS = typing.get_type_hints(Encoding)


def learned(cells, target, classes, options, task=None):
    """The `Encoding` of the first rows, and sentences on it.

    Columns are numbers, truth values, dates, categories or text as in `epochal plan`, scaled by the quartiles of these rows, which
    stay as they are from then on.

    Args:
        cells: a list of dicts. target: the column to predict. classes: all that there will be, or () to take those of these rows.
        options: `TableOptions`. task: `"classes"`, `"regression"` or `None`.
    """
    raw = _frame(cells)
    require(target in raw, "target", target, "a column of the rows", f"The columns are {first_few(map(str, raw.columns))}.")
    raw = raw[raw[target].notna()].reset_index(drop=True)
    require(len(raw) >= 10, "source", Wording(f"{counted(len(raw), 'row')} with a target"), "at least 10 rows to begin with",
            "Rows are encoded as the first ones say.")
    answer = cleaned_target(raw[target], options=options)
    if classes:
        names = tuple(dict.fromkeys(classes))
        require(len(names) > 1, "classes", names, "two classes or more", "Name all that there will be.")
        kind, mean, scale, codes, told = "binary" if len(names) == 2 else "multiclass", 0.0, 1.0, None, ()
        y = pd.Index(names).get_indexer(as_known(labels_of(raw[target]), names))
    else:
        found = find_task(answer.values[answer.values.notna()], target, wanted=task)
        kind, names, told = found.kind, found.classes, found.notes
        y = found.codes if names else found.y.reshape(-1)
        raw = raw[answer.values.notna()].reset_index(drop=True)
        mean, scale = (float(y.mean()), float(y.std())) if kind == "regression" else (0.0, 1.0)
        codes = None if kind == "regression" else y
    options = options.check_columns([str(name) for name in raw.columns], target)
    columns = read_columns(raw.drop(columns=[target, *options.drop]), options=options)
    features = as_frame(columns, raw.index)
    sieve = sifted(features, keep=options.keep, target=pd.Series(y, features.index), codes=codes)
    encoder, names_of, notes = fit_features(features, seed=0, columns=columns, left_out=sieve.left_out)
    n = len(raw)
    notes = [*told, *notes[:-1], f"{counted(len(encoder.columns), 'column')} became {counted(len(names_of), 'feature')}, scaled by "
             f"the first {counted(n, 'row')}, which later rows do not change.", *sieve.sentences]
    if kind == "regression":
        notes.append(f"Targets are standardised by the same rows: less {mean:.6g}, divided by {scale:.6g}.")
    elif not classes:
        notes.append(f"The classes are those of the first {counted(n, 'row')}: {first_few(names)}. Rows of another one are left "
                     "out; --classes names all that there will be.")
    notes.append(f"Categories that the first {counted(n, 'row')} do not have are encoded as none of the known ones.")
    prior = () if kind == "regression" else tuple((np.bincount(y[y >= 0], minlength=len(names)) / max((y >= 0).sum(), 1)).tolist())
    return Encoding(kind=kind, classes=names, target=target, target_mean=mean, target_scale=scale or 1.0, split_columns=(),
                    shape=(len(names_of),), eight_bits=False, outputs="raw", prior=prior, trained_prior=prior, encoder=encoder,
                    target_decimal=answer.writing.decimal, target_measure=answer.writing.unit), tuple(notes)


def encoded(cells, encoding):
    """`(x, y, kept, why)`: inputs and targets of the rows that can be used, bool[n] which those are, and why not, a list by row.

    What is no cell of its column's kind, and a target that is missing or of no known class, leaves the row out.
    """
    frame = _frame(cells, [*(column.name for column in encoding.encoder.columns), encoding.target])
    why: list[str | None] = [None] * len(frame)
    y = _targets(frame[encoding.target], encoding, why)
    ready = _ready(frame, encoding, why)
    kept = np.array([one is None for one in why], bool)
    x = encoding.encoder.transform(ready[kept]) if kept.any() else np.zeros((0, *encoding.shape), np.float32)
    return x, y[kept], kept, why


def plain(encoding):
    """An `Encoding` of a stream as plain values and arrays by name."""
    found = {one.name: to_plain(getattr(encoding, one.name)) for one in fields(encoding) if one.name not in ("encoder", "rows")}
    encoder = encoding.encoder
    return {"encoding": found, "columns": to_plain(encoder.columns), "left_out": to_plain(encoder.left_out),
            "arrays": dict(encoder.arrays)}


def from_kept(kept):
    """The `Encoding` that `plain` wrote; raises `UsageError` where it is damaged."""
    values = {name: from_plain(value, _HINTS[name], name) for name, value in kept["encoding"].items()}
    encoder = Encoder(columns=from_plain(kept["columns"], tuple[Column, ...], "columns"),
                      left_out=from_plain(kept["left_out"], tuple[str, ...], "left_out"), arrays=dict(kept["arrays"]))
    return Encoding(**values, encoder=encoder)


def _frame(cells, names=None):
    """Cells as columns in the dtypes of `columns.kinds.simplified`; an empty text is missing."""
    frame = pd.DataFrame(cells, columns=names) if names is not None else pd.DataFrame(cells)
    frame.columns = [str(name) for name in frame.columns]
    return pd.DataFrame({name: _simple(frame[name].infer_objects()) for name in frame.columns}, index=frame.index)


def _simple(column):
    """As `simplified`; a column of numbers and words beside each other becomes words, as a file of text would have it."""
    try:
        return simplified(column)
    except UsageError:
        return simplified(column.map(str, na_action="ignore").astype(object))


def _targets(column, encoding, why):
    y, _ = known_targets(column, encoding)
    missing = column.isna().to_numpy()
    if y is None:
        y = np.full(len(column), -1 if encoding.classes else np.nan)
    bad = missing | ((y < 0) if encoding.classes else ~np.isfinite(y))
    for i in np.flatnonzero(bad):
        cell = str(column.iloc[i])[:40]
        why[i] = (f"`{encoding.target}` is missing" if missing[i] else
                  f"`{encoding.target}` is {cell!r}, which is none of the classes {first_few(encoding.classes, 5)}"
                  if encoding.classes else f"`{encoding.target}` is {cell!r}, which is no finite number")
    if encoding.kind == "regression":
        return ((y - encoding.target_mean) / encoding.target_scale).astype(np.float32).reshape(-1, 1)
    return y.astype(np.float32).reshape(-1, 1) if encoding.kind == "binary" else y.astype(np.int32)


def _ready(frame, encoding, why):
    """The columns as the encoder takes them; rows with a cell of another kind get their reason in `why`."""
    try:
        return _as_known(frame, encoding)
    except UsageError as error:
        if len(frame) == 1:
            said = str(error).partition(". Correct")[0].replace(" in row 1", "").replace("must be a column of", "must be of")
            why[0] = why[0] or said
            return pd.DataFrame({column.name: [None] for column in encoding.encoder.columns}, index=frame.index)
    half = len(frame) // 2
    first, second = why[:half], why[half:]
    parts = [_ready(frame.iloc[:half], encoding, first), _ready(frame.iloc[half:], encoding, second)]
    why[:] = [*first, *second]
    kept = [i for i, one in enumerate(why) if one is None]
    whole = _as_known(frame.iloc[kept], encoding) if kept else parts[0].iloc[:0]
    return whole.reindex(frame.index)


def _as_known(frame, encoding):
    columns = encoding.encoder.columns
    return pd.DataFrame({column.name: _column(frame[column.name], column) for column in columns}, index=frame.index)


def _column(values, column):
    """A column of new rows; numbers as most are written, at once."""
    if column.kind == "number" and column.decimal == "." and not column.measure and not column.blanks and column.form is None:
        found = pd.to_numeric(values, errors="coerce").astype("float64")
        if np.isfinite(found.to_numpy()).all():
            return found
    return as_in_training(values, column)



