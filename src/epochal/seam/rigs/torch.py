"""Keras on PyTorch: each verb copies a state into the twin, runs, and copies the state back out."""

import keras
import numpy as np
import torch

from ...base.errors import Unsupported
from ...base.seeds import integer
from ..machine import this_machine
from ..model.copying import first_line
from ..rows import over
from .judging import evaluation, judged_in_blocks, judged_rows, results_of
from .verbs import TWICE, State, Verbs, groups, held_out, on_bench, on_device, parts_of


def bind(twin, data):
    """The verbs of PyTorch for a twin and its data, which go to the device once."""
    world = _World(twin, data)
    device = twin.model.trainable_variables[0].value.device
    on_cuda = device.type == "cuda"
    memory = torch.cuda.get_device_properties(device).total_memory if on_cuda else None
    name = torch.cuda.get_device_name(device).lower() if on_cuda else device.type
    return Verbs(
        machine=this_machine(name, memory, "torch"),
        put=_put,
        step=world.step,
        judged=lambda state, fold=0: world.judged(state, held_out(data, fold)),
        judge=world.judge,
        results=lambda values: results_of(twin, values),
        loss=world.loss,
        gradient=world.gradient,
        predict=world.predict,
        slope=world.slope,
        curvature=world.curvature,
        wait=lambda: torch.cuda.synchronize(device) if on_cuda else None,
        out_of_memory=_out_of_memory,
        aside=world.aside,
    )


class _World:
    """The twin and the data, as functions from tensors to new tensors; what they leave in the twin's variables is never read."""

    def __init__(self, twin, data):
        self._twin, self._model, self._optimizer = twin, twin.model, twin.model.optimizer
        self._data = on_bench(data, on_device)
        self._device = twin.model.trainable_variables[0].value.device
        self._drew = False   # whether the last training pass drew from PyTorch's own stream
        self._first_metrics = _copies(twin.model.metrics_variables)

    def step(self, state, rows, learning_rate):
        self._load(state)
        self._twin.set_rate(learning_rate)
        loss = self._train(state, rows)
        slopes = self._slopes(self._optimizer.scale_loss(loss))
        with torch.no_grad():
            self._optimizer.apply(slopes, self._model.trainable_variables)
        after = State(*map(_copies, groups(self._model)))
        if self._drew:
            for i in self._twin.seed_slots:
                after.fixed[i][1] += 1
        return after, loss.detach()

    def loss(self, state, rows):
        with torch.no_grad():
            self._load(state)
            return float(self._loss(state, rows))

    def gradient(self, state, rows):
        self._load(state)
        return self._filled(self._slopes(self._train(state, rows)))

    def slope(self, state, rows):
        self._load(state)
        return self._filled(self._slopes(self._loss(state, rows)))

    def curvature(self, state, rows, v):
        """H v: the derivative of the slope's part along v."""
        self._load(state)
        weights = [variable.value for variable in self._model.trainable_variables]
        slopes = torch.autograd.grad(self._loss(state, rows), weights, create_graph=True, allow_unused=True)
        along = [(slope * torch.as_tensor(part, dtype=slope.dtype, device=slope.device)).sum()
                 for slope, part in zip(slopes, v, strict=True) if slope is not None and slope.requires_grad]
        if not along:
            return self._filled([None] * len(weights))  # a straight line has no second derivative
        try:
            return self._filled(self._slopes(torch.stack(along).sum()))
        except (RuntimeError, NotImplementedError) as error:
            if "derivative" not in str(error) and "double backward" not in str(error):
                raise
            raise Unsupported(TWICE.format(title="PyTorch", error=first_line(error))) from error

    def predict(self, state, rows):
        with torch.no_grad(), self.aside():  # a layer that draws at random when it predicts draws the same every time
            self._load(state)
            self._model.eval()
            torch.manual_seed(0)
            return self._twin.predicted(self._take(rows)[0])

    def judged(self, state, rows):
        with torch.no_grad():
            self._load(state)
            self._model.eval()
            return evaluation(self._twin, (
                judged_in_blocks(part, self._first_metrics, self._judge, every_end=self._twin.decider is not None)
                for part in parts_of(self._data, rows, _take)))

    def _judge(self, metrics, x, y, weight):
        _copy_into(self._model.metrics_variables, metrics)
        y_pred, loss = self._twin.forward(x, y, weight, training=False)
        self._model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        return loss, _copies(self._model.metrics_variables)

    def judge(self, state, half, blocks):
        with torch.no_grad():
            self._load(state)
            self._model.eval()
            return judged_rows(blocks, self._first_metrics,
                               lambda metrics, rows: self._judge(metrics, *_take(self._data.judged[half], rows)),
                               every_end=self._twin.decider is not None)

    def _loss(self, state, rows):
        if self._twin.normalises_over_batch():
            return self._train(state, rows)
        self._model.eval()
        return self._twin.forward(*self._take(rows), training=False)[1]

    def _train(self, state, rows):
        self._model.train()
        if not self._twin.seed_slots:
            return self._twin.forward(*self._take(rows), training=True)[1]
        # Keras lets dropout without a seed draw from PyTorch's one stream for the whole process, and its own streams stand still:
        # wind that one up by this state's, and give it back to the user afterwards.
        with self.aside():
            torch.manual_seed(integer(0, *(int(n) for i in self._twin.seed_slots for n in state.fixed[i])))
            before = self._stream()
            loss = self._twin.forward(*self._take(rows), training=True)[1]
            self._drew = not torch.equal(before, self._stream())
        return loss

    def aside(self):
        """A context in which PyTorch's own random stream may be used: afterwards it is as it was."""
        return torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else [])

    def _stream(self):
        return torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else torch.get_rng_state()

    def _slopes(self, of):
        return list(torch.autograd.grad(of, [v.value for v in self._model.trainable_variables], allow_unused=True))

    def _filled(self, slopes):
        return [torch.zeros_like(v.value) if slope is None else slope
                for slope, v in zip(slopes, self._model.trainable_variables, strict=True)]

    def _take(self, rows):
        return _take(self._data.train, rows)

    def _load(self, state):
        for variables, values in zip(groups(self._model), state, strict=True):
            _copy_into(variables, values)


def _take(part, rows):
    rows = torch.as_tensor(rows, dtype=torch.int64)
    return [over(lambda a: a[rows.to(a.device)], tree) for tree in part]


def _copies(variables):
    return [v.value.detach().clone() for v in variables]


def _copy_into(variables, values):
    with torch.no_grad():  # autograd would otherwise refuse to write into a weight
        for variable, value in zip(variables, values, strict=True):
            variable.value.copy_(value)


def _put(array):
    return keras.ops.convert_to_tensor(np.array(array)).clone()


def _out_of_memory(error):
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error) and "memory" in str(error))
