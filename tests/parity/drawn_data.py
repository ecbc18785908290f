"""The same rows as data of every kind that `fit` takes: arrays of many sorts, and what cuts its own batches."""

import itertools
import operator
import pathlib

import keras
import numpy as np

from epochal.seam.rows import leaves, over

SIZE = 8  # rows of a batch, where the data cut their own
ARRAYS = ("arrays", "double precision", "tensors of the back end", "frames", "mapped files", "not in a row in memory")
BATCHED = ("PyDataset", "PyDataset with threads", "tf.data", "DataLoader", "a generator without an end", "a generator that ends",
           "make_dataset")
KINDS = ARRAYS + BATCHED


def as_arrays(kind, tree, folder):
    """A nesting of arrays as another kind of arrays."""
    return over(lambda leaf: _ONE[kind](leaf, folder), tree)


def as_batches(kind, trees, *, epochs=1):
    """`(x, y, sample_weight)`, of which the last may be `None`, as a source of batches; a generator lasts so many epochs."""
    packed = keras.utils.pack_x_y_sample_weight(*trees)
    packed = packed if isinstance(packed, tuple) else (packed,)
    n = len(leaves(packed)[0])
    batches = [over(operator.itemgetter(slice(i, i + SIZE)), packed) for i in range(0, n, SIZE)]
    return _SOURCES[kind](batches, packed, epochs)


class _Rows(keras.utils.PyDataset):
    def __init__(self, batches, **options):
        super().__init__(**options)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, i):
        return self.batches[i]


def _frame(leaf, folder):
    import pandas as pd

    if leaf.ndim == 1:
        return pd.Series(leaf)
    return pd.DataFrame(leaf, columns=[f"c{i}" for i in range(leaf.shape[1])]) if leaf.ndim == 2 else leaf


def _mapped(leaf, folder):
    path = pathlib.Path(folder, f"{len(list(pathlib.Path(folder).iterdir()))}.bin")
    rows = np.memmap(path, leaf.dtype, "w+", shape=leaf.shape)
    rows[:] = leaf
    return rows


def _tf_data(batches, packed, epochs):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(packed if len(packed) > 1 else (packed[0],)).batch(SIZE)


def _data_loader(batches, packed, epochs):
    import torch

    rows = [over(operator.itemgetter(i), packed) for i in range(len(leaves(packed)[0]))]
    return torch.utils.data.DataLoader(rows, batch_size=SIZE)


_ONE = {
    "arrays": lambda leaf, folder: leaf,
    "double precision": lambda leaf, folder: leaf.astype("float64") if leaf.dtype.kind == "f" else leaf,
    "tensors of the back end": lambda leaf, folder: keras.ops.convert_to_tensor(leaf),
    "frames": _frame,
    "mapped files": _mapped,
    "not in a row in memory": lambda leaf, folder: np.asfortranarray(leaf),
}
_SOURCES = {
    "PyDataset": lambda batches, packed, epochs: _Rows(batches),
    "PyDataset with threads": lambda batches, packed, epochs: _Rows(batches, workers=2),
    "tf.data": _tf_data,
    "DataLoader": _data_loader,
    "a generator without an end": lambda batches, packed, epochs: (batch for batch in itertools.cycle(batches)),
    "a generator that ends": lambda batches, packed, epochs: (batch for _ in range(epochs) for batch in batches),
    "make_dataset": lambda batches, packed, epochs: _Rows(batches),
}
