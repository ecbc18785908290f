"""Whether the code, the pictures and the file of a plan say what its choices and arms say."""

import ast
import re
from statistics import fmean, median
from typing import TypeVar

from rules.agreement_words import (
    FIGURE,
    SIZE,
    TIME,
    alike,
    apart,
    arm_of_label,
    chosen_setting,
    drawn,
    figure,
    figures,
    in_bytes,
    seconds,
)

from epochal.base.errors import UsageError
from epochal.records import Arm, Evidence, Outcome, Plan, Verdict, dump, load
from epochal.report.pictures.chart import Line, Picture, Pointer, Points
from epochal.rules.plan.compare import runs_by_setting
from epochal.rules.plan.decide import clock_of
from epochal.rules.plan.folds import levelled

Kind = TypeVar("Kind")


def code(plan: Plan):
    """The lines to paste are Python, and train as the plan says."""
    text = plan.code()
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"the code is no Python: {error.msg} in line {error.lineno}"
        return
    calls = {_called(node): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    fit = calls.get("epochal.fit" if plan.evidence.trains_with == "epochal" else "model.fit")
    if fit is None:
        yield f"the code does not train with {plan.evidence.fit}"
        return
    wanted = [("batch_size", fit, plan.batch_size.value), ("epochs", fit, plan.epochs.value),
              ("patience", calls.get("keras.callbacks.EarlyStopping"), plan.stopping.patience),
              ("monitor", calls.get("keras.callbacks.EarlyStopping"), plan.stopping.monitor),
              ("batch_size", calls.get("model.predict"), plan.predict_batch_size.value)]
    for name, call, value in wanted:
        given = None if call is None else {word.arg: ast.unparse(word.value) for word in call.keywords}.get(name)
        if given is None or ast.literal_eval(given) != value:
            yield f"the code has {name}={given}, and the plan {value!r}"
    yield from _rate_in_code(plan, tree, text)
    sets = {ast.unparse(node.targets[0]): ast.unparse(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)}
    steps = 1 if plan.switches is None else plan.switches.steps_per_execution
    if sets.get("model.steps_per_execution", "1") != str(steps):
        yield f"the code sets {sets.get('model.steps_per_execution')} steps per execution, and the plan tells {steps}"
    if ("model.jit_compile" in sets) != (plan.switches is not None and plan.switches.jit_compile):
        yield "the code and the plan do not agree on jit_compile"


def _called(call):
    return ast.unparse(call.func)


def _rate_in_code(plan, tree, text):
    """The learning rate that the code sets: itself, or as a multiple of the present one; or in words beside a schedule."""
    rate, present = plan.learning_rate.value, plan.evidence.present
    constant = present is None or present.schedule == "constant"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("learning_rate"):
            if isinstance(node.value, ast.BinOp):
                found = ast.literal_eval(node.value.right) * (1 if present is None else present.learning_rate)
            else:
                found = ast.literal_eval(node.value)
            if not alike(found, rate, 6):
                yield f"the code sets the learning rate {found:g}, and the plan {rate:g}"
            return
    scaled = figures(rf"highest rate is ({FIGURE})", text)
    if constant:
        yield "the code sets no learning rate"
    elif scaled is None and present is not None and chosen_setting(plan) != (present.batch_size, present.learning_rate):
        yield "the code does not say how to change the schedule"
    elif scaled is not None and not alike(scaled[0], rate, 6):
        yield f"the code says the highest rate {scaled[0]:g}, and the plan {rate:g}"


# pictures


def in_pictures(plan: Plan):
    """What the pictures mark is what the arms and the choices say."""
    shown = drawn(plan)
    checks = {"loss": _losses, "rate": _rates, "step": _steps, "updates": _updates, "race": _race,
              "ceilings": _ceilings}
    for name, picture in shown.items():
        yield from checks[name](plan, picture)


def _marks(picture: Picture, kind: type[Kind]) -> list[Kind]:
    """The marks of a kind, in all views of a picture."""
    return [mark for chart in picture.charts.values() for mark in chart.marks if isinstance(mark, kind)]


def _pointed(picture, words, value):
    """Pointers whose text begins so and that stand elsewhere, or whose text says another number."""
    for pointer in _marks(picture, Pointer):
        said = figures(rf"^{words}=? ?({FIGURE})", pointer.text)
        if said is not None and not (alike(pointer.x, value, 6) and alike(said[0], value)):
            yield f"the picture {picture.name!r} points at {pointer.x:g} with {pointer.text!r}, and the plan says {value:g}"


def _losses(plan, picture):
    marked = {mark.label.removesuffix(", best"): mark for mark in _marks(picture, Points) if mark.label.endswith(", best")}
    lines = {mark.label: mark for mark in _marks(picture, Line)}
    for row in picture.rows[1:]:
        label, n_drawn = row[0], figure(row[1])
        arm, line, best = arm_of_label(plan, label), lines[label], marked.get(label)
        if arm is None or arm.verdict is Verdict.DIVERGED:
            continue
        if best is None or arm.epochs is None or best.x[0] != arm.epochs:
            yield f"the best epoch of {label} is marked at {best and best.x[0]}, and the arm's is {arm.epochs}"
        elif not _on(line, best.x[0], best.y[0]):
            yield f"the marker of {label} at epoch {best.x[0]:g} is not on its line, which has {len(line.x)} epochs"
        if n_drawn != arm.n_seeds:
            yield f"the picture draws {n_drawn:g} trainings of {label}, and the arm is of {arm.n_seeds}"
        elif plan.evidence.task is not None and not _is_middle(line, plan, arm):
            yield f"the line of {label} is not the middle of the trainings of the arm"
    yield from _pointed(picture, "epochs", plan.epochs.value)


def _on(line, x, y):
    """Whether a place is on a line, or beside the nearest of its points."""
    near = [height for place, height in zip(line.x, line.y, strict=True) if abs(place - x) < 1]
    return bool(near) and line.x[0] <= x <= line.x[-1] and min(near) - 1e-12 <= y <= max(near) + 1e-12


def _is_middle(line, plan, arm):
    """Whether a line begins with the median of the trainings of an arm that were compared, as they were before anything was
    moved."""
    compared = runs_by_setting(levelled(plan.evidence.allowed()))[arm.setting]
    first = [plan.evidence.task.as_judged(curve.validation_loss[0])
             for which, curve in runs_by_setting(plan.evidence.allowed())[arm.setting].items() if which in compared]
    return alike(line.y[0], median(first), 9)


def _rates(plan, picture):
    yield from _pointed(picture, "recommended", plan.learning_rate.value)


def _steps(plan, picture):
    reading = plan.evidence.get("throughput")
    yield from _pointed(picture, "recommended", plan.batch_size.value)
    if reading is not None and reading.outcome is Outcome.OK:
        yield from _pointed(picture, "hardware batch size", reading.value)
    told = {point.batch_size: point.seconds for point in reading.points} if reading is not None else {}
    for mark in _marks(picture, Points):
        if told.get(mark.x[0]) != mark.y[0]:
            yield f"the picture has a step of {mark.y[0]:g} s at {mark.x[0]:g}, and the reading {told.get(mark.x[0])}"


def _ceilings(plan, picture):
    """The bounds are those of the evidence, and the one that limits is the one that the plan names."""
    yield from _pointed(picture, "recommended", plan.batch_size.value)
    marked = {mark.label: mark.x[0] for mark in _marks(picture, Points)}
    if marked != {one.name: one.batch_size for one in plan.ceilings}:
        yield f"the picture has the bounds {marked}, and the plan {plan.ceilings}"
    limits = [one.name for one in plan.ceilings if one.limits]
    named = plan.binding.partition(":")[0]
    if limits and limits != [named]:
        yield f"{limits} is said to limit the batch size, and {plan.binding!r}"
    memory = plan.evidence.get("memory")
    for one in plan.ceilings:
        if one.name == "rows" and one.batch_size != plan.evidence.task.n_train:
            yield f"the bound of rows is {one.batch_size:g}, and {plan.evidence.task.n_train} are trained on"
        if one.name == "memory" and memory is not None and one.batch_size != memory.value:
            yield f"the bound of memory is {one.batch_size:g}, and the reading {memory.value:g}"
        if not one.low <= one.batch_size <= one.high:
            yield f"the bound {one.name} is {one.batch_size:g}, and its interval {one.low:g} to {one.high:g}"


def _updates(plan, picture):
    found = {id(arm_of_label(plan, mark.group)): mark for mark in _marks(picture, Points)}
    for arm in plan.arms:
        mark = found.get(id(arm))
        if (mark is None) != (arm.steps is None):
            yield f"{arm.setting} is {'not ' * (mark is None)}in the picture of updates, and its arm says {arm.steps}"
        elif mark is not None and (mark.x[0], mark.y[0], mark.low[:1], mark.high[:1]) != (
                arm.setting.batch_size, arm.steps, (arm.steps_low,), (arm.steps_high,)):
            yield f"the picture has {mark.y[0]:g} updates of {arm.setting}, and the arm {arm.steps}"
    critical = Evidence(readings=plan.derived).get("critical_batch")
    pointers = [pointer for pointer in _marks(picture, Pointer) if pointer.text.startswith("critical")]
    if critical is None and pointers:
        yield f"the picture points at {pointers[0].text!r}, which is not known"


def _race(plan, picture):
    """Every mark is the mean of the trainings that were looked at there, after the seconds that so many updates take: of all rows,
    where the batch is beyond them."""
    task, clock = plan.evidence.task, clock_of(plan.evidence)
    for mark in _marks(picture, Points):
        arm = arm_of_label(plan, mark.group)
        runs = [run for run in plan.evidence.runs if arm is not None and run.setting == arm.setting]
        if arm is None or not runs or task is None:
            continue
        losses = {}
        for at in (at for run in runs for at in run.marks):
            losses.setdefault(at.n_updates, []).append(task.as_judged(fmean(at.half_a + at.half_b)))
        if not all(map(alike, mark.y, (fmean(losses[n]) for n in sorted(losses)), [9] * len(mark.y))):
            yield f"the marks of {arm.setting} in the picture are not the means of its trainings"
        step = clock.full_step(min(arm.setting.batch_size, task.n_train))
        taken = [] if step is None else [n * step.value for n in sorted(losses)]
        if not all(map(alike, mark.x, taken, [9] * len(taken))):
            yield (f"{len(taken)} marks of {arm.setting} are at up to {taken[-1]:.3g} s by the time of an update, and in the "
                   f"picture at {mark.x[-1]:.3g} s")


# the file, and the tables


def file_and_tables(plan: Plan):
    """The file gives the same plan back, and the tables have its numbers."""
    try:
        same = load(dump(plan)) == plan
    except (UsageError, TypeError, ValueError, AttributeError) as error:
        yield f"the file of the plan cannot be read back: {error}"
        return
    if not same:
        yield "the file of the plan gives another plan back"
    spans = {row[0]: row[1] for row in list(plan.detail_rows())[1:]}
    for name, (_, said, _) in zip(plan.CHOICES, list(plan.rows())[1:], strict=True):
        choice = getattr(plan, name)
        if not alike(figure(said), choice.value):
            yield f"the table has {name} {said}, and the plan {choice.value}"
        shown = spans.get(name, f"{choice.low} to {choice.high}")
        span = figures(rf"^({FIGURE}) to ({FIGURE})$", shown if " to " in shown else f"{shown} to {shown}")
        if span is None or not all(map(alike, span, (choice.low, choice.high))):
            yield f"the details have {name} {spans.get(name)}, and the plan {choice.low} to {choice.high}"
    for lead, row in zip(plan.leads, list(plan.lead_rows())[1:], strict=True):
        apart_of = figures(rf"({FIGURE}) \(({FIGURE}) to ({FIGURE})\)", row[1])
        sooner = figures(rf"({FIGURE}) \(({FIGURE}) to ({FIGURE})\)", row[2])
        if not apart_of or not all(map(alike, apart_of, apart(plan, lead), (2, 2, 2))):
            yield f"the leads have {row[1]}, and the plan {lead.difference}"
        if not sooner or not all(map(alike, sooner, (lead.sooner, lead.sooner_low, lead.sooner_high))):
            yield f"the leads have {row[2]} times sooner, and the plan {lead.sooner}"
    yield from _arms(plan)


def _arms(plan):
    heading, *body = plan.arm_rows()
    if len(body) != len(plan.arms):
        yield f"the table has {len(body)} rows, and there are {len(plan.arms)} arms"
        return
    for arm, row in zip(plan.arms, body, strict=True):
        cells = dict(zip(heading, row, strict=True))
        yield from (f"the table's row of {arm.setting} has {said}" for said in _row(plan, arm, cells))


def _row(plan, arm: Arm, cells):
    judged = next(name for name in cells if name.startswith("val. "))
    quality = None if arm.quality is None else (
        arm.quality if plan.evidence.task is None else plan.evidence.task.as_judged(arm.quality))
    numbers = [("batch size", arm.setting.batch_size, 3), ("rate", arm.setting.learning_rate, 3), (judged, quality, 4)]
    for name, value, digits in numbers:
        said = figures(rf"^({FIGURE})", cells[name])
        if (said is None) != (value is None) or (said and not alike(said[0], value, digits)):
            yield f"{name} {cells[name]}, and the arm {value}"
    if "after" in cells and not _time_alike(cells["after"], arm.raced):
        yield f"after {cells['after']}, and the arm {arm.raced}"
    if (plan.evidence.whose in cells["batch size"]) != arm.present:
        yield f"{cells['batch size']!r}, and the arm is {'' if arm.present else 'not '}the present one"
    said = figures(rf"^({FIGURE}) \(({FIGURE}) to ({FIGURE})\)", cells["difference (95 %)"])
    none = arm.difference is None or arm.verdict is Verdict.REFERENCE
    if (said is None) != none or (said and not all(map(alike, said, apart(plan, arm), (2, 2, 2)))):
        yield f"the difference {cells['difference (95 %)']}, and the arm {arm.difference} ({arm.low} to {arm.high})"
    if cells["quality"] != arm.verdict.value + " (1 run)" * (arm.n_seeds == 1):
        yield f"the verdict {cells['quality']!r}, and the arm {arm.verdict.value!r} of {arm.n_seeds}"
    if not _time_alike(cells["time to target"], arm.seconds):
        yield f"{cells['time to target']!r} to the target, and the arm {arm.seconds}"
    if "memory" in cells:
        size = re.match(SIZE, cells["memory"])
        if not alike(in_bytes(size[0]), arm.peak_bytes) if size else arm.peak_bytes is not None:
            yield f"{cells['memory']!r} of memory, and the arm {arm.peak_bytes} bytes"
    if (cells["time to target"] == "not timed") != (arm.seconds is None and arm.steps is not None):
        yield f"{cells['time to target']!r} to the target, and the arm {arm.steps} updates"


def _time_alike(text, value):
    match = re.match(TIME, text)
    return value is None if match is None else value is not None and alike(seconds(match[0]), value)
