"""Make the user's compiled model ready to train, and find the module that trains it on the active back end."""

import inspect

import keras
import numpy as np

from ...base.errors import UsageError
from ..copying import first_line, layers, refuse_uncompiled
from ..rows import over

_NAME = "_epochal_opened"  # among a model's own attributes, so that it goes when the model goes; Keras neither tracks nor saves it


class _Opened:
    """What a model was compiled as, and its trainee, so that a second `fit` compiles nothing."""

    __slots__ = ("compiled", "trainee")

    def __init__(self, compiled, trainee):
        self.compiled, self.trainee = compiled, trainee


def open_trainee(model, sample, micro_batch_size=None):
    """The `Trainee` of a compiled model, and whether variables of it had yet to be made.

    The trainee is the same one again as long as the model is compiled and frozen as before.

    Args:
        model: a compiled Keras model. Variables that it makes when it first sees data are made now, as `fit` makes them.
        sample: a `Batch` of a few rows as NumPy arrays.
        micro_batch_size: rows of which the gradient is taken at once, summed up to the whole batch; `None` for no such split.

    Raises:
        UsageError: the model is not compiled, or does not fit the sample.
        Unsupported: this model's steps cannot be split into micro-batches.
    """
    refuse_uncompiled(model, "model")
    built = build(model, sample)
    compiled = (micro_batch_size, model.optimizer, tuple(map(id, model.metrics)), tuple(map(id, model.trainable_variables)),
                model.jit_compile, model.run_eagerly)
    known = vars(model).get(_NAME)
    if known is not None and known.compiled == compiled:
        known.trainee.load()
        return known.trainee, built
    trainee = _bind()(model, micro_batch_size)
    vars(model)[_NAME] = _Opened(compiled, trainee)
    return trainee, built


def build(model, sample):
    """Make all variables of model, metrics and optimizer, without computing anything where the back end allows it.

    Returns:
        Whether model or metrics had to be built.
    """
    needed = not (model.built and all(layer.built for layer in layers(model))
                  and all(getattr(metric, "built", True) for metric in model.metrics))
    if needed:
        try:
            _see(model, sample)
        except (ValueError, TypeError) as error:
            raise UsageError(f"`model` must fit the data; got {first_line(error)} Check the shapes of x and y against "
                             "the model's inputs, outputs and loss.") from error
    if not model.optimizer.built:
        with keras.utils.custom_object_scope({"zeros": _zeros} if keras.backend.backend() == "jax" else {}):
            model.optimizer.build(model.trainable_variables)
    return needed


def _zeros(shape, dtype=None):
    """Keras' initializer of that name without what it costs on JAX: a program compiled for every shape, some 25 ms each."""
    import jax

    return jax.device_put(np.zeros(shape, keras.backend.standardize_dtype(dtype)))


def _see(model, sample):
    takes = ["training" in inspect.signature(call).parameters for call in (model.call, model.compute_loss)]

    def predicted(x):
        return model(x, **({"training": False} if takes[0] else {}))

    def judged(x, y, weight):
        y_pred = predicted(x)
        if y is not None:
            model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **({"training": False} if takes[1] else {}))
            model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)

    if keras.backend.backend() == "jax":
        import jax

        shapes = [over(lambda a: jax.ShapeDtypeStruct(a.shape, keras.backend.standardize_dtype(a.dtype)), tree) for tree in sample]
        if not (model.built and all(layer.built for layer in layers(model))):
            with keras.StatelessScope():  # variables made under it get their values when it ends
                jax.eval_shape(predicted, shapes[0])
        with keras.StatelessScope(state_mapping=[(v, v.value) for v in model.variables]):
            jax.eval_shape(judged, *shapes)
    else:
        judged(*(over(keras.ops.convert_to_tensor, tree) for tree in sample))
        model.reset_metrics()


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
