"""The pictures of a plan: loss by epoch, quality by learning rate, step times and updates to the target by batch size."""

import math
from collections import defaultdict
from dataclasses import replace
from functools import partial

import numpy as np

from ...base.text import capital, number, quantity
from ...records import Evidence, Outcome
from ...rules.plan.compare import runs_by_setting
from ...rules.plan.folds import levelled
from ...rules.plan.quality import cross_fitted
from ..pictures import kinds
from ..pictures.chart import COLOURS, Axis, Chart, Line, Picture, Pointer, Points, Strip, axis_of, size_axis
from .keys import arm_keys, style_of
from .race import loss_by_seconds
from .rows import as_judged, judged_in, label_of, raced, recommended, target_of


def pictures(plan):
    """The page's pictures in their order, drawn or with the reason why not; without those that such a plan never has."""
    if raced(plan):
        draws = (loss_by_seconds, step_times)
    elif plan.whole or plan.evidence.curves:
        draws = (loss_by_epoch, quality_by_rate, *([loss_by_seconds] if plan.evidence.runs else []), step_times, updates_to_target)
    else:
        draws = (step_times,)  # nothing was trained
    return tuple(draw(plan) for draw in (*([ceilings] if plan.ceilings else []), *draws))


def ceilings(plan):
    """What bounds the batch size, each with its interval, beside the choice."""
    picture = partial(
        Picture, name="ceilings", title="What bounds the batch size", sentence="Each line is one bound with its 95 % interval, an "
        "dotted line where only its lower end is known; the upright line is the batch size to use. Beyond a bound something is "
        "lost: memory runs out, a batch takes longer in proportion, updates are no longer saved. Below that of a rare class "
        "batches often hold none of it.")
    known = plan.ceilings[::-1]
    chosen, bounds = plan.batch_size.value, [x for one in known for x in (one.batch_size, one.low, one.high)]
    finite = [max(1.0, x) for x in (*bounds, chosen) if math.isfinite(x)]
    low, high, marks = min(finite), max(finite), []
    for level, one in enumerate(known):
        about = {"label": one.name, "colour": COLOURS[4] if one.limits else COLOURS[0]}
        marks.append(Line(x=(max(low, one.low), min(high, one.high)), y=(level, level), width=3.0, **about,
                          dash="solid" if one.high < math.inf else "dot"))
        marks.append(Points(x=(one.batch_size,), y=(level,), words=(one.says,), size=12.0,
                            symbol="triangle-up" if one.floor else "circle", **about))
    marks.append(Pointer(x=float(chosen), text=f"recommended {number(chosen)}"))
    names = tuple(one.name + (" (limits)" if one.limits else "") for one in known)
    chart = Chart(x=Axis(title="batch size", logarithmic=True, span=(low, high)), marks=tuple(marks),
                  y=Axis(title="", span=(-0.5, len(known) - 0.5), ticks=tuple(map(float, range(len(known)))), names=names))
    return picture(charts={"": chart}, rows=tuple(plan.ceiling_rows()))


def loss_by_epoch(plan):
    """Validation loss (or what decides) of every arm by epoch, from the trainings that were compared."""
    task, judged = plan.evidence.task, judged_in(plan)
    both = task is None or task.decides == "loss"
    training = (" Thin and dotted: the training loss of the same setting. Where it goes on falling while the validation loss "
                "rises, the network overfits.") if both else ""
    picture = partial(
        Picture, name="loss", title=f"{capital(judged)} by epoch", sentence="Each line is one setting (batch size at "
        "learning rate): the median over its seeds, in a band around the middle half of them. The marker is its best epoch, the "
        f"upright line the epochs to pass to fit; early stopping ends most trainings before.{training}")
    lines, notes, compared, keys, uneven = [], [], _compared(plan.evidence), arm_keys(plan), False
    for arm in plan.arms:
        runs = compared.get(arm.setting, {}).values()
        good = [run for run in runs if run.outcome is Outcome.OK and run.n_epochs]
        notes.append(kinds.undrawn(label_of(plan, arm.setting), len(good), len(runs)))
        if good:
            heavy = arm.present or arm is recommended(plan)
            line = kinds.epoch_line(keys[arm.setting], [as_judged(task, run.validation_loss) for run in good],
                                    good[0].steps_per_epoch, best=arm.epochs, width=3.0 if heavy else 1.75)
            below = heavy and both and all(run.train_loss for run in good)
            if below:
                trained = kinds.epoch_line(keys[arm.setting], [run.train_loss for run in good], good[0].steps_per_epoch)
                line = replace(line, beneath=trained.middle)
            lines.append(line)
            uneven = uneven or len({run.n_epochs for run in good}) > 1
    notes = [note for note in notes if note]
    if not lines:
        return picture(missing=" ".join(["No setting was trained to the end.", *notes]))
    if uneven:
        notes.append("Some trainings ended before others; a line goes on while at least half of its seeds do.")
    pointer = Pointer(x=float(plan.epochs.value), text=f"epochs={plan.epochs.value}")
    chart = kinds.chart_by_epoch(lines, judged, pointers=(pointer,))
    return picture(charts={"epochs": chart}, rows=tuple(kinds.rows_by_epoch(lines)), notes=tuple(notes))


def _compared(evidence):
    """The trainings that were compared, by setting, with the losses that they had."""
    known, kept = runs_by_setting(evidence.allowed()), runs_by_setting(levelled(evidence.allowed()))
    return {setting: {which: curve for which, curve in of.items() if which in kept.get(setting, ())}
            for setting, of in known.items()}


def quality_by_rate(plan):
    """Quality of the trainings that chose the learning rates (stages `"screen"` and `"present"`), a batch size a line."""
    task, judged = plan.evidence.task, judged_in(plan)
    more = task is not None and task.larger_is_better
    picture = partial(
        Picture, name="rate", title="Quality against learning rate, per batch size", sentence="Each point is one training; "
        f"the line is the mean over seeds. Quality is {judged} at the best epoch, chosen on one half of the rows and "
        f"judged on the other: {'higher' if more else 'lower'} is better. Shaded: the plausible learning rates. A cross at the "
        f"{'bottom' if more else 'top'}: a training that diverged.")
    groups, style = defaultdict(lambda: defaultdict(list)), style_of(plan)
    for run in (run for stage in ("screen", "present") for run in plan.evidence.of(stage)):
        groups[run.setting.batch_size, run.setting.schedule][run.setting.learning_rate].append(
            as_judged(task, [cross_fitted(run)])[0])
    if len({rate for by_rate in groups.values() for rate in by_rate}) < 2:
        return picture(missing="Fewer than two learning rates were tried; a larger budget tries more.")
    lines = []
    for (size, schedule), by_rate in sorted(groups.items()):
        label = f"batch size {number(size)}" + ("" if schedule == "constant" else f" ({schedule})")
        lines.append(kinds.rate_line(style.key(size, label), by_rate))
    if not any(line.points for line in lines):
        return picture(missing="Every training that was to choose a learning rate diverged; try smaller rates.")
    rate = plan.learning_rate
    marks = [Strip(along="x", low=rate.low, high=rate.high)] if rate.low < rate.high else []
    marks += [mark for level, line in enumerate(lines) for mark in line.marks(level, bottom=more)]
    marks.append(Pointer(x=rate.value, text=f"recommended {number(rate.value)}"))
    rows = [("batch size", "learning rate", "mean quality", "single trainings", "")]
    rows += [(line.key.label.removeprefix("batch size "), *row) for line in lines for row in line.rows()]
    return picture(charts={"": kinds.chart_by_rate(lines, f"quality ({judged})", marks, [rate.value])}, rows=tuple(rows))


def step_times(plan):
    """Seconds of one training step against batch size, with the line that was fitted to them."""
    picture = partial(
        Picture, name="step", title="Time of a training step against batch size", sentence="Points are medians, bars reach "
        "from the fastest to the slowest timing; the line is the fit t(B) = t0 + c·B. Up to the hardware batch size t0/c the "
        "fixed cost of a step dominates; from the batch size of nearly full speed on, a larger batch hardly trains more "
        "examples a second.")
    reading, style = plan.evidence.get("throughput"), style_of(plan)
    if reading is None or not reading.points:
        why = plan.evidence.why_not("throughput").value if reading is None else "the reading holds no measured points"
        return picture(missing=f"The time of a step is not known: {why}.")
    points, details = sorted(reading.points, key=lambda point: point.batch_size), dict(reading.details)
    sizes, marks = [point.batch_size for point in points], []
    if {"t0", "c"} <= details.keys():
        line = [(b, details["t0"] + details["c"] * b) for b in np.geomspace(min(sizes), max(sizes), 60).tolist()]
        if line := [(b, seconds) for b, seconds in line if seconds > 0]:
            x, y = zip(*line, strict=True)
            marks.append(Line(x=x, y=y, label="t0 + c·B"))
    rows = [("batch size", "time of a step", "fastest to slowest")]
    for point in points:
        size, seconds, span = point.batch_size, quantity("s", point.seconds), quantity("s", point.low, point.high)
        rows.append((number(size), seconds, span))
        marks.append(Points(x=(size,), y=(point.seconds,), low=(point.low,), high=(point.high,), size=10.0,
                            label=f"batch size {number(size)}", words=(f"{seconds} ({span})",), colour=style.colour(size),
                            symbol=style.symbol(size)))
    hardware = reading.value if reading.outcome is Outcome.OK and reading.value > 0 else None
    places = ((hardware, "hardware batch size"), (details.get("knee"), "nearly full speed from"),
              (plan.batch_size.value, "recommended"))
    near = sorted((place, text) for place, text in places if place and min(sizes) / 4 <= place <= max(sizes) * 4)
    marks += [Pointer(x=place, text=f"{text} {number(place)}", level=level) for level, (place, text) in enumerate(reversed(near))]
    chart = Chart(x=size_axis(sizes, [place for place, _ in near]), marks=tuple(marks),
                  y=axis_of("time of a training step", [x for p in points for x in (p.seconds, p.low, p.high)], times=1, unit="s"))
    return picture(charts={"": chart}, rows=tuple(rows))


def updates_to_target(plan):
    """Updates of the arms that reached the target loss against batch size, with the fitted law where there is one."""
    picture = partial(
        Picture, name="updates", title=f"Updates to the {target_of(plan)} against batch size", sentence="Points are settings with "
        "95 % intervals over seeds; the curve is the fit S(B) = S_min (1 + B_crit / B). Well below the critical batch size "
        "B_crit a larger batch saves updates, well above it hardly any. Shaded: its interval.")
    arms, keys, marks = [arm for arm in plan.arms if arm.steps is not None], arm_keys(plan), []
    if not arms:
        return picture(missing=f"No setting reached the {target_of(plan)} with enough seeds to count its updates.")
    notes = [f"{label_of(plan, arm.setting)} did not reach the target with enough seeds." for arm in plan.arms if arm.steps is None]
    known, sizes = Evidence(readings=plan.derived), [arm.setting.batch_size for arm in arms]
    if (reading := known.get("critical_batch")) is not None:
        marks += kinds.critical_batch_marks(reading, sizes)
    else:
        notes.append(f"No curve is drawn: the critical batch size is not known ({known.why_not('critical_batch').value}).")
    rows = [("setting", "updates to the target", "95 % interval")]
    for arm in arms:
        key, high = keys[arm.setting], math.inf if arm.steps_high is None else arm.steps_high
        bars = {} if arm.steps_low is None else {"low": (arm.steps_low,), "high": (high,)}
        marks.append(Points(x=(arm.setting.batch_size,), y=(arm.steps,), symbol=key.symbol, size=16.0 if arm.present else 12.0,
                            words=(f"{arm.steps:,.0f} updates",), **bars, **key.about))
        rows.append((key.label, number(arm.steps), "–" if arm.steps_low is None else quantity("", arm.steps_low, high)))
    levels = [value for mark in marks if isinstance(mark, Points | Line) for value in mark.y]
    levels += [v for arm in arms for v in (arm.steps_low, arm.steps_high) if v is not None and math.isfinite(v)]
    chart = Chart(x=size_axis(sizes, [mark.x for mark in marks if isinstance(mark, Pointer)]), marks=tuple(marks),
                  y=Axis(title=f"updates to the {target_of(plan)}", logarithmic=True, span=(min(levels), max(levels))),
                  keys=tuple(keys[arm.setting] for arm in arms))
    return picture(charts={"": chart}, rows=tuple(rows), notes=tuple(notes))
