"""How the batches of a training are run: what this model on this back end allows, and what is worth a measurement."""

import keras
import numpy as np

from ..base.errors import UsageError
from ..engine.choose import Manner, choose
from ..seam.copying import layers
from ..seam.rows import leaves
from .arrays import Resident

ENGINES = ("auto", "keras", "fused", "unrolled", "looped", "stepwise")
_SLOW_IN_LOOPS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv1DTranspose,
                  keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D,
                  keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)


def only_keras(model, engine):
    """Why Keras' own `fit` has to train this model; `None` where it need not."""
    if engine == "keras":
        return 'engine="keras"'
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    if keras.backend.backend() == "jax" and not model.jit_compile:
        return "the model is compiled with jit_compile=False"
    if keras.distribution.distribution() is not None:
        return "a keras.distribution is set, over whose devices only Keras spreads the batches"
    return None


def manner_of(model, trainee, feed, n_updates, engine):
    """The `Manner` in which to run the batches.

    Args:
        model: the user's. trainee: trains it. feed: its rows. n_updates: batches in all, `None` where unknown.
        engine: `"auto"`, or a mode by name.

    Raises:
        UsageError: the mode asked for is not one of this trainee's.
    """
    if engine != "auto":
        if engine not in trainee.modes:
            raise UsageError(f"`engine` must be \"auto\", \"keras\" or one of {', '.join(trainee.modes)} on the back end "
                             f"{trainee.backend}; got {engine!r}.")
        return Manner(engine, None, "as asked")
    order = _likely_best_first(model, trainee)
    if len(order) == 1:
        return Manner(order[0], None, f"the only way on the back end {trainee.backend}")
    return choose(trainee, *_batches_to_try(feed, trainee), n_updates, order)


def _likely_best_first(model, trainee):
    """The modes worth a trial. In a compiled loop on a processor, XLA's convolutions lose their threads."""
    loops_slowly = any(isinstance(layer, _SLOW_IN_LOOPS) for layer in layers(model)) and trainee.device == "cpu"
    order = ("looped", "stepwise") if loops_slowly else ("fused", "looped", "stepwise")
    return [mode for mode in order if mode in trainee.modes]


def _batches_to_try(feed, trainee):
    """Data on the device, and the rows of some batches: of the shapes of the training where all its rows stay there."""
    if isinstance(feed.source, Resident):
        n_rows, size = feed.source.n_rows, min(feed.batch_size, feed.source.n_rows)
        n = n_rows // size
        return feed.source.on_device(trainee), np.arange(n * size, dtype=np.int32).reshape(n, size)
    n = len(leaves(feed.sample[0])[0])
    return trainee.put(feed.sample), np.tile(np.arange(n, dtype=np.int32), (8, 1))
