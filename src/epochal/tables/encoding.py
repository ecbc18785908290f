"""What turns rows of a table into a model's inputs and its outputs into answers, saved in the same `.keras` file."""

import hashlib
import io
import json
import typing
import zipfile
from dataclasses import dataclass

import numpy as np

from ..base.archives import Damaged, arrays_in, json_in, open_archive
from ..base.errors import UsageError
from ..base.validate import is_number, require
from ..records.store import from_plain, to_plain
from .encoder import CURE, Column, Encoder, checked

FORMAT = 3  # of the file; 1 held the encoder as a pickle, 2 knew nothing of how numbers are written, and of identifiers
_JSON, _ARRAYS, _ROWS = "epochal/encoding.json", "epochal/encoder.npz", "epochal/rows.npz"
_MOST_ROWS, _VARIED = 200_000, 0.9  # rows that are kept in mind, and the share of them that must differ
_OUTPUTS = ("probabilities", "logits", "numbers", "raw")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoding:
    """What is kept of a table for the model that was trained on it."""

    kind: str  # like classes, target_mean and target_scale as in `Table`
    classes: tuple[str, ...]
    target: str  # the name of the column to predict
    target_mean: float
    target_scale: float
    split_columns: tuple[str, ...]  # columns that were no features: by which the rows were grouped, or cut in time
    shape: tuple[int, ...]  # of one example, as the model takes it
    eight_bits: bool  # whether the arrays held 8-bit numbers that were divided by 255
    # what the model answers with: `"probabilities"`, `"logits"`, `"numbers"` (regression) or `"raw"`: something else
    outputs: str
    prior: tuple[float, ...]  # share of each class in the training rows; empty for regression
    # share of each class that the model learned from, after balanced batches and class weights; empty where it is `prior`
    trained_prior: tuple[float, ...]
    # how the target's numbers are written in the file: the sign before decimals, and the unit behind them
    target_decimal: str = "."
    target_measure: str = ""
    files: str = ""  # like words and text_column as in `Table`
    words: tuple[str, ...] = ()
    text_column: str = ""
    identifiers: tuple[str, ...] = ()  # columns that were no features, since they name rows: predictions carry them
    encoder: Encoder | None  # `None` for arrays from an `.npz`
    # `fingerprints` of the rows that trained and validated; `None` where they are too many, or too often alike, to be told by them
    rows: np.ndarray | None = None


_HINTS = typing.get_type_hints(Encoding).items()
_PLAIN = {name: kind for name, kind in _HINTS if name not in ("encoder", "rows")}  # what JSON holds,
_SINCE_3 = {"target_decimal": ".", "target_measure": "", "identifiers": [], "files": "", "words": [],
            "text_column": ""}
_COLUMNS = {"columns": tuple[Column, ...], "left_out": tuple[str, ...]}  # and beside it of an encoder


def encoding_of(table, *, target, split_columns=(), outputs="raw", prior=(), trained_prior=()):
    """The `Encoding` of an opened table; for its arguments see there."""
    kept = {name: getattr(table, name) for name in ("kind", "classes", "target_mean", "target_scale", "eight_bits", "encoder",
                                                    "identifiers", "files", "words", "text_column")}
    if table.target_read is not None:
        kept |= {"target_decimal": table.target_read.writing.decimal, "target_measure": table.target_read.writing.unit}
    return Encoding(**kept, target=target, rows=_rows_of(table), split_columns=tuple(split_columns),
                    shape=tuple(table.x_train.shape[1:]), outputs=outputs, prior=tuple(prior), trained_prior=tuple(trained_prior))


def fingerprints(x):
    """uint64[n]: rows of inputs that are the same have the same number, and others hardly ever."""
    return np.array([int.from_bytes(hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).digest(), "little")
                     for row in x], np.uint64)


def _rows_of(table):
    parts = table.x_train, table.x_validation
    if sum(map(len, parts)) > _MOST_ROWS:
        return None
    found = np.concatenate([fingerprints(part) for part in parts])
    different = np.unique(found)
    return different if len(different) >= _VARIED * len(found) else None


def class_shares(table):
    """Share of each class in the training rows, in the order of `classes`; empty for regression."""
    codes = table.y_train.reshape(-1).astype(int)
    return () if table.kind == "regression" else tuple((np.bincount(codes, minlength=len(table.classes)) / len(codes)).tolist())


def save_encoding(encoding, path):
    """Add `encoding` to the `.keras` file at `path`, a zip archive, as JSON and arrays; Keras reads the model in it as before.

    Raises:
        OSError: there is no room.
    """
    encoder = encoding.encoder
    plain = {name: to_plain(getattr(encoding, name)) for name in _PLAIN}
    columns = {} if encoder is None else {"columns": to_plain(encoder.columns), "left_out": to_plain(encoder.left_out)}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_JSON, json.dumps({"epochal_encoding": FORMAT, **plain, **columns}, ensure_ascii=False, allow_nan=False))
        if encoder is not None:
            with archive.open(_ARRAYS, "w", force_zip64=True) as member:
                np.savez(member, allow_pickle=False, **encoder.arrays)
        if encoding.rows is not None:
            with archive.open(_ROWS, "w", force_zip64=True) as member:
                np.savez(member, allow_pickle=False, rows=encoding.rows)


def load_encoding(path):
    """The `Encoding` in the `.keras` file at `path`, or `None` where it holds none.

    Nothing in it is run: it is JSON and plain arrays, and what a stranger may have written there is held against the types of the
    fields, and against each other, before it is used.

    Raises:
        UsageError: the file cannot be read, or its encoding is damaged or of another format.
    """
    try:
        with open_archive(path) as archive:
            names = archive.namelist()
            if _JSON not in names:
                return None
            document = json_in(archive.read(_JSON))
            arrays = arrays_in(io.BytesIO(archive.read(_ARRAYS))) if _ARRAYS in names else None
            rows = arrays_in(io.BytesIO(archive.read(_ROWS))).get("rows") if _ROWS in names else None
    except (Damaged, OSError) as error:
        raise UsageError(f"`model` must be a whole file that Keras and epochal fit wrote; got {str(path)!r} ({error}). "
                         f"{CURE}") from error
    version = document.pop("epochal_encoding", None) if isinstance(document, dict) else None
    require(type(version) is int and version > 1, "model", str(path), "a file without code in it", "An earlier version wrote it, "
            "whose files can run code when they are read. Make it anew: epochal fit DATA --out MODEL.keras.")
    require(version in (2, FORMAT), "epochal_encoding", version, FORMAT, "Upgrade the package, or train the model again.")
    document = (_SINCE_3 if version == 2 else {}) | document
    expected = _PLAIN | ({} if arrays is None else _COLUMNS)
    require(set(document) == set(expected), "model", str(path), "a whole file as epochal fit wrote it", CURE)
    values = {name: from_plain(document[name], kind, f"{name} in {str(path)!r}", CURE) for name, kind in expected.items()}
    encoder = None if arrays is None else Encoder(arrays=arrays, **{name: values.pop(name) for name in _COLUMNS})
    sound = rows is None or (rows.dtype == np.uint64 and rows.ndim == 1)
    require(sound, "model", str(path), "a whole file as epochal fit wrote it", CURE)
    found = Encoding(**values, encoder=encoder, rows=rows)
    _check(found, path)
    return found


def _check(found, path):
    """Refuse what does not fit together."""
    n, regression = len(found.classes), found.kind == "regression"
    shares = [share for share in (found.prior, found.trained_prior) if share]
    require({"binary": n == 2, "multiclass": n > 2, "regression": n == 0}.get(found.kind) and len(set(found.classes)) == n
            and found.outputs in _OUTPUTS and (found.outputs == "raw" or regression == (found.outputs == "numbers"))
            and all(len(share) == n and min(share) >= 0 and abs(sum(share) - 1) < 1e-3 for share in shares)
            and is_number(found.target_mean) and is_number(found.target_scale) and found.target_scale > 0
            and found.files in ("", "images", "texts") and (len(found.shape) == 3 or found.files != "images")
            and (len(found.shape) == 1 or not found.words) and len(set(found.words)) == len(found.words)
            and found.shape and all(0 < width < 2**31 for width in found.shape),
            "model", str(path), "a whole file as epochal fit wrote it", f"What it says of the target does not fit together. {CURE}")
    if found.encoder is not None:
        require(len(found.shape) == 1, "model", str(path), "a whole file as epochal fit wrote it", CURE)
        checked(found.encoder, found.shape[0])
