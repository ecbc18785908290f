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


def exhausted(losses_epochs_lanes, patience, n_left=None):
    """Whether no lane has anything left to win.

    A lane has nothing left when it has not improved for `patience` epochs, when its loss is not a number, or when it would not
    reach the best loss seen in any lane even if it went on falling, in a straight line, as fast as it did of late. A falling
    loss flattens, so the straight line flatters it.

    Args:
        losses_epochs_lanes: float[n_epochs, n_lanes], validation losses so far.
        patience: epochs.
        n_left: epochs still allowed; `None` where lanes must not be measured by each other, since all of them are to be judged.
    """
    losses = np.where(np.isfinite(losses_epochs_lanes), losses_epochs_lanes, np.inf)
    lowest = losses.min(0)
    waited = len(losses) - 1 - losses.argmin(0) >= patience
    dead = ~np.isfinite(losses_epochs_lanes[-1])
    hopeless = np.zeros_like(dead)
    if n_left is not None and len(losses) > patience:
        with np.errstate(invalid="ignore"):  # of a lane that is dead anyway
            fall = (losses[-1 - patience] - losses[-1]) / patience
            hopeless = losses[-1] - np.maximum(fall, 0.0) * n_left > lowest.min()
    return bool((waited | dead | hopeless).all())
