"""A Keras model of Keras' own parts as JSON, without weights and without code, and back: what any back end can build."""

import inspect
import json
import warnings

import keras

from .copying import has_own_step


def described(model) -> str | None:
    """Architecture and compilation as JSON, without weights; `None` where a part of them is not Keras' own."""
    if any(has_own_step(model, name) for name in ("train_step", "compute_loss")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lambda is announced here, and left out below
            parts = {"model": _uncompiled(json.loads(model.to_json())), "compile": _compilation(model),
                     "floatx": keras.config.floatx(), "image_data_format": keras.config.image_data_format(),
                     "backend": keras.backend.backend(), "jit_compile": model.jit_compile}
        text = json.dumps(parts, default=dict)  # TensorFlow wraps the dictionaries that a model holds
    except (TypeError, ValueError, NotImplementedError):
        return None
    return text if _is_keras_own(parts["model"]) and _is_keras_own(parts["compile"]) else None


def from_description(text):
    """The compiled model that `described` wrote, with new weights. `jit_compile` is as it was on the back end that it was compiled
    on, and as Keras chooses it on another."""
    parts = json.loads(text)
    keras.config.set_floatx(parts["floatx"])
    keras.config.set_image_data_format(parts["image_data_format"])
    model = keras.saving.deserialize_keras_object(parts["model"])
    model.compile_from_config(parts["compile"])
    if keras.backend.backend() == parts["backend"]:
        model.jit_compile = parts["jit_compile"]
    return model


def _uncompiled(config):
    """Without how the model, and models inside it, were compiled."""
    if isinstance(config, dict):
        return {key: _uncompiled(value) for key, value in config.items() if key != "compile_config"}
    return [_uncompiled(value) for value in config] if isinstance(config, list) else config


def _compilation(model):
    compiled = dict(model.get_compile_config() or {})
    if compiled.get("optimizer"):
        compiled["optimizer"] = _public(compiled["optimizer"])
    if any(map(_is_keras_function, keras.tree.flatten(model.loss))):  # by name, as Keras writes no function that can be read back
        compiled["loss"] = keras.tree.map_structure(lambda loss: loss.__name__ if _is_keras_function(loss) else loss, model.loss)
    return compiled | {"steps_per_execution": model.steps_per_execution,
                       "jit_compile": "auto"}  # Keras turns "auto" into what suits its own back end, and forgets that


def _is_keras_own(config):
    """Whether every class and function that a configuration names is Keras' own."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("class_name")
        if isinstance(name, str) and (name == "__lambda__" or (isinstance(module, str) and module.split(".")[0] != "keras")):
            return False
        config = list(config.values())
    return all(map(_is_keras_own, config)) if isinstance(config, list | tuple) else True


def _is_keras_function(loss):
    return inspect.isfunction(loss) and loss.__module__.split(".")[0] == "keras"


def _public(config):
    """An optimizer's configuration under its public name: on PyTorch, Keras gives that of a class for PyTorch alone."""
    inner = config["config"].get("inner_optimizer")
    inside = {"inner_optimizer": _public(inner)} if inner else {}
    name = {"module": "keras.optimizers", "registered_name": None} if hasattr(keras.optimizers, config["class_name"]) else {}
    return config | name | {"config": config["config"] | inside}
