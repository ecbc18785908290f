"""Batches that a source has cut, several of one shape stacked into one chunk, so that one call trains on all of them."""

import contextlib
import copy
import itertools
import random
import sys
from time import perf_counter

import numpy as np

from ...base.validate import require
from ...seam.feeding import feeding
from .blocks import BLOCK_BYTES, batches_per_block
from .cast import OnlyKeras, canonical, leaves, numpy_of, over
from .feed import Chunk, Source
from .prefetch import ahead

BLOCK_SECONDS = 0.2  # so long a slow source keeps the batches it has made to itself


class Batches(Source):
    """A `Source` of batches that were cut elsewhere: they keep their size, order and types.

    They are read by the thread that trains, or in another one, while the chunk before them trains, where Keras does that too; never
    more of them than the epoch needs. Where `Feeding.stacks` does not allow more, each is a chunk by itself.

    Args:
        inner: the `Cutter`.
    """

    batch_size = n_rows = None

    def __init__(self, inner):
        self.inner, self.begin, self.end, self.original = inner, inner.begin, inner.end, inner.original
        self.starts_anew, self._few, self._looked, self._instead, self._n_opened = inner.starts_anew, None, False, None, 0
        self._like(inner.described())

    @property
    def sample(self):
        """As in `Source`; what is handed out in place of inputs is of no meaning here."""
        if self._few is None or self._instead is None:
            return self._few
        x, *others = self._few
        return self._instead.blank(len(leaves(x)[0])), *others

    def handing_out(self, instead):
        """The same batches with other inputs: what `instead.features(x, rows, again=, store=)` makes of them where they are taken.

        `again` tells whether it is the second pass, or a later one; `store()` brings the variables of the model up to date;
        `instead.blank(n)` is like features of so many rows.
        """
        other = copy.copy(self)
        other._instead, other._n_opened = instead, 0
        return other

    @property
    def n_batches(self):
        return self.inner.n_batches

    @property
    def n_ended(self):
        return self.inner.n_ended

    @n_ended.setter
    def n_ended(self, n):
        self.inner.n_ended = n

    def look(self):
        if not self._looked:
            self._looked = True
            self._like(self.inner.look())

    def open(self):
        if not self.inner.draws_torch_seed:
            feeding().draw_seed()
        self._n_opened += 1
        return _Pass(self)

    def handed_out(self, batch, rows, trainee):
        """Batches, one after the other, as they are trained on; `rows` as in `Chunk`."""
        if self._instead is None:
            return batch
        x, *others = batch
        return self._instead.features(x, rows, again=self._n_opened > 1, store=trainee.store), *others

    def converted(self, batch):
        try:
            found = tuple(over(lambda leaf: canonical(numpy_of(leaf, "x", given=None)), tree) for tree in batch)
            if len({len(leaf) for leaf in leaves(found)}) != 1:
                raise OnlyKeras("the arrays of a batch differ in length", None)
        except OnlyKeras as error:
            raise OnlyKeras(error.why, self.original()) from None
        self._few = self._few or found
        return found

    def each(self):
        return map(self.converted, self.inner.open())

    def _like(self, batch):
        if batch is not None:
            self.converted(batch)


class _Pass:
    drawn = None

    def __init__(self, source):
        self.source, self._at, self._reading = source, 0, None
        self._batches = map(source.converted, source.inner.open())

    def first(self):
        """The first batch, read now, and handed out by `take`."""
        first = next(self._batches, None)
        require(first is not None, "x", "no batch", "a source of at least one batch")
        self._batches = itertools.chain([first], self._batches)
        return first

    def take(self, trainee, first, n):
        for _ in itertools.islice(self._batches, first - self._at):
            self._at += 1
        self._reading = stacked(itertools.islice(self._batches, n), n, block_bytes=BLOCK_BYTES if feeding().stacks else 0)
        if feeding().in_thread:
            self._reading = ahead(self._reading)
        for batch, rows in self._reading:
            self._at += len(rows)
            batch = self.source.handed_out(batch, rows, trainee)
            yield Chunk(trainee.put(batch, any_size=self.source.inner.any_size), rows)

    def close(self):
        if self._reading is not None:
            self._reading.close()


def stacked(batches, n=None, *, block_bytes=BLOCK_BYTES, block_seconds=BLOCK_SECONDS, clock=perf_counter):
    """Yield (batch, rows): some batches of one shape, one after the other, and which rows are whose.

    A stack goes out when it is full, when the next batch has another shape, and when `block_seconds` have passed. One that goes out
    early holds 1, 2, 4, … batches: each number of batches is a program to be compiled. `n` is how many there will be, or `None`.
    An error in `batches` is raised after the stacks of what came before it.
    """
    held, shape, full, late, since, batches = [], None, 1, False, clock(), iter(batches)
    while True:
        fine = False
        try:
            batch, fine = next(batches, None), True
        finally:  # before an error is raised, what was read before it is trained
            if not fine:
                yield from _stacks(held, True)
        if batch is None:
            break
        found = tuple(over(lambda leaf: (leaf.shape, leaf.dtype), tree) for tree in batch)
        if found != shape:
            yield from _stacks(held, late)
            held, shape, since = [], found, clock()
            full = batches_per_block(n or sys.maxsize, max(1, sum(leaf.nbytes for leaf in leaves(batch))), block_bytes)
        held.append(batch)
        if len(held) == full:
            yield from _stacks(held)
            held, since = [], clock()
        elif clock() - since > block_seconds:
            late, some = True, _largest_power_of_two(len(held))
            yield from _stacks(held[:some])
            held, since = held[some:], clock()
    yield from _stacks(held, late)


def _stacks(held, in_powers=False):
    while held:
        n = _largest_power_of_two(len(held)) if in_powers else len(held)
        some, held = held[:n], held[n:]
        size = len(leaves(some[0])[0])
        for leaf in leaves(some[0]):
            require(len(leaf) == size, "a batch", f"arrays of {size} and {len(leaf)} rows", "of one number of rows")
        batch = some[0] if n == 1 else tuple(joined([batch[i] for batch in some]) for i in range(3))
        yield batch, np.arange(n * size, dtype=np.int32).reshape(n, size)


def joined(trees):
    """Trees of one shape as one, their arrays one after the other."""
    columns = zip(*(leaves(tree) for tree in trees), strict=True)
    joined = iter([np.concatenate(column) for column in columns])
    return over(lambda _: next(joined), trees[0])


def _largest_power_of_two(n):
    return 1 << (n.bit_length() - 1)


@contextlib.contextmanager
def undisturbed():
    """Looking at a batch must not move the random numbers on: training with a seed must not depend on it."""
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), torch and torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        if torch:
            torch.set_rng_state(kept[2])
