"""What makes a training this one and no other, as plain values by name: they stand in its checkpoint, and are compared there."""

import os
import weakref
import zlib

import keras
import numpy as np

from ...seam.identity.settings import parts_of
from ...seam.rows import leaves
from ..feeds.cast import n_rows_of

_KNOWN = weakref.WeakKeyDictionary()  # a model or optimizer: {checkpoint file: its settings when it was first trained there}


def identity_of(model, feed, callbacks, asked, file):
    """What a training is, for the checkpoint in `file`; `asked`: plain values by name that were asked for beside model and rows."""
    parts, place = parts_of(model), os.path.abspath(file)
    for name, holder in (("architecture", model), ("set of optimizer's settings", model.optimizer)):
        known = _KNOWN.setdefault(holder, {})  # callbacks may have changed settings since its first training into this file
        if place not in known or not os.path.exists(place):
            known[place] = parts[name]
        parts[name] = known[place]
    sample = feed.sample if feed.batch_size else ()  # what cuts its own batches need not give the same first one again
    digest = zlib.crc32(b"".join(np.ascontiguousarray(leaf).tobytes() for tree in sample for leaf in leaves(tree)))
    return {**parts, **asked, "list of callbacks": [type(callback).__name__ for callback in callbacks],
            "number of rows": feed.n_rows, "number of batches": feed.n_batches, "first batch": digest}


def digest_of(rows):
    """A checksum over a thousand rows or so of x, y and weights, from the first to the last; `None` where they are no rows.

    The rows are arrays, or the path of a Parquet file and the names of its columns.
    """
    if isinstance(rows[0], str | os.PathLike):
        from ...tables.parquet.file import digest_of_file  # pyarrow comes with it

        return [digest_of_file(rows[0]), *(None if name is None else str(name) for name in rows[1:])]
    n = n_rows_of(rows[0])
    if not n:
        return None
    step, digest = -(-n // 1024), 0
    for leaf in (leaf for tree in rows for leaf in leaves(tree)):
        if not hasattr(leaf, "shape"):  # a number of a list
            digest = zlib.crc32(repr(leaf).encode(), digest)
            continue
        few = (leaf.iloc if hasattr(leaf, "iloc") else leaf)[::step]
        few = keras.ops.convert_to_numpy(few) if keras.ops.is_tensor(few) else np.asarray(few)
        digest = zlib.crc32(repr(few.tolist()).encode() if few.dtype == object else np.ascontiguousarray(few).tobytes(), digest)
    return digest
