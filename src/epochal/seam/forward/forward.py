"""A model's own `predict_step`, compiled and kept for the next call: rows in, predictions out, and nothing changed on the way."""

import weakref
from typing import Any, NamedTuple, Protocol

import keras

from ..model.copying import layers


class Forward(Protocol):
    """The user's own model, predicting. Each block of rows goes through `model.predict_step`, as under `predict`.

    Attributes:
        machine: the `Machine` it runs on.
        per_shape: whether a new number of rows costs a new program.
        n_programs: how often something was compiled so far.
        changes: names of what predicting was seen to change: variables of the model, or a stream of random numbers.
        verified: set by the caller once rows were shown not to depend on their neighbours; `begin` takes it back where the
            weights may have changed since.
        coupled: set by the caller, for good: says why rows do depend on their neighbours; or `""`.
        irregular: set by the caller, for good: says why the outputs are not one row for each row; or `""`.
    """

    machine: Any
    per_shape: bool
    n_programs: int
    changes: tuple[str, ...]
    verified: bool
    coupled: str
    irregular: str

    def begin(self): ...               # go by what the model's variables hold now
    def prepare(self, data): ...       # compile for such a block ahead of its run, where that can be told apart
    def run(self, data, keep): ...     # start on a block: outputs on the device, not waited for. What predicting changes in the
                                       # model lasts if `keep`, else it is as if the block had never been run
    def fetch(self, leaf): ...         # an output as a NumPy array, waited for; or as it is, where it is no plain tensor
    def end(self): ...                 # let the model's variables hold what was kept
    def n_bytes(self, data): ...       # what such a block takes on the device, told once it is prepared or has run; or `None`
    def free_bytes(self): ...          # what the device has free; `None` where that is not told
    def out_of_memory(self, error): ...


class _Mark(NamedTuple):
    """What a compiled model was: when any of it is another, it is compiled anew."""

    parts: tuple
    function: weakref.ref

    def holds_for(self, other):
        return self.parts == other.parts and self.function() is other.function()


_kept = weakref.WeakKeyDictionary()  # model -> (_Mark, Forward); neither holds the model, so that it can go


def forward_of(model, look):
    """The `Forward` of a model: the one of the last call, unless the model was compiled or built anew since.

    Other weights are no reason for a new one. What Keras' own `predict` does not notice either (an attribute of a layer that is
    set by hand) takes a `model.compile(...)`.

    Args:
        look: called for inputs of a few rows if the model waits for data to make its variables.
    """
    if not _is_built(model):
        with keras.StatelessScope():  # as Keras does it on JAX: what a call changes beside that is forgotten
            model(look())
    mark = _mark(model)
    known = _kept.get(model)
    if known is None or not known[0].holds_for(mark):
        known = _kept[model] = (mark, _open(model))
    return known[1]


def _mark(model):
    model.make_predict_function()  # Keras' own, which is not called here: `compile` throws it away, and so tells of itself
    step = getattr(model.predict_step, "__func__", model.predict_step)
    ids = [id(v) for group in (model.trainable_variables, model.non_trainable_variables) for v in (*group, None)]
    parts = (id(step), model.run_eagerly, model.jit_compile, tuple(map(weakref.ref, layers(model))), *ids)
    return _Mark(parts, weakref.ref(model.predict_function))


def _is_built(model):
    return model.built and all(layer.built for layer in layers(model))


def _open(model):
    match keras.backend.backend():
        case "jax":
            from ..machine import keep_programs
            from .jax import JaxForward

            keep_programs()
            return JaxForward(model)
        case "tensorflow":
            from .tensorflow import TensorflowForward

            return TensorflowForward(model)
        case "torch":
            from .torch import TorchForward

            return TorchForward(model)
        case _:
            from .portable import PortableForward

            return PortableForward(model)
