"""Predicting on TensorFlow: one traced function for every number of rows, compiled by XLA where the model asks for it."""

import weakref

import keras
import psutil
import tensorflow as tf

from ..machine import this_machine
from .changes import Changed, changed_in
from .growth import Growth


class TensorflowForward:
    """A `Forward`; see there."""

    def __init__(self, model):
        self._model, self._eager = weakref.ref(model), model.run_eagerly
        self._gpus = tf.config.list_physical_devices("GPU")
        name = tf.config.experimental.get_device_details(self._gpus[0]).get("device_name", "gpu").lower() if self._gpus else "cpu"
        self.machine = this_machine(name, None, "tensorflow")
        self.per_shape, self.changes = bool(model.jit_compile) and not self._eager, ()
        self.verified, self.coupled, self.irregular = False, "", ""
        self._changing, self._growth = Changed((), (), False), Growth()
        self._apart, self._in_place = self._compiled(self._step_apart), self._compiled(self._step)

    @property
    def n_programs(self):
        return 0 if self._eager else sum(f.experimental_get_tracing_count() for f in (self._apart, self._in_place))

    def begin(self):
        self.verified = False  # whether weights were changed in place cannot be seen

    def prepare(self, data):
        self._growth = Growth()
        return 0.0  # TensorFlow compiles when it runs

    def run(self, data, keep):
        data = keras.tree.map_structure(lambda leaf: leaf if leaf is None else tf.convert_to_tensor(leaf), data)
        with self._growth:
            if keep and self._changing.unlisted:
                return self._in_place(data)
            outputs, after = self._apart(data)
            if keep and self._changing.unlisted:  # as the first block has shown: once more, and for good
                return self._in_place(data)
        if keep and self._changing.places:
            variables = self._model().variables
            for i, value in zip(self._changing.places, after, strict=True):
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

    def _compiled(self, step):
        """As Keras calls it: without autograph, and with XLA around the step alone."""
        if self._eager:
            return step
        return tf.function(step, reduce_retracing=True, autograph=False, jit_compile=True if self.per_shape else None)

    def _step(self, data):
        return self._model().predict_step(data)

    def _step_apart(self, data):
        """Outputs, and the new values of the variables that change: the scope keeps them from changing where they are."""
        with keras.StatelessScope() as scope:
            outputs = self._step(data)
        self._changing, after = changed_in(scope, self._model())
        self.changes = self._changing.names
        return outputs, after
