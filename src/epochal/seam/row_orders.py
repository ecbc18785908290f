"""In which order Keras' own `fit` takes rows and items: the ways of its versions, told apart by asking the one installed."""

import functools
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from .model.copying import random_state, restore_random_state

_OF_STREAMS = (3, 16)  # releases before it draw from the global streams: they are not asked
_ONE_BATCH = (3, 15)   # from it on Keras on JAX reads no batch ahead on a processor
_ASKED, _SIZE = 7, 3   # rows in a question, and in a batch


class Way(NamedTuple):
    """How a version of Keras shuffles.

    Attributes:
        rows: `(n_rows, batch_size, shuffle, n_ended)` -> int[n_rows], and whether all later passes repeat it. `n_ended` counts how
            often Keras has told its source that an epoch ended: once before the first.
        items: `(numbers, n_ended)`: shuffles a list of the numbers of a `PyDataset`'s items, in place.
    """

    rows: Callable[[int, int, bool | str, int], tuple[np.ndarray, bool]]
    items: Callable[[list[int], int], None]


def why_unknown(shuffle: bool | str) -> str | None:
    """Why it is not known beforehand in which order the installed Keras takes rows that are shuffled so; `None` where it is."""
    if shuffle == "batch" and _between_steps():
        return f'with shuffle="batch", Keras {keras.version()} draws the order of a batch between two steps'
    return f"Keras {keras.version()} shuffles in an order of its own" if shuffle and way() is None else None


def _between_steps():
    """Whether Keras draws the order of a batch as it trains, from a stream that layers may draw from too.

    On PyTorch, dropout does. On JAX, older versions read a batch ahead.
    """
    return {"torch": _version() < _OF_STREAMS, "jax": _version() < _ONE_BATCH}.get(keras.backend.backend(), False)


def _version():
    return tuple(map(int, re.findall(r"\d+", keras.version())[:2]))


@functools.cache
def way() -> Way | None:
    """The `Way` of the Keras that is installed; `None` where it is none of those known here."""
    kind = keras.backend.backend()
    if _version() < _OF_STREAMS:
        return Way({"torch": _torch_streams, "tensorflow": _tensorflow_streams}.get(kind, _numpy_streams),
                   lambda numbers, _: random.shuffle(numbers))
    epochs = Way({"torch": _torch_epochs, "tensorflow": _tensorflow_epochs}.get(kind, _numpy_epochs),
                 lambda numbers, n_ended: random.Random(n_ended).shuffle(numbers))
    before = random_state()
    try:
        return epochs if _holds(epochs) else None
    finally:
        restore_random_state(before)


def _holds(one):
    """Whether the installed Keras shuffles so, in two epochs of each kind of shuffling."""
    items = [list(range(_ASKED)), list(range(_ASKED))]
    for n_ended, numbers in enumerate(items, 1):
        one.items(numbers, n_ended)
    return _asked(_Items(), shuffle=True) == items and all(
        _asked(np.arange(_ASKED, dtype="float32"), shuffle=shuffle, batch_size=_SIZE) ==
        [one.rows(_ASKED, _SIZE, shuffle, n_ended)[0].tolist() for n_ended in (1, 2)] for shuffle in (True, "batch"))


def _asked(x, **how):
    """The row numbers that Keras hands to a model in two epochs."""
    model = _Asked(name="asked")
    model.built = True
    model.compile(keras.optimizers.SGD(name="asked"), run_eagerly=True)
    model.fit(x, epochs=2, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: model.seen.append([]))],
              **how)
    return model.seen


class _Asked(keras.Model):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.seen = []

    def call(self, x):
        return x

    def train_step(self, *given):
        rows = keras.utils.unpack_x_y_sample_weight(given[-1])[0]
        self.seen[-1].extend(int(row) for row in keras.ops.convert_to_numpy(rows).reshape(-1))
        logs = {"loss": 0.0}
        return (logs, given[0]) if len(given) == 2 else logs  # JAX hands the state through


class _Items(keras.utils.PyDataset):
    num_batches = _ASKED

    def __getitem__(self, i):
        return (np.full((1, 1), i, "float32"),)


# Versions up to 3.15: from the global streams. They are those that `keras.utils.set_random_seed` seeds.

def _batches(n, size):
    return [np.arange(i, min(i + size, n)) for i in range(0, n, size)]


def _numpy_streams(n, size, shuffle, _=None):
    if shuffle == "batch":
        return np.concatenate([rows[np.random.permutation(len(rows))] for rows in _batches(n, size)]), False
    return np.random.permutation(n), False


def _torch_streams(n, size, shuffle, _):
    """As the sampler of a `DataLoader` draws it."""
    import torch

    if shuffle == "batch":
        return np.concatenate([rows[torch.randperm(len(rows)).numpy()] for rows in _batches(n, size)]), False
    generator = torch.Generator()
    generator.manual_seed(int(torch.empty((), dtype=torch.int64).random_()))
    return torch.randperm(n, generator=generator).numpy(), False


def _tensorflow_streams(n, size, shuffle, _):
    """The order of `fit` where a seed is set, the same in all epochs; else a new one, which comes from `np.random`.

    TensorFlow counts operations: they must be those of Keras.
    """
    import tensorflow as tf

    if tf.compat.v1.get_seed(1)[0] == _tensorflow_without_a_seed():
        return _numpy_streams(n, size, shuffle)

    def permutation(_):
        rows = tf.range(n, dtype=tf.int64)
        return tf.random.shuffle(rows) if shuffle != "batch" else rows

    orders = tf.data.Dataset.range(1).map(permutation)
    if shuffle == "batch":
        orders = orders.flat_map(tf.data.Dataset.from_tensor_slices).batch(size).map(tf.random.shuffle)
    return np.concatenate(list(orders.as_numpy_iterator())), True


@functools.cache
def _tensorflow_without_a_seed():
    import tensorflow as tf

    with tf.Graph().as_default():  # a graph of its own has no seed
        return tf.compat.v1.get_seed(1)[0]


# Version 3.16, as its nightlies are: from the number of the epoch, whatever the seed.

def _numpy_epochs(n, size, shuffle, n_ended):
    if shuffle == "batch":
        return np.concatenate([rows[np.random.default_rng(n_ended + i).permutation(len(rows))]
                               for i, rows in enumerate(_batches(n, size))]), False
    return np.random.default_rng(n_ended).permutation(n), False


def _torch_epochs(n, size, shuffle, n_ended):
    import torch

    generator = torch.Generator()
    generator.manual_seed(n_ended)
    if shuffle == "batch":
        return np.concatenate([rows[torch.randperm(len(rows), generator=generator).numpy()] for rows in _batches(n, size)]), False
    return torch.randperm(n, generator=generator).numpy(), False


def _tensorflow_epochs(n, size, shuffle, _):
    """The same in all epochs: the pipeline that shuffles is made before the first."""
    import tensorflow as tf

    def mixed(rows):
        return tf.random.experimental.stateless_shuffle(rows, seed=tf.constant([0, 0], tf.int32)).numpy()

    return (np.concatenate([mixed(rows) for rows in _batches(n, size)]) if shuffle == "batch" else mixed(np.arange(n))), True
