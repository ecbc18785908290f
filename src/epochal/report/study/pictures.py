"""The four pictures of a study: quality by batch size, by epoch and by learning rate, and updates to a target by batch size."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from ...base.text import listed, number, quantity
from ...records import Outcome, Verdict
from ...rules.study.judging import by_epoch, cost, judged
from ...rules.study.rate_search import trials
from ..pictures import kinds
from ..pictures.chart import GREY, Axis, Chart, Key, Line, Picture, Points, SizeStyle, Strip, Valueless, axis_of, size_axis
from .rows import BUDGETS, TUTORIAL, quality_name

# In pictures over batch size, colour, marker and dash mean the budget; by epoch, the dash does.
_BUDGET_STYLES = {"epochs": ("#D55E00", "circle", "solid"), "steps": ("#8A63D2", "square", "dash"),
                  "time": ("#2E9C8F", "diamond", "dot"), TUTORIAL: (GREY, "triangle-up-open", "dashdot")}


def study_pictures(study):
    """The page's pictures in their order, drawn or with the reason why not."""
    return tuple(draw(study) for draw in PICTURES.values())


def quality_by_size(study):
    """Quality against batch size, a budget a line; the lines are set a little to the side, so that no bar hides another."""
    picture = partial(
        Picture, name="quality", title="Quality against batch size", sentence="Each line is one way to make the comparison "
        "equal. Points are means over the fresh seeds, bars their 95 % intervals, each for itself; the differences in the "
        "table are paired over seeds, and so are known better than the bars show. Shaded: within the margin of the reference, "
        "which counts as no difference.")
    if not any(c.quality is not None for c in study.contrasts):
        return picture(missing="No arm has a quality: every one diverged, or none was trained.")
    design, sizes = study.design, study.design.batch_sizes
    reference = next((c.quality for c in study.of(design.equal[0]) if c.verdict is Verdict.REFERENCE), None)
    band = () if reference is None else (reference - study.margin, reference + study.margin)
    marks, values, without = [Strip(along="y", low=band[0], high=band[1])] if band else [], [*band], {}
    keys, rows = [], [("equal", "batch size", "quality", "95 % interval")]
    budgets = tuple(dict.fromkeys(c.budget for c in study.contrasts))
    for i, budget in enumerate(budgets):
        colour, symbol, dash = _BUDGET_STYLES[budget]
        key = Key(label=BUDGETS[budget], colour=colour, symbol=symbol, dash=dash)
        keys.append(key)
        aside = (max(sizes) / min(sizes)) ** (0.012 * (i - (len(budgets) - 1) / 2))
        known = [c for c in study.of(budget) if c.quality is not None]
        lost = {c.setting.batch_size: c.verdict.value for c in study.of(budget) if c.quality is None}
        if known:
            x = tuple(c.setting.batch_size * aside for c in known)
            y, low, high = zip(*((c.quality, c.quality_low, c.quality_high) for c in known), strict=True)
            spans = [(number(c.setting.batch_size), f"{c.quality:.4g}", f"{c.quality_low:.4g} to {c.quality_high:.4g}")
                     for c in known]
            marks += [Line(x=x, y=y, dash=dash, **key.about),
                      Points(x=x, y=y, low=low, high=high, symbol=symbol, size=9.0, **key.about,
                             words=tuple(f"batch size {size}: {mean} ({span})" for size, mean, span in spans))]
            values += [*y, *low, *high]
            rows += [(budget, *cells) for cells in spans]
        if lost:
            marks.append(Valueless(x=tuple(size * aside for size in lost), words=tuple(lost.values()), level=i,
                                   bottom=design.larger_is_better, **key.about))
            rows += [(budget, number(size), word, "–") for size, word in lost.items()]
        for size, word in lost.items():
            without.setdefault((size, word == Verdict.NO_MEMORY.value), []).append(BUDGETS[budget])
    notes = [f"Batch size {number(size)} has no quality under {listed(where)}: "
             + ("it does not fit into memory." if no_memory else "trainings diverged.")
             for (size, no_memory), where in without.items()]
    chart = Chart(x=size_axis(sizes), y=axis_of(quality_name(design), values, times=4), marks=tuple(marks), keys=tuple(keys))
    return picture(charts={"": chart}, rows=tuple(rows), notes=tuple(notes))


def quality_by_epoch(study):
    """The validation metric of every arm by epoch and by update, from the trainings with fresh seeds."""
    picture = partial(
        Picture, name="losses", title="Quality by epoch and by update", sentence="Each line is one arm (batch size at "
        "learning rate, and the budgets it is compared under): the median over its fresh seeds, in a band around the middle "
        "half of them. The marker is where the median is best.")
    budgets, lines, notes, style = {}, [], [], SizeStyle(study.design.batch_sizes)
    for contrast in study.contrasts:
        budgets.setdefault(contrast.setting, []).append(contrast.budget)
    for setting in sorted(budgets):
        runs = [c for c in study.curves if c.stage == "confirm" and c.setting == setting]
        good = [c for c in runs if c.outcome is Outcome.OK and c.n_epochs]
        label = f"{number(setting.batch_size)} at {number(setting.learning_rate)} ({', '.join(budgets[setting])})"
        notes.append(kinds.undrawn(label, len(good), len(runs)))
        if good:
            key = style.key(setting.batch_size, label, dash=_BUDGET_STYLES[budgets[setting][0]][2])
            line = kinds.epoch_line(key, [by_epoch(c, study.design, study.task.metrics) for c in good], good[0].steps_per_epoch)
            costs = cost(np.array(line.middle), study.design)
            lines.append(replace(line, best=int(np.argmin(np.where(np.isfinite(costs), costs, np.inf))) + 1))
    notes = [note for note in notes if note]
    if not lines:
        return picture(missing=" ".join(["No arm was trained to the end.", *notes]))
    charts = {view: kinds.chart_by_epoch(lines, quality_name(study.design), view=view) for view in ("epochs", "updates")}
    return picture(charts=charts, views="against {}", rows=tuple(kinds.rows_by_epoch(lines)), notes=tuple(notes))


def quality_by_rate(study):
    """Quality against learning rate, a batch size a line, every trial and what was chosen; a budget a view."""
    picture = partial(
        Picture, name="rates", title="Quality against learning rate, per batch size", sentence="Small points are single "
        "trials, the line is their mean. The large marker is the rate that was chosen, the thick stroke the rates that are as "
        "good within one standard error, the upright stroke the vertex of the parabola through the best. At the edge: a cross "
        "is a rate at which trials diverged, a ring one that was ended early.")
    design, style, found, notes = study.design, SizeStyle(study.design.batch_sizes), {}, []
    tuned = {(rate.budget, rate.batch_size): rate for rate in study.rates}
    for c in study.contrasts:
        size = c.setting.batch_size
        runs = [t for t in study.curves if t.stage == "screen" and t.setting.batch_size == size]
        if c.budget != TUTORIAL and runs:
            line = kinds.rate_line(style.key(size), _trial_qualities(study, runs, c.n_epochs))
            found.setdefault(c.budget, []).append((line, tuned.get((c.budget, size))))
    found = {budget: lines for budget, lines in found.items() if any(line.points for line, _ in lines)}
    if not found:
        return picture(missing="No learning rates were tried, or every trial diverged.")
    charts, rows = {}, [("equal", "batch size", "learning rate", "mean quality", "single trials", "")]
    for budget, lines in found.items():
        marks = []
        for level, (line, rate) in enumerate(lines):
            size, chosen = line.key.label.removeprefix("batch size "), rate if rate and rate.value in line.means else None
            marks += line.marks(level, bottom=design.larger_is_better)
            marks += [] if chosen is None else _chosen_marks(line, chosen)
            if chosen is not None and not chosen.interior:
                notes.append(f"At {BUDGETS[budget]} the best learning rate of batch size {size} lies at the edge of what was "
                             "tried: a rate beyond it may be better.")
            rows += [(budget, size, *cells) for cells in line.rows(chosen and chosen.value)]
        charts[budget] = kinds.chart_by_rate([line for line, _ in lines], quality_name(design), marks)
    return picture(charts=charts, views="equal {}", rows=tuple(rows), notes=tuple(notes))


def steps_by_size(study):
    """Updates to a target against batch size, with the fitted law where there is one."""
    picture = partial(
        Picture, name="steps", title="Updates to the target against batch size", sentence="The target is one margin short of "
        "what the reference reaches. Points are medians over the fresh seeds of the arm that gets there first, with 95 % "
        "intervals; a triangle is a batch size that did not get there. The curve is the fit S(B) = S_min (1 + B_crit / B): "
        "well below the critical batch size B_crit a larger batch saves updates, well above it hardly any. Shaded: its 95 % "
        "interval.")
    reading = next((r for r in study.derived if r.name == "critical_batch"), None)
    if reading is None or not reading.points:
        why = "it was not computed" if reading is None else reading.note
        return picture(missing=f"The updates to a target are not known: {why}.")
    sizes, style = [point.batch_size for point in reading.points], SizeStyle(study.design.batch_sizes)
    marks, keys, notes = list(kinds.critical_batch_marks(reading, sizes)) if reading.known else [], [], []
    rows = [("batch size", "learning rate", "updates to the target", "95 % interval", "seeds that arrived")]
    for point in reading.points:
        key, size, updates = style.key(point.batch_size), number(point.batch_size), number(point.updates)
        words = f"{updates} updates at learning rate {number(point.learning_rate)}"
        bars = {"low": (point.low,), "high": (point.high,)} if point.arrived else {}
        marks.append(Points(x=(float(point.batch_size),), y=(point.updates,), **bars, size=11.0,
                            symbol=key.symbol if point.arrived else "triangle-up-open",
                            words=(words if point.arrived else f"not reached in {words}",), **key.about))
        keys.append(key)
        rows.append((size, number(point.learning_rate), updates if point.arrived else f"more than {updates}",
                     quantity("", point.low, point.high) if point.arrived else "–", f"{point.share_arrived:.0%}"))
        if not point.arrived:
            notes.append(f"Batch size {size} did not reach the target with more than half of its seeds in the {updates} updates "
                         "that its fastest arm was given.")
        elif point.low < 1:
            notes.append(f"Batch size {size} reached the target within its first epoch, where nothing is measured: in at most "
                         f"{updates} updates.")
    if not reading.known:
        notes.append(f"The critical batch size is not known: {reading.note}.")
    elif math.isinf(reading.high):
        notes.append(f"The critical batch size is only known to be at least {number(reading.low)}: more batch sizes may "
                     "show how large.")
    ends = [v for p in reading.points for v in (p.updates, p.low, p.high) if math.isfinite(v)]
    ends += [y for mark in marks if isinstance(mark, Line) for y in mark.y]
    title = f"updates to a validation {study.design.metric} of {number(reading.detail('target'))}"
    chart = Chart(x=size_axis(sizes), y=Axis(title=title, logarithmic=True, span=(min(ends), max(ends))), marks=tuple(marks),
                  keys=tuple(keys))
    return picture(charts={"": chart}, rows=tuple(rows), notes=tuple(notes))


PICTURES = {"quality": quality_by_size, "losses": quality_by_epoch, "rates": quality_by_rate, "steps": steps_by_size}


def _trial_qualities(study, runs, n_epochs):
    """`{rate: quality of each trial}`, or why a rate has none."""
    found = {}
    for rate, by_seed in trials(runs).items():
        ended = [c.n_epochs for c in by_seed.values() if c.outcome is Outcome.OK and c.n_epochs < n_epochs]
        found[rate] = (f"ended after {max(ended)} of {n_epochs} epochs, among the worse half" if ended else
                       [judged(c, study.design, study.task.metrics, n_epochs) for c in by_seed.values()])
    return found


def _chosen_marks(line, chosen):
    there, about = line.means[chosen.value], line.key.about
    if chosen.low < chosen.high:
        yield Line(x=(chosen.low, chosen.high), y=(there, there), width=6.0,
                   **about | {"label": f"as good, {line.key.label}"})
    if chosen.vertex is not None:
        yield Points(x=(chosen.vertex,), y=(there,), symbol="line-ns", size=18.0, words=(f"vertex {number(chosen.vertex)}",),
                     **about)
    yield Points(x=(chosen.value,), y=(there,), symbol=line.key.symbol, size=13.0, words=(f"chosen {number(chosen.value)}",),
                 **about)
