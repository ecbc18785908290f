"""Whether the losses, the times and the test rows that a plan tells are those of its trainings."""

import math
import re
from statistics import fmean

from rules.agreement_words import (
    FIGURE,
    TIME,
    alike,
    arm_named,
    chosen_arm,
    chosen_setting,
    figure,
    figures,
    named_in,
    present_arm,
    seconds,
    whole,
)

from epochal.base.stats import mean_interval
from epochal.base.text import counted, duration
from epochal.records import Outcome, Plan, Verdict
from epochal.rules.plan.compare import runs_by_setting
from epochal.rules.plan.decide import aim_of, clock_of, declared
from epochal.rules.plan.folds import levelled
from epochal.rules.race.standings import Standings


def _runs(plan: Plan):
    """`{setting: {(seed, fold): curve}}` of what was compared."""
    return runs_by_setting(levelled(plan.evidence.allowed()))


def curves_of(plan: Plan, chosen):
    """The trainings of a setting, `(batch size, rate)`, that were compared."""
    return [curve for setting, of in _runs(plan).items() if (setting.batch_size, setting.learning_rate) == chosen
            for curve in of.values()]


def turned(plan: Plan):
    """Trainings of a race whose loss has long turned."""
    standings = Standings(plan.evidence.allowed(), clock_of(plan.evidence).full_step)
    for setting in standings.racers():
        if standings.turned(setting):
            yield f"no training is said to be long enough to see its validation loss turn, and that of {setting} has"


def qualities(plan: Plan):
    """Losses are as far apart as the differences say; in a race, wherever both were compared after equal seconds."""
    reference = next((arm for arm in plan.arms if arm.verdict is Verdict.REFERENCE), None)
    if reference is None or reference.quality is None:
        return
    for arm in plan.arms:
        same = whole(plan) or arm.raced == reference.raced
        if arm is reference or arm.quality is None or arm.difference is None or not same:
            continue
        between = arm.quality - reference.quality
        if abs(between - arm.difference) > 1e-9 * max(1.0, abs(arm.quality)):
            yield (f"{arm.setting}: losses of {arm.quality:.4g} and {reference.quality:.4g} are {between:+.2g} apart, and the "
                   f"difference is {arm.difference:+.2g}")


def _arrives(curve, target):
    """Whether a training reaches a target: a loss, or a value of a metric."""
    place, value, at_least = (None, target, False) if isinstance(target, float) else target
    values = curve.validation_loss if place is None else curve.metrics[place] if curve.metrics else ()
    return any(one >= value if at_least else one <= value for one in values)


def target(plan: Plan):
    """Who reaches the target is said to, after as long as the headline says."""
    yield from _reached(plan) if whole(plan) else ()
    yield from _sooner(plan)


def _reached(plan):
    known, runs, present = levelled(plan.evidence.allowed()), _runs(plan), present_arm(plan)
    margin, loss = declared(known)
    aim = aim_of(known)
    aimed = aim is not None and any(len(of) > 1 and all(_good(c) and _arrives(c, aim) for c in of.values()) for of in runs.values())
    if not alike(margin, plan.margin, 9):
        yield f"the margin is {plan.margin:g}, and {margin:g} by the trainings"
    cells = dict(zip(map(id, plan.arms), list(plan.arm_rows())[1:], strict=True))
    for arm in plan.arms:
        curves = list(runs[arm.setting].values())
        arrived = sum(_arrives(curve, aim if aimed else loss) for curve in curves if _good(curve))
        missed, told = cells[id(arm)][-1] == "not reached", arm.steps is not None
        if arm.verdict is Verdict.DIVERGED or len(curves) < 2:
            continue
        if arrived == len(curves) and not told:
            yield f"all {len(curves)} trainings of {arm.setting} reach the target, and it is said to be {cells[id(arm)][-1]!r}"
        if arrived < len(curves) and told:
            yield f"{arrived} of {len(curves)} trainings of {arm.setting} reach the target, and it is told when"
        if present is None or present.quality is None or arm.quality is None:
            continue
        if missed and arm.quality <= present.quality and not aimed and present.steps is not None:
            yield (f"{arm.setting} is said to be not reached, of a loss of {arm.quality:.4g}, and the present setting reaches it "
                   f"with {present.quality:.4g} ({arrived} of {len(curves)} trainings arrive)")


def _good(curve):
    return curve.outcome is Outcome.OK and curve.n_epochs > 0


def _sooner(plan):
    """The times in the headline: how many times sooner, and after how long."""
    present, said = present_arm(plan), plan.headline
    tried = re.search(r"\bor try (.*)", said)
    arm = chosen_arm(plan) if tried is None else arm_named(plan, named_in(tried[1])[0])
    for times, way in re.findall(rf"({FIGURE}) times (sooner|later)", said):
        if arm is None or present is None or arm.seconds is None or present.seconds is None:
            yield f"the headline says {times} times {way}, and the tables tell no times"
            continue
        if (arm.seconds > present.seconds) if way == "sooner" else (arm.seconds < present.seconds):
            yield f"the headline says {way}, and the tables {arm.seconds:.3g} s beside {present.seconds:.3g} s"
        ratio = present.seconds / arm.seconds if way == "sooner" else arm.seconds / present.seconds
        if alike(figure(times), ratio):
            continue
        known = [arm.seconds_low or 0.0, arm.seconds_high or 0.0, present.seconds_low or 0.0, present.seconds_high or 0.0]
        low, high = known[2] / known[1], known[3] / known[0]
        low, high = (low, high) if way == "sooner" else (1 / high, 1 / low)
        if arm.n_seeds == present.n_seeds or not low <= figure(times) <= high:
            yield f"the headline says {times} times {way}, and the tables' times are {ratio:.3g} to one"
    after = re.search(rf"after ({TIME}) of training(?! each)", said)
    if after is not None and (arm is None or not alike(seconds(after[1]), arm.seconds)):
        yield f"the headline says {after[0]!r}, and the table {arm and arm.seconds} s"
    theirs = re.search(rf"of training as .*\) after ({TIME}),", said)
    if theirs is not None and (present is None or not alike(seconds(theirs[1]), present.seconds)):
        yield f"the headline says {theirs[1]} of the present setting, and the table {present and present.seconds} s"
    if "with every seed" in said and "No setting reached" not in said and (arm is None or arm.steps is None):
        yield "the headline says that the target is reached with every seed, and the table that it is not"
    if said.endswith(" does not.") and present is not None and present.steps is not None:
        yield "the headline says that the present setting does not reach the target, and the table when"
    sum_of = re.search(rf"time to the target: .* over this one ({FIGURE}) \(({FIGURE}) to ({FIGURE})\)", plan.batch_size.details)
    if sum_of is not None:
        value, low, high = map(figure, sum_of.groups())
        if not low <= value <= high or (" sooner" in said and tried is None and low < 1 - 0.005):
            yield f"the details say {sum_of[0]!r}, and the headline {said!r}"


def whole_fit(plan: Plan):
    """What a whole training takes, wherever it is said."""
    own = plan.evidence.whose
    sums = {row[0]: row[-1].removeprefix("over ") for row in list(plan.time_rows())[1:]}
    said = re.search(rf"takes (?:over )?({TIME}), {own} ({TIME})", plan.headline)
    both = (plan.seconds, plan.present_seconds)
    if said is not None and None in both:
        yield "the headline tells what a whole training takes, and the plan does not"
    elif said is not None:
        theirs = sums.get(own, "")
        mine = sums.get("recommended", next((sums[name] for name in sums if name != own), theirs))
        for shown, row, fit, which in zip(said.groups(), (mine, theirs), both, ("recommended", own), strict=True):
            if not row.startswith(shown):
                yield f"the headline says that a whole training takes {shown} ({which}), and the table {row}"
            if fit is not None and not alike(seconds(shown), fit.total.value):
                yield f"the headline says that a whole training takes {shown} ({which}), and the plan {fit.total}"
    for name, fit, n_epochs in (("recommended", plan.seconds, None), (own, plan.present_seconds, plan.evidence.present_epochs)):
        row = next((row for row in plan.time_rows() if row[0] == name), None)
        if row is not None and fit is not None and not alike(figure(row[1]), fit.n_epochs if n_epochs is None else n_epochs):
            yield f"the row {name!r} of the times is of {row[1]} epochs, and it is {n_epochs or fit.n_epochs:g}"
    lasts = r"Your (\d[\d,]*) epochs? take about (.*?); if that lead lasts, about (.*?) are as good\."
    now = re.search(lasts, plan.headline)
    if now is not None and plan.seconds is not None and plan.present_seconds is not None:
        told = (f"{int(plan.evidence.present_epochs or 0):,}", duration(plan.present_seconds.total.value),
                duration(plan.seconds.total.value))
        if now.groups() != told:
            yield f"the headline says {now[0]!r}, and the plan {told}"
    saved = re.search(rf"a training is ({TIME}) shorter", plan.repaid)
    if saved is not None and plan.seconds is not None and plan.present_seconds is not None:
        less = plan.present_seconds.total.value - plan.seconds.total.value
        if not alike(seconds(saved[1]), less):
            yield f"a training is said to be {saved[1]} shorter, and is {less:.3g} s"
    faster = 1.0 if plan.switches is None else plan.switches.sooner
    told = plan.switches.because if plan.switches else ""
    for name, text, sooner in (("switches", told, 1.0), ("back end", plan.back_end, faster)):
        of = re.search(rf"({TIME}) of training become", text)
        if of is not None and (plan.seconds is None or not alike(seconds(of[1]), plan.seconds.training.value / sooner)):
            left = plan.seconds and plan.seconds.training
            yield f"{of[1]} of training are to become fewer by the {name}, and the plan has {left}"


def test_rows(plan: Plan):
    """What is said of the test rows is the mean over the trainings, and is told where it speaks against the advice."""
    if not whole(plan):
        return
    runs = {(s.batch_size, s.learning_rate): of for s, of in _runs(plan).items()}
    own = plan.evidence.present
    mine, theirs = runs.get(chosen_setting(plan)), None if own is None else runs.get((own.batch_size, own.learning_rate))
    if not mine or not theirs or not all(_good(c) and c.test_loss for of in (mine, theirs) for c in of.values()):
        return
    pairs = [which for which in mine if which in theirs]
    losses = [[c.test_loss[c.validation_loss.index(min(c.validation_loss))] for c in map(of.__getitem__, pairs)]
              for of in (mine, theirs)]
    if not pairs or not all(map(math.isfinite, losses[0] + losses[1])):
        return
    task, (mean, low, high) = plan.evidence.task, mean_interval([a - b for a, b in zip(*losses, strict=True)])
    if task is None or not plan.on_test:
        yield "there are losses on the test rows, and nothing is said of them"
        return
    means = [task.as_judged(fmean(side)) for side in losses]
    said = figures(rf"^\w[\w ]* ({FIGURE})", plan.on_test)
    apart = rf"\(difference ({FIGURE}), ({FIGURE}) to ({FIGURE}) over seeds\)"
    beside = figures(rf"{plan.evidence.whose} ({FIGURE}) {apart}", plan.on_test)
    if said is None or not alike(said[0], means[0], 4):
        yield f"the loss on the test rows is said to be {said and said[0]}, and is {means[0]:.4g}"
    same = mine is theirs
    if (beside is None) != same:
        yield f"the present setting is {'' if same else 'not '}the chosen one, and of the test rows is said {plan.on_test!r}"
    elif beside is not None and not all(map(alike, beside, (means[1], *task.apart(mean, low, high)), (4, 2, 2, 2))):
        yield f"on the test rows {beside} is said, and it is {means[1]:.4g} and {mean:+.2g} ({low:+.2g} to {high:+.2g})"
    n = f"on {task.n_test:,} rows"
    if n not in plan.on_test:
        yield f"of the test rows is said {plan.on_test!r}, and there are {counted(task.n_test, 'row')}"
    if low > 0 and not any("test rows" in text for text in (plan.headline, *plan.unresolved)):
        less = f", by less than the margin {plan.margin:.2g}" if mean <= plan.margin else ""
        yield (f"on the test rows the recommended setting is worse beyond chance{less} ({mean:+.2g}, {low:+.2g} to {high:+.2g}), "
               "and neither the headline nor what is undecided says so")
    if "On the test rows its" in plan.headline and low <= 0:
        yield f"the headline says that it is worse on the test rows, and the difference is {low:+.2g} to {high:+.2g}"

