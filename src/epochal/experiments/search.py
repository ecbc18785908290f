"""The search for the learning rate of every batch size: as many trials each, until the optimum lies inside what was tried."""

import math

from ..base.errors import MeasurementFailed
from ..records import Outcome
from ..rules.plan.learning_rates import grid
from ..rules.scaling import seed_rate
from ..rules.study.rate_search import dropped_neighbours, next_rates, refinements, survivors, tuned
from .blocks import label_of

FIRST_RATES = 5      # half a decade apart
_WORTH_HALVING = 8   # epochs: a quarter of fewer says nothing


def halves(design, n_rates, n_epochs):
    """Whether a search among so many rates, of so many epochs, begins with a first look that drops the worse half."""
    return design.halving and n_rates > 3 and n_epochs >= _WORTH_HALVING


class Search:
    """One search by a `Fair`: which rates were tried at each batch size, and which of them for the whole span of epochs."""

    def __init__(self, fair, spans):
        self._fair, self._spans, self._design = fair, spans, fair.design
        self._tried, self._trials = {}, {}

    def rates(self):
        """A `TunedRate` for each budget and batch size, in the design's order; none where every rate diverged."""
        sizes = self._fair.sizes
        for size, following in zip(sizes, [*sizes[1:], None], strict=True):
            if self._fair.fits(size):
                self._fair.compile_ahead(following)
                self._begin(size)
        sizes = self._fair.sizes
        if not self._design.learning_rates:
            while self._try_more(next_rates):
                pass
            self._try_more(refinements)
        found = [self._tuned(budget, size) for budget in self._design.equal for size in sizes]
        reference = [rate for rate in found if rate is not None and rate.batch_size == self._design.reference]
        if len(reference) < len(self._design.equal):
            raise MeasurementFailed(f"Every learning rate tried at batch size {self._design.reference:,} diverged. Scale the "
                                    "inputs, or pass lower learning rates.")
        return tuple(rate for rate in found if rate is not None)

    def _try_more(self, proposed):
        """Try the rates that a rule proposes from those tried so far; whether there were any."""
        best = {size: [self._tuned(budget, size) for budget in self._design.equal] for size in self._fair.sizes}
        more = proposed(best, self._tried, self._fair.rig.present.learning_rate)
        for size, rates in more.items():
            if rates:
                self._tried[size] += rates
                self._try(size, rates)
        return any(more.values())

    def _begin(self, size):
        """The first rates: all of them for a quarter of the examples, the better half and the best's neighbours to the end."""
        present = self._fair.rig.present
        centre = seed_rate(present.learning_rate, present.batch_size, min(size, self._fair.n), self._fair.rig.task.optimizer)
        rates = self._design.learning_rates or grid(centre, FIRST_RATES, present.learning_rate)
        self._tried[size], self._trials[size] = list(rates), []
        longest = self._longest(size)
        if halves(self._design, len(rates), longest):
            quarter = math.ceil(longest / 4)
            self._trials[size] += self._train("rung", size, rates, quarter)
            rates = survivors(self._design, self._fair.names, self._trials[size], quarter) or rates
        self._try(size, rates)

    def _try(self, size, rates):
        self._trials[size] += self._train("screen", size, rates, self._longest(size))
        while dropped := self._too_early(size):
            self._trials[size] += self._train("screen", size, dropped, self._longest(size))

    def _too_early(self, size):
        """Rates that the first look dropped, and that the best at full length must be compared with after all."""
        found = {rate for budget in self._design.equal for rate in dropped_neighbours(
            self._design, self._fair.names, self._trials[size], self._spans[budget, size])}
        if all(self._tuned(budget, size) is None for budget in self._design.equal):
            full = {c.setting.learning_rate for c in self._trials[size]
                    if c.n_epochs >= self._longest(size) or c.outcome is not Outcome.OK}
            found |= set(self._tried[size]) - full
        return sorted(found)

    def _train(self, stage, size, rates, n_epochs):
        settings = {self._fair.setting(size, rate): n_epochs for rate in rates}
        return self._fair.train(label_of(stage, size, rates), "screen", settings, self._fair.trial_seeds(),
                                f"learning rates at batch size {size:,}")

    def _tuned(self, budget, size):
        return tuned(self._design, self._fair.names, self._trials[size], budget, self._spans[budget, size])

    def _longest(self, size):
        return max(self._spans[budget, size] for budget in self._design.equal)
