"""Rows as the preprocessor of a KerasHub task makes them, once for all epochs; the task's own `fit` does it in every epoch."""

import sys
from time import perf_counter
from typing import Any, NamedTuple

import keras
import numpy as np

from ...base.system.memory import memory_here
from ...base.text import Wording
from ...base.validate import require
from ..forward import COMPARED
from ..model.copying import own_way
from ..rows import leaves, over
from .features import StepAside

_AT_ONCE = 256  # rows
_SHARE = 1 / 4  # of the free memory, which prepared rows may take
_OF_DATA = ("fit", "evaluate", "predict")


class Prepared(NamedTuple):
    """Rows that a preprocessor has made: nested arrays in the model's nesting, and the seconds that it took.

    What a task is to answer (y) and how much each answer counts are the preprocessor's own where it makes them, as it does for
    language models.
    """

    x: Any
    y: Any
    weight: Any
    seconds: float

    @property
    def n_rows(self):
        return len(leaves(self.x)[0])


def is_task(model):
    """Whether a model is a task of KerasHub that trains by Keras' own `fit` once its rows are preprocessed."""
    hub = sys.modules.get("keras_hub")
    if hub is None or not isinstance(model, hub.models.Task):
        return False
    owners = (next(base for base in type(model).__mro__ if name in vars(base)) for name in _OF_DATA)
    return not any(name in vars(model) for name in _OF_DATA) and all(
        owner.__module__.startswith(("keras_hub.", "keras.")) for owner in owners) and own_way(model, ("train_step",)) is None


def draws_alike(model):
    """Whether a training draws the same random numbers as under the task's own `fit`. On PyTorch their stream goes on otherwise
    there, which reads its rows through Grain."""
    return keras.backend.backend() != "torch" or not any("seed_generator" in v.path for v in model.variables)


def are_raw_rows(x):
    """Whether x is arrays, lists, or tuples and dicts of them, as KerasHub cuts into rows; and no source of batches."""
    found = _raw_leaves(x)
    return bool(found) and all(isinstance(leaf, list) or (hasattr(leaf, "__array__") and hasattr(leaf, "shape")) for leaf in found)


def prepared(model, x, y=None, weight=None, *, tell=lambda share: None) -> Prepared:
    """Rows as the preprocessor of a task makes them, once and for all epochs.

    Args:
        model: a task of KerasHub, see `is_task`. x, y, weight: raw rows as its `fit` takes them: texts, images, tokens; a list is
            one array of them, tuples and dicts hold several.
        tell: called with the share that is done.

    Raises:
        UsageError: there are no rows, or not as many targets.
        StepAside: its rows differ from epoch to epoch, depend on their neighbours, or are too large to keep. The model's own `fit`
            trains it then. What the preprocessor raises passes through.
    """
    start = perf_counter()
    rows = tuple(_mapped(_array, tree) for tree in (x, y, weight))
    n_rows = [(name, len(leaf)) for name, tree in zip(("x", "y", "sample_weight"), rows, strict=True) for leaf in _raw_leaves(tree)]
    n = n_rows[0][1]
    require(n > 0, "x", "no rows", "at least one row", "Pass the training data.")
    require({m for _, m in n_rows} == {n}, "x, y and sample_weight",
            Wording(", ".join(f"{name} of {m} rows" for name, m in n_rows)), "of one length", "Pass a target for each row.")
    if model.preprocessor is None:
        return Prepared(*rows, 0.0)
    first = _preprocessed(model, rows, np.arange(min(_AT_ONCE, n)))
    _require_alike(model, rows, first, n)
    row_bytes = sum(leaf.nbytes for leaf in leaves(first)) / len(leaves(first[0])[0])
    if row_bytes * n > _SHARE * memory_here().free:
        raise StepAside(f"prepared rows would take {row_bytes * n / 1e9:.1f} GB of memory")
    room = over(lambda leaf: np.empty((n, *leaf.shape[1:]), leaf.dtype), first)
    for begin in range(0, n, _AT_ONCE):
        end = min(begin + _AT_ONCE, n)
        found = first if begin == 0 else _preprocessed(model, rows, np.arange(begin, end))
        for to, leaf in zip(leaves(room), leaves(found), strict=True):
            if leaf.shape[1:] != to.shape[1:]:
                raise StepAside("its rows are of different lengths from batch to batch")
            to[begin:end] = leaf
        tell(end / n)
    return Prepared(*room, perf_counter() - start)


def prepared_to_judge(model, validation_data, *, tell=lambda share: None):
    """`validation_data` of `fit` with the rows that the preprocessor makes, and their `Prepared`; as `prepared`."""
    rows = prepared(model, *keras.utils.unpack_x_y_sample_weight(validation_data), tell=tell)
    return keras.utils.pack_x_y_sample_weight(rows.x, rows.y, rows.weight), rows


def rows_to_judge(validation_data):
    """The inputs in `validation_data` of `fit`."""
    return keras.utils.unpack_x_y_sample_weight(validation_data)[0]


def _preprocessed(model, rows, which):
    """`(x, y, weight)` of some rows, in arrays."""
    made = model.preprocess_samples(*(_mapped(lambda a: _as_given(a[which]), tree) for tree in rows))
    made = keras.utils.unpack_x_y_sample_weight(made)
    for leaf in leaves(made):
        if isinstance(leaf, list) or not getattr(leaf, "ndim", getattr(leaf, "shape", ())) or hasattr(leaf, "row_splits"):
            raise StepAside("its rows are of different lengths")
    made = tuple(over(lambda leaf: keras.ops.convert_to_numpy(leaf) if keras.ops.is_tensor(leaf) else np.asarray(leaf), tree)
                 for tree in made)
    if any(len(leaf) != len(which) or leaf.dtype.kind in "OSU" for leaf in leaves(made)):
        raise StepAside("it does not make one row of numbers of each row")
    return made


def _require_alike(model, rows, first, n):
    """Raise `StepAside` unless the first rows come out the same again, beside others."""
    few, size = max(1, min(COMPARED, n // 2)), min(_AT_ONCE, n)
    last = np.arange(n - max(1, n // 4), n)  # repeated, so that the company is another one also where there are few rows
    others = np.append(np.resize(last, max(size - few, size // 2 + 1)), np.arange(few)[::-1])
    for a, b in zip(leaves(first), leaves(_preprocessed(model, rows, others)), strict=True):
        if a.shape[1:] != b.shape[1:] or not np.array_equal(a[:few][::-1], b[-few:], equal_nan=a.dtype.kind == "f"):
            raise StepAside("it makes other rows in every epoch, or rows that depend on their neighbours")


def _array(leaf):
    """Rows as an array; numbers in a list are read as KerasHub reads them, 32 bits each."""
    if not isinstance(leaf, list):
        return keras.ops.convert_to_numpy(leaf) if keras.ops.is_tensor(leaf) else np.asarray(leaf)
    array = np.asarray(leaf) if not any(isinstance(one, str | bytes) for one in leaf) else np.array(leaf, object)
    return array.astype({"float64": "float32", "int64": "int32"}.get(array.dtype.name, array.dtype), copy=False)


def _as_given(array):
    """Texts as a list, as preprocessors take them."""
    if array.dtype.kind not in "OSU":
        return array
    return [one.decode() if isinstance(one, bytes) else one for one in array.tolist()]


def _mapped(change, tree):
    """`change` applied to what KerasHub cuts into rows: tuples and dicts hold it, a list is one array of it."""
    if isinstance(tree, tuple):
        return tuple(_mapped(change, branch) for branch in tree)
    if isinstance(tree, dict):
        return {key: _mapped(change, branch) for key, branch in tree.items()}
    return None if tree is None else change(tree)


def _raw_leaves(tree):
    if isinstance(tree, tuple | dict):
        return [leaf for branch in (tree.values() if isinstance(tree, dict) else tree) for leaf in _raw_leaves(branch)]
    return [] if tree is None else [tree]
