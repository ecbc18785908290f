"""What to train: which batch sizes in which order, how many rates, seeds and epochs each, so that the budget suffices."""

import math
from typing import NamedTuple

from ..scaling import steps_per_epoch

MOST_EPOCHS, FEWEST_EPOCHS = 400, 4
_ENOUGH_UPDATES = 1500  # after which a small network's validation loss has usually turned; early stopping ends most runs sooner
_LONG = 5000            # updates of a training that early stopping ends, about
_FAR_SLOWER = 2.0       # times the least time to the target: beyond it, sizes further out are not worth a look
_STEP = 4               # between batch sizes: the band of good ones is usually wider than that
# (learning rates per batch size, seeds to choose among them, fresh seeds to compare with, settings compared with those), from
# generous to bare. Fresh seeds are cut last: with fewer than five hardly any difference can be told.
_GENEROSITY = ((5, 3, 24, 3), (5, 3, 16, 3), (5, 3, 8, 3), (5, 2, 8, 2), (4, 2, 8, 2), (3, 2, 8, 2), (3, 1, 6, 2), (3, 1, 5, 1))
_SEEDS, _MANY = 8, (24, 16)  # fresh seeds; and where trainings take little of the time
_FOR_MANY = 0.25             # of the time: other batch sizes need the rest


class Sweep(NamedTuple):
    """The trainings to make at one batch size."""

    n_rates: int  # learning rates tried first; more are added while the best lies at the edge
    n_screen: int  # seeds on which a rate is chosen
    n_confirm: int  # fresh seeds on which the chosen settings are compared
    n_compared: int  # settings that are
    n_epochs: int  # the most epochs a run gets; one whose validation loss has long turned ends sooner
    patience: int  # epochs without improvement after which it has

    def n_lanes(self, width=1):
        """Trainings in all, groups filled up to `width`; some rates are likely to be added at an edge."""
        groups = (self.n_rates * self.n_screen, 2 * self.n_screen, self.n_compared * self.n_confirm)
        return sum(-(-n // width) * width for n in groups)


def stretch(batch_size, present):
    """How many times the present setting's epochs a batch size gets: √(B / present) for larger ones, at most 4.

    At equal epochs a larger batch makes fewer updates and looks worse for that alone (Hoffer et al. 2017, arXiv:1705.08741).
    An epoch of it takes less of the user's time, so it may have more of them.
    """
    return min(4.0, max(1.0, math.sqrt(batch_size / present)))


def batch_sizes(present, n_train, largest=None, fixed=()):
    """The batch sizes to compare: the present one, times and over 4 as far as the rows and the memory go, and all rows.

    Args:
        present: the user's batch size; it is kept even where it is larger than the data (one batch, as in Keras).
        n_train: training rows. largest: what fits in memory, or `None`. fixed: with `"batch_size"`, there is but the present one.

    >>> batch_sizes(32, 1150), batch_sizes(32, 1150, fixed=("batch_size",))
    ((8, 32, 128, 512, 1150), (32,))
    """
    if "batch_size" in fixed:
        return (min(present, n_train),)
    limit = min(n_train, largest or n_train)
    sizes = {min(present, n_train), min(present, limit)}
    for way in (1 / _STEP, _STEP):
        size = min(present, limit) * way
        while 4 <= size <= limit:
            sizes.add(round(size))
            size *= way
    if 2 * max(sizes) <= limit <= 4096 or len(sizes) < 2:
        sizes.add(limit)
    return tuple(sorted(sizes))


def first_epochs(present, n_train):
    """The most epochs the present setting gets; its early stopping then tells how many a comparison needs.

    >>> first_epochs(32, 1150), first_epochs(32, 113)
    (100, 375)
    """
    updates = math.ceil(_ENOUGH_UPDATES / steps_per_epoch(n_train, min(present, n_train)))
    return min(max(100, updates), MOST_EPOCHS)


def usual_epochs(present, n_train):
    """About how many epochs a training makes until early stopping ends it: as many as take 5,000 updates, 10 at least and 100 at
    most. A small network stops after one to two thousand updates, a large one on many rows after a dozen epochs.

    >>> usual_epochs(32, 1150), usual_epochs(32, 10_000), usual_epochs(32, 60_000)
    (100, 16, 10)
    """
    return min(max(10, math.ceil(_LONG / steps_per_epoch(n_train, min(present, n_train)))), 100)


def propose_present(present, n_train, step_seconds, seconds, most=None):
    """How to train the present setting: `(seeds, epochs)`, within a third of the time; `most` epochs where they are fixed.

    `step_seconds(seeds)` is what a step with each of them takes. `None` where there is no time for even three seeds and a few
    epochs.
    """
    steps = steps_per_epoch(n_train, min(present, n_train))
    wanted = most or first_epochs(present, n_train)
    for n_seeds in _MANY:  # told beforehand, by the time alone: added by what came out, they would make chance findings
        if wanted * steps * step_seconds(n_seeds) <= seconds * _FOR_MANY:
            return n_seeds, wanted
    for n_seeds in (_SEEDS, 6, 5, 4, 3):
        epochs = min(wanted, int(seconds / 3 / (steps * step_seconds(n_seeds))))
        if epochs >= (wanted / 2 if n_seeds > 3 else min(wanted, FEWEST_EPOCHS)):
            return n_seeds, epochs
    return None


def propose(batch_size, present, n_train, step_seconds, seconds, wanted, most_seeds=8, width=1):
    """The most generous `Sweep` of one batch size that fits the time.

    Args:
        batch_size: the one to compare next. present: the user's.
        n_train: training rows.
        step_seconds: seconds a step and lane, as the engine measured them.
        seconds: time there is for it.
        wanted: epochs the present setting needed until its validation loss had turned.
        most_seeds: seeds the present setting was trained with.
        width: lanes that are trained side by side, idle ones too.

    Returns:
        A `Sweep`, or `None` where even the barest one does not fit. The horizon is never cut: a run that ends too soon says little
        about where it was going.
    """
    return next((sweep for sweep, foreseen in _sweeps(batch_size, present, n_train, step_seconds, wanted, most_seeds, width)
                 if foreseen <= seconds * (_FOR_MANY if sweep.n_confirm > _SEEDS else 1)), None)


def barest(batch_size, present, n_train, step_seconds, wanted, most_seeds=8, width=1):
    """Seconds of the barest `Sweep` of a batch size, with arguments as for `propose`."""
    *_, (_, foreseen) = _sweeps(batch_size, present, n_train, step_seconds, wanted, most_seeds, width)
    return foreseen


def _sweeps(batch_size, present, n_train, step_seconds, wanted, most_seeds, width):
    """`(Sweep, seconds)`, from generous to bare."""
    n_epochs = round(wanted * stretch(batch_size, present))
    for n_rates, n_screen, n_confirm, n_compared in _GENEROSITY:
        sweep = Sweep(n_rates, n_screen, min(n_confirm, most_seeds), n_compared, n_epochs, patience_for(n_epochs))
        yield sweep, steps_per_epoch(n_train, batch_size) * step_seconds * sweep.n_lanes(width) * n_epochs


def needed_epochs(best_epochs, most):
    """The epochs a comparison needs: what the slowest run of the present setting took to its best, and half as many again, at most.

    >>> needed_epochs([6, 12], 100), needed_epochs([90, 98], 100)
    (18, 100)
    """
    return min(most, math.ceil(1.5 * max(best_epochs)))


def visiting_order(sizes, present):
    """The order in which batch sizes are compared: the present one, then larger ones, whose trainings cost less, then smaller ones.

    >>> visiting_order((2, 8, 32, 128, 512), 32)
    [32, 128, 512, 8, 2]
    """
    return [*(b for b in sizes if b >= present), *(b for b in reversed(sizes) if b < present)]


def worth_a_look(size, present, seconds_to_target):
    """Whether a batch size still may be the fastest, given its neighbours on the way to it from the present one.

    Time to a target has one valley in the batch size (hyperbola times line): where a neighbour nearer to the present size
    took twice the least time, or never arrived, sizes beyond it take longer still.

    Args:
        size: the one in question. present: the user's.
        seconds_to_target: `{batch size: least seconds}` of those compared; infinite where none arrived.
    """
    between = [b for b in seconds_to_target if b != present and min(size, present) <= b <= max(size, present)]
    least = min(seconds_to_target.values(), default=math.inf)
    return all(seconds_to_target[b] <= _FAR_SLOWER * least for b in between) or math.isinf(least)


def patience_for(n_epochs):
    """Epochs without improvement after which a run of at most `n_epochs` is ended, well beyond what a user would set."""
    return max(5, min(50, n_epochs // 5))
