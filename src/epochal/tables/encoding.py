"""What turns rows of a table into a model's inputs and its outputs into answers, saved in the same `.keras` file."""

import hashlib
import io
import json
import pickle
import types
import warnings
import zipfile
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from ..base.errors import UsageError
from ..base.validate import require

FORMAT = 1
_IN_FILE = {"split_columns": "apart"}  # fields that the file holds under the name they had first
_JSON, _PICKLE = "epochal/encoding.json", "epochal/encoding.pickle"
_DEPENDS_ON = ("scikit-learn", "skrub")  # whose classes the pickle holds
_PLAIN = {("builtins", "slice"), ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy._core.multiarray", "_reconstruct"),
          ("numpy._core.multiarray", "scalar")}
_NUMBERS = {"bool", "float32", "float64", "int32", "int64"}
_THEIRS = ("sklearn.", "skrub.")
_PREDICATES = ("skrub._dataframe.", "skrub.selectors.", "skrub._table_vectorizer")  # functions: "is this a date?"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoding:
    """What is kept of a table for the model that was trained on it."""

    kind: str  # like classes, target_mean and target_scale as in `Table`
    classes: tuple[str, ...]
    target: str  # the name of the column to predict
    target_mean: float
    target_scale: float
    split_columns: tuple[str, ...]  # columns that were no features: by which the rows were grouped, or cut in time
    # `(name, kind)` of each column that the features are made of: `"number"`, `"truth"`, `"date"`, `"category"` or `"text"`;
    # empty for arrays from an `.npz`
    columns: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]  # columns of the training rows that could not help
    shape: tuple[int, ...]  # of one example, as the model takes it
    eight_bits: bool  # whether the arrays held 8-bit numbers that were divided by 255
    # what the model answers with: `"probabilities"`, `"logits"`, `"numbers"` (regression) or `"raw"`: something else
    outputs: str
    prior: tuple[float, ...]  # share of each class in the training rows; empty for regression
    # share of each class that the model learned from, after balanced batches and class weights; empty where it is `prior`
    trained_prior: tuple[float, ...]
    versions: tuple[tuple[str, str], ...]  # `(package, version)` of what the encoder is made of
    encoder: Any  # the fitted scikit-learn pipeline; `None` for arrays


def encoding_of(table, *, target, split_columns=(), outputs="raw", prior=(), trained_prior=()):
    """The `Encoding` of an opened table; for its arguments see there."""
    columns, left_out = ((), ()) if table.encoder is None else _columns(table.encoder)
    kept = {name: getattr(table, name) for name in ("kind", "classes", "target_mean", "target_scale", "eight_bits", "encoder")}
    return Encoding(**kept, target=target, split_columns=tuple(split_columns), columns=columns, left_out=left_out,
                    shape=tuple(table.x_train.shape[1:]), outputs=outputs, prior=tuple(prior), trained_prior=tuple(trained_prior),
                    versions=_versions())


def class_shares(table):
    """Share of each class in the training rows, in the order of `classes`; empty for regression."""
    codes = table.y_train.reshape(-1).astype(int)
    return () if table.kind == "regression" else tuple((np.bincount(codes, minlength=len(table.classes)) / len(codes)).tolist())


def save_encoding(encoding, path):
    """Add `encoding` to the `.keras` file at `path`, a zip archive; Keras reads the model in it as before.

    Raises:
        OSError: there is no room.
        UsageError: the encoder could not be read back.
    """
    pickled = b"" if encoding.encoder is None else pickle.dumps(encoding.encoder, protocol=4)  # 5 needs more of NumPy's names
    if pickled:
        _unpickled(pickled, path, encoding.versions)  # now, and not when it is needed
    as_json = {_IN_FILE.get(field.name, field.name): getattr(encoding, field.name) for field in fields(Encoding)
               if field.name != "encoder"}
    document = {"epochal_encoding": FORMAT, "digest": _digest(pickled), **as_json}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_JSON, json.dumps(document, ensure_ascii=False, allow_nan=False))
        if pickled:
            archive.writestr(_PICKLE, pickled)


def load_encoding(path):
    """The `Encoding` in the `.keras` file at `path` and sentences on it, or `(None, ())` where it holds none.

    Read only files from people you trust: the encoder is a pickle, which can run code. Here it is held to classes of
    scikit-learn and skrub and to plain arrays, which makes that hard, not impossible.

    Raises:
        UsageError: the file cannot be read, or its encoding is damaged, of another format, or of versions too far away.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if _JSON not in archive.namelist():
                return None, ()
            text = archive.read(_JSON)
            pickled = archive.read(_PICKLE) if _PICKLE in archive.namelist() else b""
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"`model` must be a file that Keras saved, ending in .keras; got {str(path)!r} ({error}). Check the name, "
                         "or train the model again.") from error
    values = _document(text, path)
    require(values.pop("digest") == _digest(pickled), "model", str(path), "the file as epochal fit wrote it",
            "Its encoding is damaged; take its backup, or train the model again.")
    encoder = _unpickled(pickled, path, values["versions"]) if pickled else None
    return Encoding(encoder=encoder, **values), () if encoder is None else _changed(values["versions"])


def _columns(encoder):
    kinds = {}
    for name, step, columns in encoder["columns"].transformers_:
        if name == "numbers":
            kinds |= dict.fromkeys(columns, "number")
        elif name == "others":
            words = {"numeric": "truth", "datetime": "date", "low_cardinality": "category", "high_cardinality": "text"}
            kinds |= {column: words[kind] for kind, names in step.kind_to_columns_.items() for column in names}
    given = [str(name) for name in encoder["columns"].feature_names_in_]
    return tuple((name, kinds[name]) for name in given if name in kinds), tuple(name for name in given if name not in kinds)


def _versions():
    return tuple((name, metadata.version(name)) for name in _DEPENDS_ON)


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def _document(text, path):
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"`model` must hold its encoding as JSON; got {str(path)!r} ({error}). Train the model again.") from error
    found = document.pop("epochal_encoding", None) if isinstance(document, dict) else None
    require(found == FORMAT, "epochal_encoding", found, FORMAT, f"Upgrade the package, or train {path} again.")
    expected = {_IN_FILE.get(name, name): name for name in ("digest", *(field.name for field in fields(Encoding)))
                if name != "encoder"}
    require(set(document) == set(expected), "model", str(path), "the file as epochal fit wrote it",
            "Its encoding is damaged; take its backup, or train the model again.")
    return {expected[name]: _tuples(value) for name, value in document.items()}


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _unpickled(pickled, path, versions):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # `_changed` says it in a sentence
            return _Unpickler(io.BytesIO(pickled)).load()
    except UsageError:
        raise
    except (pickle.UnpicklingError, AttributeError, ImportError, TypeError, ValueError, KeyError, IndexError) as error:
        theirs = " and ".join(f"{name} {version}" for name, version in versions)
        raise UsageError(f"`model` must hold an encoding that can be read here; got {str(path)!r} ({error}). It was written with "
                         f"{theirs}: install these, or train the model again.") from error


class _Unpickler(pickle.Unpickler):
    """Admits the parts of a feature encoder: no dotted name, no function but skrub's predicates, no class from elsewhere."""

    def find_class(self, module, name):
        if (module, name) in _PLAIN or (module == "numpy" and name in _NUMBERS):
            return super().find_class(module, name)
        if "." not in name and module.startswith(_THEIRS):
            found = super().find_class(module, name)
            if getattr(found, "__module__", "").startswith(_THEIRS) and (
                    isinstance(found, type) or (isinstance(found, types.FunctionType) and module.startswith(_PREDICATES))):
                return found
        raise UsageError(f"`model` must hold an encoding of scikit-learn's and skrub's parts alone; got {module}.{name}. "
                         "This was not written by epochal fit: do not use the file.")


def _changed(versions):
    now = dict(_versions())
    other = " and ".join(f"{name} {version} (here {now.get(name)})" for name, version in versions if now.get(name) != version)
    return (f"The features were learned with {other}: should predictions look wrong, install those versions.",) if other else ()
