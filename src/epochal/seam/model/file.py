"""A Keras model as a file: saved, loaded, and shown to fit its data, with every failure as one sentence."""

import keras

from ...base.archives import DAMAGE, open_archive
from ...base.errors import UsageError
from ...base.validate import require
from .build import build as build_model
from .copying import first_line, refuse_uncompiled, to_numpy

# What Keras says of files that are damaged, of other versions, or whose parts it does not know.
_OF_KERAS = (*DAMAGE, ArithmeticError, AssertionError, AttributeError, ImportError, OSError)
_CURE = "Pass --model FILE.py:FUNCTION, the function that built it when it was fitted."


def save_model(model, path):
    """Write `model` with its optimizer to `path`, which ends in `.keras`; refuses parts that cannot be saved."""
    try:
        model.save(path)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UsageError(f"`model` must be one that Keras can save; got {model.name!r} ({first_line(error)}) Give each layer of "
                         "your own a get_config, and no lambda.") from error


def load_model(path, *, build=None, trust=False):
    """The model in the `.keras` file at `path`, uncompiled; code in the file is not run, unless its author is trusted.

    Args:
        build: where Keras cannot build the model itself, since it has layers of the user's own: the function that does. The
            weights alone are taken from the file.
        trust: leave Keras' safe mode, so that the code of `Lambda` layers in the file runs.

    Raises:
        UsageError: the file is damaged, or Keras cannot make the model.
    """
    model = build() if build is not None else None
    require(build is None or isinstance(model, keras.Model), "--model", type(model).__name__,
            "a function that returns a Keras model", "Return the model.")
    try:
        with open_archive(path):  # what is no archive, Keras might read in a format that has no safe mode
            pass
        if model is None:
            return keras.models.load_model(path, compile=False, safe_mode=not trust)
        model.load_weights(path)
        return model
    except _OF_KERAS as error:
        if build is None and "safe_mode" in str(error):
            raise UsageError(f"`model` must hold no code of its own, since whoever wrote the file chose it; got {str(path)!r} with "
                             "a Lambda layer. Pass --trust-model if you trust the author, or --model FILE.py:FUNCTION, the "
                             "function that built it when it was fitted.") from error
        cure = _CURE if build is None else "Pass the function that built it when it was fitted."
        raise UsageError(f"`model` must be one that Keras can load; got {str(path)!r} ({first_line(error)}) {cure} Or take the "
                         "file's backup: it may be damaged.") from error


def check_fits(model, x, y):
    """What a compiled model answers to a few rows, as NumPy arrays; refuses what is no compiled model, and other shapes."""
    require(isinstance(model, keras.Model), "model function", type(model).__name__, "a function that returns a Keras model",
            "Return the compiled model.")
    refuse_uncompiled(model, "model function")
    build_model(model, (x, y, None), check=True)
    return keras.tree.map_structure(to_numpy, model(keras.ops.convert_to_tensor(x)))


def check_takes(model, x):
    """Show that a model takes rows like `x`, by a few of them; raises `UsageError` with both shapes where it does not."""
    try:
        model(keras.ops.convert_to_tensor(x))
    except (TypeError, ValueError) as error:
        takes = getattr(model, "input_shape", None)
        raise UsageError(f"`DATA` must hold rows that the model takes{f', {takes}' if takes else ''}; got {x.shape} "
                         f"({first_line(error)}) Check which file belongs to which model.") from error


def answers_with_logits(model):
    """Whether the compiled loss takes logits, so that a sigmoid or softmax is still to come."""
    return bool(getattr(model.loss, "from_logits", False))
