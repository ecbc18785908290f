"""From the arguments of `fit` to the rows a rig holds."""

from numbers import Real

import keras
import numpy as np

from ..base.errors import UsageError
from ..base.validate import require
from .rows import Data, Part, check, halves, leaves, over

_HELD_OUT = 0.2  # of the rows, where the user names no validation data


def given(x, y, *, sample_weight=None, validation_data=None, validation_split=0.0, test_data=None, seed=0,
          name="the model's data"):
    """The `Data` that Keras' own arguments describe, as copies.

    Args:
        x, y, sample_weight: arrays, tensors or data frames, or dicts, lists or tuples of them, as `fit` takes them.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: the last rows, this share of them, as in Keras. Without either, a fifth of the rows is held out at
            random, each class by its share.
        test_data: like `validation_data`, for rows that no choice may see; `None` for none.
        seed: draws the rows held out and the validation halves.

    Raises:
        UsageError: the arguments contradict each other or are no arrays.
    """
    require(y is not None, "y", y, "the targets", "Pass y as for model.fit.")
    require(isinstance(validation_split, Real) and 0 <= validation_split < 1, "validation_split", validation_split,
            "a share from 0 up to 1", "Pass 0.2.")
    everything = _part(x, y, sample_weight)
    n, notes = _rows(everything), []
    check(everything, "the rows you passed")
    require(n >= 2, "x", f"{n} rows", "at least two rows", "Pass the training data.")
    if validation_data is not None:
        train, validation = everything, _judging(validation_data, "validation_data")
    elif validation_split:
        cut = n - int(n * validation_split)
        require(0 < cut < n - 1, "validation_split", validation_split, f"a share that leaves rows on both sides of {n}",
                "Pass more rows.")
        train, validation = everything.take(slice(0, cut)), everything.take(slice(cut, n))
        notes.append(f"validation_split={validation_split} takes the last {n - cut:,} rows, as in Keras: shuffle sorted rows first")
    else:
        held = _held_out(everything.y, n, seed)
        train, validation = everything.take(np.setdiff1d(np.arange(n), held)), everything.take(held)
        notes.append(f"no validation data were given: {len(held):,} of {n:,} rows, drawn at random, are held out for it")
    half_a, half_b = halves(validation, seed=seed, classes=classes_of(validation.y))
    return Data(name, "", train, half_a, half_b, None if test_data is None else _judging(test_data, "test_data"), tuple(notes))


def _judging(given_rows, name):
    require(isinstance(given_rows, (tuple, list)) and len(given_rows) in (2, 3), name, type(given_rows).__name__,
            "a tuple (x, y) or (x, y, sample_weight)", "Pass arrays.")
    part = _part(*given_rows)
    check(part, name)
    return part


def _part(x, y, sample_weight=None):
    return Part(*(over(_array, tree) for tree in (x, y, sample_weight)))


def _array(values):
    """A NumPy copy in the type that Keras would feed."""
    if hasattr(values, "element_spec") or hasattr(values, "__next__") or callable(getattr(values, "__getitems__", None)):
        raise UsageError(f"`x` and `y` must be arrays; got a {type(values).__name__}, which cuts its own batches. Pass the arrays "
                         "behind it.")
    array = np.array(keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else values)
    if array.ndim == 0:  # of a list of numbers, which Keras takes for a list of inputs
        raise UsageError(f"`x` and `y` must be arrays; got a {type(values).__name__}, alone or in a list. Pass numpy.asarray(x).")
    if array.dtype == object:
        raise UsageError(f"`x` and `y` must be numbers; got {type(values).__name__} of mixed types. Encode them as numbers first.")
    if array.dtype == np.int64 and keras.backend.backend() == "jax":
        return array.astype(np.int32)  # as JAX does itself, but with a warning
    return array.astype(keras.config.floatx()) if np.issubdtype(array.dtype, np.floating) else array


def _rows(part):
    require(len(leaves(part.x)) > 0, "x", "nothing", "at least one array")
    return part.n_rows


def _held_out(y, n, seed):
    classes = classes_of(y)
    order = np.random.default_rng(seed).permutation(n)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    return np.sort(order[:: round(1 / _HELD_OUT)])


def classes_of(y):
    """int[n] where the targets look like classes (few whole numbers, or one-hot rows), else `None`."""
    if len(leaves(y)) != 1:
        return None
    y = leaves(y)[0]
    if y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(-1) if ((y == 0) | (y == 1)).all() and (y.sum(-1) == 1).all() and y.ndim == 2 else None
    if y.dtype.kind not in "biuf":
        return None
    codes = y.reshape(len(y), -1)[:, 0]
    distinct = np.unique(codes)
    few = len(distinct) <= max(2, len(codes) // 20)
    return np.searchsorted(distinct, codes) if few and (distinct == np.round(distinct)).all() else None
