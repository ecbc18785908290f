"""A private, compiled copy of the user's model, from which fresh ones are made; the user's own is only ever read."""

import copy
import inspect
import math

import keras
import numpy as np

from ...base.errors import Unsupported
from ...base.seeds import integer
from ...base.validate import one_of, require
from ...records import STARTS, TRAINED_BEFORE, Setting
from ..frozen.divide import divided
from ..frozen.features import Rows, StepAside, features_of
from ..frozen.preprocessing import is_task
from ..model.build import build, build_optimizer, metric_names
from ..model.copying import (
    compile_like,
    copy_of,
    inside,
    is_builder,
    nameless,
    own_way,
    refuse_fixed_batches,
    refuse_own_train_step,
    refuse_uncompiled,
    seeded,
    to_numpy,
)
from ..model.optimizers import exclude_alike, plain_optimizer
from ..rows import leaves, over
from .judging import Decider
from .moving import layers_that_move

_LOOKED_AT = [round(10 ** (i / 8)) for i in range(28, 49)]  # steps, from the first few thousand up to a million


class Twin:
    """A compiled copy of a model, its optimizer with a plain learning rate, and what it takes to start anew.

    `source` is as for `open_rig`; the first few rows of `part`, which are its `sample`, build the model's lazy parts. Copies have
    no preprocessor: where the model has one, it has made the rows (`preprocessed`), or it is refused. `decides` as for `open_rig`.
    """

    def __init__(self, source, part, start="auto", preprocessed=False, decides=lambda metrics: None):
        self._preprocessed = preprocessed
        self._source, self._scheduled, self._head, self._shared, self._learnt = source, None, None, (), []
        self._original = None if is_builder(source) else source
        if self._original is not None:
            refuse_uncompiled(self._original, "model")
            refuse_own_train_step(self._original)
        self.model = self.compiled(0)
        refuse_own_train_step(self.model)
        refuse_fixed_batches(self.model)
        self.described = self._original or self.model
        self.sample = few = part.take(np.arange(min(2, part.n_rows)))
        self._call_takes_training, self._loss_takes_training = (
            "training" in inspect.signature(call).parameters for call in (self.model.call, self.model.compute_loss))
        build(self.model, (few.x, few.y, few.weight), check=True)
        self.metric_names = metric_names(self.model)
        decided = decides(self.metric_names)
        self.decider = decided and Decider(decided[0], self.metric_names.index(decided[0]), decided[1])
        theirs = self._original or self.model
        exclude_alike(self.model.optimizer, self.model.trainable_variables, theirs.optimizer, theirs.trainable_variables)
        self._first_slots = [to_numpy(v) for v in self.model.optimizer.variables]  # read now: some back ends train in this model
        self._learning_rates()
        self.seed_slots = [i for i, v in enumerate(self.model.non_trainable_variables) if "seed_generator_state" in v.path]
        self.n_params = sum(math.prod(v.shape) for v in self.model.trainable_variables)
        require(self.n_params > 0, "model", self.model.name, "a model with trainable weights", "Unfreeze a layer.")
        moved = self._cold_slots([to_numpy(v) + 1 for v in self.model.trainable_variables])
        self._slots_are_of_weights = any(a.tobytes() != b.tobytes() for a, b in zip(moved, self._first_slots, strict=True))
        self.start = self._started(start)
        self._pair = self._divided()
        if self._pair is not None and self._original is not None:  # copies are drawn sooner without what is not drawn anew
            self._shared = [layer for layer in self._pair[0].frozen if layer.variables]

    def compiled(self, seed):
        """A new compiled model with weights drawn from `seed`, its optimizer cold and its learning rate a plain number."""
        with seeded(seed):
            model = self._new()
        original = self._original or model
        self.optimizer_config = {"class": type(original.optimizer).__name__} | nameless(original.optimizer.get_config())
        optimizer, scheduled = plain_optimizer(original.optimizer)
        self._scheduled = self._scheduled or scheduled  # what it has found so far stays
        if original is not model or scheduled is not None:  # else the user's function compiled it just so
            compile_like(model, original, optimizer)
        return model

    def fresh(self, seed):
        """New weights, other variables and optimizer slots, each a list of NumPy arrays in Keras' order.

        Dropout draws from a stream of this seed even where the user gave the layer a seed; an initializer keeps its own.
        """
        with seeded(seed):
            model = copy_of(self.model, self._shared) if self._shared else self._new()
            self.build(model)
            weights, fixed = ([to_numpy(v) for v in group] for group in (model.trainable_variables, model.non_trainable_variables))
            self._require_alike(weights, fixed)
            for group, place, value in self._learnt:
                (weights, fixed)[group][place] = value.copy()
            slots = self._cold_slots(weights) if self._slots_are_of_weights else [a.copy() for a in self._first_slots]
        for i in self.seed_slots:
            fixed[i] = np.array([integer(seed, "dropout", i), 0], fixed[i].dtype)
        return weights, fixed, slots

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
        shapes, like = ([leaf.shape[1:] for leaf in leaves((rows.x, rows.y))] for rows in (part, self.sample))
        if shapes != like:
            build(self.model, over(lambda a: a[:2], (part.x, part.y, part.weight)), check=True, name=name)

    def build(self, model):
        """Make the variables of a model that makes them when it first sees data."""
        if not model.built:
            model(over(keras.ops.convert_to_tensor, self.sample.x))

    def _started(self, start):
        """Where every start begins: `"here"`, with what the user's model has learnt, which is kept then; or `"fresh"`.

        It was trained before where its optimizer has taken steps, or where a variable that an initializer makes a constant (a bias,
        the moments of batch-norm) holds something else. Layers whose constants are still as drawn, as a new head's, start anew.
        """
        one_of("start", start, STARTS, 'Pass start="auto".')
        original = self._original
        if original is None:
            require(start != "here", "start", start, "left out for a function that builds the model", "What it returns is where "
                    "trainings start.")
            return "fresh"
        if start == "fresh" or not original.built:
            return "fresh"
        theirs = original.trainable_variables, original.non_trainable_variables
        holds = {(group, place): to_numpy(v) for group, variables in enumerate(theirs) for place, v in enumerate(variables)
                 if not (group and place in self.seed_slots)}
        first, mine = self.fresh(1), (self.model.trainable_variables, self.model.non_trainable_variables)  # two draws
        constant = {at for at in holds if first[at[0]][at[1]].tobytes() == to_numpy(mine[at[0]][at[1]]).tobytes()}
        learnt = {at for at in constant if holds[at].tobytes() != first[at[0]][at[1]].tobytes()}
        has_stepped = bool(original.optimizer.built and to_numpy(original.optimizer.iterations))
        if start == "auto" and not learnt and not has_stepped:
            return "fresh"
        owners = {id(v): layer for layer in original._flatten_layers() for v in layer.variables}  # the innermost comes last
        of_layer = {}
        for group, place in holds:
            of_layer.setdefault(id(owners.get(id(theirs[group][place]))), set()).add((group, place))
        as_drawn = [places for places in of_layer.values() if places & constant and not places & learnt]
        kept = set(holds) - set().union(*as_drawn) if learnt else set(holds)
        self._learnt = [(*at, holds[at]) for at in sorted(kept)]
        for group, place, value in self._learnt:
            mine[group][place].assign(value)
        return "here"

    def on_features(self, data, *, tell, most_seconds):
        """The `Data` as `forward` takes them from now on: features of a frozen base, where computing them once pays, else as is.

        Args:
            tell: called with the share of the rows that is done. most_seconds: that computing them may take.
        """
        if self._pair is None:
            return data
        base = divided(self._original or self.model, self.sample.x)[0]  # where the user's training finds them too

        def computed(parts):
            rows = [Rows(part.n_rows, lambda which, part=part: part.take(which).x) for part in parts]
            return [one.arrays for one in features_of(base, rows, batch_size=self.present().batch_size, tell=tell,
                                                      most_seconds=most_seconds)]

        try:
            found = data.with_inputs(computed)
        except StepAside:
            return data
        self._head = self._pair[1]
        return found

    def _divided(self):
        """The `Base` and `Head` of the twin's model, where every start has the weights of the base; else `None`."""
        if not (self._original or self.model).built:
            return None
        pair = divided(self.model, self.sample.x)
        return pair if pair is not None and self._keeps(pair[0]) else None

    def _keeps(self, base):
        """Whether every start has the weights of the base."""
        kept = {place for trained, place, _ in self.kept() if not trained}
        mine = {id(v) for layer in base.frozen for v in layer.variables}
        return kept >= {place for place, v in enumerate(self.model.non_trainable_variables) if id(v) in mine}

    @property
    def network(self):
        """What `forward` calls: the twin's model, or its head on features."""
        return self._head or self.model

    def whole(self):
        """The twin whose `forward` takes the rows themselves."""
        found = copy.copy(self)
        found._head = None
        return found

    def forward(self, x, y, weight, *, training):
        """Predictions and loss of the twin, called as Keras' own train and test steps call them."""
        y_pred = self.network(x, **({"training": training} if self._call_takes_training else {}))
        also = {"training": training} if self._loss_takes_training else {}
        return y_pred, self.model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **also)

    def predicted(self, x):
        """The outputs of the twin in inference mode, a flat list."""
        return keras.tree.flatten(self.network(x, **({"training": False} if self._call_takes_training else {})))

    def present(self, batch_size=None, learning_rate=None):
        """What is trained with now: as given, else Keras' batch size of 32 and the learning rate the model is compiled with, or the
        highest of its schedule, which none that is given can replace."""
        size = batch_size or 32
        if learning_rate is not None:
            require(self._scheduled is None, "learning_rate", learning_rate, "left out for a model compiled with a learning-rate "
                    "schedule", "Compile with a number, or leave it out.")
            return Setting(batch_size=size, learning_rate=float(f"{learning_rate:.6g}"))
        highest, name = self._rate, "constant"
        if self._scheduled is not None:  # one that warms up begins at zero
            found = np.concatenate([self._scheduled.first(_LOOKED_AT[0]), self._scheduled.at(_LOOKED_AT)])
            highest, name = float(found.max()), self._scheduled.name
        require(0 < highest < math.inf, "model", f"one compiled with a learning rate of {highest:g}", "compiled with a positive "
                "learning rate", "Compile with a rate such as 0.001.")
        return Setting(batch_size=size, learning_rate=float(f"{highest:.6g}"), schedule=name)  # as written, not as float32

    def rates(self, n_steps):
        """float32[n_steps]: the learning rate the model is compiled with, step by step."""
        return np.full(n_steps, self._rate, np.float32) if self._scheduled is None else self._scheduled.first(n_steps)

    def set_rate(self, learning_rate):
        """Write a learning rate, a number or a tensor, into the optimizer's variables."""
        variables = self.model.optimizer.variables
        for slot, share in self.rate_slots.items():
            variables[slot].assign(learning_rate if share == 1 else learning_rate * share)

    @property
    def notes(self):
        """What a user has to know of the optimizer, one sentence each."""
        parts, way = inside(self.model.optimizer), own_way(self.model, ("fit",))
        if self._learnt:
            yield TRAINED_BEFORE
        if way is not None and is_task(self.model):
            yield (f"Here rows are drawn in a new order in every epoch; the `fit` of {type(self.model).__name__} takes them in "
                   "their order, so shuffle them before.")
        elif way is not None:
            yield (f"Here rows are drawn in a new order in every epoch, as Keras' `fit` draws them; {way}, which may order them in "
                   "another way.")
        if len(parts) > 1:
            yield (f"The learning rate is that of {self._leading}, which moves most weights; the other rates of the MultiOptimizer "
                   "keep their ratio to it.")
        if self._slots_are_of_weights and not any(part.use_ema for part in parts):
            yield (f"{self._leading} keeps a second set of weights for itself: judged and saved are those of the model, as Keras "
                   "evaluates and saves them.")
        if any(part.use_ema for part in parts):
            yield ("The optimizer averages the weights (use_ema): every epoch is judged by the weights that train, as Keras' `fit` "
                   "judges them. When `fit` ends, Keras puts the average in their place, and that is what is saved.")

    def normalises_over_batch(self):
        """Whether a layer that trains takes its statistics over the batch."""
        return bool(layers_that_move(self.model))

    def _learning_rates(self):
        """Which slots are learning rates, and each as a share of that of the part that moves most weights."""
        optimizer = self.model.optimizer
        parts = inside(optimizer)
        leading = max(parts, key=lambda part: sum(math.prod(v.shape) for v in part._trainable_variables))
        self._leading, self._rate = type(leading).__name__, float(to_numpy(leading.learning_rate))
        places = {id(v): i for i, v in enumerate(optimizer.variables)}
        self.rate_slots = {places[id(part.learning_rate)]: 1.0 if part is leading
                           else float(to_numpy(part.learning_rate)) / (self._rate or 1.0) for part in parts}

    def _cold_slots(self, weights):
        """What the slots of an optimizer begin as that has just met these weights: some are made of them."""
        variables = self.model.trainable_variables
        before = [to_numpy(v) for v in variables]
        try:
            for variable, value in zip(variables, weights, strict=True):
                variable.assign(value)
            optimizer, _ = plain_optimizer(self.model.optimizer)
            build_optimizer(optimizer, variables)
            return [to_numpy(v) for v in optimizer.variables]
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def _require_alike(self, *drawn):
        """Refuse a function that does not build the same model each time."""
        shapes, expected = ([[tuple(v.shape) for v in group] for group in groups]
                            for groups in (drawn, (self.model.trainable_variables, self.model.non_trainable_variables)))
        require(shapes == expected, "model function", f"weights of other shapes the second time ({shapes[0]} after {expected[0]})",
                "one that builds the same model every time", "Draw no size at random in it.")

    def _new(self):
        if self._original is None:
            model = self._source()
            require(isinstance(model, keras.Model), "model function", type(model).__name__, "a function that returns a Keras model",
                    "Return the compiled model.")
            refuse_uncompiled(model, "model function")
        else:
            model = copy_of(self._original)
        if getattr(model, "preprocessor", None) is not None:  # of a task of KerasHub
            if not self._preprocessed:
                raise Unsupported(f"The model `{model.name}` has a preprocessor, which has not made these rows. Pass arrays or "
                                  "lists of raw rows, or x = model.preprocessor(x) and a model with preprocessor=None.")
            model.preprocessor = None
        return model
