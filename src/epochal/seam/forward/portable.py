"""Predicting on a back end that this package does not know, through public Keras alone."""

import weakref

import keras
import numpy as np

from ..machine import this_machine


class PortableForward:
    """A `Forward`; see there. What predicting changes cannot be seen, and always lasts."""

    def __init__(self, model):
        self._model = weakref.ref(model)
        self.machine = this_machine("unknown", None, keras.backend.backend())
        self.per_shape, self.n_programs, self.changes = False, 0, ()
        self.verified, self.coupled, self.irregular = False, "", ""

    def begin(self):
        self.verified = False

    def prepare(self, data):
        return 0.0

    def run(self, data, keep):
        return self._model().predict_on_batch(keras.utils.unpack_x_y_sample_weight(data)[0])

    def fetch(self, leaf):
        return np.asarray(leaf)

    def end(self):
        pass

    def n_bytes(self, data):
        return None

    def free_bytes(self):
        return None

    def out_of_memory(self, error):
        return isinstance(error, MemoryError)
