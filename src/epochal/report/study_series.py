"""The data of a study's pictures that are read off single trainings: quality by epoch, and quality against learning rate. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from ..base.ink import number
from ..records import Outcome, Setting
from ..rules.judging import by_epoch, cost, judged
from ..rules.rate_search import trials
from .chart import Axis, Band, Chart, Line, Lost, Points, axis_of
from .curves import Missing
from .study_look import BUDGETS, TUTORIAL, StudyLook, quality_name

_TALLEST = 30  # times the lowest value: what is above lies outside the picture


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
                     y=axis_of(self.quality, values, tallest=_TALLEST), keys=tuple(keys),
                     marks=tuple(sorted(marks, key=lambda mark: not isinstance(mark, Band))))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRates:
    """Quality at each learning rate tried with one batch size under one budget.

    Attributes:
        points: `(rate, quality)` of each trial that neither diverged nor was ended early.
        means: `(rate, mean)` of the rates of which every trial has a quality.
        lost: `(rate, words)` of the others: how many trials diverged, or after how many epochs they were ended as the worse half.
        value, vertex, low, high, interior: what was chosen, as in `TunedRate`; `value` is `None` where nothing was.
    """

    budget: str
    batch_size: int
    n_epochs: int
    points: tuple[tuple[float, float], ...]
    means: tuple[tuple[float, float], ...]
    lost: tuple[tuple[float, str], ...]
    value: float | None = None
    vertex: float | None = None
    low: float | None = None
    high: float | None = None
    interior: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTrials:
    """Quality against learning rate, a batch size a line; a budget a view."""

    lines: tuple[StudyRates, ...]
    quality: str
    larger_is_better: bool
    look: StudyLook
    notes: tuple[str, ...]

    @property
    def views(self):
        return tuple(dict.fromkeys(line.budget for line in self.lines))

    def rows(self):
        yield ("equal", "batch size", "learning rate", "mean quality", "single trials", "")
        for line in self.lines:
            means, lost = dict(line.means), dict(line.lost)
            for rate in sorted({*means, *lost}):
                single = ", ".join(f"{q:.4g}" for r, q in line.points if r == rate)
                yield (line.budget, number(line.batch_size), number(rate), f"{means[rate]:.4g}" if rate in means else "–",
                       single or "–", lost.get(rate) or ("chosen" if rate == line.value else ""))

    def series(self, view=None):
        """A `Chart` of one budget, the first by default."""
        mine = [line for line in self.lines if line.budget == (view or self.views[0])]
        marks = [mark for level, line in enumerate(mine) for mark in self._marks(line, level)]
        rates = [rate for line in mine for rate, *_ in (*line.points, *line.lost)]
        return Chart(x=Axis(title="learning rate", logarithmic=True, span=(min(rates), max(rates))),
                     y=axis_of(self.quality, [q for line in mine for _, q in line.points], tallest=_TALLEST), marks=tuple(marks),
                     keys=tuple(self.look.size_key(line.batch_size) for line in mine))

    def _marks(self, line, level):
        key = self.look.size_key(line.batch_size)
        about = {"group": key.group, "colour": key.colour, "label": key.label}
        means = dict(line.means)
        if line.means:
            yield Line(x=tuple(means), y=tuple(means.values()), **about)
        if line.points:
            rates, qualities = zip(*line.points, strict=True)
            yield Points(x=rates, y=qualities, symbol=key.symbol, size=5.0, **about)
        if line.value is not None:
            there = means[line.value]
            if line.low < line.high:
                yield Line(x=(line.low, line.high), y=(there, there), width=6.0, **about | {"label": f"plateau of {key.label}"})
            if line.vertex is not None:
                yield Points(x=(line.vertex,), y=(there,), symbol="line-ns", size=18.0, words=(f"vertex {number(line.vertex)}",),
                             **about)
            yield Points(x=(line.value,), y=(there,), symbol=key.symbol, size=13.0, words=(f"chosen {number(line.value)}",),
                         **about)
        for symbol, which in (("x-thin", True), ("circle-open", False)):
            lost = [(rate, words) for rate, words in line.lost if ("diverged" in words) is which]
            if lost:
                yield Lost(x=tuple(rate for rate, _ in lost), words=tuple(words for _, words in lost), symbol=symbol, level=level,
                           bottom=self.larger_is_better, **about)


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


def quality_by_rate(study):
    """`StudyTrials` of every batch size under every budget, from the trials, or `Missing`."""
    tuned = {(rate.budget, rate.batch_size): rate for rate in study.rates}
    lines = []
    for c in study.contrasts:
        runs = [t for t in study.curves if t.stage == "screen" and t.setting.batch_size == c.setting.batch_size]
        if c.budget != TUTORIAL and runs:
            lines.append(_rates(study, c, runs, tuned.get((c.budget, c.setting.batch_size))))
    if not any(line.points for line in lines):
        return Missing(because="No learning rates were tried, or every trial diverged.")
    lines = [line for line in lines if any(one.points for one in lines if one.budget == line.budget)]
    notes = [f"At {BUDGETS[line.budget]} the rate of batch size {number(line.batch_size)} is not known to be tuned: the best lies "
             "at the edge of what was tried." for line in lines if line.value is not None and not line.interior]
    return StudyTrials(lines=tuple(lines), quality=quality_name(study.design), larger_is_better=study.design.larger_is_better,
                       look=StudyLook(study.design.batch_sizes), notes=tuple(notes))


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


def _rates(study, contrast, runs, tuned):
    points, means, lost = [], [], []
    n_epochs = contrast.n_epochs
    for rate, by_seed in trials(runs).items():
        ended = [c.n_epochs for c in by_seed.values() if c.outcome is Outcome.OK and c.n_epochs < n_epochs]
        if ended:
            lost.append((rate, f"ended after {max(ended)} of {n_epochs} epochs, among the worse half"))
            continue
        qualities = [judged(c, study.design, study.task.metrics, n_epochs) for c in by_seed.values()]
        finite = [q for q in qualities if math.isfinite(q)]
        points += [(rate, q) for q in finite]
        if len(finite) == len(qualities):
            means.append((rate, float(np.mean(finite))))
        else:
            lost.append((rate, f"{len(qualities) - len(finite)} of {len(qualities)} diverged"))
    chosen = {} if tuned is None or tuned.value not in dict(means) else {
        "value": tuned.value, "vertex": tuned.vertex, "low": tuned.low, "high": tuned.high, "interior": tuned.interior}
    return StudyRates(budget=contrast.budget, batch_size=contrast.setting.batch_size, n_epochs=n_epochs, points=tuple(points),
                      means=tuple(means), lost=tuple(lost), **chosen)
