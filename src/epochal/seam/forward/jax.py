"""Predicting on JAX: one compiled program for each shape of a block, with the weights as arguments."""

import weakref
from time import perf_counter

import jax
import numpy as np
import psutil

from ..machine import this_machine


class JaxForward:
    """A `Forward`; see there."""

    def __init__(self, model):
        self._model, self._eager = weakref.ref(model), model.run_eagerly or not model.jit_compile
        self._device = jax.devices()[0]
        memory = None if self._device.platform == "cpu" else (self._device.memory_stats() or {}).get("bytes_limit")
        self.machine = this_machine(self._device.device_kind.lower(), memory, "jax")
        self.per_shape, self.n_programs, self.changes = not self._eager, 0, ()
        self.verified, self.coupled, self.irregular = False, "", ""
        self._programs, self._changing, self._seen = {}, (), ()
        self._weights, self._fixed = None, None

    def begin(self):
        model = self._model()
        self._weights = [v.value for v in model.trainable_variables]
        self._fixed = [v.value for v in model.non_trainable_variables]
        held = [*self._weights, *self._fixed]
        same = len(held) == len(self._seen) and all(seen() is array for seen, array in zip(self._seen, held, strict=True))
        self.verified, self._seen = self.verified and same, [weakref.ref(array) for array in held]

    def prepare(self, data):
        """Compile for such a block; returns the seconds that took, 0 where it is compiled."""
        data = _ready(data)
        if self._eager or _shape(data) in self._programs:
            return 0.0
        start = perf_counter()
        self._programs[_shape(data)] = jax.jit(self._step).lower(self._weights, self._fixed, data).compile()
        self.n_programs += 1
        return perf_counter() - start

    def run(self, data, keep):
        data = _ready(data)
        step = self._step if self._eager else self._programs.get(_shape(data))
        if step is None:
            self.prepare(data)
            step = self._programs[_shape(data)]
        outputs, after = step(self._weights, self._fixed, data)
        if keep:
            for i, value in zip(self._changing, after, strict=True):
                self._fixed[i] = value
        return outputs

    def fetch(self, leaf):
        return np.asarray(leaf) if isinstance(leaf, (jax.Array, np.ndarray)) else leaf

    def end(self):
        if self._fixed is not None:
            variables = self._model().non_trainable_variables
            for i in self._changing:
                variables[i].assign(self._fixed[i])
        self._weights, self._fixed = None, None  # else weights that are trained on would be in memory twice

    def n_bytes(self, data):
        program = self._programs.get(_shape(_ready(data)))
        used = program.memory_analysis() if program is not None else None
        if used is None:
            return None
        weights = sum(array.nbytes for array in (*self._weights, *self._fixed))
        return used.temp_size_in_bytes + used.output_size_in_bytes + max(used.argument_size_in_bytes - weights, 0)

    def free_bytes(self):
        if self._device.platform == "cpu":
            return psutil.virtual_memory().available
        told = self._device.memory_stats() or {}
        return told["bytes_limit"] - told.get("bytes_in_use", 0) if "bytes_limit" in told else None

    def out_of_memory(self, error):
        return isinstance(error, MemoryError) or (
            isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error))

    def _step(self, weights, fixed, data):
        """Outputs, and the new values of the variables that change: all others would be copied out for nothing."""
        model = self._model()
        outputs, after = model.predict_step((weights, fixed), data)
        self._changing = [i for i, (old, new) in enumerate(zip(fixed, after, strict=True)) if new is not None and new is not old]
        self.changes = tuple(f"`{model.non_trainable_variables[i].path}`" for i in self._changing)
        return outputs, [after[i] for i in self._changing]


def _ready(data):
    return jax.tree.map(_narrowed, data)


def _narrowed(leaf):
    if isinstance(leaf, jax.Array):
        return leaf
    array = leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf.cpu() if hasattr(leaf, "cpu") else leaf)
    return array if array.dtype.itemsize < 8 else array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)


def _shape(data):
    """What a program is compiled for: nesting, shapes and types."""
    leaves, nesting = jax.tree.flatten(data)
    return nesting, *((leaf.shape, leaf.dtype) for leaf in leaves)
