"""`feed_of`: from what a user passes as x and y to the `Feed` that fits it."""

import inspect
import os
import types

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require, whole_number
from . import batches
from .arrays import Resident
from .blocks import BLOCK_BYTES, ArrayBlocks, ParquetBlocks
from .cast import OnlyKeras, are_arrays, coded, rows_of
from .epochs import EpochFeed
from .orders import Orders
from .stacks import Batches

__all__ = ["RESIDENT_BYTES", "OnlyKeras", "cuts_own_batches", "feed_of", "is_factory", "made_by", "size_of"]

RESIDENT_BYTES = 2 * 2**30  # arrays up to here stay on the device


def feed_of(x, y=None, *, sample_weight=None, batch_size=None, class_weight=None, shuffle=True, steps_per_epoch=None, order=None,
            like=None, resident_bytes=RESIDENT_BYTES, backend=None):
    """The `Feed` of what Keras' `fit` takes as x and y, and of Parquet files.

    Args:
        x, y, sample_weight: arrays, tensors, frames, or dicts, lists and tuples of them; `np.memmap`; the path of a Parquet file
            (or `ParquetRows`), with the name of a column (or a list of them) as y, and of another as sample_weight; a
            `keras.utils.PyDataset`, `tf.data.Dataset`, `DataLoader`, Grain data set or generator, which hold their own y; a
            function `make_dataset(batch_size)` that returns one of these.
        batch_size: rows; 32, or what `steps_per_epoch` leaves, if `None`. Not for what cuts its own batches.
        class_weight: the weight of each class, in place of sample_weight; by its label where a Parquet file has text as y.
        shuffle: `True`, `False` or `"batch"`, as in Keras; what cuts its own batches has its own order (a `PyDataset` its batches
            shuffled).
        steps_per_epoch: batches of an epoch; the next epoch goes on where it stopped.
        order: for arrays, in place of shuffle: a function of the number of rows that returns int[n_rows], for each pass.
        like: for the path of a Parquet file, the `ParquetRows` of the training, whose features and classes it must have.
        resident_bytes: arrays of more, and memory-mapped files of more than a block, are read in blocks.
        backend: of the trainee, as Keras calls it; the active one if `None`.

    Raises:
        UsageError: for what Keras refuses (and a `batch_size` beside a source of batches, which Keras ignores).
        OnlyKeras: for what only Keras' own `fit` can feed; says why, and holds the x to give it.
    """
    backend = backend or keras.backend.backend()
    if batch_size is not None:
        whole_number("batch_size", batch_size, cure="Pass batch_size=32.")
    if isinstance(x, (str, os.PathLike)) or type(x).__name__ == "ParquetRows":
        require(order is None, "order", order, "left out for a Parquet file", "Its rows are not all at hand; load it as arrays.")
        source = _of_parquet(x, y, sample_weight, batch_size, class_weight, shuffle, steps_per_epoch, like)
        return EpochFeed(source, steps_per_epoch, backend=backend)
    if are_arrays((x, y, sample_weight)):
        rows = rows_of(x, y, sample_weight, class_weight, backend=backend)
        source = _of_rows(rows, size_of(batch_size, rows.n_rows, steps_per_epoch), shuffle, order, resident_bytes, backend)
        return EpochFeed(source, steps_per_epoch, backend=backend)
    require(order is None, "order", order, "left out for what cuts its own batches", "Pass arrays.")
    if is_factory(x):
        inner, x = _from_factory(x, batch_size or 32, y, sample_weight, class_weight, shuffle, steps_per_epoch, backend)
    else:
        inner = batches.source_of(x, y, sample_weight, batch_size=batch_size, class_weight=class_weight, shuffle=shuffle,
                                  steps_per_epoch=steps_per_epoch, backend=backend)
    if inner is None:
        raise UsageError(f"`x` must be arrays, a Parquet file or a source of batches; got {type(x).__name__} with y "
                         f"{type(y).__name__}. Pass NumPy arrays, or a keras.utils.PyDataset.")
    return EpochFeed(Batches(inner, x, backend=backend), steps_per_epoch, backend=backend)


def cuts_own_batches(x):
    """Whether `x` comes in batches, so that no `batch_size` goes with it."""
    return batches.kind_of(x) is not None


def is_factory(x):
    """Whether `x` is a function `make_dataset(batch_size)`."""
    return callable(x) and not cuts_own_batches(x) and not are_arrays(x)


def made_by(make, batch_size):
    """What a function `make_dataset(batch_size)` returns: a source that cuts its own batches, or `UsageError`."""
    made = _with_batch_size(make, batch_size)()
    require(cuts_own_batches(made), "x", f"a function that returns {type(made).__name__}",
            "a function that returns a source of batches",
            "Return a keras.utils.PyDataset, a tf.data.Dataset, a DataLoader or a generator.")
    return made


def _of_rows(rows, batch_size, shuffle, order, resident_bytes, backend):
    n_bytes = rows.n_bytes(backend)
    mapped = any(isinstance(leaf, np.memmap) for leaf in rows.leaves)
    in_blocks = n_bytes > resident_bytes or (mapped and n_bytes > BLOCK_BYTES)
    orders = Orders(rows.n_rows, batch_size, shuffle, backend=backend, given=order, mixed=in_blocks)
    return (ArrayBlocks if in_blocks else Resident)(rows, orders, batch_size=batch_size, backend=backend)


def _of_parquet(x, y, sample_weight, batch_size, class_weight, shuffle, steps_per_epoch, like):
    from ...tables.parquet.rows import ParquetRows  # scikit-learn and skrub come with it, and take a second or more

    require(sample_weight is None or class_weight is None, "sample_weight and class_weight", "both", "passed one at a time",
            "Multiply the one into the other.")
    if isinstance(x, ParquetRows):
        require(y is None and sample_weight is None, "y and sample_weight", (y, sample_weight), "left out for ParquetRows",
                "Name the columns there.")
        rows = x
    else:
        called = ("x", "y", "sample_weight") if like is None else ("validation_data",) * 3
        require(os.fspath(x).lower().endswith((".parquet", ".pq")), called[0], os.fspath(x), "the path of a .parquet file, or data",
                "Read other files first.")
        for name, columns, many in ((called[1], y, True), (called[2], sample_weight, False)):
            require(columns is None or isinstance(columns, str) or (many and _are_names(columns)), name,
                    type(columns).__name__, "the name of a column of the file", 'Pass y="price".')
        rows = ParquetRows(x, y, weight=sample_weight) if like is None else like.like(x, y, weight=sample_weight)
    batch_size = size_of(batch_size, rows.n_rows, steps_per_epoch)
    if class_weight is not None and rows.classes:
        class_weight = coded(class_weight, rows.classes)
    return ParquetBlocks(rows, batch_size=batch_size, shuffle=shuffle, class_weight=class_weight)


def _from_factory(make, batch_size, y, sample_weight, class_weight, shuffle, steps_per_epoch, backend):
    """The inner source that a factory makes, and what it made."""
    made = made_by(make, batch_size)
    inner = batches.source_of(made, y, sample_weight, batch_size=None, class_weight=class_weight, shuffle=shuffle,
                              steps_per_epoch=steps_per_epoch, backend=backend)
    if isinstance(made, types.GeneratorType):
        inner = batches.Generator(made, make=_with_batch_size(make, batch_size))
    return inner, made


def _with_batch_size(make, batch_size):
    parameters = inspect.signature(make).parameters.values()
    if any(p.name == "batch_size" and p.kind is not p.POSITIONAL_ONLY for p in parameters):
        return lambda: make(batch_size=batch_size)
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    require(len(needed or places) == 1, "x", getattr(make, "__name__", type(make).__name__), "a function of batch_size, or data",
            "Call it, and pass what it returns.")
    return lambda: make(batch_size)


def size_of(batch_size, n_rows, steps):
    """Rows of a batch of arrays: as asked, or what so many steps leave, or Keras' 32."""
    return int(batch_size) if batch_size else -(-n_rows // steps) if steps and n_rows else 32


def _are_names(columns):
    return isinstance(columns, (list, tuple)) and all(isinstance(name, str) for name in columns)
