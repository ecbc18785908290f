"""The rig for a Keras model: what is alike on every back end, around the verbs that each back end brings."""

import logging
import math
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import NamedTuple

import keras
import numpy as np

from ...base.errors import Unsupported
from ...base.system.memory import memory_here
from ...base.validate import require
from ..forward import closeness
from ..identity.task import classes_by_row, task_of
from ..machine import compiling_anew
from ..model.copying import layers, seeded, to_numpy
from ..model.description import described
from ..model.preconditioner import momentum, preconditioner
from ..rows import check, joined
from . import moving
from .constant import constant_figures
from .judging import figures_of, require_sums
from .twin import Twin
from .verbs import State

_STEPS = 16  # in one call: beyond, nothing is gained, and batch-level callbacks are called that rarely


class Once(NamedTuple):
    """How a frozen base, which comes first in the model, is computed once.

    Attributes:
        tell: called with the share of the rows that it has seen. most_seconds: that it may take; else it is computed at every
            update.
    """

    tell: Callable = lambda share: None
    most_seconds: float = math.inf


_WHATEVER_IT_TAKES = Once()


def open_rig(source, data, batch_size=None, learning_rate=None, fit=None, *, start="auto", once=_WHATEVER_IT_TAKES,
             decides=lambda metrics: None):
    """The rig for a model and its `Data` on the Keras back end of this process.

    Args:
        source: a compiled Keras model, or a function without arguments that returns one; never changed.
        batch_size, learning_rate: what is trained with now; `None` is Keras' 32, and what the model is compiled with.
        fit: who trains, `fit(model, x, y, **arguments)` with arguments of Keras' `fit`: the seconds of a training are those that it
            takes. `None` is Keras' own `fit`.
        start: where trainings begin, of `STARTS`: with `"here"` from what the model has learnt before, with `"fresh"` newly drawn;
            `"auto"` sees whether it was trained.
        once: how a frozen base is computed.
        decides: `(names of the compiled metrics) -> (name, whether more of it is better)` of the metric that decides between
            settings, or `None` where the loss does. With one, what is called the loss in all that is judged is one less the metric
            (the metric, where less of it is better), and the loss stands in the place of that metric.

    Raises:
        UsageError: the data are not finite or not of one length, or the model does not fit them.
        Unsupported: the model cannot be copied or measured; the message says why.
    """
    names = ("the training rows", "the first validation rows", "the second validation rows", "the test rows")
    for name, part in zip(names, (data.train, *data.parts), strict=False):
        check(part, name)
    return KerasRig(source, data, bind_of_backend(), (batch_size, learning_rate), fit, once, start, decides)


def bind_of_backend():
    """`bind(twin, data) -> Verbs` of the Keras back end of this process."""
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


class KerasRig:
    """A Keras model and its data on the bench: see `Rig` for each verb, `open_rig` for the arguments; `bind` makes the `Verbs`.

    `now`: batch size and learning rate that are trained with now; `fit`: who trains; as for `open_rig`."""

    def __init__(self, source, data, bind, now=(None, None), fit=None, once=None, start="auto", decides=lambda metrics: None):
        self._twin, self._data, self._trainer = Twin(source, data.train, start, data.preprocessed, decides), data, fit
        for name, part in zip(("validation_data", "validation_data", "test_data"), data.parts, strict=False):
            self._twin.check(part, name)
        self._bench = data if once is None else self._twin.on_features(data, tell=once.tell, most_seconds=once.most_seconds)
        self._verbs = bind(self._twin, self._bench)
        self._runners, self.skips = {}, self._bench is not data
        self.task, self.machine, self.present = task_of(self._twin, data), self._verbs.machine, self._twin.present(*now)
        self.rounding = closeness({layer.compute_dtype for layer in (self._twin.model, *layers(self._twin.model))})
        self.n_examples, self.n_params = data.train.n_rows, self._twin.n_params
        self.pure, self.wait, self.out_of_memory = self._verbs.pure, self._verbs.wait, self._verbs.out_of_memory
        self.refused = self._verbs.refused
        self.judged, self.present_schedule = self._verbs.judged, self._twin.rates
        folds = data.folds
        self.folds, self.turns, self.own = ((), (0,), False) if folds is None else (folds.all, folds.turns, folds.own)
        if self._twin.decider is not None:
            self._decides_by_sums()

    def fresh(self, seed):
        return State(*([self._verbs.put(a) for a in group] for group in self._twin.fresh(seed)))

    def weights(self, state):
        return _flat(state.weights)

    def move(self, state, v):
        old = map(to_numpy, state.weights)
        return state._replace(weights=[self._verbs.put((w + d).astype(w.dtype)) for w, d in zip(old, self._parts(v), strict=True)])

    def step(self, state, rows, learning_rate):
        return self._verbs.step(state, np.asarray(rows, np.int32), learning_rate)

    def evaluate(self, state):
        return self.judged(state)[0]

    def constant(self):
        return constant_figures(self._twin, self._data, self.task.kind)

    def judge(self, state, blocks):
        parts = [self._verbs.judge(state, half, rows) for half, rows in enumerate(blocks)]
        figures, (half_a, half_b) = figures_of(np, self._twin.model, parts, self._verbs.results, self._twin.decider)
        judged = [of for of, rows in zip(figures, blocks, strict=True) if len(rows)]
        return half_a.tolist(), half_b.tolist(), np.mean(judged, 0, dtype=float)[1:].tolist()

    def loss(self, state, rows):
        return self._verbs.loss(state, np.asarray(rows, np.int32))

    def gradient(self, state, rows, draw=0):
        if draw and self._twin.seed_slots:
            fixed = list(state.fixed)
            for i in self._twin.seed_slots:
                seed = to_numpy(fixed[i])
                fixed[i] = self._verbs.put(seed + np.array([0, draw], seed.dtype))
            state = state._replace(fixed=fixed)
        return _flat(self._verbs.gradient(state, np.asarray(rows, np.int32)))

    def classes(self):
        return classes_by_row(self._data.train.y) if self.task.kind in ("binary", "multiclass") else None

    def predicted(self, state, rows, batch_size):
        rows = np.asarray(rows, np.int32)
        batches = [map(to_numpy, self._verbs.predict(state, rows[i : i + batch_size])) for i in range(0, len(rows), batch_size)]
        return [np.concatenate(of_output) for of_output in zip(*batches, strict=True)]

    def moving_statistics(self, state):
        return moving.read(self._twin.model, state.fixed)

    def with_moving_statistics(self, state, values):
        return state._replace(fixed=moving.write(self._twin.model, state.fixed, values, self._verbs.put))

    def slope(self, state, rows):
        return _flat(self._verbs.slope(state, np.asarray(rows, np.int32)))

    def curvature(self, state, rows, v):
        return _flat(self._verbs.curvature(state, np.asarray(rows, np.int32), self._parts(v)))

    def preconditioner(self, state):
        return preconditioner(self._twin.model, state.slots)

    def momentum(self):
        return momentum(self._twin.model.optimizer)

    def peak_bytes(self, batch_size):
        return self._verbs.peak_bytes(self.fresh(0), batch_size, whole=self._trainer is None)

    def capacity_bytes(self):
        return memory_here().free if self.machine.device == "cpu" else self.machine.memory_bytes

    def switches(self):
        """`{argument: value}` of Keras' `compile` that change how fast `fit` is here and no number beyond the last digits.

        What the model is compiled with already is left out; so is all where another than Keras trains, and on PyTorch, where Keras
        takes one step at a time, and `torch.compile` needs a compiler beside it.
        """
        model, backend = self._runner(()), keras.backend.backend()
        if self._trainer or backend == "torch" or model.run_eagerly:
            return {}
        steps = {"steps_per_execution": _STEPS} if model.steps_per_execution == 1 else {}
        return steps | ({"jit_compile": True} if not model.jit_compile and backend == "tensorflow" else {})

    def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None):
        """Seconds that `fit` takes for `n_steps` full batches, epochs of fewer repeated; compiling not excluded.

        `switches`: pairs of an argument of `compile` and its value, see `switches`. `n_rows`: of an epoch, by default all.
        """
        require(1 <= batch_size <= self.n_examples, "batch_size", batch_size, f"between 1 and {self.n_examples} rows",
                "Pass a size that the data hold.")
        steps = min(n_steps, (n_rows or self.n_examples) // batch_size)
        n_epochs = -(-n_steps // steps)
        return self._fit(steps * batch_size, batch_size, n_epochs, switches=switches) * n_steps / (n_epochs * steps)

    def epoch_seconds(self, batch_size, n_epochs):
        """Seconds that `fit` takes for epochs of all rows, a short last batch with them; compiling not excluded."""
        return self._fit(self.n_examples, batch_size, n_epochs)

    def validation_seconds(self, batch_size, n_passes):
        """Seconds that `fit` takes for passes over the validation rows: epochs of one batch with them, less without.

        The batch trained on has the present size whatever that of validation, so that nothing is compiled for it.
        """
        size = min(self.present.batch_size, self.n_examples)
        return self._fit(size, size, n_passes, validation_size=batch_size) - self._fit(size, size, n_passes)

    def compile_seconds(self, batch_size, switches=()):
        """Seconds that a first `fit` takes longer than a second: one batch, the short last one, and a validation pass."""
        short = self.n_examples % batch_size if batch_size < self.n_examples else 0
        rows = min(batch_size, self.n_examples) + short
        self._runners.pop(switches, None)
        with compiling_anew():
            first = self._fit(rows, batch_size, 1, validation_size=batch_size, switches=switches)
        return max(0.0, first - self._fit(rows, batch_size, 1, validation_size=batch_size, switches=switches))

    def predict_seconds(self, batch_size, n_rows):
        """Seconds that Keras' own `predict` takes for `n_rows` rows, the training rows repeated where there are fewer."""
        x = self._data.train.take(np.arange(n_rows) % self.n_examples).x
        return self._timed(self._runner(()).predict, x, batch_size=batch_size, verbose=0)

    def source_batches(self):
        """Batches of an epoch of what the user passes; of arrays at the present batch size. `None` where read once only."""
        origin = self._data.origin
        return -(-self.n_examples // self._present_size()) if origin is None else origin.n_batches

    def read_seconds(self, n_batches):
        """Seconds of reading so many batches, pass after pass; of arrays of taking rows in a drawn order, as `fit` does."""
        origin = self._data.origin
        return self._timed(self._take_batches if origin is None else origin.read, n_batches)

    def fit_source_seconds(self, n_batches):
        """Seconds of `fit` for so many batches from what the user passes, epochs of fewer repeated; compiling not excluded."""
        whole, origin, model = self.source_batches(), self._data.origin, self._runner(())
        steps = min(n_batches, whole)
        n_epochs = -(-n_batches // steps)
        cut = {} if steps == whole and (origin is None or origin.steps is None) else {"steps_per_epoch": steps}
        fit = model.fit if self._trainer is None else partial(self._trainer, model)
        train = self._data.train
        rows = {"x": origin.x} if origin is not None else {"x": train.x, "y": train.y, "sample_weight": train.weight,
                                                           "batch_size": self._present_size()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a `DataLoader`, that it shuffles itself; of steps that end an epoch
            return self._timed(fit, **rows, **cut, epochs=n_epochs, verbose=0) * n_batches / (n_epochs * steps)

    def description(self):
        """The user's model as JSON, see `described`; `None` where a part of it is not Keras' own, or where it runs eagerly."""
        model = self._twin.described
        return None if model.run_eagerly else described(model)

    def sample(self, n_rows):
        """Inputs, targets and sample weights of the first training rows."""
        part = self._data.train.take(slice(0, n_rows))
        return part.x, part.y, part.weight

    def _present_size(self):
        return min(self.present.batch_size, self.n_examples)

    def _take_batches(self, n_batches):
        size, train, n_taken = self._present_size(), self._data.train, 0
        while n_taken < n_batches:
            order = np.random.default_rng(0).permutation(self.n_examples)
            for start in range(0, self.n_examples, size):
                if n_taken == n_batches:
                    return
                train.take(order[start:start + size])
                n_taken += 1

    def _decides_by_sums(self):
        """Refuse a metric that cannot be told in blocks, and say in the record what always the same answer would score."""
        state, decider = self.fresh(0), self._twin.decider
        require_sums(self._twin, lambda blocks: self._verbs.judge(state, 0, blocks), self._data.half_a.n_rows)
        figures = constant_figures(self._twin, self._data, self.task.kind)
        scores = None if figures is None else decider.score(figures[:, 1 + decider.place])
        constant = None if scores is None or not np.isfinite(scores).all() else float(scores.min())
        self.task = replace(self.task, constant_loss=constant)

    def _runner(self, switches):
        """A copy, with these switches of `compile`, that may be trained and thrown away."""
        if switches not in self._runners:
            self._runners[switches] = model = self._twin.compiled(0)
            model.steps_per_execution = self._twin.described.steps_per_execution
            for name, value in switches:
                setattr(model, name, value)
        return self._runners[switches]

    def _fit(self, n_rows, batch_size, n_epochs, *, validation_size=None, switches=()):
        """Seconds of a `fit` on the first rows, with all validation rows where they have a batch size."""
        part, a, b = self._data.train.take(slice(0, n_rows)), self._data.half_a, self._data.half_b
        halves = (a.x, b.x), (a.y, b.y), (a.weight, b.weight)
        held_out = validation_size and tuple(joined(*pair) for pair in halves if pair[0] is not None)
        model = self._runner(switches)
        fit = model.fit if self._trainer is None else partial(self._trainer, model)
        if self._trainer is not None and self._bench is not self._data:  # it would compute them once
            fit = partial(fit, features=(self._bench.train.take(slice(0, n_rows)).x,
                                         joined(self._bench.half_a.x, self._bench.half_b.x)))
        return self._timed(fit, part.x, part.y, sample_weight=part.weight, batch_size=batch_size, epochs=n_epochs,
                           validation_data=held_out, validation_batch_size=validation_size, verbose=0)

    def _timed(self, call, *arguments, **options):
        with seeded(0), self._verbs.aside(), _grain_quiet():
            self.wait()
            start = perf_counter()
            call(*arguments, **options)
            self.wait()
            return perf_counter() - start

    def _parts(self, v):
        """A flat vector cut into arrays like the weights."""
        shapes = [tuple(p.shape) for p in self._twin.model.trainable_variables]
        parts = np.split(np.asarray(v, np.float32), np.cumsum([int(np.prod(s)) for s in shapes])[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


@contextmanager
def _grain_quiet():
    """Grain, through which KerasHub's `fit` reads, warns at every call of how few batches that reads ahead."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _flat(tensors):
    return np.concatenate([to_numpy(t).astype(np.float32, copy=False).ravel() for t in tensors])
