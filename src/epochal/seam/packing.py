"""A model and its data as bytes that another machine opens: with the user's own code, and with the settings that change numbers."""

import os
import pathlib
import pickle
import sys
import tempfile
from contextlib import contextmanager

import keras

from ..base.errors import Unsupported, UsageError
from .identity.own_code import is_own
from .model.copying import compile_config_of, first_line, layers, own_parts, set_up, set_up_of, to_numpy
from .rigs.keras_rig import open_rig

_OF_KERAS = ("floatx", "epsilon", "image_data_format")
_OF_JAX = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl", "jax_threefry_partitionable")


def pack(source, data, cloudpickle, start="auto"):
    """A model, or the function that builds it, with its data, as bytes; `source`, `data` and `start` are as for `open_rig`.

    `cloudpickle` is the module that pickles functions with their code; the other machine needs the same one.
    """
    with _own_code_by_value(cloudpickle):
        try:
            if isinstance(source, keras.Model):
                source = _saved(source)
            return cloudpickle.dumps((_settings(), source, data, start))
        except (TypeError, AttributeError, RecursionError, pickle.PicklingError) as error:
            raise UsageError(f"`model` must be one that can be sent to another machine; it is not ({first_line(error)}) Build "
                             "everything that the function uses inside it: locks, files and sessions cannot be sent.") from error


def open_packed(package):
    """The rig of what was packed, on this machine."""
    try:
        settings, source, data, start = pickle.loads(package)
    except ImportError as error:
        raise UsageError(f"`model` must use what is installed on every machine; got {error.name!r}, which one of them lacks. "
                         "Install it there.") from error
    _apply_settings(*settings)
    return open_rig(_loaded(*source) if isinstance(source, tuple) else source, data, start=start)


def environment_of(rig):
    """The environment in which a process on another machine computes the numbers that this process does.

    The number of threads is this machine's, whatever the other one has: a sum over threads rounds by their number.
    """
    threads = str(rig.machine.n_cores)
    if rig.machine.backend == "torch":
        import torch

        threads = str(torch.get_num_threads())
    chosen = {"OMP_NUM_THREADS": threads, "NPROC": threads, "TF_NUM_INTRAOP_THREADS": threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if rig.machine.backend == "jax" and rig.machine.device == "cpu":
        chosen["JAX_PLATFORMS"] = "cpu"
    ours = {name: os.environ[name] for name in (*chosen, "XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS") if name in os.environ}
    return chosen | ours | {"KERAS_BACKEND": rig.machine.backend}


@contextmanager
def _own_code_by_value(cloudpickle):
    """The user's own files are not on the other machine: functions and classes of theirs travel with their code."""
    others = {"__main__", "__mp_main__", *cloudpickle.list_registry_pickle_by_value()}
    ours = [module for name, module in list(sys.modules.items()) if getattr(module, "__file__", None)
            and name == getattr(module, "__name__", None) and name not in others and is_own(name)]
    for module in ours:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in ours:
            cloudpickle.unregister_pickle_by_value(module)


def _saved(model):
    """A compiled model as `(file, parts, …)`: what Keras saves, the classes and functions that are not Keras' own, and what it does
    not save, or not for every class: how the model is set up and compiled, weights (LoRA's own too) and optimizer slots."""
    parts = keras.saving.get_custom_objects() | {type(layer).__name__: type(layer) for layer in (model, *layers(model))}
    parts = {name: part for name, part in (parts | own_parts(model)).items() if not part.__module__.startswith("keras.")}
    with _file_of_keras(f"The model `{model.name}` cannot be saved by Keras") as path:
        model.save(path)
        slots = [to_numpy(v) for v in model.optimizer.variables] if model.optimizer.built else None
        return path.read_bytes(), parts, set_up_of(model), compile_config_of(model), model.get_weights(), slots


def _loaded(content, parts, alike, compiled, weights, slots):
    with _file_of_keras("The model cannot be loaded by Keras on another machine") as path:
        path.write_bytes(content)
        with keras.utils.custom_object_scope(parts):
            model = keras.models.load_model(path, compile=False, safe_mode=False)  # what came with it is code of the user's
            model.compile(**{key: keras.saving.deserialize_keras_object(value) for key, value in compiled.items()})
    set_up(model, alike)
    if model.built:
        model.set_weights(weights)
    if slots is not None:
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.optimizer.variables, slots, strict=True):
            variable.assign(value)
    return model


@contextmanager
def _file_of_keras(failed):
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield pathlib.Path(folder, "model.keras")
        except (NotImplementedError, TypeError, ValueError, ImportError, AttributeError, KeyError) as error:
            raise Unsupported(f"{failed} ({first_line(error)}) Pass a function that builds and compiles it instead of the "
                              "model.") from error


def _settings():
    """What a user sets in Keras or JAX without an environment variable."""
    config, jax_flags = keras.config, {}
    if keras.backend.backend() == "jax":
        import jax

        jax_flags = {name: getattr(jax.config, name) for name in _OF_JAX}
    return {name: getattr(config, name)() for name in _OF_KERAS}, keras.dtype_policies.serialize(config.dtype_policy()), jax_flags


def _apply_settings(of_keras, dtype_policy, jax_flags):
    for name, value in of_keras.items():
        getattr(keras.config, f"set_{name}")(value)
    keras.config.set_dtype_policy(keras.dtype_policies.deserialize(dtype_policy))
    if jax_flags:
        import jax

        for name, value in jax_flags.items():
            jax.config.update(name, value)
