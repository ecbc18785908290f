"""A Keras model as plain data and arrays, for another process to build it again."""

from typing import NamedTuple

import numpy as np

from .copying import to_numpy
from .description import described, from_description


class Carried(NamedTuple):
    """A model of Keras' own parts: what `described` says of it, and its weights in Keras' order (none where it is not built)."""

    description: str
    weights: list[np.ndarray]

    def build(self):
        """The compiled model, with these weights."""
        model = from_description(self.description)
        if self.weights:
            model.set_weights(self.weights)
        return model


def carried(model) -> Carried | None:
    """A compiled Keras model as a `Carried`; `None` where a part of it is not Keras' own."""
    description = described(model)
    return None if description is None else Carried(description, [to_numpy(v) for v in model.weights])
