"""How Keras' own `fit` feeds a model on the active back end: types, and what is drawn or read before training."""

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
        stacks: whether several batches may be read before the first of them trains: not where source and model draw from one
            stream of random numbers in turns, nor is anything gained where no loop is compiled.
        in_thread: whether Keras itself reads batches in another thread than that which calls `fit`.
        n_looked_at: batches that are read before anything else, to see what they are like.
        rehearses: of `"fit"` and `"predict"`, which read a first batch where a model, loss or metrics are not built yet.
        draws_whole_order: whether the order of all rows is drawn for a first batch too, where only batches are shuffled.
        opened_at_once: kinds of sources whose iterator is opened before a batch is asked for.
        joins_ragged: whether `predict` makes one ragged tensor of outputs whose shape differs from batch to batch.
        draw_seed: draws what is drawn as a pass over the data is opened.
    """

    canonical: Callable[[np.dtype], np.dtype] = lambda dtype: dtype
    takes_text: bool = False
    nests_in_tuples: bool = False
    stacks: bool = True
    in_thread: bool = False
    n_looked_at: int = 0
    rehearses: tuple[str, ...] = ()
    draws_whole_order: bool = False
    opened_at_once: frozenset[str] = frozenset()
    joins_ragged: bool = False
    draw_seed: Callable[[], None] = lambda: None


@functools.cache
def feeding() -> Feeding:
    """The `Feeding` of the active back end."""
    match keras.backend.backend():
        case "jax":
            import jax

            # 64-bit numbers become 32-bit ones, as JAX does itself (in some places with a warning), unless it is set to keep them
            return Feeding(canonical=lambda dtype: jax.dtypes.canonicalize_dtype(dtype) if dtype.itemsize == 8 else dtype,
                           rehearses=("fit", "predict"))
        case "tensorflow":
            return Feeding(takes_text=True, nests_in_tuples=True, in_thread=True, n_looked_at=2, draws_whole_order=True,
                           joins_ragged=True, opened_at_once=frozenset({"tf.data.Dataset"}))
        case "torch":
            return Feeding(stacks=False, rehearses=("fit",), draw_seed=_draw_torch_seed,
                           opened_at_once=frozenset({"DataLoader", "Grain data set"}))
        case _:
            return Feeding()


def _draw_torch_seed():
    """The seed that a `DataLoader` draws for its workers, though there are none."""
    import torch

    torch.empty((), dtype=torch.int64).random_()
