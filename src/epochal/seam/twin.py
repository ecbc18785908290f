"""A private, compiled copy of the user's model, from which fresh ones are made; the user's own is only ever read."""

import inspect
import math
import random
import re
import sys
from contextlib import contextmanager

import keras
import numpy as np

from ..base.errors import Unsupported, UsageError, require
from ..base.seeds import number
from ..records import Setting
from .rows import over

_LOOKED_AT = sorted({round(10 ** (i / 8)) for i in range(49)} | {0})  # steps, up to a million


class Twin:
    """A compiled copy of a model, its optimizer with a plain learning rate, and what it takes to start anew.

    Args:
        source: a compiled Keras model, or a function without arguments that returns one.
        part: rows of the user's data; the first few build the model's lazy parts.

    Raises:
        UsageError: it is neither, or it is not compiled, or it does not fit the data.
        Unsupported: the model cannot be copied, or trains by its own `train_step`.
    """

    def __init__(self, source, part):
        self._source = source
        self._original = None if _is_builder(source) else source
        if self._original is not None:
            _refuse_uncompiled(self._original, "model")
            _refuse_own_train_step(self._original)
        self.model = self.compiled(0)
        _refuse_own_train_step(self.model)
        self.described = self._original or self.model
        self._build(part.take(np.arange(min(2, part.n_rows))))
        optimizer = self.model.optimizer
        rate = optimizer.learning_rate
        self.rate_slot = next(i for i, v in enumerate(optimizer.variables) if v is rate)
        self._first_slots = [_numpy(v) for v in optimizer.variables]  # read now: some back ends train in this very model
        self.seed_slots = [i for i, v in enumerate(self.model.non_trainable_variables) if "seed_generator_state" in v.path]
        self.n_params = sum(math.prod(v.shape) for v in self.model.trainable_variables)
        require(self.n_params > 0, "model", self.model.name, "a model with trainable weights", "Unfreeze a layer.")

    def compiled(self, seed):
        """A new compiled model with weights drawn from `seed`, its optimizer cold and its learning rate a plain number."""
        with seeded(seed):
            model = self._new()
        original = self._original or model
        self.optimizer_config = _nameless(keras.optimizers.serialize(original.optimizer))
        optimizer, self.schedule = _plain(original.optimizer)
        if optimizer is model.optimizer:
            return model  # the user's function compiled it just so
        if optimizer is original.optimizer:
            optimizer = type(optimizer).from_config(optimizer.get_config())
        _compile(model, original, optimizer)
        return model

    def fresh(self, seed):
        """New weights, other variables and optimizer slots, each a list of NumPy arrays in Keras' order.

        Dropout draws from a stream of this seed even where the user gave the layer a seed; an initializer keeps its own.
        """
        with seeded(seed):
            model = self._new()
        self.build(model)
        values = [[_numpy(v) for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
        for i in self.seed_slots:
            values[1][i] = np.array([number(seed, "dropout", i), 0], values[1][i].dtype)
        return *values, [a.copy() for a in self._first_slots]

    def build(self, model):
        """Make the variables of a model that makes them when it first sees data."""
        if not model.built:
            model(over(keras.ops.convert_to_tensor, self._sample.x))

    def forward(self, x, y, weight, *, training):
        """Predictions and loss of the twin, called as Keras' own train and test steps call them."""
        y_pred = self.model(x, **({"training": training} if self._call_takes_training else {}))
        also = {"training": training} if self._loss_takes_training else {}
        return y_pred, self.model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **also)

    def present(self):
        """The setting the model is compiled with: Keras' batch size of 32, and the learning rate or the highest of the schedule."""
        if self.schedule is None:
            return Setting(batch_size=32, learning_rate=float(self._first_slots[self.rate_slot]))
        return Setting(batch_size=32, learning_rate=float(_numpy(self.schedule(0))), schedule=type(self.schedule).__name__)

    def rates(self, n_steps):
        """float32[n_steps]: the learning rate the model is compiled with, step by step."""
        if self.schedule is None:
            return np.full(n_steps, self._first_slots[self.rate_slot], np.float32)
        return np.array([_numpy(self.schedule(step)) for step in range(n_steps)], np.float32)

    def normalises_over_batch(self):
        """Whether a layer that trains takes its statistics over the batch."""
        return any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in layers(self.model))

    def _new(self):
        if self._original is None:
            model = self._source()
            require(isinstance(model, keras.Model), "model function", type(model).__name__, "a function that returns a Keras model",
                    "Return the compiled model.")
            _refuse_uncompiled(model, "model function")
            return model
        try:
            with keras.utils.custom_object_scope(_own_parts(self._original)):
                model = keras.models.clone_model(self._original)
        except (ValueError, NotImplementedError, TypeError) as error:
            raise Unsupported(f"The model `{self._original.name}` cannot be copied by Keras ({_first_line(error)}). "
                              "Pass a function that builds and compiles it instead of the model.") from error
        _refuse_lost_class(self._original, model)
        _copy_learnt_elsewhere(self._original, model)
        return model

    def _build(self, part):
        self._sample = part
        model = self.model
        self._call_takes_training = "training" in inspect.signature(model.call).parameters
        self._loss_takes_training = "training" in inspect.signature(model.compute_loss).parameters
        try:
            x, y, weight = (over(keras.ops.convert_to_tensor, tree) for tree in (part.x, part.y, part.weight))
            y_pred, _ = self.forward(x, y, weight, training=False)
            metrics = model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)
            self.metric_names = tuple(name for name, value in metrics.items() if name != "loss" and np.ndim(_numpy(value)) == 0)
        except (ValueError, TypeError) as error:
            raise UsageError(f"`model` must fit the data; got {_first_line(error)} Check the shapes of x and y against "
                             "the model's inputs, outputs and loss.") from error
        model.reset_metrics()
        model.optimizer.build(model.trainable_variables)


def layers(model):
    """Every layer of a model, those of nested models too."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from layers(layer)


@contextmanager
def seeded(seed):
    """Draw Keras' default seeds from `seed`, and leave the user's own streams as they were.

    Keras draws the seed of every unseeded initializer and dropout from Python's `random`, and `fit` shuffles by NumPy's stream; a
    user's own function may use either.
    """
    before, numpy_before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)


def _is_builder(source):
    if isinstance(source, keras.Model):
        return False
    require(callable(source) and not isinstance(source, type), "model", type(source).__name__,
            "a compiled Keras model or a function that returns one", "Pass the model that you would fit.")
    return True


def _refuse_uncompiled(model, what):
    require(getattr(model, "optimizer", None) is not None, what, model.name, "compiled",
            'Call model.compile(optimizer="adam", loss=…) first.')


def _refuse_own_train_step(model):
    bases = [base for base in type(model).__mro__ if base.__module__.startswith("keras.")]
    if "train_step" in vars(type(model)) or type(model).train_step is not bases[0].train_step:
        raise Unsupported(f"The model `{model.name}` has its own `train_step`, which Epochal does not measure: its steps would "
                          "not be Keras' steps. Move the change into `compute_loss`, which is measured as it stands.")


def _refuse_lost_class(original, copy):
    """Keras copies a subclass of Sequential as a plain one, without the methods that make it special."""
    if type(original) is not type(copy):
        raise Unsupported(f"The model `{original.name}` cannot be copied by Keras: its class {type(original).__name__} would "
                          f"become a plain {type(copy).__name__}. Pass a function that builds and compiles it instead.")
    for theirs, ours in zip(original.layers, copy.layers, strict=True):
        if isinstance(theirs, keras.Model):
            _refuse_lost_class(theirs, ours)


def _nameless(config):
    """A configuration without the names that Keras counts up."""
    if isinstance(config, dict):
        return {key: _nameless(value) for key, value in config.items() if key != "name"}
    return config


def _plain(optimizer):
    """The optimizer with its schedule replaced by the schedule's first rate, and the schedule (or `None`)."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    came = inner.get_config().get("learning_rate")
    if not isinstance(came, dict):
        if not isinstance(came, (int, float)):
            raise Unsupported(f"The optimizer's learning rate is a {type(came).__name__}, which cannot be set lane by lane. "
                              "Compile with a number or a keras.optimizers.schedules schedule.")
        return optimizer, None
    schedule = keras.optimizers.schedules.deserialize(came)
    plain = type(inner).from_config(inner.get_config() | {"learning_rate": float(_numpy(schedule(0)))})
    if inner is optimizer:
        return plain, schedule
    config = optimizer.get_config() | {"inner_optimizer": keras.optimizers.serialize(plain)}
    return type(optimizer).from_config(config), schedule


def _compile(model, original, optimizer):
    """Compile `model` as `original` is compiled, but with `optimizer`."""
    config = original.get_compile_config()
    if not config:
        raise Unsupported(f"The way the model `{original.name}` is compiled cannot be copied. Pass a function that builds and "
                          "compiles it instead of the model.")
    config = {key: value for key, value in config.items() if key not in ("optimizer", "steps_per_execution", "run_eagerly")}
    with keras.utils.custom_object_scope(_own_parts(original)):
        try:
            parts = {key: keras.saving.deserialize_keras_object(value) for key, value in config.items()}
        except (TypeError, ValueError) as error:
            raise Unsupported(f"The loss or metrics of `{original.name}` cannot be copied ({_first_line(error)}). Pass a function "
                              "that builds and compiles the model instead of the model.") from error
    model.compile(optimizer=optimizer, auto_scale_loss=False, **parts)  # an optimizer that scales the loss does so already


def _own_parts(model):
    """The user's own loss functions and metric classes by name, so that Keras finds them without registration."""
    parts = [p if inspect.isfunction(p) else type(p) for p in (*keras.tree.flatten(model.loss), model.optimizer)]
    return {part.__name__: part for part in parts if not part.__module__.startswith(("keras.", "builtins"))} | dict(
        _named_classes(model.get_compile_config()))


def _named_classes(config):
    """Every class that a configuration names by module and name, and that is not Keras' own."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("class_name")
        if isinstance(module, str) and isinstance(name, str) and module in sys.modules and hasattr(sys.modules[module], name):
            yield name, getattr(sys.modules[module], name)
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for branch in config:
            yield from _named_classes(branch)


def _copy_learnt_elsewhere(original, copy):
    """Frozen layers, and layers adapted to data, hold what was not learnt by training: a new start keeps it."""
    for theirs, ours in zip(original.layers, copy.layers, strict=True):
        if not theirs.trainable or hasattr(theirs, "adapt"):
            ours.set_weights(theirs.get_weights())
        elif hasattr(theirs, "layers"):
            _copy_learnt_elsewhere(theirs, ours)
        if hasattr(ours, "finalize_state"):
            ours.finalize_state()  # a normaliser computes with constants that it makes of its weights


def _numpy(value):
    return np.array(keras.ops.convert_to_numpy(value))


def _first_line(error):
    """The first line of a Keras message that says something, without its colours."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered")]
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."
