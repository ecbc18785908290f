"""Whether another installed back end of Keras would train this model much faster: measured once, and said with how to switch."""

import inspect
import json
import warnings

import keras
import numpy as np

from ...base.backends import BACKENDS, installed
from ...base.isolated import Isolated
from ...base.text import number
from ...records.finding import Finding
from ...seam.model.copying import has_own_step
from ...seam.rows import leaves, over
from ...seam.trainee import open_trainee
from ..feeds.batches import Batching
from ..feeds.sources import feed_of
from .modes import Modes, likely_best_first, memory_of

_WORTH_SECONDS = 600.0  # of training: a process with another back end takes 3 to 6 to be ready, and compiles
_MOST_SECONDS = 60.0    # for one back end, and
_SHARE = 50             # all of them together no more than so small a part of the training
_LONGEST = 200          # characters of a sentence that is remembered
_SHARED_DEVICE = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # two processes use it
_GAIN = 0.7             # of the time: less of a gain is not worth a restart, and other rounding


def faster_back_end(request, trainee, feed, mode, n_updates) -> Finding | None:
    """What to tell a user whose long training would be much shorter on another installed back end; `None`: nothing is known.

    The others are timed on a few batches, each in a process of its own, where the training is to take ten minutes or more and the
    model is made of Keras' own parts alone. What was found is remembered for the model, batch size and machine.
    """
    if not n_updates or not mode.step_seconds or mode.step_seconds * n_updates < _WORTH_SECONDS:
        return None
    memory = memory_of(request.model, trainee, feed, what="back_ends")
    found = memory.read()
    if not found:
        described = _description(request.model)
        most = mode.step_seconds * n_updates / _SHARE / max(1, len(installed()) - 1)
        found = {} if described is None else _timed(described, trainee.backend, feed, request.micro_batch_size,
                                                    min(most, _MOST_SECONDS))
        memory.write(found)
    seconds = {name: taken for name, taken in found.items() if name in BACKENDS and isinstance(taken, float)}
    best = min(seconds, key=seconds.get, default=None)
    if best is None or not seconds[best] < _GAIN * mode.step_seconds:
        return None
    title = BACKENDS[best].title
    return Finding("faster back end", "note",
                   f"On {title} an epoch of this model takes about {number(seconds[best] / mode.step_seconds)} of the time here.",
                   f"To switch: set KERAS_BACKEND={best} before starting Python.",
                   (("seconds a batch here", mode.step_seconds), (f"seconds a batch on {title}", seconds[best])),
                   certainty="one measurement of a few batches")


def seconds_a_batch(description, sample, micro_batch_size=None) -> float:
    """Seconds that a batch, `sample`, takes in training, on the back end of this process; run in a process of its own."""
    parts = json.loads(description)
    keras.config.set_floatx(parts["floatx"])
    keras.config.set_image_data_format(parts["image_data_format"])
    model = keras.saving.deserialize_keras_object(parts["model"])
    model.compile_from_config(parts["compile"])
    x, y, weight = sample
    feed = feed_of(x, y, Batching(len(leaves(x)[0]), False), sample_weight=weight)
    trainee, _ = open_trainee(model, feed.sample, micro_batch_size)
    modes, data, n = Modes(trainee, likely_best_first(model, trainee, feed), 10**6), trainee.put(sample), len(leaves(x)[0])
    while modes.most:
        modes.train(data, np.tile(np.arange(n, dtype=np.int32), (modes.most, 1)))
    return modes.mode.step_seconds


def _timed(description, active, feed, micro_batch_size, most_seconds):
    """Seconds a batch by back end; a sentence where it could not be measured."""
    sample, found = tuple(over(np.asarray, tree) for tree in feed.sample), {}
    for name in installed():
        if name != active:
            isolated = Isolated(most_seconds, environment={"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "2", **_SHARED_DEVICE})
            outcome = isolated.run(f"{__name__}:{seconds_a_batch.__name__}", description, sample, micro_batch_size)
            found[name] = outcome.sentence[:_LONGEST] if outcome.failure else outcome.value
    return found


def _description(model) -> str | None:
    """Architecture and compilation as JSON, without weights; `None` where a part of them is not Keras' own."""
    if any(has_own_step(model, name) for name in ("train_step", "compute_loss")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lambda is announced here, and left out below
            parts = {"model": _uncompiled(json.loads(model.to_json())), "compile": _compilation(model),
                     "floatx": keras.config.floatx(), "image_data_format": keras.config.image_data_format()}
        text = json.dumps(parts, default=dict)  # TensorFlow wraps the dictionaries that a model holds
    except (TypeError, ValueError, NotImplementedError):
        return None
    return text if _is_keras_own(parts["model"]) and _is_keras_own(parts["compile"]) else None


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
    return compiled | {"jit_compile": "auto"}  # Keras turns "auto" into what suits its own back end, and forgets that


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
