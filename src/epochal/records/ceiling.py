"""What bounds a batch size."""

import math
from dataclasses import dataclass

from ..base.text import number


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A batch size beyond which (below which, of a floor) something is lost, as it was measured.

    Attributes:
        name: `"rows"`, `"memory"`, `"machine"`, `"learning"` or `"rare class"`.
        batch_size: the estimate, in examples. low, high: its 95 % interval; `high` is infinite where only the low end is known.
        floor: whether smaller batch sizes lose it, and not larger ones.
        limits: whether it is what keeps the recommended batch size from being larger.
        says: what is lost there, in one sentence.
    """

    name: str
    batch_size: float
    low: float
    high: float
    floor: bool
    limits: bool
    says: str

    def row(self):
        """What bounds it, the batch size, its interval, and what is lost there, as strings."""
        known = self.high < math.inf
        size = "below 1" if self.batch_size < 1 else number(self.batch_size)
        if self.floor or not known:
            size = f"at least {number(self.batch_size if known else self.low)}"
        span = f"{number(self.low)} to {number(self.high)}" if known and self.low < self.high else ""
        return self.name + " (why not larger)" * self.limits, size, span, self.says
