"""How long a training takes by the clock of whoever runs it: its updates, the passes over the validation rows, compilation."""

import math
from dataclasses import dataclass

from ..base.text import quantity
from .points import PassTime, StepTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Seconds with their interval; one measurement where `low == value == high`."""

    value: float
    low: float
    high: float

    def __add__(self, other):
        """The sum; the intervals of independent parts add in squares."""
        value = self.value + other.value
        return Seconds(value=value, low=value - math.hypot(self.value - self.low, other.value - other.low),
                       high=value + math.hypot(self.high - self.value, other.high - other.value))

    def times(self, factor):
        return Seconds(value=self.value * factor, low=self.low * factor, high=self.high * factor)

    def __str__(self):
        return quantity("s", self.value)


_NONE = Seconds(value=0.0, low=0.0, high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSeconds:
    """What one whole training takes, part by part.

    Attributes:
        n_epochs: passes over the training rows, each followed by one over the validation rows.
        training: seconds of the updates. validation: of the passes over the validation rows; `None` where not measured.
        compilation: before the first update; `None` where not measured.
        first_epoch: seconds of the first epoch as a whole, with compilation: part of the sum, not beside it.
    """

    n_epochs: float
    training: Seconds
    validation: Seconds | None
    compilation: Seconds | None
    first_epoch: Seconds

    @property
    def total(self):
        """The sum of the parts that were measured."""
        return sum((part for part in (self.validation, self.compilation) if part is not None), self.training)

    @property
    def least(self):
        """What is said before the sum where not all parts were measured."""
        return "over " if None in (self.validation, self.compilation) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Seconds of a training, from what was measured of its parts.

    Attributes:
        n_train, n_validation: rows.
        steps: the measured `StepTime`s; empty where no step was timed.
        a_step, an_example: seconds of a step of B examples are `a_step + B * an_example`, the line fitted to `steps`.
        passes: the measured `PassTime`s over the validation rows.
        compilation: seconds before the first update; `None` where not measured.
    """

    n_train: int
    n_validation: int
    steps: tuple[StepTime, ...] = ()
    a_step: float = 0.0
    an_example: float = 0.0
    passes: tuple[PassTime, ...] = ()
    compilation: Seconds | None = None

    def full_step(self, batch_size):
        """One step: as measured at that size, else on the fitted line; `None` where unknown.

        Low and high are the extremes of the repeats: of five, they hold the true median with 94 % probability. They are
        differences of two timings, so a busy machine can make one of them senseless; no spread is taken below a tenth.
        """
        if not self.steps:
            return None
        spans = {p.batch_size: Seconds(value=p.seconds, low=max(min(p.low, p.seconds), 0.1 * p.seconds),
                                       high=max(p.high, p.seconds)) for p in self.steps}
        if batch_size in spans:
            return spans[batch_size]
        seconds = self.a_step + self.an_example * batch_size
        spread = max(max(s.high / s.value, s.value / s.low) for s in spans.values())
        return Seconds(value=seconds, low=seconds / spread, high=seconds * spread)

    def step(self, batch_size):
        """The mean step of an epoch, or `None`.

        A batch beyond the rows holds all of them, and a short last batch takes what the line gives for its rows: with 1,150 rows
        and batches of 1,024, the mean step is one of 575 rows.
        """
        size = min(batch_size, self.n_train)
        full = self.full_step(size)
        if full is None:
            return None
        mean_size = self.n_train / -(-self.n_train // size)
        return full.times((self.a_step + self.an_example * mean_size) / (self.a_step + self.an_example * size))

    def validation(self, batch_size):
        """One pass over the validation rows: as measured at the nearest size; `None` where none was timed.

        Between two measured sizes a pass takes seconds for every batch and seconds for every row.
        """
        if not self.passes:
            return None
        near = min(self.passes, key=lambda p: abs(math.log(p.batch_size / batch_size)))
        known = Seconds(value=near.seconds_a_pass, low=near.low, high=near.high)
        if near.batch_size == batch_size or len(self.passes) < 2:
            return known
        n_batches, taken = ([f(p) for p in self.passes] for f in (lambda p: -(-self.n_validation // p.batch_size),
                                                                  lambda p: p.seconds_a_pass))
        if n_batches[0] == n_batches[-1]:
            return known
        a_batch = max(0.0, (taken[0] - taken[-1]) / (n_batches[0] - n_batches[-1]))
        change = a_batch * (-(-self.n_validation // batch_size) - -(-self.n_validation // near.batch_size))
        return known.times(max(0.1, 1 + change / known.value))

    def seconds(self, setting, n_updates):
        """The `FitSeconds` of a training of so many updates at this `Setting`; `None` where no step was timed."""
        step, a_pass = self.step(setting.batch_size), self.validation(min(setting.batch_size, self.n_train))
        if step is None:
            return None
        an_epoch = -(-self.n_train // min(setting.batch_size, self.n_train))
        n_epochs = n_updates / an_epoch
        first = step.times(min(an_epoch, n_updates)) + (a_pass or _NONE) + (self.compilation or _NONE)
        return FitSeconds(n_epochs=n_epochs, training=step.times(n_updates), compilation=self.compilation, first_epoch=first,
                          validation=None if a_pass is None else a_pass.times(n_epochs))
