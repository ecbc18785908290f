"""The first rows of what cuts its own batches, as arrays: to measure on them, where several batch sizes have to be tried."""

from typing import Any, NamedTuple

from ...base.errors import UsageError
from ...base.validate import require
from ...seam.identity.settings import shapes_of
from .cast import OnlyKeras, leaves, over
from .sources import Batching, feed_of, is_factory, made_by
from .stacks import joined, undisturbed

MOST_ROWS = 20_000  # a fifth of them, held out, tells an accuracy to 0.8 percentage points (one standard error, at worst)
MOST_BYTES = 256 * 2**20  # they are copied and held on the device; 20,000 images of 64 × 64 × 3 bytes are as much
BATCH_SIZE = 32  # Keras' own; a factory is asked for it


class Gathered(NamedTuple):
    """Rows as arrays, in the user's own nesting; `whole`: whether these are all the rows that there are, and not the first ones."""

    x: Any
    y: Any
    weight: Any
    n_rows: int
    whole: bool

    def __str__(self):
        return f"all {self.n_rows:,} rows" if self.whole else f"the first {self.n_rows:,} rows"


def gathered(x, y=None, *, name="x", sample_weight=None, class_weight=None, steps=None, most_rows=MOST_ROWS, most_bytes=MOST_BYTES):
    """The first rows of one pass over a source of batches, in its own order.

    The random numbers of Python, NumPy and PyTorch are left where they were.

    Args:
        x: a function `make_dataset(batch_size)`, which is called once, or what it may return, which is read once.
        y, sample_weight: to be left out; refused as `fit` refuses them. class_weight: becomes a weight for each row.
        name: what the source is called.
        steps: batches of an epoch, without which a source that has no end is refused.
        most_rows, most_bytes: the pass ends with the batch that reaches one of them; rows beyond `most_rows` are left out.

    Returns:
        A `Gathered`. Unless it is whole, it must not be trusted to be like the rest where the source does not shuffle.
    """
    with undisturbed():
        try:
            made = made_by(x, BATCH_SIZE) if is_factory(x) else x
            source = feed_of(made, y, Batching(shuffle=False, steps_per_epoch=steps), sample_weight=sample_weight,
                             class_weight=class_weight).source
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
