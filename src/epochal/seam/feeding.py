"""How Keras' own `fit` feeds a model on the active back end: types, order of rows, and what is drawn or read before training."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Feeding:
    """Where the back ends differ, so that one seed gives the batches of `fit` on each of them.

    Attributes:
        canonical: the type in which numbers of a type are fed.
        takes_text: whether text may be fed; only Keras' own `fit` does it.
        nests_in_tuples: whether lists in the nesting of x and y become tuples.
        reads_ahead: whether batches may be read while others train: not where source and model draw from one stream of random
            numbers in turns, nor is anything gained where no loop is compiled.
        n_looked_at: batches that are read before training; `looking_draws`: whether that moves the random numbers on.
        rehearses: whether a first batch is drawn to build a model, loss or metrics that are not built yet.
        draws_whole_order: whether the order of all rows is drawn for a first batch too, where only batches are shuffled.
        opened_at_once: kinds of sources whose iterator is opened before a batch is asked for.
        draw_seed: draws what is drawn as a pass over the data is opened.
        order: `(n_rows, batch_size, shuffle)` -> int[n_rows], and whether all later passes repeat it.
    """

    canonical: Callable[[np.dtype], np.dtype] = lambda dtype: dtype
    takes_text: bool = False
    nests_in_tuples: bool = False
    reads_ahead: bool = True
    n_looked_at: int = 1
    looking_draws: bool = False
    rehearses: bool = True
    draws_whole_order: bool = False
    opened_at_once: frozenset[str] = frozenset()
    draw_seed: Callable[[], None] = lambda: None
    order: Callable[[int, int, bool | str], tuple[np.ndarray, bool]] = lambda *asked: (_permutation(*asked), False)


@functools.cache
def feeding() -> Feeding:
    """The `Feeding` of the active back end."""
    match keras.backend.backend():
        case "jax":
            import jax

            # 64-bit numbers become 32-bit ones, as JAX does itself (in some places with a warning), unless it is set to keep them
            return Feeding(canonical=lambda dtype: jax.dtypes.canonicalize_dtype(dtype) if dtype.itemsize == 8 else dtype)
        case "tensorflow":
            return Feeding(takes_text=True, nests_in_tuples=True, n_looked_at=2, looking_draws=True, rehearses=False,
                           draws_whole_order=True, opened_at_once=frozenset({"tf.data.Dataset"}), order=_order_of_tensorflow)
        case "torch":
            return Feeding(reads_ahead=False, draw_seed=_draw_torch_seed, order=_order_of_torch,
                           opened_at_once=frozenset({"DataLoader", "Grain data set"}))
        case _:
            return Feeding()


def _permutation(n, size, shuffle):
    if shuffle == "batch":
        return np.concatenate([np.random.permutation(min(size, n - i)) + i for i in range(0, n, size)])
    return np.random.permutation(n)


def _draw_torch_seed():
    """The seed that a `DataLoader` draws for its workers, though there are none."""
    import torch

    torch.empty((), dtype=torch.int64).random_()


def _order_of_torch(n, size, shuffle):
    """As the sampler of a `DataLoader` draws it."""
    import torch

    if shuffle == "batch":
        return np.concatenate([torch.randperm(min(size, n - i)).numpy() + i for i in range(0, n, size)]), False
    generator = torch.Generator()
    generator.manual_seed(int(torch.empty((), dtype=torch.int64).random_()))
    return torch.randperm(n, generator=generator).numpy(), False


def _order_of_tensorflow(n, size, shuffle):
    """The order of `fit` where a seed is set, the same in all epochs; else a new one, which comes from `np.random`.

    TensorFlow counts operations: they must be those of Keras.
    """
    import tensorflow as tf

    if tf.compat.v1.get_seed(1)[0] == _tensorflow_without_a_seed():
        return _permutation(n, size, shuffle), False

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
