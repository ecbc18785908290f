"""A model made of Keras' own parts alone, as text from which a process with another back end builds the same one."""

import inspect
import json
import warnings

import keras

from ..model.copying import first_line, has_own_step

_OWN_METHODS = ("train_step", "test_step", "compute_loss", "compute_metrics", "call")
_TIED = frozenset({  # layers of one framework, with code of the user's, or with tables that are no variables
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup", "TextVectorization",
    "Hashing", "HashedCrossing", "Discretization"})
_RATES = frozenset({"rate", "stddev", "dropout", "recurrent_dropout"})  # how much a layer of Keras' draws at random


def plain(model):
    """`(recipe, why_not)`: the text that `rebuild` builds the same compiled model from, or `None` and a sentence.

    The recipe holds no variable: those travel apart, in the order of `groups`.

    Args:
        model: compiled, with all its variables made.
    """
    why_not = _why_not_its_own(model) or _why_not_its_compilation(model)
    if why_not:
        return None, why_not
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lambda is announced here, and refused below
            parts = _parts(model)
        recipe = json.dumps(parts, default=dict)  # TensorFlow wraps the dictionaries that a model holds
    except (TypeError, ValueError, NotImplementedError) as error:
        return None, f"Keras cannot write it down ({first_line(error)})"
    foreign = next(_foreign(parts), None)
    return (None, foreign) if foreign else (recipe, "")


def rebuild(recipe):
    """The compiled model of a recipe, its variables drawn anew. Sets Keras' defaults (`floatx` and such) to those of the recipe."""
    parts = json.loads(recipe)
    keras.config.set_floatx(parts["floatx"])
    keras.config.set_epsilon(parts["epsilon"])
    keras.config.set_image_data_format(parts["image_data_format"])
    keras.config.set_dtype_policy(keras.saving.deserialize_keras_object(parts["dtype_policy"]))
    model = keras.saving.deserialize_keras_object(parts["model"])
    for layer in _layers(model, set()):
        if not layer.trainable:
            # A layer made of layers was told so before it made them. TensorFlow passes nothing on that is set to what it is.
            layer.trainable = True
            layer.trainable = False
    compiled = {name: keras.saving.deserialize_keras_object(part) for name, part in parts["compile"].items()}
    model.compile(auto_scale_loss=False, **compiled)  # an optimizer that scales the loss is in the recipe
    return model


def quiet(recipe):
    """The same recipe without dropout and noise, and with plain gradient descent, which moves every weight by its gradient.

    So two back ends, whose random numbers differ, can be held against each other; adaptive optimizers make a whole step of a
    gradient that is rounding noise alone.
    """
    parts = json.loads(recipe)
    parts["compile"]["optimizer"] = {"module": "keras.optimizers", "class_name": "SGD", "config": {"learning_rate": 1.0},
                                     "registered_name": None}
    return json.dumps(parts | {"model": _silenced(parts["model"])})


def groups(model):
    """The variables in four lists, each in Keras' own order: trainable, others, the optimizer's, the metrics'."""
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables


def _why_not_its_own(model):
    if not _is_keras(type(model)):
        return f"its class {type(model).__name__} is not one of Keras' own"
    own = [name for name in _OWN_METHODS if name in vars(model) or (name.endswith("step") and has_own_step(model, name))]
    if own:
        return f"it has its own `{own[0]}`"
    for layer in _layers(model, set()):
        kind = type(layer).__name__
        if not _is_keras(type(layer)):
            return f"its layer `{layer.name}` is of the class {kind}, which is not one of Keras' own"
        if kind in _TIED:
            return f"its layer `{layer.name}` ({kind}) is not the same on every back end"
        own = [part for name, part in vars(layer).items() if name != "loss" and inspect.isfunction(part) and not _is_keras(part)]
        if own:
            return f"its layer `{layer.name}` uses the function `{own[0].__name__}`, which is not one of Keras' own"
    return ""


def _why_not_its_compilation(model):
    optimizers = [model.optimizer, getattr(model.optimizer, "inner_optimizer", model.optimizer)]
    for part in (*optimizers, *keras.tree.flatten(model.loss), *model.metrics):
        named = part if inspect.isfunction(part) else type(part)
        if part is not None and not isinstance(part, str) and not _is_keras(named):
            return f"its `{named.__name__}` is not one of Keras' own"
    if model.run_eagerly:
        return "it is compiled to run eagerly"
    if any(_decays_unevenly(optimizer) for optimizer in optimizers):
        return "its optimizer excludes weights from weight decay, which Keras does not write down"
    if keras.distribution.distribution() is not None:
        return "its variables are spread over several devices"
    return ""


def _decays_unevenly(optimizer):
    """There is no public way to ask for what `exclude_from_weight_decay` was told; the two attributes are where it is kept."""
    return optimizer.weight_decay is not None and bool(getattr(optimizer, "_exclude_from_weight_decay", None)
                                                       or getattr(optimizer, "_exclude_from_weight_decay_pattern", None))


def _parts(model):
    compiled = {name: part for name, part in (model.get_compile_config() or {}).items()
                if name not in ("optimizer", "run_eagerly", "steps_per_execution", "jit_compile")}
    # Keras turns "auto" into what suits its own back end and forgets that it was "auto". A `True` means whatever suits there.
    compiled["jit_compile"] = "auto" if model.jit_compile or keras.backend.backend() != "jax" else False
    compiled["optimizer"] = _public(keras.saving.serialize_keras_object(model.optimizer))
    compiled["loss"] = keras.tree.map_structure(_named, model.loss) if model.loss is not None else None
    return {"model": _uncompiled(keras.saving.serialize_keras_object(model)),
            "compile": compiled,
            "floatx": keras.config.floatx(), "epsilon": keras.config.epsilon(),
            "image_data_format": keras.config.image_data_format(),
            "dtype_policy": keras.saving.serialize_keras_object(keras.config.dtype_policy())}


def _named(loss):
    """A loss function of Keras' own by its name, which its text could not tell from a function of the user's."""
    return loss.__name__ if inspect.isfunction(loss) else keras.saving.serialize_keras_object(loss)


def _public(config):
    """An optimizer's configuration under its public name: on PyTorch, Keras gives that of a class for PyTorch alone."""
    inner = config["config"].get("inner_optimizer")
    inside = {"inner_optimizer": _public(inner)} if inner else {}
    name = {"module": "keras.optimizers", "registered_name": None} if hasattr(keras.optimizers, config["class_name"]) else {}
    return config | name | {"config": config["config"] | inside}


def _layers(thing, seen):
    """All layers inside a layer, those too that it keeps as attributes and does not list."""
    if isinstance(thing, keras.layers.Layer) and id(thing) not in seen:
        seen.add(id(thing))
        yield thing
        yield from _layers(list(vars(thing).values()), seen)
    elif isinstance(thing, (list, tuple, dict)):
        for part in thing.values() if isinstance(thing, dict) else thing:
            yield from _layers(part, seen)


def _is_keras(thing):
    return (thing.__module__ or "").split(".")[0] == "keras"


def _foreign(config):
    """A sentence for every class and function in a configuration that is not Keras' own."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("class_name")
        if name in ("__lambda__", "__typespec__") or (isinstance(config.get("value"), tuple) and len(config) == 1):
            yield "it holds a lambda" if name != "__typespec__" else "it holds a type of TensorFlow's"
        elif isinstance(module, str) and isinstance(name, str) and module.split(".")[0] != "keras":
            called = config["config"] if name == "function" else name
            yield f"it uses `{called}`, which is a function or not one of Keras' own"
    for branch in config.values() if isinstance(config, dict) else config if isinstance(config, (list, tuple)) else ():
        yield from _foreign(branch)


def _uncompiled(config):
    """Without how a model inside was compiled: it is trained by the outer one."""
    if isinstance(config, dict):
        return {key: _uncompiled(value) for key, value in config.items() if key != "compile_config"}
    return type(config)(map(_uncompiled, config)) if isinstance(config, (list, tuple)) else config


def _silenced(config):
    if isinstance(config, dict):
        return {key: 0.0 if key in _RATES and isinstance(value, float) else _silenced(value) for key, value in config.items()}
    return [_silenced(value) for value in config] if isinstance(config, list) else config
