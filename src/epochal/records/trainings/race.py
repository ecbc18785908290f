"""A race: settings trained side by side for equal seconds, looked at on the way; and how far one of them was ahead."""

from dataclasses import dataclass

from ..reading import Outcome
from .curve import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a run of a race was looked at.

    Attributes:
        n_updates: updates made so far.
        half_a, half_b: validation losses on blocks of rows of each half, the same rows in the same blocks at every mark of a race.
        metrics: the compiled metrics on those rows, the mean of both halves; empty in files of earlier versions.
    """

    n_updates: int
    half_a: tuple[float, ...]
    half_b: tuple[float, ...]
    metrics: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training of a race, as far as it came.

    Attributes:
        setting: what was trained. seed: seeds initial weights, order of the rows and dropout; runs with one seed are paired.
        stage: `"race"` (to find who is ahead) or `"fresh"` (seeds that had no part in that, to judge by).
        marks: in the order of their updates; all losses are finite.
        outcome: `OK`, `DIVERGED` (after the last mark) or `OUT_OF_MEMORY`.
        seconds: what it took while measuring.
    """

    setting: Setting
    seed: int
    stage: str
    marks: tuple[Mark, ...]
    outcome: Outcome = Outcome.OK
    seconds: float = 0.0

    @property
    def n_updates(self):
        return self.marks[-1].n_updates if self.marks else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """How far a setting was ahead of the present one when both had trained for so many seconds.

    Attributes:
        seconds: of training, by the clock of whoever trains, without validation and compilation.
        n_seeds: paired fresh trainings behind the figures.
        difference, low, high: in validation loss, below 0 where it is better; 95 % over seeds and validation rows.
        sooner, sooner_low, sooner_high: how many times sooner it came within the margin of the loss that both then had; 95 % over
            seeds and the clock.
    """

    seconds: float
    n_seeds: int
    difference: float
    low: float
    high: float
    sooner: float
    sooner_low: float
    sooner_high: float
