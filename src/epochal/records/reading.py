"""One measured number, and how its measurement ended."""

import enum
from dataclasses import dataclass

from ..base.text import quantity
from .points import Point


class Outcome(enum.Enum):
    """How a measurement ended. The value is the sentence a user reads."""

    OK = "measured"
    LOWER_BOUND = "only a lower bound: the rows do not suffice for an upper one"
    DIVERGED = "the loss became infinite or not a number; try a smaller learning rate"
    OUT_OF_MEMORY = "the device ran out of memory; try a smaller batch"
    UNRESOLVED = "the interval is wider than the effect; allow more repetitions or more rows"
    SKIPPED = "not measured, to stay inside the budget; allow more time"
    UNSUPPORTED = "this model or back end does not allow this measurement"
    UNKNOWN = "this device does not report it; pass it by hand"
    FAILED = "it ended in an error; what else was measured is not touched by it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number that was measured, with what is needed to doubt it.

    Attributes:
        name: what was measured, e.g. `"noise_scale"`. title: the same in words, as the head of a row.
        value: the estimate, in `unit`; means nothing unless the outcome is `OK` or `LOWER_BOUND`.
        unit: `"s"`, `"examples"`, `"trainings"`, or `""` for a pure number.
        low, high: the 95 % confidence interval, in `unit`; `high` may be infinite.
        repeats: independent repetitions behind the interval.
        outcome: how the measurement ended.
        cost: seconds spent measuring.
        details: further figures of the same measurement by name, in SI units.
        points: the measured points behind it, records of one kind, e.g. `StepTime`s.
        note: one sentence on what was done or why it failed, for the reader.
        means: one sentence on what it means here for batch size, learning rate or epochs; empty where it is not known.
        does_not_mean: one sentence on what it does not mean.
    """

    name: str
    value: float = 0.0
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    repeats: int = 0
    outcome: Outcome = Outcome.OK
    cost: float = 0.0
    details: tuple[tuple[str, float], ...] = ()
    points: tuple[Point, ...] = ()
    note: str = ""
    title: str = ""
    means: str = ""
    does_not_mean: str = ""

    @property
    def words(self):
        """What was measured, in words."""
        return self.title or self.name.replace("_", " ")

    @property
    def known(self):
        """Whether `value` or at least `low` may be used."""
        return self.outcome in (Outcome.OK, Outcome.LOWER_BOUND)

    def detail(self, name):
        """The further figure called `name`; raises `KeyError` where there is none."""
        return dict(self.details)[name]

    def __str__(self):
        if not self.known:
            return f"{self.name}: {self.outcome.value}" + (f" ({self.note})" if self.note else "")
        if self.outcome is Outcome.LOWER_BOUND:
            return f"{self.name}: at least {quantity(self.unit, self.low)} ({self.outcome.value})"
        if self.repeats < 2:
            return f"{self.name}: {quantity(self.unit, self.value)} (one measurement)"
        value, span = quantity(self.unit, self.value), quantity(self.unit, self.low, self.high)
        return f"{self.name}: {value} ({span}; {self.repeats} repeats)"
