"""What the engine is given and what it gives back."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..base.seeds import stream
from ..records import Outcome

N_HALVES = 2  # the judged parts that a choice may look at come first


class Lane(NamedTuple):
    """One training run to be made.

    Attributes:
        seed: initial weights, dropout streams and the order of the rows; lanes of one seed are paired at every batch size.
        rates: a learning rate, or `(n_steps) -> float[n_steps]`, the schedule over steps.
        fold: which rows are held out, of the rig's `folds`; lanes of one seed are of one fold, and all that are trained in one call
            of folds with as many rows.
        start: the state it begins at, which is kept; `None` for that of its seed. Lanes of one start are branches of one training;
            their random streams (dropout) are the start's, whatever their seeds, which then order the rows alone.
    """

    seed: int
    rates: float | Callable
    fold: int = 0
    start: Any = None

    def schedule(self, n_steps):
        """float32[n_steps]: the learning rate of every step."""
        if callable(self.rates):
            return np.asarray(self.rates(n_steps), np.float32)
        return np.full(n_steps, self.rates, np.float32)


class Batches(NamedTuple):
    """How the rows are cut: every epoch holds each row once, in an order of the lane's own; a short last batch is kept.

    With `n_rows` what is called an epoch is a part of one: so many rows, the next of the order, and as many such parts as an epoch
    holds.
    """

    batch_size: int
    n_epochs: int
    n_rows: int | None = None

    def steps_per_epoch(self, n_examples):
        return -(-self.rows_per_epoch(n_examples) // self.batch_size)

    def rows_per_epoch(self, n_examples):
        return n_examples if self.n_rows is None else min(self.n_rows, n_examples)


class Run(NamedTuple):
    """What came out of one lane; both arrays end before the first loss, in training or validation, that is not finite.

    Attributes:
        train_loss: float32[n_epochs], mean over the rows of the loss before each step, as Keras prints it.
        figures: float32[n_epochs, n_parts, 1 + n_metrics], loss and metrics of each judged part after each epoch: two halves of
            the validation rows, and the test rows where there are any. Those end no run, whatever they hold.
        blocks: float32[n_epochs, 2, n_blocks], the loss of blocks of rows of each half after each epoch.
        outcome: `OK`, `DIVERGED`, or `OUT_OF_MEMORY` (then both arrays are empty).
        seconds: the lane's share of the time.
    """

    train_loss: np.ndarray
    figures: np.ndarray
    outcome: Outcome
    seconds: float
    blocks: np.ndarray = np.empty((0, 2, 0), np.float32)


def order(seed, epoch, n_examples):
    """int32[n_examples]: the places of an epoch's rows in the order in which a seed sees them, whatever the batch size."""
    return stream(seed, "order", epoch).permutation(n_examples).astype(np.int32)


def n_trained(rig, fold):
    """How many rows a fold trains on."""
    return len(rig.folds[fold].train) if fold else rig.n_examples


def begin(rig, lane):
    """The state that a lane begins at."""
    return rig.fresh(lane.seed) if lane.start is None else lane.start


def rows_of(rig, lane, epoch, n_rows=None):
    """int32[n_rows]: the rows of an epoch of a lane (or of so large a part of one), in its order, of those its fold trains on."""
    n = n_trained(rig, lane.fold)
    n_rows = n if n_rows is None else min(n_rows, n)
    epoch, part = divmod(epoch, n // n_rows)
    places = order(lane.seed, epoch, n)[part * n_rows : (part + 1) * n_rows]
    return rig.folds[lane.fold].train[places] if lane.fold else places


def trained(epochs, go_on):
    """The `Run`s of a group of lanes, of which `epochs` yields losses [n_lanes], figures [n_lanes, n_parts, 1 + n_metrics] and
    blocks [n_lanes, 2, n_blocks]."""
    losses, figures, blocks, start = [], [], [], perf_counter()
    for losses_lanes, figures_lanes, blocks_lanes in epochs:
        losses.append(losses_lanes)
        figures.append(figures_lanes)
        blocks.append(blocks_lanes)
        if not go_on(len(losses), np.stack(figures)[:, :, :, 0]):
            break
    seconds = (perf_counter() - start) / len(losses_lanes)
    of_lanes = zip(np.stack(losses, 1), np.stack(figures, 1), np.stack(blocks, 1), strict=True)
    return [finished(loss, figures, seconds, blocks) for loss, figures, blocks in of_lanes]


def finished(train_loss, figures, seconds, blocks=Run._field_defaults["blocks"]):
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and the run ends before it
        train_loss, figures, blocks = (array.astype(np.float32) for array in (train_loss, figures, blocks))
    fine = np.isfinite(train_loss) & np.isfinite(figures[:, :N_HALVES, 0]).all(1)
    n = len(fine) if fine.all() else int(fine.argmin())
    return Run(train_loss[:n], figures[:n], Outcome.OK if fine.all() else Outcome.DIVERGED, seconds, blocks[:n])


OUT_OF_MEMORY = Run(np.empty(0, np.float32), np.empty((0, 1, 1), np.float32), Outcome.OUT_OF_MEMORY, 0.0)  # it did not fit
