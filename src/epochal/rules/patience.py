"""When to stop: Keras' early stopping replayed on the losses of a run, and lanes that have nothing left to win."""

import math

import numpy as np


def replay(losses, patience, min_delta=0.0):
    """What `EarlyStopping(patience=patience, restore_best_weights=True)` does to a run with these validation losses.

    A loss that is not a number counts as no improvement, and neither does one that is not lower by more than `min_delta`.

    Returns:
        `(kept, last)`: the epoch, counted from 1, whose weights it keeps, and the one after which it ends the run: the last of all
        where it never does.

    >>> replay([3.0, 1.0, float("nan"), 2.0, 0.5], 2)
    (2, 4)
    """
    best, kept = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_delta:
            best, kept = loss, epoch
        elif epoch - kept >= patience:
            return kept, epoch
    return kept, len(losses)


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
