"""From evidence to a plan. The only place where a recommendation is made."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ...base.errors import MeasurementFailed
from ...base.validate import one_of
from ...records import Arm, Outcome, Plan, Setting, Verdict
from ...records.clock import Clock, Seconds
from ..critical_batch import critical_batch, time_optimal_batch
from ..margin import margin_and_target, without_learning
from ..scaling import steps_per_epoch
from . import compare, sentences
from .choices import (
    choose_batch_size,
    choose_epochs,
    choose_predict_batch_size,
    choose_rate,
    epochs_within,
    stopping_for,
    within_time,
)
from .context import Context
from .faster import faster_back_end, faster_fit
from .folds import levelled, n_trained
from .from_race import decide_race
from .learnt import nothing_learnt
from .limits import binding, ceilings
from .quality import Aim, best_epoch, cross_fitted, stopping_epoch, stopping_regret

GOALS = ("fastest", "best", "frugal", "smallest")
_WORTH = 0.9                                  # a change must save a tenth of the cost, and be shown to save something
_LATER = 1 / 0.95                             # times the present setting's time to its loss: what is better, and later, is told
_PATIENCES = (3, 5, 8, 10, 15, 20, 30, 50)


def decide(evidence, *, goal="fastest"):
    """Recommend from what was measured. Same evidence and goal, same plan, always.

    The present setting stands unless another is shown better (paired over fresh seeds, Holm over all settings; where speed counts
    by the margin or more, and where it is the goal no later at the same loss), or is shown equal within the margin (95 % interval
    of the paired difference below it) and shown cheaper in what the goal counts:
    training time to the target (`"fastest"`), examples to the target (`"frugal"`), memory (`"smallest"`); `"best"` counts nothing
    but quality.

    Settings that change what is fixed (`evidence.fixed`) are left out, and epochs beyond `evidence.max_time`. With
    `evidence.until` the target is that value of a metric, and who reaches it with every seed is good enough, whatever the loss;
    where nobody does, it is decided as without it, and said.

    Where no setting learnt anything, the present one stays, and it is said.

    Until two settings were trained to the end, the race tells (`from_race`), and where nothing was trained, the machine alone.

    Raises:
        UsageError: there is no such goal.
        MeasurementFailed: nothing is known yet but the model and its data, or all settings diverged.
    """
    one_of("goal", goal, GOALS, 'Pass goal="fastest".')
    known = levelled(evidence.allowed())
    plan = replace(_decide(known, goal), evidence=evidence)
    chosen = plan.batch_size.value, plan.learning_rate.value
    bests = [best_epoch(curve) for curve in known.curves if curve.stage != "screen" and curve.n_epochs
             and (curve.setting.batch_size, curve.setting.learning_rate) == chosen]
    return within_time(plan, clock_of(evidence), bests)


def _decide(evidence, goal):
    runs, present = compare.runs_by_setting(evidence), evidence.present
    if present not in runs or evidence.get("untrained_loss") is None or (len(runs) == 1 and evidence.runs):
        return decide_race(evidence, goal, clock_of(evidence))
    margin, target = declared(evidence)
    clock, memory = clock_of(evidence), evidence.get("memory")
    step, aim = clock.step, aim_of(evidence)
    if aim is not None and any(compare.updates(of, aim) for of in runs.values()):
        target = aim

    def in_time(setting):
        ratio = compare.seconds_ratio(runs, setting, present, target, step)
        return ratio is None or ratio[0] <= _LATER

    better = compare.reference(runs, present, 0.0 if goal == "best" else margin)
    against = compare.reference(runs, present, margin, in_time) if goal == "fastest" else better
    peak_bytes = {} if memory is None else {point.batch_size: point.peak_bytes for point in memory.points}
    arms = compare.compare(runs, present, against, margin, target, step, peak_bytes.get)
    if all(arm.verdict is Verdict.DIVERGED for arm in arms):
        raise MeasurementFailed("Cannot recommend: every setting diverged. Check the data's scale, or lower the learning rate.")
    arm_of = {arm.setting: arm for arm in arms}
    nothing = "" if isinstance(target, Aim) else nothing_learnt(evidence, arms)
    chosen = present
    if not nothing or arm_of[present].verdict is Verdict.DIVERGED:
        chosen = _choose(goal, _Compared(arms, runs, present, against, target, step, margin, n_trained(evidence)))
    critical = critical_batch(arms, _updates_made(runs, arms), n_trained(evidence))
    optimal = time_optimal_batch(critical, evidence.get("throughput"))
    patience = _patience(runs[chosen].values(), margin)
    context = Context(evidence=evidence, goal=goal, arms=arms, chosen=arm_of[chosen], present=arm_of[present],
                      against=arm_of[against], margin=margin, target=target, critical=critical, optimal=optimal,
                      ratio=None if chosen == present else compare.seconds_ratio(runs, present, chosen, target, step),
                      on_test=compare.test_loss_of(runs, chosen, present),
                      metrics_on_test=compare.test_metrics_of(runs, chosen, present),
                      nothing=nothing, by_another=compare.better_by_another(runs, chosen, evidence.task),
                      better=arm_of[better], nearest=_nearest(evidence, runs, aim),
                      seconds=_whole_fit(clock, chosen, runs, patience, _within(evidence, clock, chosen)),
                      present_seconds=_present_fit(clock, evidence, runs, patience))
    return Plan(
        goal=goal, batch_size=choose_batch_size(context), learning_rate=choose_rate(context),
        epochs=choose_epochs(runs[chosen].values(), patience, evidence.present_epochs if chosen == present else None,
                             evidence.most_epochs, evidence.task),
        predict_batch_size=choose_predict_batch_size(evidence, chosen),
        stopping=stopping_for(evidence.task, patience), headline=sentences.headline(context), binding=binding(context),
        on_test=sentences.on_test(context), unresolved=sentences.unresolved(context), margin=margin, arms=arms,
        derived=(critical, optimal), evidence=evidence, seconds=context.seconds, present_seconds=context.present_seconds,
        switches=faster_fit(evidence, chosen.batch_size, context.seconds),
        back_end=faster_back_end(evidence, chosen.batch_size, context.seconds) or "",
        ceilings=ceilings(evidence, critical, binding(context)))


def declared(evidence):
    """The margin and the target of an evidence that holds the present setting's runs and the untrained loss."""
    runs = [(cross_fitted(c), min(c.validation_loss, default=math.inf)) for c in evidence.of("present", evidence.present)]
    screened = min(map(cross_fitted, evidence.of("screen")), default=math.inf)
    return margin_and_target(without_learning(evidence), runs, screened)


def aim_of(evidence):
    """The `Aim` that `evidence.until` names, or `None`."""
    until, task = evidence.until, evidence.task
    if until is None:
        return None
    if until.metric != task.decides:
        return Aim(task.metrics.index(until.metric), until.value, until.at_least)
    return Aim(None, task.as_judged(until.value), until.at_least != task.larger_is_better)


def _nearest(evidence, runs, aim):
    """Which setting comes nearest to what is to be reached, and how near, in the metric itself."""
    found = None if aim is None else compare.nearest(runs, aim)
    return (found[0], evidence.task.as_judged(found[1])) if found and aim is not None and aim.place is None else found


class _Compared(NamedTuple):
    """What a choice is made among."""

    arms: tuple[Arm, ...]
    runs: dict
    present: Setting
    against: Setting
    target: float | Aim
    step: Callable
    margin: float
    n_train: int


def _choose(goal, c):
    """The setting the goal asks for among those that are good enough; the present one unless another is worth a change.

    Good enough is who reaches an `Aim` with every seed, where there is one. Else who is no worse than the reference, which is shown
    for all settings together that would be worth a change (Holm 1979).
    """
    aimed = isinstance(c.target, Aim)
    allowed = {arm.setting: arm for arm in c.arms
               if (arm.steps is not None if aimed else arm.verdict in (Verdict.REFERENCE, Verdict.BETTER, Verdict.NOT_WORSE))}
    if goal == "best":
        return c.against if c.against in allowed else min(allowed, key=lambda s: (allowed[s].quality or 0.0, s))
    costs = {arm.setting: cost for arm in c.arms if (cost := _cost(goal, arm, c.n_train)) is not None}
    default = c.present if c.present in allowed else c.against
    if default not in allowed:  # of an `Aim`
        default = min(allowed, key=lambda s: (costs.get(s, math.inf), s))
    if default not in costs:
        return default
    cheaper = [setting for setting, cost in costs.items() if setting != default and cost <= _WORTH * costs[default]]
    shown = cheaper if aimed else compare.shown_no_worse(c.runs, cheaper, c.against, c.margin)
    return min((setting for setting in shown if setting in allowed and _is_shown_cheaper(goal, c, setting, default)),
               key=lambda setting: (costs[setting], setting), default=default)


def _is_shown_cheaper(goal, c, setting, default):
    """Whether 95 % of the ratio of what two settings cost lie below 1; memory is not measured with doubt."""
    if goal == "smallest":
        return True

    def examples(batch_size):
        """A clock that counts examples."""
        n = compare.examples_per_step(batch_size, c.n_train)
        return Seconds(value=n, low=n, high=n)

    own = None if isinstance(c.target, Aim) else compare.own_target(c.runs, setting, c.present, c.target)
    ratio = compare.seconds_ratio(c.runs, setting, default, c.target, c.step if goal == "fastest" else examples, own)
    return ratio is not None and ratio[2] < 1


def _cost(goal, arm, n_train):
    if goal == "smallest":
        return float(min(arm.setting.batch_size, n_train))  # memory grows with it, whether or not the device tells
    return arm.seconds if goal == "fastest" else compare.examples_to_target(arm, n_train)


def _within(evidence, clock, setting):
    """The epochs that end within `evidence.max_time`."""
    return epochs_within(evidence, clock, replace(setting, batch_size=min(setting.batch_size, clock.n_train)))


def _whole_fit(clock, setting, runs, patience, most=math.inf):
    """The `FitSeconds` of a training that early stopping ends, on average over the runs, or so many epochs; `None` where it
    diverged."""
    curves = list(runs[setting].values())
    if any(curve.outcome is not Outcome.OK or not curve.n_epochs for curve in curves):
        return None
    n_epochs = sum(min(stopping_epoch(curve, patience), most) for curve in curves) / len(curves)
    return _seconds_of(clock, setting, n_epochs)


def _present_fit(clock, evidence, runs, patience):
    """The `FitSeconds` of the present setting: of the epochs that the user said, else as `_whole_fit`."""
    stopped, now = _whole_fit(clock, evidence.present, runs, patience), evidence.present_epochs
    if stopped is None or now is None:
        return stopped
    return _seconds_of(clock, evidence.present, now)


def _seconds_of(clock, setting, n_epochs):
    """The `FitSeconds` of so many epochs of all training rows, of which the trainings compared may have held out some."""
    return clock.seconds(setting, n_epochs * steps_per_epoch(clock.n_train, min(setting.batch_size, clock.n_train)))


def _patience(curves, margin):
    """The least patience that costs, on average over the runs, no more than half the margin against hindsight."""
    curves = list(curves)
    regrets = {patience: sum(stopping_regret(c, patience) for c in curves) / len(curves) for patience in _PATIENCES}
    return next((patience for patience, regret in regrets.items() if regret <= margin / 2), _PATIENCES[-1])


def _updates_made(runs, arms):
    """`{batch size: updates}` of the longest run at batch sizes where no arm reached the target."""
    made = {}
    for arm in arms:
        if arm.steps is None and arm.verdict is not Verdict.DIVERGED:
            longest = max(c.n_epochs * c.steps_per_epoch for c in runs[arm.setting].values())
            made[arm.setting.batch_size] = max(made.get(arm.setting.batch_size, 0), longest)
    return made


def clock_of(evidence):
    """The `Clock` of who trains, from what was measured of it."""
    throughput, validation, compilation = (evidence.get(name) for name in ("throughput", "validation", "compilation"))
    line = {} if throughput is None else {"steps": throughput.points, "a_step": throughput.detail("t0"),
                                          "an_example": throughput.detail("c")}
    compiling = None if compilation is None else Seconds(value=compilation.value, low=compilation.low, high=compilation.high)
    return Clock(n_train=evidence.task.n_train, n_validation=evidence.task.n_validation, compilation=compiling,
                 passes=() if validation is None else validation.points, **line)
