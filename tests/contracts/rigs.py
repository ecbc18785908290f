"""The rigs under contract in this process: that of its Keras back end, and the portable one on top of the same."""

from functools import lru_cache

import keras
import numpy as np
from contracts import portable_rig, zoo

from epochal.seam.rigs.keras_rig import KerasRig, bind_of_backend
from epochal.seam.rows import leaves, over

BACKEND = keras.backend.backend()
BINDS = {BACKEND: bind_of_backend(), "portable": portable_rig.bind}


@lru_cache
def rig_of(kind, bind):
    """A rig for a model of the zoo, made once."""
    return KerasRig(*zoo.source(kind), BINDS[bind])


def user_model(kind, state):
    """A model as its user compiled it, at the weights and random streams of a rig's state; its optimizer is cold."""
    model, data = zoo.WORKS[kind]()
    if not model.built:
        model(over(keras.ops.convert_to_tensor, data.train.take(slice(0, 2)).x))
    for variables, values in ((model.trainable_variables, state.weights), (model.non_trainable_variables, state.fixed)):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(numpy(value))
    model.optimizer.build(model.trainable_variables)
    return model


def numpy(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor))


def flat(tensors):
    return np.concatenate([np.zeros(0), *(numpy(t).astype(np.float64).ravel() for t in tensors)])


def bytes_of(data):
    return b"".join(np.ascontiguousarray(leaf).tobytes() for part in (data.train, *data.parts)
                    for tree in (part.x, part.y, part.weight) for leaf in leaves(tree))
