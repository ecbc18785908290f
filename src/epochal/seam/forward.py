"""A Keras model's own `predict_step`, compiled once and kept: rows in, predictions out, and nothing changed on the way."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ..base.errors import Unsupported
from .convolutions.layers import has_convolutions
from .model.build import outline
from .model.copying import has_own_step, layers

COMPARED = 16          # rows that are done twice, in the company of different rows
_CLOSE = 1e-5          # of the largest prediction: more than that is no rounding
_HALF_CLOSE = 8        # roundings of the model's own arithmetic, where that is half precision


@dataclass(slots=True, eq=False, weakref_slot=True)
class Forward:
    """A model that predicts. Each block of rows goes through `model.predict_step`, as under `model.predict`.

    Attributes:
        device: the back end's name of the device.
        per_shape: whether a new number of rows costs a new program.
        run: starts on a block of rows, given as Keras' steps take it; returns outputs on the device, not waited for.
        fetch: an output as a NumPy array, waited for; or as it is, where it is no plain tensor.
        begin: called before each pass over rows; returns whether the weights are known to be those of the pass before.
        out_of_memory: whether an error says that memory ran out.
        changes: names of what `run` was seen to change, were it Keras that ran: variables, or a stream of random numbers.
        independent, why_batched, why_only_keras, known: what the caller found out. Rows do not depend on their neighbours, for the
            weights as they are; why predictions depend on how rows are batched, or only Keras' own `predict` knows what to make of
            the outputs, both for good; and whatever else.
    """

    device: str
    per_shape: bool
    run: Callable[[Any], Any]
    fetch: Callable[[Any], Any]
    begin: Callable[[], bool]
    out_of_memory: Callable[[BaseException], bool]
    changes: list[str]
    independent: bool = False
    why_batched: str = ""
    why_only_keras: str = ""
    known: dict[Any, Any] = field(default_factory=dict)


_kept = weakref.WeakKeyDictionary()  # model -> (what it was, its Forward); neither holds the model, so that it can go


def forward_of(model: keras.Model, look: Callable[[], Any]) -> Forward:
    """The `Forward` of a model: that of the last call, unless the model was compiled or built anew since.

    Other weights are no reason for a new one. What Keras' own `predict` does not notice either (an attribute of a layer that is
    set by hand) takes a `model.compile(...)`.

    Args:
        look: called for inputs of a few rows if the model waits for data to make its variables.

    Raises:
        Unsupported: this back end is not one of those known, or the first batch alone makes the model's variables.
    """
    if not (model.built and all(layer.built for layer in layers(model))):
        _build(model, look())
    model.make_predict_function()  # Keras' own, which is not called here: `compile` throws it away, and so tells of itself
    parts = model.predict_function, getattr(model.predict_step, "__func__", model.predict_step), *layers(model)
    variables = *map(id, model.trainable_variables), None, *map(id, model.non_trainable_variables)
    was = model.run_eagerly, model.jit_compile, variables, *map(weakref.ref, parts)
    known = _kept.get(model)
    if known is None or known[0] != was:
        known = _kept[model] = was, _open(model)
    return known[1]


def in_other_company(n_rows: int, size: int, few: int) -> np.ndarray:
    """Rows of a block in which the first `few` come again, backwards and last, behind the last row alone, repeated.

    A block of the first rows never has the same company for them, however many rows there are; one of other rows may: 32 of 33
    rows are the first 16 and the 16 after them, whichever of both come first.
    """
    return np.append(np.full(size - few, n_rows - 1), np.arange(few)[::-1])


def alike(a: np.ndarray, b: np.ndarray, close: float) -> bool:
    """Whether two arrays differ by no more than `close` of their largest finite number; whole numbers must be equal."""
    if a.dtype.kind not in "fcV":  # V: bfloat16
        return np.array_equal(a, b)
    a, b = (array.astype(complex if array.dtype.kind == "c" else float) for array in (a, b))
    largest = np.abs(b[np.isfinite(b)]).max(initial=0)
    return np.allclose(a, b, rtol=0, atol=close * largest, equal_nan=True)


def closeness(dtypes: set[str]) -> float:
    """How close predictions must be to count as the same, given the types that a model computes in."""
    half = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return max([_CLOSE, *(_HALF_CLOSE * half[dtype] for dtype in dtypes if dtype in half)])


def _build(model, x):
    """Make the variables of a model, as Keras does on JAX; elsewhere from shapes, where Keras makes them with the first batch."""
    if keras.backend.backend() == "jax":
        with keras.StatelessScope():  # what a call changes beside that is forgotten
            model(x)
        return
    if has_own_step(model, "predict_step"):
        raise Unsupported(f"The model `{model.name}` has its own `predict_step`, and its variables are made by that alone.")
    outline(model, x)


def _open(model):
    opened = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}.get(keras.backend.backend())
    if opened is None:
        raise Unsupported(f"Keras on {keras.backend.backend()} predicts in a way of its own.")
    return opened(weakref.ref(model), eager=model.run_eagerly, compiled=bool(model.jit_compile) and not model.run_eagerly)


def _on_jax(model, *, eager, compiled):  # noqa: ARG001 - what is not compiled is eager
    """One program for each shape of a block, with the weights as arguments."""
    import jax

    from .convolutions.rewrite import with_products
    from .machine import keep_programs

    keep_programs()
    changes, last = [], []

    def step(weights, fixed, data):
        outputs, after = model().predict_step((weights, fixed), data)
        changed = zip(model().non_trainable_variables, fixed, after, strict=True)
        changes[:] = [f"`{variable.path}`" for variable, old, new in changed if new is not None and new is not old]
        return outputs

    def values():
        return [v.value for v in model().trainable_variables], [v.value for v in model().non_trainable_variables]

    def begin():
        held = [array for group in values() for array in group]
        same = len(held) == len(last) and all(seen() is array for seen, array in zip(last, held, strict=True))
        last[:] = map(weakref.ref, held)
        return same

    def on_device(leaf):  # NumPy's arrays go in with the call itself, which is faster
        return leaf if isinstance(leaf, np.ndarray) else keras.ops.convert_to_tensor(leaf)

    def out_of_memory(error):
        return isinstance(error, MemoryError) or (
            isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error))

    if compiled and jax.devices()[0].platform == "cpu" and has_convolutions(model()):
        step = with_products(step, lambda conv: conv.is_slow_alone)
    program = jax.jit(step) if compiled else step
    return Forward(jax.devices()[0].device_kind.lower(), compiled, lambda data: program(*values(), _over(on_device, data)),
                   lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, begin, out_of_memory, changes)


def _on_tensorflow(model, *, eager, compiled):
    """One traced function for every number of rows, compiled by XLA where the model asks for it."""
    import tensorflow as tf

    changes, gpus = [], tf.config.list_physical_devices("GPU")
    step = _noting(model, changes)
    if not eager:  # as Keras calls it: without autograph, and with XLA around the step alone
        step = tf.function(step, reduce_retracing=True, autograph=False, jit_compile=compiled or None)
    device = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu").lower() if gpus else "cpu"
    return Forward(device, compiled, lambda data: step(_over(tf.convert_to_tensor, data)),
                   lambda leaf: leaf.numpy() if isinstance(leaf, tf.Tensor) else leaf,
                   lambda: False,  # whether weights were changed in place cannot be seen
                   lambda error: isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError)), changes)


def _on_torch(model, *, eager, compiled):  # noqa: ARG001 - what is not compiled is eager
    """Keras' own step under `no_grad`, through `torch.compile` where the model asks for it."""
    import torch

    device = next((v.value.device for v in model().variables), torch.device("cpu"))
    cuda, changes = device.type == "cuda", []
    noting, later = _noting(model, changes), torch.compile(lambda data: model().predict_step(data)) if compiled else None

    def streams():
        return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if cuda else [])]

    def noting_random_numbers(data):
        """Keras' dropout draws from PyTorch's own streams, which are left as they were."""
        with torch.random.fork_rng([device] if cuda else []):
            before, outputs = streams(), noting(data)
            if not all(map(torch.equal, before, streams())):
                changes.append("PyTorch's random numbers")
        return outputs

    def begin():
        model().eval()  # and Keras leaves it so
        return False    # whether weights were changed in place cannot be seen

    step, seen = noting_random_numbers, False

    def run(data):
        nonlocal step, seen
        with torch.no_grad():
            outputs = step(_over(keras.ops.convert_to_tensor, data))
        if compiled and not seen:
            step, seen = later, True
        return outputs

    def fetch(leaf):
        if not isinstance(leaf, torch.Tensor) or leaf.is_sparse:
            return leaf
        return keras.ops.convert_to_numpy(leaf) if leaf.dtype == torch.bfloat16 else leaf.detach().cpu().numpy()

    def out_of_memory(error):
        return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
            isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error) and "memory" in str(error))

    # The second shape makes a program for every shape.
    return Forward(torch.cuda.get_device_name(device).lower() if cuda else device.type, False, run, fetch, begin, out_of_memory,
                   changes)


def _noting(model, changes):
    """The step of a model in a scope that keeps variables from changing where they are, and notes which would have."""
    def step(data):
        with keras.StatelessScope() as scope:
            outputs = model().predict_step(data)
        changed = [v for v in model().variables if scope.get_current_value(v) is not None]
        unlisted = len(scope.state_mapping) > len(changed)  # the states of a recurrent layer are among no model's variables
        changes[:] = [*(f"`{v.path}`" for v in changed), *(["the state that a layer keeps"] if unlisted else [])]
        return outputs

    return step


def _over(change, data):
    return keras.tree.map_structure(lambda leaf: leaf if leaf is None else change(leaf), data)
