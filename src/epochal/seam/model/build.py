"""Make all variables of a compiled model as Keras' own `fit` makes them: from shapes, without computing anything."""

import inspect

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ..rows import over
from .copying import first_line, has_own_step, layers


def build(model, sample, *, check=False, name="the data", all_now=True):
    """Make all variables of model, metrics and optimizer, from shapes alone: what the model changes meanwhile is forgotten.

    Args:
        sample: inputs, targets and weights of a few rows, or a function that returns them; and `name` what they are of.
        check: pass the sample through the model even where all its variables are there; a `UsageError` says that it does not fit.
        all_now: also on TensorFlow, where Keras makes variables with the first batch. Else the optimizer's are left to that, and a
            model with a `train_step` of its own as well, which may have no `call` that is meant for its data.

    Returns:
        Whether model or metrics had to be built.
    """
    built = model.built and all(layer.built for layer in layers(model))
    needed = not (built and all(getattr(metric, "built", True) for metric in model.metrics)
                  and getattr(getattr(model, "_compile_loss", None), "built", True))  # which Keras builds as it builds metrics
    later = keras.backend.backend() == "tensorflow" and not all_now
    if later and has_own_step(model, "train_step"):
        return needed
    if built and not later:
        _optimizer_of(model)
    try:
        if callable(sample) and (needed or check):
            sample = sample()
        if needed and not later:
            model._symbolic_build(data_batch=tuple(over(np.asarray, tree) for tree in sample))  # there is no public way
        if check or (needed and later):
            found = _see(model, sample)
    except (ValueError, TypeError) as error:
        raise UsageError(f"`model` must fit {name}; got {first_line(error)} Check the shapes of x and y against "
                         "the model's inputs, outputs and loss.") from error
    if check:
        outputs, *losses = found
        require(all(len(output.shape) for output in keras.tree.flatten(outputs)), "model", "one output that is a single number",
                "one that answers each row", "Give its outputs a first axis of rows.")
        require(not any(len(loss.shape) for loss in losses), "loss", "one number for each row", "one number for a batch",
                'Leave reduction at "sum_over_batch_size".')
    if not later:
        _optimizer_of(model)
    return needed


def build_optimizer(optimizer, variables):
    """Make the variables of an optimizer."""
    with keras.utils.custom_object_scope({"zeros": _zeros} if keras.backend.backend() == "jax" else {}):
        optimizer.build(variables)


def _optimizer_of(model):
    if model.optimizer is not None and not model.optimizer.built:
        build_optimizer(model.optimizer, model.trainable_variables)


def _zeros(shape, dtype=None):
    """Keras' initializer of that name without what it costs on JAX: a program compiled for every shape, some 25 ms each."""
    import jax

    return jax.device_put(np.zeros(shape, keras.backend.standardize_dtype(dtype)))


class _Outline(keras.Operation):
    def __init__(self, function):
        super().__init__()
        self.call = function


def outline(function, *trees):
    """Call a function with the shapes of some arrays. Layers make their variables; nothing is computed, and no variable changes."""
    return _Outline(function).compute_output_spec(*(
        over(lambda a: keras.KerasTensor(a.shape, keras.backend.standardize_dtype(a.dtype)), tree) for tree in trees))


def _see(model, sample):
    """The shapes of outputs and, where there are targets, of the loss; those of the sample are passed through metrics as well."""
    takes = ["training" in inspect.signature(call).parameters for call in (model.call, model.compute_loss)]

    def judged(x, y, weight):
        y_pred = model(x, **({"training": False} if takes[0] else {}))
        if y is not None:
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **({"training": False} if takes[1] else {}))
            model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)
            return y_pred, loss
        return (y_pred,)

    return outline(judged, *sample)


def metric_names(model):
    """The names of the compiled metrics that give one number, without the loss; the model must be built.

    In Keras' order, on JAX in that of the alphabet, as evidence of earlier versions has them.
    """
    if keras.backend.backend() == "jax":
        import jax

        with keras.StatelessScope(state_mapping=[(v, v.value) for v in model.metrics_variables]):
            results = jax.eval_shape(model.get_metrics_result)
    else:
        results = model.get_metrics_result()
    return tuple(name for name, value in results.items() if name != "loss" and len(np.shape(value)) == 0)
