"""New rows for a trained model: columns become features exactly as in training, and what is unlike training is said or refused."""

import difflib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..base.errors import UsageError
from ..base.system.place import locate
from ..base.text import counted, first_few
from ..base.validate import require
from .arrays import load_arrays
from .columns.again import as_in_training
from .columns.clean import without_missing_cells
from .columns.kinds import is_text, labels_of
from .columns.numbers import Writing, parsed
from .columns.words import as_known
from .files.folder import new_files_of
from .files.images import decoded
from .files.read import read_new_rows
from .options import NOTHING_SAID
from .texts import Words, of_files

_MOSTLY = 0.5  # share of the values of a column that are new, from which on the rows are strange


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewRows:
    """Rows to predict."""

    x: np.ndarray  # [n, …], finite: what the model takes, in the order of the file
    # the known answers, or `None`: int[n] places in `classes`, -1 where unknown; float[n] in the target's unit, NaN where
    # unknown
    y: np.ndarray | None
    notes: tuple[str, ...]  # sentences on what is unlike the training rows
    carried: dict[str, pd.Series] = field(default_factory=dict)  # columns that name the rows, by name


def apply(encoding, source, options=NOTHING_SAID, tell=lambda share: None):
    """The rows of a file or a built-in data set, encoded for a model.

    Args:
        encoding: the model's `encoding.Encoding`; `None` for a model saved without one, which takes arrays as they are.
        source: as for `open_table`. The target may be missing. An `.npz` holds x, or x_test, and may hold y, or y_test.
        options: how the file is written, where that is not to be found out.
        tell: told the share of a folder's images that is decoded.

    Raises:
        UsageError: a column is missing or holds something else than in training, the shape is another, or there is no row.
    """
    place = locate(source)
    if place.format == ".npz":
        require(encoding is None or encoding.encoder is None, "DATA", place.path.name, "a table with the columns that the model "
                "was trained on", "It holds arrays, whose columns have no names; pass CSV or Parquet.")
        return _from_arrays(place.path, encoding)
    if place.format == "folder" or (encoding is not None and encoding.files):
        require(encoding is not None and encoding.files and place.format == "folder", "DATA", str(source),
                f"a folder of {encoding.files}" if encoding is not None and encoding.files else "a file, as in training",
                "Pass what is like the data that the model was trained on.")
        return _from_folder(place.path, encoding, tell)
    require(encoding is not None, "DATA", str(source), "an .npz file with an array x for this model",
            "It was not saved by epochal fit, so nothing says how columns become its inputs.")
    if encoding.words:
        raw = read_new_rows(place, options, as_written=[encoding.text_column, *encoding.identifiers])
        return _from_texts(raw.frame, encoding, source)
    require(encoding.encoder is not None, "DATA", str(source), "an .npz file, as in training",
            "Save the rows by numpy.savez('new.npz', x=x).")
    columns = encoding.encoder.columns
    as_written = [column.name for column in columns if column.kind in ("category", "text") or column.decimal == ","]
    raw = read_new_rows(place, options, as_written=[*as_written, *encoding.identifiers])
    frame = raw.frame
    require(len(frame) > 0, "DATA", str(source), "a table with rows", "It holds the columns' names alone; add the rows to predict.")
    extra = _check_columns(frame, encoding, source)
    ready = pd.DataFrame({column.name: as_in_training(frame[column.name], column) for column in columns}, index=frame.index)
    _check_are_alike(ready, encoding, source)
    notes = [*extra, *_unseen(ready, encoding), *_newly_missing(ready, encoding)]
    x = encoding.encoder.transform(ready)
    y, on_target = (None, ()) if encoding.target not in frame else known_targets(frame[encoding.target], encoding)
    carried = {name: frame[name] for name in encoding.identifiers if name in frame}
    return NewRows(x=x, y=y, notes=(*notes, *on_target), carried=carried)


def _check_columns(frame, encoding, source):
    needed = [column.name for column in encoding.encoder.columns]
    known = {*needed, *encoding.encoder.left_out, *encoding.split_columns, encoding.target}
    missing, extra = [name for name in needed if name not in frame], [name for name in frame if name not in known]
    if missing:
        folded = {_folded(name): name for name in extra}
        near = {name: found[0] for name in missing if (found := difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.85))}
        cure = "".join(f"Is `{folded[found]}` meant for `{name}`? Rename it. " for name, found in near.items())
        raise UsageError(f"`DATA` must hold every column that the model was trained on; got {str(source)!r} without "
                         f"{', '.join(f'`{name}`' for name in missing)}. {cure}Where a value is unknown, leave its cell empty.")
    return [f"Not used, since the model was trained without: {first_few(extra, 5, '`{}`'.format)}."] if extra else []


def _folded(name):
    """A column's name without what people write in different ways."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _check_are_alike(ready, encoding, source):
    """Refuse rows whose categories are mostly values that no training row has: answers for them would be worth nothing."""
    columns = [column for column in encoding.encoder.columns if column.kind == "category"]
    unseen = {column.name: float((~ready[column.name].isin(column.values) & ready[column.name].notna()).mean())
              for column in columns}
    strange = [name for name, share in unseen.items() if share > _MOSTLY]
    n_others = len(encoding.encoder.columns) - len(columns)
    if strange and len(strange) > (len(columns) + n_others) / 2:
        name = strange[0]
        new = ready[name].dropna()
        raise UsageError(f"`DATA` must hold rows like those of training; in {str(source)!r} most values of "
                         f"{first_few(strange, 5, '`{}`'.format)} stand in no training row (such as {str(new.iloc[0])[:40]!r} in "
                         f"`{name}`). Check that it is the right file, and that its columns are named as they were.")


def _unseen(ready, encoding):
    """A sentence for each column of categories with values that no training row has."""
    for known in (column for column in encoding.encoder.columns if column.kind == "category"):
        name, column = known.name, ready[known.name].dropna()
        new = column[~column.isin(known.values)]
        if len(new):
            yield (f"`{name}` holds {counted(new.nunique(), 'value')} that no training row has "
                   f"({first_few(new.unique(), 5)}), in {counted(len(new), 'row')}: encoded as none of the "
                   "known values.")
        n_missing = len(ready) - len(column)
        if n_missing and not known.missing:
            yield (f"`{name}` is missing in {counted(n_missing, 'row')}, but in no training row: encoded as none of the known "
                   "values.")


def _newly_missing(ready, encoding):
    """A sentence for each column with missing values where training had none, so that nothing tells the model of them."""
    marked = encoding.encoder.marked()
    for name in (column.name for column in encoding.encoder.columns if column.kind in ("number", "truth", "date")):
        n_missing = int(ready[name].isna().sum())
        if n_missing and name not in marked:
            yield (f"`{name}` is missing in {counted(n_missing, 'row')}, but in no training row: the median of the training rows "
                   "stands in.")


def known_targets(column, encoding):
    """The answers in a column of the target, as `NewRows.y` holds them, and a sentence where some are none."""
    if encoding.kind == "regression":
        writing = Writing(encoding.target_decimal, encoding.target_measure)
        values = parsed(column, writing) if is_text(column) else pd.to_numeric(column.astype(object), errors="coerce")
        values = values.astype("float64")
        values = values.where(np.isfinite(values)).to_numpy()
        usable, what = np.isfinite(values), "no finite number"
    else:
        values = pd.Index(encoding.classes).get_indexer(as_known(labels_of(column), encoding.classes))
        usable, what = values >= 0, "no class of the model"
    odd = column[~usable & column.notna().to_numpy()]
    notes = (f"`{encoding.target}` is {what} in {counted(len(odd), 'row')} (such as {str(odd.iloc[0])[:40]!r}): "
             "predicted, but not judged.",) if len(odd) else ()
    return (values if usable.any() else None), notes


def _from_folder(path, encoding, tell):
    folder = new_files_of(path, encoding.files)
    if encoding.files == "images":
        images = decoded(folder.files, encoding.shape, tell=tell)
        x, places, notes = images.x.astype(np.float32) / np.float32(255), images.places, images.notes
    else:
        texts, notes = of_files(folder.files)
        x, places = Words(encoding.words, encoding.shape[0]).transform(texts), range(len(folder.files))
    names = pd.Series([folder.files[i].relative_to(path).as_posix() for i in places])
    known = None if folder.labels is None else pd.Index(encoding.classes).get_indexer([folder.labels[i] for i in places])
    return NewRows(x=x, notes=notes, carried={"file": names}, y=known if known is not None and (known >= 0).any() else None)


def _from_texts(frame, encoding, source):
    require(encoding.text_column in frame, "DATA", str(source), f"a table with the column {encoding.text_column!r} of texts",
            f"Its columns are {first_few(map(str, frame.columns))}.")
    texts = without_missing_cells(labels_of(frame[encoding.text_column]), ()).fillna("")
    y, notes = (None, ()) if encoding.target not in frame else known_targets(frame[encoding.target], encoding)
    return NewRows(x=Words(encoding.words, encoding.shape[0]).transform(list(texts)), y=y, notes=notes,
                   carried={name: frame[name] for name in encoding.identifiers if name in frame})


def _from_arrays(path, encoding):
    arrays = load_arrays(path)
    name = next((name for name in ("x", "x_test") if name in arrays), None)
    require(name is not None, "DATA", path.name, "an .npz file with an array x, or x_test",
            f"It holds {', '.join(sorted(arrays)) or 'no array'}; save it by numpy.savez({path.name!r}, x=x).")
    x, y, notes = arrays[name], arrays.get(name.replace("x", "y", 1)), ()
    require(x.dtype.kind in "biuf", name, str(x.dtype), "an array of numbers", "Convert it: x.astype('float32').")
    require(x.ndim >= 1 and len(x) > 0, name, x.shape, "an array with rows", "Add the rows to predict.")
    require(np.isfinite(x).all(), name, counted(int((~np.isfinite(x)).sum()), "value") + " infinite or not a number", "finite",
            "Drop those rows, or fill them in.")
    if encoding is None:
        return NewRows(x=x, y=None, notes=())
    require(x.shape[1:] == encoding.shape, name, x.shape, f"of rows of shape {encoding.shape}, as in training",
            "Check how the file was made.")
    x, notes = _scaled(x, name, encoding)
    if y is None:
        return NewRows(x=x, y=None, notes=notes)
    require(len(y) == len(x), name.replace("x", "y", 1), counted(len(y), "row"), f"as long as {name}, {len(x)} rows",
            "Save both of one length.")
    y, on_target = known_targets(pd.Series(y.reshape(len(y), -1)[:, 0]), encoding)
    return NewRows(x=x, y=y, notes=(*notes, *on_target))


def _scaled(x, name, encoding):
    """8-bit numbers are divided as in training, whatever the brightest of the new ones is."""
    if encoding.eight_bits and x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255), ()
    if encoding.eight_bits:
        require(x.max() <= 1, name, f"{x.dtype} up to {x.max():.6g}", "8-bit numbers as in training, or divided by 255 already",
                "Convert it: x.astype('uint8').")
    odd = x.dtype == np.uint8 and not encoding.eight_bits
    return x.astype(np.float32), ("x holds 8-bit numbers, unlike in training: used as they are.",) if odd and x.max() > 1 else ()
