"""Short trainings at several learning rates with the same seeds, as far as the time allows, until the best rate is found."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ...base.seeds import integer
from ...base.stats import mean_interval
from ...engine import N_HALVES, Batches, Lane, measure_mode, train
from ...records import Outcome, TrainedRate
from ...rules.plan.learning_rates import grid, outward
from ...rules.rates import closer, means_of, optimum

N_FIRST = 5            # rates of the first grid
_N_RATES = N_FIRST + 3  # that a search takes, about
_FEWEST_UPDATES = 20   # of a training that says anything of a rate
_FEWEST_SEEDS = 3


class Horizon(NamedTuple):
    """How long trainings are, and how many seeds there are.

    Attributes:
        batches: `{batch size: Batches}`, of the same examples. hows: `{batch size: EnginePoint}`.
        n_seeds: seeds. n_examples: that each training sees. seconds: it was planned for.
    """

    batches: dict
    hows: dict
    n_seeds: int
    n_examples: int
    seconds: float

    def epochs_in_words(self, rig):
        """Over what a rate was judged, as in `over 10 epochs`."""
        epochs = self.n_examples / rig.n_examples
        return f"{epochs:.3g} epoch{'s' * (epochs != 1)}"


def horizon(rig, sizes, *, epochs, repeats, seconds):
    """The `Horizon` of searches at these batch sizes within so many seconds; `None` where not even the shortest is affordable.

    Epochs are left out first, then seeds (down to 3), then rows of the one epoch (down to 20 updates of the largest batch).
    """
    n_lanes = repeats * N_FIRST
    hows = {size: measure_mode(rig, size, n_lanes) for size in sizes}

    def an_epoch(n_seeds):
        return sum(Batches(size, 1).steps_per_epoch(rig.n_examples) * hows[size].step_seconds(n_seeds * N_FIRST)
                   for size in sizes) * _N_RATES / N_FIRST

    n_seeds = repeats if an_epoch(repeats) <= seconds else min(_FEWEST_SEEDS, repeats)
    affordable = seconds / max(an_epoch(n_seeds), 1e-9)
    if affordable >= 1:
        n_epochs = min(epochs, int(min(affordable, epochs)))
        return Horizon({size: Batches(size, n_epochs) for size in sizes}, hows, n_seeds, n_epochs * rig.n_examples, seconds)
    n_rows = int(affordable * rig.n_examples) // max(sizes) * max(sizes)
    if n_rows < _FEWEST_UPDATES * max(sizes):
        return None
    return Horizon({size: Batches(size, 1, n_rows) for size in sizes}, hows, n_seeds, n_rows, seconds)


class Search(NamedTuple):
    """What trainings at one batch size said.

    Attributes:
        batch_size: the size. losses: `{rate: float[n_seeds]}`, validation loss at the end, infinite where it diverged.
        cut: why fewer rates than wanted were tried; empty where none was left out.
    """

    batch_size: int
    losses: dict
    cut: str

    @property
    def interior(self):
        """Whether lower and higher rates than the best were tried."""
        means = means_of(self.losses)
        return min(means) < min(means, key=lambda rate: means[rate]) < max(means)

    @property
    def found(self):
        """The `Optimum`, or `None` where every rate diverged."""
        return optimum(self.losses)

    def points(self):
        """A `TrainedRate` for each rate."""
        return tuple(self._point(rate, losses) for rate, losses in sorted(self.losses.items()))

    def _point(self, rate, losses):
        fine = losses[np.isfinite(losses)]
        known = (None,) * 3 if not len(fine) else tuple(map(float, mean_interval(fine))) if len(fine) > 1 else (float(fine[0]),) * 3
        return TrainedRate(batch_size=self.batch_size, learning_rate=float(rate), loss=known[0], low=known[1], high=known[2],
                           share_diverged=1 - len(fine) / len(losses))


def search(rig, size, within, *, seed, centre, seconds):
    """Train at half decades around `centre` until the best rate lies inside, then closer to it: a `Search`.

    Args:
        within: the `Horizon`. seed: the seeds of the trainings follow from it, the same at every batch size.
        seconds: after which no further rates are tried.
    """
    present, losses, cut, n_rounds, started = rig.present.learning_rate, {}, "", 0, perf_counter()
    seeds = [integer(seed, "rates", i) for i in range(within.n_seeds)]
    wanted = grid(centre, N_FIRST, present)
    while wanted:
        if losses and (perf_counter() - started) * (1 + len(wanted) / len(losses)) > seconds:
            cut = f"{len(wanted)} further rates were left out, to stay inside the budget"
            break
        lanes = [Lane(one, rate) for rate in wanted for one in seeds]  # by rate: those that diverge stand side by side
        runs = train(rig, lanes, within.batches[size], how=within.hows[size])
        if any(run.outcome is Outcome.OUT_OF_MEMORY for run in runs):
            cut = f"there is no memory for a batch of {size:,} examples"
            break
        ends = np.array([_end(run) for run in runs]).reshape(len(wanted), len(seeds))
        losses |= dict(zip(wanted, ends, strict=True))
        wanted = outward(means_of(losses), present)
        if not wanted and math.isfinite(min(means_of(losses).values())):
            wanted, n_rounds = closer(losses, n_rounds), n_rounds + 1
    return Search(size, losses, cut)


def _end(run):
    """The mean validation loss after the last epoch."""
    return float(np.mean(run.figures[-1, :N_HALVES, 0])) if run.outcome is Outcome.OK else math.inf
