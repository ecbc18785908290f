"""The data of a study's picture of quality against learning rate: every trial, and which rate was chosen. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from ...base.text import number
from ...records import Outcome
from ...rules.study.judging import judged
from ...rules.study.rate_search import trials
from ..pictures.chart import TALLEST, Axis, Chart, Line, Lost, Points, axis_of
from ..plan.curves import Missing
from .look import BUDGETS, TUTORIAL, StudyLook, quality_name


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
                     y=axis_of(self.quality, [q for line in mine for _, q in line.points], tallest=TALLEST), marks=tuple(marks),
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
