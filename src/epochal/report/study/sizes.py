"""The data of a study's pictures over batch size: quality under each budget, and updates to the target. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from ...base.text import number, quantity
from ...records import Outcome, UpdatesToTarget, Verdict
from ..pictures.chart import Axis, Chart, Line, Lost, Points, Rule, Shade, axis_of
from ..plan.curves import Missing
from .look import BUDGETS, StudyLook, budgets_of, listed, quality_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuality:
    """Quality against batch size, a budget a line.

    Attributes:
        lines: `(budget, ((batch size, quality, low, high), …))`, by batch size.
        lost: `(budget, {batch size: verdict})` of the arms without a quality, where there are any.
        band: the reference's quality, less and plus the margin; `None` where the reference diverged.
    """

    lines: tuple[tuple[str, tuple[tuple[int, float, float, float], ...]], ...]
    lost: tuple[tuple[str, dict[int, str]], ...]
    band: tuple[float, float] | None
    quality: str
    larger_is_better: bool
    look: StudyLook
    notes: tuple[str, ...]
    views = ()

    def rows(self):
        yield ("equal", "batch size", "quality", "95 % interval")
        lost = dict(self.lost)
        for budget, points in self.lines:
            for size, middle, low, high in points:
                yield (budget, number(size), f"{middle:.4g}", f"{low:.4g} to {high:.4g}")
            yield from ((budget, number(size), word, "–") for size, word in lost.get(budget, {}).items())

    def series(self):
        """A `Chart`; the lines are set a little apart, so that no bar hides another."""
        sizes = self.look.batch_sizes
        apart = (max(sizes) / min(sizes)) ** 0.012
        marks = [Shade(along="y", low=self.band[0], high=self.band[1])] if self.band else []
        values, without = [], dict(self.lost)
        for i, (budget, points) in enumerate(self.lines):
            key, shift = self.look.budget_key(budget), apart ** (i - (len(self.lines) - 1) / 2)
            about = {"group": key.group, "colour": key.colour, "label": key.label}
            if points:
                at, middle, low, high = zip(*points, strict=True)
                x = tuple(size * shift for size in at)
                words = tuple(f"batch size {number(size)}: {m:.4g} ({a:.4g} to {b:.4g})" for size, m, a, b in points)
                marks += [Line(x=x, y=middle, dash=key.dash, **about),
                          Points(x=x, y=middle, low=low, high=high, words=words, symbol=key.symbol, size=9.0, **about)]
                values += [*middle, *low, *high]
            if lost := without.get(budget):
                marks.append(Lost(x=tuple(size * shift for size in lost), words=tuple(lost.values()), level=i,
                                  bottom=self.larger_is_better, **about))
        values += self.band or ()
        return Chart(x=Axis(title="batch size", logarithmic=True, span=(min(sizes), max(sizes)), ticks=tuple(map(float, sizes))),
                     y=axis_of(self.quality, values, times=4),
                     marks=tuple(marks), keys=tuple(self.look.budget_key(budget) for budget, _ in self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySteps:
    """Updates to the target against batch size.

    Attributes:
        points: the `UpdatesToTarget` of each batch size, as the reading holds them.
        line: `(batch size, S_min + E_min / batch size)`; empty where not fitted.
        critical: `(B_crit, low, high)`; `high` is infinite where it is open above, `B_crit` then `low`; `None` where not fitted.
        target: in the unit of the metric.
    """

    points: tuple[UpdatesToTarget, ...]
    line: tuple[tuple[float, float], ...]
    critical: tuple[float, float, float] | None
    target: float
    metric: str
    look: StudyLook
    notes: tuple[str, ...]
    views = ()

    def rows(self):
        yield ("batch size", "learning rate", "updates to the target", "95 % interval", "seeds that arrived")
        for p in self.points:
            yield (number(p.batch_size), number(p.learning_rate),
                   number(p.updates) if p.arrived else f"more than {number(p.updates)}",
                   quantity("", p.low, p.high) if p.arrived else "–", f"{p.share_arrived:.0%}")

    def series(self):
        """A `Chart`; a triangle is a batch size that did not arrive."""
        marks, keys = [], []
        sizes = [p.batch_size for p in self.points]
        left, right = min(sizes) / 2, max(sizes) * 2
        if self.critical:
            value, low, high = self.critical
            if low < right and high > left and not (low <= left and right <= high):
                marks.append(Shade(along="x", low=max(low, left), high=min(high, right)))
            if left <= value <= right:
                marks.append(Rule(x=value, text=f"B_crit {'at least ' if math.isinf(high) else ''}{number(value)}"))
        if self.line:
            x, y = zip(*self.line, strict=True)
            marks.append(Line(x=x, y=y, label="S_min (1 + B_crit / B)"))
        for p in self.points:
            key = self.look.size_key(p.batch_size)
            words = f"{number(p.updates)} updates at learning rate {number(p.learning_rate)}"
            marks.append(Points(x=(float(p.batch_size),), y=(p.updates,), low=(p.low,) if p.arrived else (),
                                high=(p.high,) if p.arrived else (), size=11.0,
                                symbol=key.symbol if p.arrived else "triangle-up-open", group=key.group, colour=key.colour,
                                label=key.label, words=(words if p.arrived else f"not reached in {words}",)))
            keys.append(key)
        ends = [v for p in self.points for v in (p.updates, p.low, p.high) if math.isfinite(v)] + [y for _, y in self.line]
        return Chart(x=Axis(title="batch size", logarithmic=True, span=(left, right), ticks=tuple(sizes)),
                     y=Axis(title=f"updates to a validation {self.metric} of {number(self.target)}", logarithmic=True,
                            span=(min(ends), max(ends))), marks=tuple(marks), keys=tuple(keys))


def quality_by_size(study):
    """`StudyQuality` under every budget, or `Missing`."""
    lines, without, notes = [], [], []
    for budget in budgets_of(study):
        arms = study.of(budget)
        lines.append((budget, tuple((c.setting.batch_size, c.quality, c.quality_low, c.quality_high) for c in arms
                                    if c.quality is not None)))
        if lost := {c.setting.batch_size: c.verdict.value for c in arms if c.quality is None}:
            without.append((budget, lost))
    if not any(points for _, points in lines):
        return Missing(because="No arm has a quality: every one diverged, or none was trained.")
    for size in dict.fromkeys(size for _, lost in without for size in lost):
        where = listed(BUDGETS[budget] for budget, lost in without if size in lost)
        full = any(lost.get(size) == Verdict.NO_MEMORY.value for _, lost in without)
        notes.append(f"Batch size {number(size)} has no quality under {where}: "
                     + ("there was no memory for it." if full else "trainings diverged."))
    first = study.of(study.design.equal[0])
    reference = next((c.quality for c in first if c.verdict is Verdict.REFERENCE), None)
    return StudyQuality(lines=tuple(lines), lost=tuple(without), quality=quality_name(study.design),
                        larger_is_better=study.design.larger_is_better,
                        band=None if reference is None else (reference - study.margin, reference + study.margin),
                        look=StudyLook(study.design.batch_sizes), notes=tuple(notes))


def steps_by_size(study):
    """`StudySteps` of the batch sizes, with the fitted hyperbola where there is one, or `Missing`.

    The hyperbola is S(B) = S_min (1 + B_crit / B) = S_min + E_min / B of McCandlish et al. 2018 (arXiv:1812.06162).
    """
    reading = next((r for r in study.derived if r.name == "critical_batch"), None)
    if reading is None or not reading.points:
        why = "it was not computed" if reading is None else reading.note
        return Missing(because=f"The updates to a target are not known: {why}.")
    details = dict(reading.details)
    notes = [f"Batch size {number(p.batch_size)} did not reach the target with more than half of its seeds in the "
             f"{number(p.updates)} updates that its fastest arm was given." for p in reading.points if not p.arrived]
    notes += [f"Batch size {number(p.batch_size)} reached the target within its first epoch, where nothing is measured: in at most "
              f"{number(p.updates)} updates." for p in reading.points if p.arrived and p.low < 1]
    line, critical = (), None
    if reading.known:
        sizes = [p.batch_size for p in reading.points]
        line = tuple((b, details["s_min"] + details["e_min"] / b) for b in np.geomspace(min(sizes), max(sizes), 60).tolist())
        if math.isinf(reading.high):
            notes.append(f"The critical batch size is only known to be at least {number(reading.low)}: more batch sizes would "
                         "tell.")
        critical = (reading.low if reading.outcome is Outcome.LOWER_BOUND else reading.value, reading.low, reading.high)
    else:
        notes.append(f"The critical batch size is not known: {reading.note}.")
    return StudySteps(points=reading.points, line=line, critical=critical, target=details["target"], metric=study.design.metric,
                      look=StudyLook(study.design.batch_sizes), notes=tuple(notes))
