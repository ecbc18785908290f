"""The data of a study's picture of quality by epoch: an arm a line, against epochs or updates. Pure."""

from dataclasses import dataclass

import numpy as np

from ...base.text import number
from ...records import Outcome, Setting
from ...rules.study.judging import by_epoch, cost
from ..pictures.chart import TALLEST, Axis, Band, Chart, Line, Points, axis_of
from ..plan.curves import Missing
from .look import StudyLook, quality_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """One arm: the validation metric after each epoch, median and quartiles over the seeds that did not diverge.

    Attributes:
        budgets: those under which it is compared.
        best: the epoch, from 1, at which the median is best.
    """

    label: str
    setting: Setting
    budgets: tuple[str, ...]
    steps_per_epoch: int
    n_seeds: int
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLosses:
    """Quality by epoch, an arm a line; `notes` say what is not drawn."""

    lines: tuple[StudyLine, ...]
    quality: str
    look: StudyLook
    notes: tuple[str, ...]
    views = ("epochs", "updates")

    def rows(self):
        yield ("arm", "seeds", "epochs", "updates", "best epoch of the median", "median there", "middle half there")
        for line in self.lines:
            i = line.best - 1
            yield (line.label, str(line.n_seeds), number(len(line.middle)), number(len(line.middle) * line.steps_per_epoch),
                   number(line.best), f"{line.middle[i]:.4g}", f"{line.low[i]:.4g} to {line.high[i]:.4g}")

    def series(self, view="epochs"):
        """A `Chart`, against `"epochs"` or `"updates"`."""
        marks, keys, ends = [], [], set()
        for line in self.lines:
            each = line.steps_per_epoch if view == "updates" else 1
            x = tuple(float(each * epoch) for epoch in range(1, len(line.middle) + 1))
            ends |= {x[0], x[-1]}
            about = {"group": line.label, "colour": self.look.colour(line.setting.batch_size)}
            key = self.look.arm_key(line.label, line.setting.batch_size, line.budgets[0])
            keys.append(key)
            marks += [Band(x=x, low=line.low, high=line.high, **about),
                      Line(x=x, y=line.middle, label=line.label, dash=key.dash, **about),
                      Points(x=(x[line.best - 1],), y=(line.middle[line.best - 1],), label=f"{line.label}, best", size=10.0,
                             symbol=key.symbol, **about)]
        values = [v for line in self.lines for v in (*line.low, *line.high)]
        lengths = [len(line.middle) for line in self.lines]
        uneven = max(lengths) > 4 * min(lengths)  # else the shortest arms would stand in a corner
        return Chart(x=Axis(title=view, logarithmic=uneven, span=(min(ends), max(ends))),
                     y=axis_of(self.quality, values, tallest=TALLEST), keys=tuple(keys),
                     marks=tuple(sorted(marks, key=lambda mark: not isinstance(mark, Band))))


def quality_by_epoch(study):
    """`StudyLosses` of every arm, from the trainings with fresh seeds, or `Missing`.

    Where the seeds of an arm end at different epochs, its line goes on while at least half of them do.
    """
    budgets, lines, notes = {}, [], []
    for contrast in study.contrasts:
        budgets.setdefault(contrast.setting, []).append(contrast.budget)
    for setting in sorted(budgets):
        runs = [c for c in study.curves if c.stage == "confirm" and c.setting == setting]
        good = [c for c in runs if c.outcome is Outcome.OK and c.n_epochs]
        label = f"{number(setting.batch_size)} at {number(setting.learning_rate)} ({', '.join(budgets[setting])})"
        if len(good) < len(runs):
            notes.append(f"{len(runs) - len(good)} of the {len(runs)} trainings of {label} diverged and are not drawn.")
        elif not good:
            notes.append(f"{label} is not drawn: it was not trained with fresh seeds.")
        if good:
            lines.append(_line(study, label, setting, tuple(budgets[setting]), good))
    if not lines:
        return Missing(because=" ".join(["No arm was trained to the end.", *notes]))
    return StudyLosses(lines=tuple(lines), quality=quality_name(study.design), look=StudyLook(study.design.batch_sizes),
                       notes=tuple(notes))


def _line(study, label, setting, budgets, good):
    values = [by_epoch(c, study.design, study.task.metrics) for c in good]
    length = sorted(map(len, values), reverse=True)[(len(values) - 1) // 2]
    seeds_epochs = np.array([[*one, *[np.nan] * length][:length] for one in values])
    low, middle, high = np.full((3, length), np.nan)
    known = np.isfinite(seeds_epochs).any(axis=0)
    low[known], middle[known], high[known] = np.nanquantile(seeds_epochs[:, known], (0.25, 0.5, 0.75), axis=0)
    best = int(np.argmin(np.where(known, cost(middle, study.design), np.inf)))
    return StudyLine(label=label, setting=setting, budgets=budgets, steps_per_epoch=good[0].steps_per_epoch, n_seeds=len(good),
                     middle=tuple(middle.tolist()), low=tuple(low.tolist()), high=tuple(high.tolist()), best=best + 1)
