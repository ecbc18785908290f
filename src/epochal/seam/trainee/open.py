"""Make the user's compiled model ready to train, and find the module that trains it on the active back end."""

import keras

from ...base.errors import Unsupported
from ..model.build import build
from ..model.copying import refuse_uncompiled

_NAME = "_epochal_opened"  # among a model's own attributes, so that it goes when the model goes; Keras neither tracks nor saves it


def build_for_training(model, sample, micro_batch_size=None, *, all_now=True):
    """Make the variables of a compiled model that it makes when it first sees data, as `fit` makes them; whether there were any.

    Args:
        sample: a `Batch` of a few rows as NumPy arrays, which must fit the model; or a function that returns it where it is needed.
        all_now: also make what Keras makes with the first batch: see `build`. It is so in any case for a `micro_batch_size`.
    """
    refuse_uncompiled(model, "model")
    return build(model, sample, all_now=all_now or micro_batch_size is not None)


def open_trainee(model, micro_batch_size=None, *, trains=None, judges=None):
    """The `Trainee` of a compiled and built model.

    As long as Keras goes on with the step that it has compiled it is the same one again, so that a second `fit` compiles nothing.
    On TensorFlow that is until `compile` is called, whatever is frozen or thawed meanwhile.

    Args:
        micro_batch_size: rows of which the gradient is taken at once, summed up to the whole batch; `None` for no such split.
        trains, judges: the `Head` of the model where training and validation are fed with what its base answered; else `None`.
    """
    model.make_train_function()  # these two are public; `compile` throws away what they make, and so tells of itself
    model.make_test_function()
    compiled = (micro_batch_size, trains, judges, model.train_function, model.test_function,
                *(() if keras.backend.backend() == "tensorflow" else (model.optimizer, *map(id, model.trainable_variables))))
    known = vars(model).get(_NAME)
    if known is not None and known.compiled == compiled:
        known.load()
        return known
    trainee = vars(model)[_NAME] = _bind()(model, micro_batch_size, trains, judges)
    trainee.compiled = compiled
    return trainee


def only_keras(model: keras.Model) -> str | None:
    """Why only Keras' own `fit` trains this model as it is compiled, as a part of a sentence; `None` where a trainee does too."""
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    if not isinstance(model.optimizer, keras.optimizers.Optimizer):
        return f"the model's optimizer is a {type(model.optimizer).__name__}" if model.optimizer else (
            "the model is compiled without an optimizer")
    if keras.backend.backend() == "jax" and not model.jit_compile:
        return "the model is compiled with jit_compile=False"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy() or model.distribute_strategy is not tf.distribute.get_strategy():
            return "the model was made under a tf.distribute strategy, which cuts the batches for its devices"
    if keras.distribution.distribution() is not None:
        return "a keras.distribution is set, and only Keras spreads the batches over its devices"
    return None


def _bind():
    match keras.backend.backend():
        case "jax":
            from .jax import bind
        case "tensorflow":
            from .tensorflow import bind
        case "torch":
            from .torch import bind
        case other:
            raise Unsupported(f"Keras' back end {other!r} does not train models. Run with KERAS_BACKEND=jax, tensorflow or torch.")
    return bind
