"""Any Keras back end through public Keras alone: slow, and the yardstick for the verbs of each back end."""

from dataclasses import replace

import keras
import numpy as np

from epochal.base.errors import Unsupported
from epochal.seam.machine import this_machine
from epochal.seam.rigs.judging import EVALUATION_BLOCK, Judged, blocks_of, evaluation, kept_blocks, results_of
from epochal.seam.rigs.verbs import State, Verbs

REACH = 3e-3  # of the length of the weights, to either side, for a difference of gradients


def bind(twin, data):
    """The verbs of Keras itself for a twin and its data. Its tensors are NumPy arrays."""
    world = _World(twin, data)
    return Verbs(
        machine=this_machine("unknown", None, keras.backend.backend()),
        put=np.array,
        step=world.step,
        judged=world.judged,
        judge=world.judge,
        results=lambda values: results_of(twin, values),
        loss=world.loss,
        gradient=world.gradient,
        predict=world.predict,
        slope=world.slope,
        curvature=world.curvature,
        peak_bytes=lambda state, batch_size, whole: None,   # Keras does not tell
        wait=lambda: None,   # every verb returns numbers, so nothing is left running
        out_of_memory=lambda error: isinstance(error, MemoryError),
    )


class _World:
    """Two compiled models: the twin, and one that plain gradient descent moves by exactly its gradient."""

    def __init__(self, twin, data):
        self._twin, self._data, self._model = twin, data, twin.model
        self._rows = data.train if data.folds is None else data.folds.rows
        self._descent, self._still, self._repeats = None, None, not twin.seed_slots

    def step(self, state, rows, learning_rate):
        slots = list(state.slots)
        for slot, share in self._twin.rate_slots.items():
            slots[slot] = np.asarray(learning_rate * share, np.float32)
        loss = self._train(self._model, state._replace(slots=slots), rows)
        return State(*([_numpy(v) for v in group] for group in _groups(self._model))), loss

    def judged(self, state, fold=0):
        """Loss and metrics of each part as Keras' `evaluate` returns them, and the losses of blocks of each half."""
        _load(self._model, state)
        data = self._data
        parts = list(data.parts)
        if fold:
            judging = replace(data.folds.rows, weight=data.folds.weight)
            parts[:2] = (judging.take(half) for half in data.folds.all[fold][1:])
        return evaluation(self._twin, map(self._judged, parts))

    def _judged(self, part):
        loss, counted = self._judge(part)
        size, n_blocks = blocks_of(part.n_rows)
        losses, ends = self._in_blocks(part, [slice(i * size, (i + 1) * size) for i in range(n_blocks)])
        kept = kept_blocks(np.array(losses, np.float32))
        return Judged(loss, counted, kept, ends[:: n_blocks // len(kept)])

    def judge(self, state, half, blocks):
        _load(self._model, state)
        losses, ends = self._in_blocks(self._data.parts[half], blocks)
        return Judged(np.mean(losses) if losses else np.nan, ends[-1], np.array(losses), ends)

    def _in_blocks(self, part, blocks):
        """The losses of blocks of rows, and what the metrics' variables add up to after each: Keras starts anew for every one."""
        self._model.reset_metrics()
        start = [_numpy(v) for v in self._model.metrics_variables]
        losses, ends = [], [start]
        for rows in blocks:
            loss, counted = self._judge(part.take(rows))
            losses.append(loss)
            ends.append([end + of_block - first for end, of_block, first in zip(ends[-1], counted, start, strict=True)])
        return losses, ends

    def _judge(self, part):
        log = self._model.evaluate(part.x, part.y, sample_weight=part.weight, batch_size=EVALUATION_BLOCK, return_dict=True,
                                   verbose=0)
        return log["loss"], [_numpy(v) for v in self._model.metrics_variables]

    def loss(self, state, rows):
        if self._twin.normalises_over_batch():
            return self._descend(state, rows)
        _load(self._model, state)
        part = self._rows.take(rows)
        self._model.reset_metrics()
        return float(self._model.test_on_batch(part.x, part.y, sample_weight=part.weight, return_dict=True)["loss"])

    def gradient(self, state, rows):
        self._descend(state, rows)
        return [-_numpy(v) for v in self._descent.optimizer.momentums]

    def predict(self, state, rows):
        _load(self._model, state)
        return keras.tree.flatten(self._model.predict_on_batch(self._rows.take(rows).x))

    def slope(self, state, rows):
        if self._still is None:
            self._still = self._second_model(dropout=False)
        self._train(self._still, state._replace(slots=self._cold), rows)
        return [-_numpy(m) for m in self._still.optimizer.momentums]

    def curvature(self, state, rows, v):
        """The central difference of slopes along v: right to about a hundredth of its length, in float32."""
        length, size = (float(np.linalg.norm(np.concatenate([np.ravel(a) for a in arrays]))) for arrays in (v, state.weights))
        if length == 0:
            return [np.zeros_like(part) for part in v]
        reach = REACH * size / length

        def beside(way):
            weights = [(w + way * part).astype(w.dtype) for w, part in zip(state.weights, v, strict=True)]
            return self.slope(state._replace(weights=weights), rows)

        ahead, behind = beside(reach), beside(-reach)
        return [(a - b) / (2 * reach) for a, b in zip(ahead, behind, strict=True)]

    def _descend(self, state, rows):
        """The loss of a batch in training mode; afterwards the momenta of the second model are minus its gradient."""
        if self._descent is None:
            self._descent = self._second_model()
        return self._train(self._descent, state._replace(slots=self._cold), rows)

    def _second_model(self, dropout=True):
        model = self._twin.compiled(0)
        self._twin.build(model)
        for layer in () if dropout else model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        # After one step from rest, m = 0.5 · 0 - 1 · g, without the rounding of a difference of weights.
        model.optimizer = keras.optimizers.SGD(1.0, momentum=0.5)
        model.optimizer.build(model.trainable_variables)
        self._cold = [_numpy(v) for v in model.optimizer.variables]
        return model

    def _train(self, model, state, rows):
        """One step of `model` from `state`; its loss."""
        part = self._rows.take(rows)

        def loss():
            _load(model, state)
            model.reset_metrics()  # so that the loss is this batch's
            return float(model.train_on_batch(part.x, part.y, sample_weight=part.weight, return_dict=True)["loss"])

        if not self._repeats and len({loss() for _ in range(3)}) > 1:
            raise Unsupported(f"On the back end {keras.backend.backend()!r}, dropout without a seed draws from a stream that Keras "
                              "alone cannot wind back. Give every dropout layer a seed.")
        self._repeats = True
        return loss()


def _load(model, state):
    for variables, values in zip(_groups(model), state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(np.array(value))  # a copy: a back end may share the array's memory, and then write into it


def _groups(model):
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables


def _numpy(variable):
    return np.array(keras.ops.convert_to_numpy(variable))
