"""Put a model and its data on the bench: the rig of the Keras back end that this process runs."""

import keras

from ..rows import check
from .keras_rig import KerasRig


def open_rig(source, data):
    """The rig for a model on the active Keras back end; a back end this package does not know goes through Keras itself.

    Args:
        source: a compiled Keras model, or a function without arguments that returns one; never changed.
        data: a `Data`.

    Raises:
        UsageError: the data are not finite or not of one length, or the model does not fit them.
        Unsupported: the model cannot be copied or measured; the message says why.
    """
    for name, part in (("the training rows", data.train), *((f"the {n} rows", p) for n, p in
                       zip(("first validation", "second validation", "test"), data.parts, strict=False))):
        check(part, name)
    return KerasRig(source, data, _bind())


def _bind():
    match keras.backend.backend():
        case "jax":
            from ..cache import keep_programs
            from .jax import bind

            keep_programs()
        case "tensorflow":
            from .tensorflow import bind
        case "torch":
            from .torch import bind
        case _:
            from .portable import bind
    return bind
