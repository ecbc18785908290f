"""Make all variables of a compiled model without computing anything, where the back end allows it."""

import inspect
from contextlib import nullcontext

import keras
import numpy as np

from ...base.errors import UsageError
from ..rows import over
from .copying import first_line, layers


def build(model, sample, *, check=False, name="the data"):
    """Make all variables of model, metrics and optimizer, without computing anything where the back end allows it.

    Args:
        sample: inputs, targets and weights of a few rows, or a function that returns them; and `name` what they are of.
        check: pass the sample through the model even where all its variables are there; a `UsageError` says that it does not fit.

    Returns:
        Whether model or metrics had to be built.
    """
    needed = not (model.built and all(layer.built for layer in layers(model))
                  and all(getattr(metric, "built", True) for metric in model.metrics)
              and getattr(getattr(model, "_compile_loss", None), "built", True))  # which Keras builds as it builds metrics
    if needed or check:
        try:
            _see(model, sample() if callable(sample) else sample)
        except (ValueError, TypeError) as error:
            raise UsageError(f"`model` must fit {name}; got {first_line(error)} Check the shapes of x and y against "
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

    def judged(x, y, weight, scope=nullcontext):
        y_pred = predicted(x)
        if y is not None:
            model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **({"training": False} if takes[1] else {}))
            with scope():
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
        # A metric of the user's own need not forget these rows when it is reset.
        judged(*(over(keras.ops.convert_to_tensor, tree) for tree in sample), scope=keras.StatelessScope)
        model.reset_metrics()


def metric_names(model):
    """The names of the compiled metrics that give one number, in Keras' order, without the loss; the model must be built."""
    if keras.backend.backend() == "jax":
        import jax

        with keras.StatelessScope(state_mapping=[(v, v.value) for v in model.metrics_variables]):
            results = jax.eval_shape(model.get_metrics_result)
    else:
        results = model.get_metrics_result()
    return tuple(name for name, value in results.items() if name != "loss" and len(np.shape(value)) == 0)
