"""One measured number."""

from dataclasses import dataclass

from ..base.text import quantity
from .outcome import Outcome
from .points import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number that was measured, with what is needed to doubt it.

    Attributes:
        name: what was measured, e.g. `"noise_scale"`. title: the same in words, as the head of a row.
        value: the estimate, in `unit`; means nothing unless the outcome is `OK` or `LOWER_BOUND`.
        unit: `"s"`, `"B"`, `"examples"`, or `""` for a pure number.
        low, high: the 95 % confidence interval, in `unit`; `high` may be infinite.
        repeats: independent repetitions behind the interval.
        outcome: how the measurement ended.
        cost: seconds spent measuring.
        details: further figures of the same measurement by name, in SI units.
        points: the measured points behind it, records of one kind, e.g. `StepTime`s.
        note: one sentence on what was done or why it failed, for the reader.
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
