"""Predicting on TensorFlow: one traced function for every number of rows, compiled by XLA where the model asks for it."""

import weakref

import keras
import psutil
import tensorflow as tf

from .forward_growth import Growth
from .machine import this_machine


class TensorflowForward:
    """A `Forward`; see there."""

    def __init__(self, model):
        self._model, self._eager = weakref.ref(model), model.run_eagerly
        self._gpus = tf.config.list_physical_devices("GPU")
        name = tf.config.experimental.get_device_details(self._gpus[0]).get("device_name", "gpu").lower() if self._gpus else "cpu"
        self.machine = this_machine(name, None, "tensorflow")
        self.per_shape, self.changes = bool(model.jit_compile) and not self._eager, ()
        self.verified, self.coupled, self.irregular = False, "", ""
        self._changing, self._growth = (), Growth()
        # As Keras calls it: without autograph, and with XLA around the step alone.
        self._function = self._step if self._eager else tf.function(
            self._step, reduce_retracing=True, autograph=False, jit_compile=True if self.per_shape else None)

    @property
    def n_programs(self):
        return 0 if self._eager else self._function.experimental_get_tracing_count()

    def begin(self):
        self.verified = False  # whether weights were changed in place cannot be seen

    def prepare(self, data):
        self._growth = Growth()
        return 0.0  # TensorFlow compiles when it runs

    def run(self, data, keep):
        data = keras.tree.map_structure(lambda leaf: leaf if leaf is None else tf.convert_to_tensor(leaf), data)
        with self._growth:
            outputs, after = self._function(data)
        if keep and self._changing:
            variables = self._model().variables
            for i, value in zip(self._changing, after, strict=True):
                variables[i].assign(value)
        return outputs

    def fetch(self, leaf):
        return leaf.numpy() if isinstance(leaf, tf.Tensor) else leaf

    def end(self):
        pass

    def n_bytes(self, data):
        return None if self._gpus else self._growth.n_bytes

    def free_bytes(self):
        return None if self._gpus else psutil.virtual_memory().available

    def out_of_memory(self, error):
        return isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError))

    def _step(self, data):
        """Outputs, and the new values of the variables that change: the scope keeps them from changing where they are."""
        model = self._model()
        with keras.StatelessScope() as scope:
            outputs = model.predict_step(data)
        after = [scope.get_current_value(v) for v in model.variables]
        self._changing = [i for i, value in enumerate(after) if value is not None]
        self.changes = tuple(model.variables[i].path for i in self._changing)
        return outputs, [after[i] for i in self._changing]
