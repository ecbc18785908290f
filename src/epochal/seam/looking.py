"""Losses and gradients of the user's own model on given rows while it trains, with everything left as it was."""

import inspect
from contextlib import contextmanager

import keras
import numpy as np

from ..base.errors import Unsupported
from .rows import over


class Looking:
    """A compiled and built model that is looked at between two updates.

    Weights, moving statistics, metrics and random streams are afterwards what they were, bit for bit: a training that is looked at
    goes on as one that is not.
    """

    def __init__(self, model):
        opened = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}.get(keras.backend.backend())
        if opened is None:
            raise Unsupported(f"Keras on {keras.backend.backend()} has no gradients to look at.")
        self.model = model
        self._loss, self._gradient = opened(model, _forward(model))

    def losses(self, batches):
        """float[n]: the loss of each `Batch` of arrays, in inference mode; regularisation counts, as in `evaluate`."""
        with _kept(self.model):
            return np.array([float(keras.ops.convert_to_numpy(self._loss(*_put(batch)))) for batch in batches])

    def gradients(self, batches):
        """float[n, n_weights]: the gradient of the loss on each `Batch`, in training mode."""
        with _kept(self.model):
            return np.stack([_flat(self._gradient(*_put(batch))) for batch in batches])


def sync(model):
    """Let the model's variables hold what Keras' own `fit` has made of them, within an epoch too."""
    if hasattr(model, "jax_state_sync"):  # Keras on JAX keeps them to itself meanwhile
        model.jax_state_sync()


def _forward(model):
    takes = ["training" in inspect.signature(call).parameters for call in (model.call, model.compute_loss)]

    def forward(x, y, weight, training):
        y_pred = model(x, **({"training": training} if takes[0] else {}))
        return model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **({"training": training} if takes[1] else {}))

    return forward


def _on_jax(model, forward):
    import jax

    def loss(weights, others, batch, training):
        variables = [*model.trainable_variables, *model.non_trainable_variables, *model.metrics_variables]
        with keras.StatelessScope(state_mapping=list(zip(variables, [*weights, *others], strict=True)), collect_losses=True):
            return forward(*batch, training)

    judged = jax.jit(lambda weights, others, batch: loss(weights, others, batch, False))
    slope = jax.jit(jax.grad(lambda weights, others, batch: loss(weights, others, batch, True)))

    def values():
        return ([v.value for v in model.trainable_variables],
                [v.value for v in (*model.non_trainable_variables, *model.metrics_variables)])

    return lambda *batch: judged(*values(), batch), lambda *batch: slope(*values(), batch)


def _on_tensorflow(model, forward):
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def judged(x, y, weight):
        return forward(x, y, weight, False)

    @tf.function(reduce_retracing=True)
    def slope(x, y, weight):
        with tf.GradientTape() as tape:
            loss = forward(x, y, weight, True)
        found = tape.gradient(loss, [v.value for v in model.trainable_variables],
                              unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(part) for part in found]

    return judged, slope


def _on_torch(model, forward):
    import torch

    @contextmanager
    def aside(training):
        was = model.training
        with torch.random.fork_rng():  # dropout without a seed draws from the stream of the whole process
            model.train(training)
            try:
                yield
            finally:
                model.train(was)

    def judged(*batch):
        with aside(False), torch.no_grad():
            return forward(*batch, False)

    def slope(*batch):
        with aside(True):
            weights = [v.value for v in model.trainable_variables]
            found = torch.autograd.grad(forward(*batch, True), weights, allow_unused=True)
        return [torch.zeros_like(w) if part is None else part for part, w in zip(found, weights, strict=True)]

    return judged, slope


@contextmanager
def _kept(model):
    """What a look changes in place is put back; on JAX nothing is."""
    if keras.backend.backend() == "jax":
        yield
        return
    variables = [*model.non_trainable_variables, *model.metrics_variables]
    held = [keras.ops.copy(v.value) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, held, strict=True):
            variable.assign(value)


def _put(batch):
    return tuple(over(keras.ops.convert_to_tensor, tree) for tree in batch)


def _flat(parts):
    return np.concatenate([keras.ops.convert_to_numpy(part).ravel() for part in parts])
