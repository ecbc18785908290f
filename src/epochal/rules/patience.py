"""When to stop: early stopping as a pure state machine."""

import math
from typing import NamedTuple

import numpy as np


class State(NamedTuple):
    """What must be carried from one epoch to the next."""

    best: float
    waited: int


class Info(NamedTuple):
    """What is only worth looking at."""

    stop: bool
    improved: bool


def init():
    """The state before the first epoch."""
    return State(best=math.inf, waited=0)


def step(state, loss, *, patience, min_delta=0.0):
    """One epoch. A `loss` that is not a number counts as no improvement, as in `keras.callbacks.EarlyStopping`.

    >>> state, info = step(init(), 1.0, patience=1)
    >>> step(state, float("nan"), patience=1)
    (State(best=1.0, waited=1), Info(stop=True, improved=False))
    """
    improved = loss < state.best - min_delta
    waited = 0 if improved else state.waited + 1
    return State(loss if improved else state.best, waited), Info(waited >= patience, improved)


def exhausted(losses_epochs_lanes, patience):
    """Whether no lane has improved for `patience` epochs; a lane whose loss is not a number has nothing left to improve.

    Args:
        losses_epochs_lanes: float[n_epochs, n_lanes], validation losses so far.
        patience: epochs.
    """
    losses = np.where(np.isfinite(losses_epochs_lanes), losses_epochs_lanes, np.inf)
    waited = len(losses) - 1 - losses.argmin(0)
    return bool(((waited >= patience) | ~np.isfinite(losses_epochs_lanes[-1])).all())
