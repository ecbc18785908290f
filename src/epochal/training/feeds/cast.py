"""What a user passes as x, y and sample weights, as NumPy arrays in the types that Keras' own `fit` would feed."""

import dataclasses
import math
from numbers import Real
from typing import Any, NamedTuple

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ...seam.feeding import feeding
from ...seam.rows import classes_of


class OnlyKeras(UsageError):
    """Data that only Keras' own `fit` can feed: `why`, and the `x` to pass to it: a generator that was looked at lost batches."""

    def __init__(self, why, x):
        super().__init__(f"{why}. Call model.fit, or epochal.fit with engine=\"keras\".")
        self.why, self.x = why, x


class Rows(NamedTuple):
    """x, y and sample weights in the user's own nesting, all of `n_rows` rows, not yet cast: some may be files."""

    n_rows: int
    x: Any
    y: Any
    weight: Any

    def take(self, rows):
        """A `Batch` of some rows (a slice or int[n]), cast."""
        return tuple(over(lambda leaf: cast(leaf[rows]), tree) for tree in self[1:])

    @property
    def leaves(self):
        return leaves(self[1:])

    @property
    def n_bytes(self):
        return sum(leaf.size * cast(leaf[:0]).dtype.itemsize for leaf in self.leaves)


def rows_of(x, y=None, sample_weight=None, class_weight=None):
    """The `Rows` that Keras makes of the arguments of `fit`.

    Frames, tensors and lists of numbers become arrays; a pandas series becomes a column [n, 1]. Without y, sample weights are
    dropped. `class_weight` becomes a weight for each row: that of its class, 1 for a class without one. Raises `UsageError` for
    what `fit` refuses, too, and `OnlyKeras` for sparse and ragged tensors, and for text on TensorFlow.
    """
    require(x is not None, "x", x, "arrays, or a source of batches", "Pass the training data.")
    given = (x, y, sample_weight)
    x, y, sample_weight = (over(lambda leaf, name=name: numpy_of(leaf, name, given=x), lists_as_arrays(tree))
                           for tree, name in zip(given, ("x", "y", "sample_weight"), strict=True))
    if class_weight is not None:
        sample_weight = resolved_weights(y, sample_weight, class_weight)
    elif y is None:
        sample_weight = None
    elif sample_weight is not None:
        sample_weight = _for_each_output(sample_weight, y)
    counts = {name: sorted({len(leaf) for leaf in leaves(tree)})
              for name, tree in (("x", x), ("y", y), ("sample_weight", sample_weight)) if leaves(tree)}
    n_rows = {n for lengths in counts.values() for n in lengths}
    if len(n_rows) != 1:
        raise UsageError("`x`, `y` and `sample_weight` must be of one length; got "
                         + ", ".join(f"{name} of {' and '.join(map(str, found))} rows" for name, found in counts.items())
                         + ". Pass a target for each row.")
    n = n_rows.pop()
    require(n > 0, "x", "no rows", "at least one row", "Pass the training data.")
    if feeding().nests_in_tuples:
        x, y, sample_weight = (keras.tree.lists_to_tuples(tree) for tree in (x, y, sample_weight))
    return Rows(n, x, y, sample_weight)


def are_arrays(tree):
    """Whether all that is in `tree` is `None` or something that NumPy can read, as `fit` asks."""
    found = leaves(lists_as_arrays(tree))
    return all(hasattr(leaf, "__array__") or _is_sparse(leaf) for leaf in found)


def n_rows_of(x):
    """The number of rows of arrays, sparse ones too; `None` for anything else, such as an input that cuts its own batches."""
    found = leaves(x)
    arrays = found and all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in found)
    return found[0].shape[0] if arrays and getattr(found[0], "shape", ()) else None


def sparse_in(tree):
    """That only Keras feeds what is in `tree`, as a part of a sentence; `None` where all of it is dense."""
    kind = next((type(leaf).__name__ for leaf in leaves(tree) if _is_sparse(leaf)), None)
    return kind and f"a {kind} is sparse or ragged, and is sliced batch by batch"


def lists_as_arrays(tree):
    """Lists of numbers, or of lists of numbers, become arrays; `fit` refuses them."""
    if isinstance(tree, list) and tree and all(isinstance(n, (int, float, np.number)) for n in keras.tree.flatten(tree)) and \
            not any(isinstance(branch, (dict, tuple)) for branch in tree):
        return np.asarray(tree)
    if type(tree) is dict:
        return {key: lists_as_arrays(branch) for key, branch in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(lists_as_arrays(branch) for branch in tree)
    return tree


def numpy_of(leaf, name, *, given):
    """One array of numbers as NumPy sees it, a view where that is possible; a file that is mapped to memory stays one."""
    if _is_sparse(leaf):
        raise OnlyKeras(f"in `{name}` {sparse_in(leaf)}", given)
    kind = type(leaf).__module__.split(".")[0]
    if kind == "pandas":
        array = _of_pandas(leaf)
    elif hasattr(leaf, "detach"):  # a PyTorch tensor
        leaf = leaf.detach().cpu()
        array = np.asarray(leaf.float() if str(leaf.dtype) == "torch.bfloat16" else leaf)
    else:
        array = leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf)
    require(array.ndim > 0, name, array, "arrays of rows", "Pass one value, or one row of values, for each row.")
    if array.dtype.kind in "OSUT" and feeding().takes_text:
        raise OnlyKeras(f"`{name}` holds text, which Keras hands to TensorFlow", given)
    if array.dtype.kind in "OSUTMm":
        raise UsageError(f"`{name}` must be numbers; got {_not_numbers(leaf, array)}. Encode it as numbers first.")
    return array


def cast(array):
    """`array` in the type that `fit` feeds: floating-point numbers in `keras.config.floatx()`."""
    if keras.backend.is_float_dtype(array.dtype.name):
        array = array.astype(keras.config.floatx(), copy=False)
    return canonical(array)


def canonical(array):
    """`array` in the type in which the back end keeps such numbers."""
    array = array.astype(feeding().canonical(array.dtype), copy=False)
    return array if type(array) is np.ndarray else np.asarray(array)


def check_class_weight(class_weight):
    require(isinstance(class_weight, dict) and all(isinstance(weight, Real) and 0 <= weight < math.inf
                                                   for weight in class_weight.values()),
            "class_weight", class_weight, "a dict from class to a weight, a number from 0 on", "Pass {0: 1.0, 1: 2.0}.")


def coded(class_weight, labels):
    """`{code: weight}` of `{label: weight}`, for targets that are text in the file and codes in training; codes stay."""
    check_class_weight(class_weight)
    codes = {key: labels.index(key) if key in labels else key for key in class_weight}
    unknown = [key for key, code in codes.items() if code not in range(len(labels))]
    require(not unknown, "class_weight", unknown, f"by labels of y ({', '.join(map(repr, labels[:10]))}) or their codes from 0 on",
            "Leave the others out.")
    require(len(set(codes.values())) == len(codes), "class_weight", list(class_weight), "by each class once",
            "Pass its label or its code, and not both.")
    return {int(codes[key]): weight for key, weight in class_weight.items()}


def resolved_weights(y, sample_weight, class_weight):
    """The sample weights, or where `class_weight` is given floatx[n], the weight of each row's class: never both.

    With class weights y is codes [n] or [n, 1] (rounded), or one-hot rows [n, n_classes].
    """
    if class_weight is None:
        return sample_weight
    require(sample_weight is None, "sample_weight and class_weight", "both", "passed one at a time",
            "Multiply the one into the other.")
    require(y is not None and not keras.tree.is_nested(y), "class_weight", class_weight,
            "left out unless the model has a single output", "Pass sample_weight instead.")
    check_class_weight(class_weight)
    codes = np.asarray(y)
    if codes.ndim > 1:
        codes = codes.argmax(-1) if codes.shape[-1] != 1 else codes[..., 0]
    require(codes.ndim == 1, "class_weight", f"y of shape {np.shape(y)}", "left out unless y has one class for each row",
            "Pass sample_weight instead.")
    distinct, places = np.unique(np.round(codes).astype(np.int32), return_inverse=True)
    weights = np.array([class_weight.get(int(code), 1.0) for code in distinct], keras.config.floatx())
    return weights[places]


def with_class_weights(part, class_weight):
    """A `Part` whose rows weigh as their classes do: `{class: weight}`, as in Keras' `fit`; `None` leaves it as it is."""
    if class_weight is None:
        return part
    y = leaves(part.y)
    require(len(y) != 1 or classes_of(part.y) is not None, "class_weight", class_weight,
            "left out where the targets are no classes", "Pass sample_weight.")
    weight = resolved_weights(y[0] if len(y) == 1 else y, part.weight, class_weight)
    require(bool(weight.any()), "class_weight", class_weight, "more than 0 for a class that has rows", "Else nothing is learnt.")
    return dataclasses.replace(part, weight=weight)


def over(change, tree):
    """`change` applied to every array of a nested input; `None` stays."""
    return keras.tree.map_structure(lambda leaf: None if leaf is None else change(leaf), tree)


def leaves(tree):
    return [leaf for leaf in keras.tree.flatten(tree) if leaf is not None]


def _for_each_output(sample_weight, y):
    if not keras.tree.is_nested(y):
        return sample_weight
    if isinstance(sample_weight, (list, tuple, dict)):
        try:
            keras.tree.assert_same_structure(y, sample_weight)
        except ValueError as error:
            raise UsageError("`sample_weight` must be one array for each output, nested as y; got another nesting. "
                             "Pass it as y is passed.") from error
        return sample_weight
    require(sample_weight.ndim == 1 or sample_weight.shape[1:] == (1,), "sample_weight", f"shape {sample_weight.shape}",
            "one number for each row, or an array for each output", "Pass it nested as y.")
    return keras.tree.map_structure(lambda _: sample_weight, y)


def _of_pandas(leaf):
    if leaf.ndim == 1:
        return leaf.to_numpy()[:, None]
    dtypes, array = list(leaf.dtypes), leaf.to_numpy()
    numbers = all(getattr(dtype, "kind", "O") in "biuf" for dtype in dtypes)  # a nullable dtype of pandas has a kind, too
    if numbers and (array.dtype == object or any(dtype.kind == "f" for dtype in dtypes)):
        array = leaf.to_numpy(keras.config.floatx(), na_value=np.nan)  # column by column, so that each value is rounded once
    return array


def _not_numbers(leaf, array):
    columns = [str(name) for name, dtype in leaf.dtypes.items() if getattr(dtype, "kind", "O") not in "biuf"] \
        if hasattr(getattr(leaf, "dtypes", None), "items") else []
    return f"columns that hold none: {', '.join(columns[:5])}" if columns else f"an array of {array.dtype}"


def _is_sparse(leaf):
    module = type(leaf).__module__
    return module.startswith(("scipy.sparse", "jax.experimental.sparse")) or \
        ("tensorflow.python" in module and type(leaf).__name__ in ("SparseTensor", "RaggedTensor"))
