"""The same training with other seeds, and with other orders of the rows alone."""

import math
from typing import Any, NamedTuple

import numpy as np

from ...base.seeds import integer
from ...engine import Batches, Lane, measure_mode, train
from ...records import Outcome


class Courses(NamedTuple):
    """Trainings at the present batch size and rates, epoch by epoch, up to where the shortest ends.

    Attributes:
        losses: float[n_runs, n_epochs, 2, n_blocks], validation loss in blocks of rows of each half.
        loss: float[n_runs, n_epochs], training loss. n_epochs: that were made. wanted: that should have been made.
        diverged: how many of the runs ended in losses that are not finite.
    """

    losses: np.ndarray
    loss: np.ndarray
    n_epochs: int
    wanted: int
    diverged: int


def courses(rig: Any, *, epochs: int, n_runs: int = 4, seed: int = 0, seconds: float = math.inf,
            state: Any = None) -> Courses | None:
    """Train `n_runs` times from new weights; from one `state`, where it is given, with other orders of the rows alone.

    Epochs are left out where the seconds do not allow them all; `None` where they do not allow three.
    """
    size = min(rig.present.batch_size, rig.n_examples)
    how = measure_mode(rig, size, n_runs)
    an_epoch = Batches(size, 1).steps_per_epoch(rig.n_examples) * how.step_seconds(n_runs)
    made = int(min(epochs, seconds / max(an_epoch, 1e-9)))
    if made < min(3, epochs):
        return None
    rates = _rates_over(rig, epochs * Batches(size, 1).steps_per_epoch(rig.n_examples))
    lanes = [Lane(integer(seed, "diagnosis", run), rates, start=state) for run in range(n_runs)]
    runs = train(rig, lanes, Batches(size, made), how=how)
    fine = [run for run in runs if run.outcome is Outcome.OK]
    diverged = sum(run.outcome is Outcome.DIVERGED for run in runs)
    if not fine:
        return Courses(np.empty((0, 0, 2, 0)), np.empty((0, 0)), 0, epochs, diverged)
    return Courses(np.stack([run.blocks for run in fine]).astype(float), np.stack([run.train_loss for run in fine]).astype(float),
                   made, epochs, diverged)


def _rates_over(rig, n_steps):
    """The present rates of the first steps of so many, which fewer epochs do not squeeze."""
    return lambda n: np.asarray(rig.present_schedule(max(n, n_steps)))[:n]


def at_lower_rates(rig: Any, *, epochs: int, before: int, seeds: int = 3, seed: int = 0,
                   seconds: float = math.inf) -> tuple[dict[float, np.ndarray], dict[float, np.ndarray]] | None:
    """Branches of one training at the present rate, a half and a quarter of it, over the same rows in the same order.

    Args:
        before: epochs at the present rate before it branches. epochs: of each branch.

    Returns:
        `({share of the rate: float[n_seeds, n_blocks of both halves]}, {share of the rate: float[n_seeds]})`, validation and
        training loss at the end, infinite where a branch diverged; `None` where the seconds do not allow it.
    """
    size = min(rig.present.batch_size, rig.n_examples)
    how = measure_mode(rig, size, 3)
    steps = Batches(size, 1).steps_per_epoch(rig.n_examples)
    if (before * 3 + epochs * 3) * seeds * steps * how.step_seconds(3) > seconds:
        return None
    rate, found, last = rig.present.learning_rate, {1.0: [], 0.5: [], 0.25: []}, {1.0: [], 0.5: [], 0.25: []}
    for number in range(seeds):
        state = rig.fresh(integer(seed, "branches", number))
        order = np.random.default_rng([seed, number])
        for _ in range(before):
            rows = order.permutation(rig.n_examples)
            for i in range(steps):
                state, _ = rig.step(state, rows[i * size : (i + 1) * size], rate)
        lanes = [Lane(number, share * rate, start=state) for share in found]
        for share, run in zip(found, train(rig, lanes, Batches(size, epochs), how=how), strict=True):
            fine = run.outcome is Outcome.OK and len(run.blocks)
            found[share].append(run.blocks[-1].reshape(-1) if fine else None)
            last[share].append(float(run.train_loss[-1]) if fine else math.inf)
    width = max((len(one) for losses in found.values() for one in losses if one is not None), default=0)
    losses = {share: np.stack([np.full(width, math.inf) if one is None else one for one in ends]).astype(float)
              for share, ends in found.items()}
    return losses, {share: np.array(ends) for share, ends in last.items()}
