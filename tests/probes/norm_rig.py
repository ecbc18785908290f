"""A fake rig with batch-norm whose moving statistics, and what they cost on every validation row, are known."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from contracts.fake_rig import FakeRig

from epochal.base.seeds import stream


class Layer(NamedTuple):
    name: str
    momentum: float
    mean: np.ndarray
    variance: np.ndarray


class NormRig(FakeRig):
    """One layer over `x`, float[n_examples, 3]; a state is its weights, moving mean and moving variance.

    A validation row's loss is 1, and `costs[row]` times the squared distance of the moving mean from that of all of `x`.
    """

    def __init__(self, *, momentum=0.99, costs=None, mean=2.0, n_validation=120, **options):
        super().__init__(**{"n_params": 4, "n_examples": 96} | options)
        self.x = stream(7, "x").normal(size=(self.n_examples, 3)) + mean
        self.momentum, self.costs = momentum, np.ones(n_validation) if costs is None else costs
        self.task = replace(self.task, n_validation=n_validation, normalises_over_batch=True)

    def fresh(self, seed):
        return super().fresh(seed), np.zeros(3), np.ones(3)

    def weights(self, state):
        return state[0]

    def step(self, state, rows, learning_rate):
        weights, loss = super().step(state[0], rows, learning_rate)
        means = (self.momentum * old + (1 - self.momentum) * new
                 for old, new in zip(state[1:], (self.x[rows].mean(0), self.x[rows].var(0)), strict=True))
        return (weights, *means), loss

    def moving_statistics(self, state):
        return (Layer("norm", self.momentum, *state[1:]),)

    def with_moving_statistics(self, state, values):
        (mean, variance), = values
        return state[0], mean, variance

    def judge(self, state, blocks):
        away, half = float(np.sum((state[1] - self.x.mean(0)) ** 2)), len(self.costs) // 2
        return *([1 + away * float(self.costs[start + rows].mean()) for rows in some] for start, some in zip((0, half), blocks,
                                                                                                              strict=True)), []
