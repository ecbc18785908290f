"""A private, compiled copy of the user's model, from which fresh ones are made; the user's own is only ever read."""

import inspect
import math

import keras
import numpy as np

from ...base.seeds import integer
from ...base.validate import require
from ...records import Setting
from ..model.build import build, metric_names
from ..model.copying import (
    compile_like,
    copy_of,
    is_builder,
    layers,
    nameless,
    plain_optimizer,
    refuse_own_train_step,
    refuse_uncompiled,
    seeded,
    to_numpy,
)
from ..rows import leaves, over

_LOOKED_AT = sorted({round(10 ** (i / 8)) for i in range(49)} | {0})  # steps, up to a million


class Twin:
    """A compiled copy of a model, its optimizer with a plain learning rate, and what it takes to start anew.

    `source` is as for `open_rig`; the first few rows of `part` build the model's lazy parts.
    """

    def __init__(self, source, part):
        self._source = source
        self._original = None if is_builder(source) else source
        if self._original is not None:
            refuse_uncompiled(self._original, "model")
            refuse_own_train_step(self._original)
        self.model = self.compiled(0)
        refuse_own_train_step(self.model)
        self.described = self._original or self.model
        self._sample = few = part.take(np.arange(min(2, part.n_rows)))
        self._call_takes_training, self._loss_takes_training = (
            "training" in inspect.signature(call).parameters for call in (self.model.call, self.model.compute_loss))
        build(self.model, (few.x, few.y, few.weight), check=True)
        self.metric_names = metric_names(self.model)
        optimizer = self.model.optimizer
        rate = optimizer.learning_rate
        self.rate_slot = next(i for i, v in enumerate(optimizer.variables) if v is rate)
        self._first_slots = [to_numpy(v) for v in optimizer.variables]  # read now: some back ends train in this very model
        self.seed_slots = [i for i, v in enumerate(self.model.non_trainable_variables) if "seed_generator_state" in v.path]
        self.n_params = sum(math.prod(v.shape) for v in self.model.trainable_variables)
        require(self.n_params > 0, "model", self.model.name, "a model with trainable weights", "Unfreeze a layer.")

    def compiled(self, seed):
        """A new compiled model with weights drawn from `seed`, its optimizer cold and its learning rate a plain number."""
        with seeded(seed):
            model = self._new()
        original = self._original or model
        self.optimizer_config = {"class": type(original.optimizer).__name__} | nameless(original.optimizer.get_config())
        optimizer, self.schedule = plain_optimizer(original.optimizer)
        if optimizer is model.optimizer:
            return model  # the user's function compiled it just so
        if optimizer is original.optimizer:
            optimizer = type(optimizer).from_config(optimizer.get_config())
        compile_like(model, original, optimizer)
        return model

    def fresh(self, seed):
        """New weights, other variables and optimizer slots, each a list of NumPy arrays in Keras' order.

        Dropout draws from a stream of this seed even where the user gave the layer a seed; an initializer keeps its own.
        """
        with seeded(seed):
            model = self._new()
        self.build(model)
        values = [[to_numpy(v) for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
        for i in self.seed_slots:
            values[1][i] = np.array([integer(seed, "dropout", i), 0], values[1][i].dtype)
        return *values, [a.copy() for a in self._first_slots]

    def kept(self):
        """What every seed begins with: `(whether it is trained, place, value)` of each variable that is not drawn anew.

        Before the twin's own model is trained.
        """
        model, drawn = self.model, self.fresh(1)
        for trained, variables, others in ((True, model.trainable_variables, drawn[0]),
                                           (False, model.non_trainable_variables, drawn[1])):
            for place, (variable, other) in enumerate(zip(variables, others, strict=True)):
                value = to_numpy(variable)
                if value.tobytes() == other.tobytes():
                    yield trained, place, value

    def check(self, part, name):
        """Refuse rows that are of another shape than those to train on and do not fit the model; `name` says which they are."""
        shapes, like = ([leaf.shape[1:] for leaf in leaves((rows.x, rows.y))] for rows in (part, self._sample))
        if shapes != like:
            build(self.model, over(lambda a: a[:2], (part.x, part.y, part.weight)), check=True, name=name)

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
        highest, name = float(self._first_slots[self.rate_slot]), "constant"
        if self.schedule is not None:  # one that warms up begins at zero
            highest, name = max(float(to_numpy(self.schedule(step))) for step in _LOOKED_AT), type(self.schedule).__name__
        return Setting(batch_size=32, learning_rate=float(f"{highest:.6g}"), schedule=name)  # as written, not as float32

    def rates(self, n_steps):
        """float32[n_steps]: the learning rate the model is compiled with, step by step."""
        if self.schedule is None:
            return np.full(n_steps, self._first_slots[self.rate_slot], np.float32)
        return np.array([to_numpy(self.schedule(step)) for step in range(n_steps)], np.float32)

    def normalises_over_batch(self):
        """Whether a layer that trains takes its statistics over the batch."""
        return any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in layers(self.model))

    def _new(self):
        if self._original is None:
            model = self._source()
            require(isinstance(model, keras.Model), "model function", type(model).__name__, "a function that returns a Keras model",
                    "Return the compiled model.")
            refuse_uncompiled(model, "model function")
            return model
        return copy_of(self._original)
