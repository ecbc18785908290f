"""From what a user passes as x and y to the `Feed` that fits it, or to its first rows as arrays, to measure on them."""

import inspect
import os
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...base.errors import UsageError
from ...base.validate import require, whole_number
from ...seam.identity.settings import shapes_of
from .arrays import Orders, Resident
from .batches import Batching, kind_of, known_way, source_of
from .blocks import BLOCK_BYTES, ArrayBlocks, ParquetBlocks
from .cast import OnlyKeras, are_arrays, coded, leaves, over, rows_of
from .feed import Feed
from .stacks import Batches, joined, undisturbed

MOST_ROWS = 20_000  # a fifth of them, held out, tells an accuracy to 0.8 percentage points (one standard error, at worst)
MOST_BYTES = 256 * 2**20  # they are copied and held on the device; 20,000 images of 64 × 64 × 3 bytes are as much
BATCH_SIZE = 32  # Keras' own; a factory is asked for it


def feed_of(x, y=None, batching=None, *, sample_weight=None, class_weight=None, like=None) -> Feed:
    """The `Feed` of what Keras' `fit` takes as x and y, and of Parquet files.

    Args:
        x, y, sample_weight: arrays, tensors, frames, or dicts, lists and tuples of them; `np.memmap`; the path of a Parquet file
            (or `ParquetRows`), with the name of a column (or a list of them) as y, and of another as sample_weight; a
            `keras.utils.PyDataset`, `tf.data.Dataset`, `DataLoader`, Grain data set or generator, which hold their own y; a
            function `make_dataset(batch_size)` that returns one of these.
        batching: a `Batching`; Keras' defaults if `None`.
        class_weight: the weight of each class, in place of sample_weight; by its label where a Parquet file has text as y.
        like: for the path of a Parquet file, the `ParquetRows` of the training, whose features and classes it must have.

    Raises `UsageError` for what Keras refuses (and a `batch_size` beside a source of batches, which Keras ignores), and `OnlyKeras`
    for what only Keras' own `fit` can feed.
    """
    batching = batching or Batching()
    if batching.batch_size is not None:
        whole_number("batch_size", batching.batch_size, cure="Pass batch_size=32.")
    if isinstance(x, (str, os.PathLike)) or type(x).__name__ == "ParquetRows":
        require(batching.order is None, "order", batching.order, "left out for a Parquet file",
                "Its rows are not all at hand; load it as arrays.")
        return Feed(_of_parquet((x, y, sample_weight, class_weight), batching, like), batching.steps_per_epoch)
    if are_arrays((x, y, sample_weight)):
        return Feed(_of_rows(rows_of(x, y, sample_weight, class_weight), batching), batching.steps_per_epoch)
    require(batching.order is None, "order", batching.order, "left out for what cuts its own batches", "Pass arrays.")
    again = None
    if is_factory(x):
        again = _with_batch_size(x, batching.batch_size or 32)
        x, batching = made_by(x, batching.batch_size or 32), replace(batching, batch_size=None)
    inner = source_of(x, batching, y=y, sample_weight=sample_weight, class_weight=class_weight, make=again)
    if inner is None:
        raise UsageError(f"`x` must be arrays, a Parquet file or a source of batches; got {type(x).__name__} with y "
                         f"{type(y).__name__}. Pass NumPy arrays, or a keras.utils.PyDataset.")
    return Feed(Batches(inner), batching.steps_per_epoch)


def cuts_own_batches(x):
    """Whether `x` comes in batches, so that no `batch_size` goes with it."""
    return kind_of(x) is not None


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


class Gathered(NamedTuple):
    """Rows as arrays, in the user's own nesting.

    Attributes:
        whole: whether these are all the rows that there are, and not the first ones. drawn: whether others were drawn instead.
    """

    x: Any
    y: Any
    weight: Any
    n_rows: int
    whole: bool
    drawn: bool = False

    def __str__(self):
        return f"{'all ' if self.whole else 'a sample of ' if self.drawn else 'the first '}{self.n_rows:,} rows"


def gathered(x, y=None, *, name="x", sample_weight=None, class_weight=None, steps=None, most_rows=MOST_ROWS, most_bytes=MOST_BYTES):
    """The first rows of one pass over a source of batches, in its own order; random streams are left where they were.

    Args:
        x: a function `make_dataset(batch_size)`, which is called once, or what it may return, which is read once; or the path of a
            Parquet file, of which row groups are drawn, with the name of its target as `y`.
        y, sample_weight: to be left out; refused as `fit` refuses them. class_weight: becomes a weight for each row.
        name: what the source is called. steps: batches of an epoch, without which a source that has no end is refused.
        most_rows, most_bytes: the pass ends with the batch that reaches one of them; rows beyond `most_rows` are left out.

    Returns:
        A `Gathered`. Unless it is whole, it must not be trusted to be like the rest where the source does not shuffle.
    """
    with undisturbed():
        try:
            made = made_by(x, BATCH_SIZE) if is_factory(x) else x
            source = feed_of(made, y, Batching(shuffle=False, steps_per_epoch=steps), sample_weight=sample_weight,
                             class_weight=class_weight).source
            if isinstance(source, ParquetBlocks):
                n = min(source.n_rows, most_rows, max(1, most_bytes // source.rows.row_bytes))
                return Gathered(*source.some(n), n, n == source.n_rows, drawn=True)
            source.begin()
            batches, whole = _first(source.each(), name, most_rows, most_bytes)
            if whole:
                source.end()
        except OnlyKeras as error:
            raise UsageError(f"`{name}` must be batches of dense arrays of numbers, read in this process, to be measured on; got "
                             f"another kind: {error}. Call epochal.plan on arrays of some of the rows, and pass plan=.") from error
    require(batches, name, "an empty one", "a source of at least one batch")
    x, y, weight = (over(lambda leaf: leaf[:most_rows], joined(trees)) for trees in zip(*batches, strict=True))
    require(leaves(y), name, "batches without targets", "batches (x, y) or (x, y, sample_weight) to be measured on")
    n_rows = len(leaves(x)[0])
    return Gathered(x, y, weight, n_rows, whole and n_rows == sum(map(_n_rows, batches)))


def with_inputs(source, x):
    """The source of the same rows as another of arrays, in the same order, with other inputs."""
    rows = source.rows._replace(x=x)
    return (ArrayBlocks if _in_blocks(rows) else Resident)(rows, source.orders, batch_size=source.batch_size)


def _of_rows(rows, batching):
    size, in_blocks = batching.size(rows.n_rows), _in_blocks(rows, batching.resident_bytes)
    if batching.order is None:
        known_way(rows.x, batching.shuffle)
    orders = Orders(rows.n_rows, size, batching.shuffle, order=batching.order, mixed=in_blocks)
    return (ArrayBlocks if in_blocks else Resident)(rows, orders, batch_size=size)


def _in_blocks(rows, resident_bytes=Batching.resident_bytes):
    mapped = any(isinstance(leaf, np.memmap) for leaf in rows.leaves)
    return rows.n_bytes > resident_bytes or (mapped and rows.n_bytes > BLOCK_BYTES)


def _of_parquet(data, batching, like):
    from ...tables.parquet.rows import ParquetRows  # scikit-learn and skrub come with it, and take a second or more

    x, y, sample_weight, class_weight = data
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
            names = columns if many and isinstance(columns, list | tuple) else [columns]
            require(columns is None or all(isinstance(one, str) for one in names), name, type(columns).__name__,
                    "the name of a column of the file", 'Pass y="price".')
        rows = ParquetRows(x, y, weight=sample_weight) if like is None else like.like(x, y, weight=sample_weight)
    if class_weight is not None and rows.classes:
        class_weight = coded(class_weight, rows.classes)
    return ParquetBlocks(rows, batch_size=batching.size(rows.n_rows), shuffle=batching.shuffle, class_weight=class_weight)


def _with_batch_size(make, batch_size):
    parameters = inspect.signature(make).parameters.values()
    if any(p.name == "batch_size" and p.kind is not p.POSITIONAL_ONLY for p in parameters):
        return lambda: make(batch_size=batch_size)
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    require(len(needed or places) == 1, "x", getattr(make, "__name__", type(make).__name__), "a function of batch_size, or data",
            "Call it, and pass what it returns.")
    return lambda: make(batch_size)


def _first(batches, name, most_rows, most_bytes):
    """The batches up to the one that reaches a bound, and whether no more would have come."""
    kept, n_rows, n_bytes = [], 0, 0
    for batch in batches:
        if kept and (n_rows >= most_rows or n_bytes >= most_bytes):
            return kept, False
        if kept and shapes_of(batch) != shapes_of(kept[0]):
            raise UsageError(f"`{name}` must give rows of one shape and type to be measured on; got {shapes_of(kept[0])} and then "
                             f"{shapes_of(batch)}. Pad them, or call epochal.plan on arrays of some of the rows, and pass plan=.")
        kept.append(batch)
        n_rows, n_bytes = n_rows + _n_rows(batch), n_bytes + sum(leaf.nbytes for leaf in leaves(batch))
    return kept, True


def _n_rows(batch):
    return len(leaves(batch)[0])
