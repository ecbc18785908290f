"""Rigs whose training follows exact equations, so that every learning rate and batch size has a known outcome."""

import numpy as np
from contracts.fake_rig import FakeRig

from epochal.base.seeds import stream


class NoisyQuadratic(FakeRig):
    """The noisy quadratic model (Zhang et al. 2019, arXiv:1907.04164), in expectation: no luck in it at all.

    A state is float[n_params] of E θᵢ², and a step at batch size B makes (1 - η hᵢ)² E θᵢ² + η² cᵢ / B of it, with hᵢ = cᵢ = 1 / i.
    """

    def __init__(self, n_params=1000, n_examples=1024, batch_size=32, learning_rate=0.25, c=None):
        super().__init__(n_params=1, n_examples=n_examples, s=0.0)
        self.n_params, self.h = n_params, 1 / np.arange(1, n_params + 1)
        self.c = self.h if c is None else c
        self.present = type(self.present)(batch_size=batch_size, learning_rate=learning_rate)

    def fresh(self, seed):
        return np.ones(self.n_params)

    def step(self, state, rows, learning_rate):
        with np.errstate(over="ignore", invalid="ignore"):
            return (1 - learning_rate * self.h) ** 2 * state + learning_rate**2 * self.c / len(rows), self._height(state)

    def evaluate(self, state):
        with np.errstate(over="ignore"):
            return super().evaluate(state)

    def loss(self, state, rows):
        return self._height(state)

    def weights(self, state):
        return np.sqrt(state)

    def move(self, state, v):
        return (np.sqrt(state) + v) ** 2

    def _height(self, state):
        with np.errstate(over="ignore", invalid="ignore"):
            return 0.5 * float(np.sum(self.h * state))

    def after(self, n_updates, rate, batch_size):
        """The loss after so many updates at a constant rate: the same in closed form."""
        settled = rate * self.c / (batch_size * self.h * (2 - rate * self.h))
        with np.errstate(over="ignore", invalid="ignore"):
            decay = ((1 - rate * self.h) ** 2) ** n_updates
            loss = 0.5 * float(np.sum(self.h * (decay * (1 - settled) + settled)))
        return loss if np.isfinite(loss) else np.inf


class GaussianRegression(FakeRig):
    """Linear regression on x ~ N(0, h I) without label noise: the critical batch size is d + 1 at all weights.

    A state is the distance from the solution. A row is as good as fresh while it was not met before.
    """

    def __init__(self, d, n_examples, batch_size, learning_rate, seed=0):
        super().__init__(n_params=1, n_examples=n_examples, s=0.0)
        self.n_params = d
        self._x = stream(seed, "x").normal(size=(n_examples, d)).astype(np.float32)
        self.present = type(self.present)(batch_size=batch_size, learning_rate=learning_rate)

    def fresh(self, seed):
        return stream(seed, "weights").normal(size=self.n_params)

    def step(self, state, rows, learning_rate):
        x = self._x[rows]
        return state - learning_rate * (x @ state) @ x / len(x), self._height(state)

    def _height(self, state):
        return 0.5 * float(state @ state)

    def kept(self, n_updates, rate, batch_size):
        """What is left of the expected loss after so many updates on fresh rows."""
        return (1 - 2 * rate + rate**2 * (1 + (self.n_params + 1) / batch_size)) ** n_updates
