"""From a model's raw outputs to answers in the words and units of the table, and to the file they are written in."""

import re
import zipfile

import numpy as np
import pandas as pd
from pandas.api import types

from ..base.text import Wording
from ..base.validate import require

ENDINGS = (".parquet", ".csv", ".npz")
_ROUNDING = 0.02  # by how much probabilities in half precision may miss their sum


def meaning_of(outputs, kind, n_classes, *, logits):
    """What a model's outputs mean: the `outputs` of a `encoding.Encoding`.

    Args:
        outputs: of some rows; with random weights they tell a softmax from a plain layer well enough.
        kind, n_classes: of the table. logits: whether the loss says that it takes logits.
    """
    width = _width(outputs, kind, n_classes)
    if width is None:
        return "raw"
    if kind == "regression":
        return "numbers"
    return "logits" if logits else "probabilities" if _are_probabilities(_of_each(outputs, width)) else "raw"


def answers(outputs, encoding):
    """Raw outputs in the shape that the rest of the package reasons with.

    Args:
        outputs: what `predict` returns: [n, n_classes], or [n, 1] or [n] for two classes or for numbers.
        encoding: the `encoding.Encoding` of the table that the model was trained on; its `outputs` is not `"raw"`.

    Returns:
        float64[n, n_classes] of probabilities, or float64[n] in the unit of the target.

    Raises:
        UsageError: the model answers in another shape, or with numbers that are no probabilities.
    """
    width = _width(outputs, encoding.kind, len(encoding.classes))
    require(width is not None, "model", getattr(outputs, "shape", type(outputs).__name__), "one with an output for "
            "each class, or one for a number", "It is not the model that this file's encoding was made for.")
    if encoding.kind == "regression":
        return outputs.reshape(len(outputs)).astype(np.float64) * encoding.target_scale + encoding.target_mean
    if encoding.outputs == "logits":
        outputs = outputs.reshape(len(outputs), width).astype(np.float64)
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1) if width == 1 else outputs
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return outputs / outputs.sum(axis=1, keepdims=True)
    outputs = _of_each(outputs, width)
    require(_are_probabilities(outputs), "model", f"outputs from {outputs.min():.3g} to {outputs.max():.3g}",
            "one that answers with probabilities",
            "End it in a sigmoid or a softmax, or compile it with a loss that says from_logits=True.")
    return outputs


def columns_of(values, encoding):
    """The columns of the file of predictions, by name: `prediction`, and for classes `probability_…` of each.

    Of two classes the second alone has a column of probabilities: the other is what is left to 1. The values are those of
    `answers`, corrected or not.
    """
    if encoding.kind == "regression":
        return {"prediction": values}
    labels, shown = _labels(encoding.classes), range(len(encoding.classes))
    columns = {f"probability_{encoding.classes[i]}": values[:, i] for i in (shown if encoding.kind == "multiclass" else shown[1:])}
    return {"prediction": labels[values.argmax(axis=1)], **columns}


def carried(identifiers, columns):
    """Columns of the rows that name them, for the file of predictions: as arrays, without those whose name an answer has.

    Args:
        identifiers: `{name: Series}`. columns: the answers, by name.
    """
    return {name: values.to_numpy() if types.is_numeric_dtype(values.dtype) else
            values.astype(object).where(values.notna(), "").map(str).to_numpy() for name, values in identifiers.items()
            if name not in columns}


def raw_columns(outputs):
    """The same for a model without an encoding: each output as an array, by the names the model gives them."""
    columns = {}
    for name, values in _named("" if isinstance(outputs, dict) else "output", outputs):
        require(name not in columns, "model", Wording(f"two outputs named {name!r}"), "one with outputs of different names",
                "Rename one.")
        values = np.asarray(values)
        # NumPy's own formats and pandas know no bfloat16 and its like.
        columns[name] = values.astype(np.float32) if values.dtype.kind == "V" else values
    return columns


def write(columns, file, *, ending):
    """Write `columns` to an open binary file, in the format that the `ending` of its name says; returns the names in it.

    In CSV, names and labels that a spreadsheet would take for a formula stand behind a `'`.

    Raises:
        OSError: there is no room.
        UsageError: an array has more axes than a table can hold.
    """
    if ending == ".npz":
        with zipfile.ZipFile(file, "w") as archive:  # as `numpy.savez`, whose own arguments are names that an array cannot have
            for name, values in columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, values.astype(str) if values.dtype == object else values, allow_pickle=False)
        return list(columns)
    frame = pd.DataFrame(_flat(columns))
    if ending == ".csv":
        frame = frame.rename(columns=_no_formula)
        for name in frame.columns[[not types.is_numeric_dtype(column.dtype) for _, column in frame.items()]]:
            frame[name] = frame[name].map({value: _no_formula(str(value)) for value in frame[name].unique()})
        frame.to_csv(file, index=False, mode="wb")
    else:
        frame.to_parquet(file, index=False)
    return list(frame.columns)


def _no_formula(text):
    """Text that a spreadsheet would compute, such as `=1+1`, behind the `'` that makes it text; any other as it is."""
    return f"'{text}" if re.match(r"\s*[=+@-]", text) and not re.fullmatch(r"\s*[+-]?[0-9.]+(e[+-]?[0-9]+)?\s*", text) else text


def _named(name, outputs):
    """Pairs of a name and an array for all outputs, however they are nested: `a`, `b_0`, `b_1`."""
    if not isinstance(outputs, dict | list | tuple):
        yield name, outputs
        return
    for part, inside in outputs.items() if isinstance(outputs, dict) else enumerate(outputs):
        yield from _named(f"{name}_{part}" if name else str(part), inside)


def _width(outputs, kind, n_classes):
    """Outputs of a row, 1 or `n_classes`; `None` where it is another number."""
    if not isinstance(outputs, np.ndarray) or outputs.ndim == 0:
        return None
    width = outputs.size // max(len(outputs), 1)
    fits = width == 1 if kind == "regression" else width == n_classes or (width == 1 and n_classes == 2)
    return width if fits else None


def _of_each(outputs, width):
    """float64[n, n_classes], where the output of a sigmoid stands for the second of two."""
    outputs = outputs.reshape(len(outputs), width).astype(np.float64)
    return np.concatenate([1 - outputs, outputs], axis=1) if width == 1 else outputs


def _are_probabilities(outputs):
    return bool(((outputs >= 0) & (outputs <= 1)).all() and (np.abs(outputs.sum(axis=1) - 1) < _ROUNDING).all())


def _labels(classes):
    """The labels as they stand in a file: whole numbers where all are."""
    whole = all(re.fullmatch("-?[0-9]{1,19}", label) and str(int(label)) == label and -2**63 <= int(label) < 2**63
                for label in classes)
    return np.array([int(label) for label in classes]) if whole else np.array(classes, dtype=object)


def _flat(columns):
    flat = {}
    for name, values in columns.items():
        require(values.ndim <= 2, "--out", f"a table for {name} of shape {values.shape}", "an .npz file for outputs of many axes",
                "Name it predictions.npz.")
        single = values.ndim == 1 or values.shape[1] == 1
        more = {name: values.reshape(len(values))} if single else {f"{name}_{i}": values[:, i] for i in range(values.shape[1])}
        twice = sorted(flat.keys() & more.keys())
        require(not twice, "--out", Wording(f"two columns named {', '.join(map(repr, twice))}"),
                "an .npz file for outputs of such names", "Name it predictions.npz, or rename an output.")
        flat |= more
    return flat
