"""The features of a frozen base, for all rows: computed block by block, in memory or in a file, and kept for the next training."""

import hashlib
import math
import os
import shutil
import tempfile
import zlib
from time import perf_counter
from typing import Any, NamedTuple

import keras
import numpy as np

from ...base.files import cache_folder
from ...base.system.memory import memory_here
from ..forward import COMPARED, alike, closeness, forward_of, in_other_company
from ..model.copying import layers, to_numpy
from ..rows import leaves, over

LEAST, MOST = 16, 256  # rows of a block
_COPIED = 0.5e9        # bytes a second at which features are fetched, row by row, into batches; else they are not worth it
_COPIES = 2            # of the features in memory: here and on the device
_KEPT = 8              # features are kept for the next training where they take no more than so small a part of the free memory


class StepAside(Exception):
    """Features cannot be computed once, or would save nothing; the message says why, as a part of a sentence."""


class Features(NamedTuple):
    """Features of all rows.

    Attributes:
        arrays: in the order of the base's, one row for each row; memory-mapped where memory is short.
        seconds: that computing them took, compiling included; 0 where they were kept from before.
        row_seconds: that one row took of it, without compiling.
    """

    arrays: list[np.ndarray]
    seconds: float
    row_seconds: float


class Rows(NamedTuple):
    """Rows as a frozen base is given them: how many, and `take(slice or int[n])`, which returns inputs in the model's nesting."""

    n_rows: int
    take: Any


def features_of(base, parts, *, batch_size, tell=lambda share: None, most_seconds=math.inf) -> list[Features]:
    """The features of several `Rows`, say those to train on and to validate on.

    Args:
        batch_size: rows that fit into memory at once. tell: called with the share that is done, between two blocks.
        most_seconds: that all of it may take, by the time of the first rows.

    Raises:
        StepAside: see there. Rows that depend on their neighbours, too, are a reason.
    """
    start, weights = perf_counter(), checksum_of_weights(base)
    names = [(weights, _digest(rows)) for rows in parts]
    if all(name in base.kept for name in names):
        return [base.kept[name]._replace(seconds=0.0) for name in names]
    for name in set(base.kept).difference(names):
        del base.kept[name]
    forward = forward_of(base, lambda: parts[0].take(slice(0, 1)))
    size = min(max(LEAST, min(MOST, batch_size)), max(rows.n_rows for rows in parts))
    first, row_seconds = first_block(base, forward, parts[0], size)
    n_bytes = sum(leaf.nbytes // len(leaf) for leaf in first)
    if row_seconds < seconds_to_fetch(n_bytes):
        raise StepAside("what the frozen layers compute takes no longer than to fetch it")
    n_rows = sum(rows.n_rows for rows in parts)
    if row_seconds * n_rows > most_seconds:
        raise StepAside("to compute it would take too long")
    free = memory_here().free
    found, done = [], 0
    for rows in parts:
        room = _room(first, rows.n_rows, in_memory=_COPIES * n_bytes * n_rows <= free / 2)
        for start_at in range(0, rows.n_rows, size):
            stop = min(start_at + size, rows.n_rows)
            block = features_of_block(forward, rows, np.arange(stop - size, stop) % rows.n_rows)
            for array, leaf in zip(room, block, strict=True):
                array[start_at:stop] = leaf[size - (stop - start_at):]
            done += stop - start_at
            tell(done / n_rows)
        found.append(Features(room, 0.0, row_seconds))
    found = [one._replace(seconds=(perf_counter() - start) * rows.n_rows / n_rows) for one, rows in zip(found, parts, strict=True)]
    if n_bytes * n_rows <= free / _KEPT:
        base.kept.update(zip(names, found, strict=True))
    return found


def seconds_to_fetch(n_bytes):
    """What it takes to bring so many bytes of features into a batch."""
    return n_bytes / _COPIED


def checksum_of_weights(base):
    """What the weights of a base are known by: a number that takes a third of a second for a gigabyte."""
    found = 0
    for layer in base.frozen:
        for variable in layer.variables:
            found = zlib.crc32(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).view(np.uint8), found)
    return found


def _digest(rows):
    found = hashlib.blake2b(digest_size=16)
    for start in range(0, rows.n_rows, 1024):
        for leaf in leaves(rows.take(slice(start, min(start + 1024, rows.n_rows)))):
            found.update(repr((leaf.shape, str(leaf.dtype))).encode())
            found.update(np.ascontiguousarray(leaf).view(np.uint8))
    return found.digest()


def first_block(base, forward, rows, size):
    """The features of a first block, and the seconds that a row takes, once it is seen that rows do not depend on each other."""
    few = max(1, min(COMPARED, rows.n_rows, size // 2))  # beside at least as many others
    if base.unknown and not _alike_in_training(base, rows.take(slice(0, few))):
        raise StepAside(f"the frozen layer {base.unknown[0]} computes something else while the model trains")
    forward.begin()
    first = features_of_block(forward, rows, np.arange(size) % rows.n_rows)
    if not forward.changes:
        start = perf_counter()
        again = features_of_block(forward, rows, in_other_company(rows.n_rows, size, few))
        row_seconds = (perf_counter() - start) / size
        close = closeness({layer.compute_dtype for layer in (base, *layers(base))})
        if all(alike(b[-few:], a[:few][::-1], close) for a, b in zip(first, again, strict=True)):
            return first, row_seconds
        raise StepAside("what the frozen layers compute of a row depends on the rows beside it")
    raise StepAside(f"computing the frozen part changes {forward.changes[0]}")


def features_of_block(forward, rows, which):
    outputs = keras.tree.flatten(forward.run((rows.take(which),)))
    found = [forward.fetch(leaf) for leaf in outputs]
    if not all(isinstance(leaf, np.ndarray) and leaf.ndim and len(leaf) == len(which) for leaf in found):
        raise StepAside("what the frozen layers compute is not one row for each row")
    return found


def _alike_in_training(base, few):
    def outputs(training):
        with keras.StatelessScope():
            return [to_numpy(leaf) for leaf in base.call(over(keras.ops.convert_to_tensor, few), training=training)]

    return all(alike(a, b, closeness(set())) for a, b in zip(outputs(True), outputs(False), strict=True))


def _room(first, n_rows, *, in_memory):
    """Arrays for the features of so many rows like the first; in files that nobody else sees where memory is short."""
    if in_memory:
        return [np.empty((n_rows, *leaf.shape[1:]), leaf.dtype) for leaf in first]
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(leaf.nbytes // len(leaf) for leaf in first) * n_rows
    if needed > shutil.disk_usage(folder).free / 2:
        raise StepAside(f"there is no room for {needed / 1e9:.1f} GB of what the frozen layers compute, in memory or in {folder}")
    return [_mapped(folder, leaf.dtype, (n_rows, *leaf.shape[1:])) for leaf in first]


def _mapped(folder, dtype, shape):
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # which has no name, and goes with the array
            if hasattr(os, "posix_fallocate"):  # a disk that is full later would end the process
                os.posix_fallocate(file.fileno(), 0, math.prod(shape) * dtype.itemsize)
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise StepAside(f"what the frozen layers compute cannot be kept in {folder} ({error.strerror})") from error
