"""The four choices of a plan, each with its plausible range and the reason; and the epochs that end within a given time."""

import math
import statistics
from dataclasses import replace

from ...base.text import counted, duration, number
from ...records import Choice, Outcome, Setting, Stopping, Verdict
from ..scaling import steps_per_epoch
from . import sentences
from .learning_rates import pick
from .quality import best_epoch, stopping_epoch


def choose_batch_size(context):
    """The chosen batch size; its range is the band of the least time, cut to memory, rows and shown quality."""
    size = context.chosen.setting.batch_size
    low, high = _band(context)
    return Choice(value=size, low=min(low, size), high=max(high, size), because=sentences.why_batch_size(context),
                  details=sentences.how_batch_size(context))


def choose_rate(context):
    """The chosen rate; its range is the span of tried rates within the margin of the best at this batch size."""
    setting = context.chosen.setting
    trials = [c for c in context.evidence.of("screen") if c.setting.batch_size == setting.batch_size]
    picked = pick(trials, context.margin, context.target) if trials else None
    rate = setting.learning_rate
    low, high = _not_shown_worse(context, trials, picked) if picked else (rate, rate)
    return Choice(value=rate, low=low, high=high, because=sentences.why_rate(context, picked, len(trials)),
                  details=sentences.how_rate(picked))


def _not_shown_worse(context, trials, picked):
    """The span of rates around the chosen one that trials do not tell from the best, up to one that is worse with fresh seeds:
    shown so, or by more than the margin on average."""
    setting = context.chosen.setting
    rate, low, high = setting.learning_rate, min(picked.low, setting.learning_rate), max(picked.high, setting.learning_rate)
    worse = [arm.setting.learning_rate for arm in context.arms if arm.setting.batch_size == setting.batch_size
             and arm.setting != setting and (arm.verdict in (Verdict.WORSE, Verdict.DIVERGED)
                                             or (arm.difference is not None and arm.difference > context.margin))]
    above, below = min((r for r in worse if r > rate), default=math.inf), max((r for r in worse if r < rate), default=0.0)
    left = [r for r in {rate, *(c.setting.learning_rate for c in trials)} if below < r < above and low <= r <= high]
    return min(left), max(left)


def choose_epochs(curves, patience, now=None, fixed=None, task=None):
    """The epochs to allow, with early stopping: as many as the longest of the runs needed, early stopping replayed on each; `now`
    are those that the user trains for with this setting, where that was said. `fixed` are those that are to stay. `task` says what
    decides, the loss if `None`."""
    judged = "validation loss is lowest" if task is None else f"{task.judged_in} is {task.best[0]}"
    curves = list(curves)
    stops, bests = [stopping_epoch(c, patience) for c in curves], [best_epoch(c) for c in curves]
    longest, cut = max(c.n_epochs for c in curves), sum(b == c.n_epochs for b, c in zip(bests, curves, strict=True))
    span = f"{number(min(bests))} to {number(max(bests))}"
    because = (f"the longest of {counted(len(curves), 'run')} with EarlyStopping(patience={patience}, restore_best_weights=True) "
               f"took {number(max(stops))}")
    details = (f"without early stopping {judged} after epoch {number(statistics.median(bests))} ({span} over "
               f"{counted(len(curves), 'seed')})")
    if _overfit(curves):
        details += "; later the network overfits: training loss goes on falling while validation gets worse"
    if max(stops) < statistics.median(bests):
        details += "; stopping sooner gives away less than half the margin"
    short = f"; your {now} end before {judged}" if now is not None and now < min(bests) else ""
    because += short
    if cut:
        because += f"; {cut} of {counted(len(curves), 'run')} still improved at the last epoch, so more epochs may pay"
    if cut > len(curves) / 2 and not fixed:
        because = (f"{cut} of {counted(len(curves), 'run')} still improved at the last epoch, {longest}: how many it takes is not "
                   f"known, so twice as many are allowed, and EarlyStopping(patience={patience}, restore_best_weights=True) ends "
                   f"the training{short}")
        return Choice(value=2 * longest, low=min(bests), high=2 * longest, because=because, details=details)
    if fixed:
        return Choice(value=fixed, low=min(*bests, fixed), high=fixed, because=f"yours; fixed; {because}", details=details)
    needed = max(stops)
    return Choice(value=needed, low=min(*bests, needed), high=max(*bests, needed, longest if cut else 0), because=because,
                  details=details)


def _overfit(curves):
    """Whether most of the runs that went on beyond their best epoch ended with a lower training loss and a worse validation."""
    beyond = [c for c in curves if c.train_loss and best_epoch(c) < c.n_epochs]
    turned = [c for c in beyond if c.train_loss[-1] < c.train_loss[best_epoch(c) - 1]]
    return len(turned) > 0.75 * len(curves)


def stopping_for(task, patience):
    """The early stopping that watches what decides."""
    if task.decides == "loss":
        return Stopping(patience=patience)
    return Stopping(patience=patience, monitor=f"val_{task.decides}", mode="max" if task.larger_is_better else "min")


def choose_predict_batch_size(evidence, chosen):
    """The predict batch size: the smallest that is about as fast as any; `chosen` is the `Setting` to train with."""
    reading = evidence.get("prediction")
    if reading is None:
        size = chosen.batch_size
        why = evidence.why_not("prediction").value
        return Choice(value=size, low=1, high=max(size, evidence.task.n_train),
                      because=f"as for training; `predict` was not timed ({why})")
    value, task = round(reading.value), evidence.task
    n_rows = task.n_train + task.n_validation + task.n_test
    enough = 1 << (n_rows - 1).bit_length()  # a batch that holds all rows at hand
    if value > enough:
        return Choice(value=enough, low=min(round(reading.low), enough), high=max(round(reading.high), value),
                      because=f"all {number(n_rows)} rows at hand in one batch; with more rows {number(value)} is as fast as "
                              "any; it does not change the predictions")
    return Choice(value=value, low=round(reading.low), high=round(reading.high),
                  because="the smallest within 10 % of the best speed of `predict`; it does not change the predictions")


def _band(context):
    """Batch sizes not told from the chosen one: the 10 % band of the least time, within what was shown equal in quality; where that
    is not known, those of settings that were shown equal and may take no longer."""
    size, chosen = context.chosen.setting.batch_size, context.chosen
    equal = [arm for arm in context.arms if arm.verdict in (Verdict.BETTER, Verdict.NOT_WORSE, Verdict.REFERENCE)]
    worse = {arm.setting.batch_size for arm in context.arms} - {arm.setting.batch_size for arm in context.arms
                                                                if arm.verdict not in (Verdict.WORSE, Verdict.DIVERGED)}
    above, below = min((s for s in worse if s > size), default=math.inf), max((s for s in worse if s < size), default=0)
    equal = [arm for arm in equal if below < arm.setting.batch_size < above]  # none of those shown worse lies between
    sizes = [size, *(arm.setting.batch_size for arm in equal)]
    if context.goal == "best":
        return min(sizes), max(sizes)
    if context.goal != "fastest":
        return size, size
    if context.optimal.outcome is Outcome.OK:
        low, high = max(context.optimal.low, min(sizes)), min(context.optimal.high, max(sizes))
        return (math.ceil(low), math.floor(high)) if low <= high else (size, size)
    near = [arm.setting.batch_size for arm in equal
            if None not in (arm.seconds, chosen.seconds) and arm.seconds_low <= chosen.seconds_high]
    return min(near, default=size), max(near, default=size)


def epochs_within(evidence, clock, setting):
    """The epochs that end within `evidence.max_time` with a setting, one at least; infinite without a limit, or a clock.

    Args:
        clock: the `Clock` of who trains: with validation and compilation, where they were measured. It may be a busy machine's.
    """
    if evidence.max_time is None or not clock.steps:
        return math.inf
    first, second = (_whole(clock, setting, n) for n in (1, 2))
    return max(1, math.floor(1 + (evidence.max_time - first) / (second - first)))


def within_time(plan, clock, bests=()):
    """The plan with as many epochs as end within `evidence.max_time`, where its own would take longer; of one at least.

    Args:
        clock: as for `epochs_within`. bests: the epochs at which the trainings of the recommended setting were best.
    """
    setting = Setting(batch_size=min(plan.batch_size.value, clock.n_train), learning_rate=plan.learning_rate.value)
    n = epochs_within(plan.evidence, clock, setting)
    if n >= plan.epochs.value:
        return plan
    task, most, first = plan.evidence.task, plan.evidence.max_time, _whole(clock, setting, 1)
    why = f"as many as end within {duration(most)}"
    if first > most:
        why = f"one alone takes about {duration(first)}, longer than the {duration(most)} that a training may take"
    said = (f"epochs: {task.judged_in} is {task.best[0]} after {min(bests)} to {max(bests)}, and the time that a training may take "
            f"ends it after {counted(int(n), 'epoch')}",) if bests and n < min(bests) else ()
    but = f" But the time allowed ends it after {counted(int(n), 'epoch')}." if said else ""
    return replace(plan, headline=plan.headline + but, epochs=replace(plan.epochs, value=n, low=min(n, plan.epochs.low), high=n,
                                        because=f"{why}; without that limit {plan.epochs.value}"),
                   unresolved=(*said, *plan.unresolved))


def _whole(clock, setting, n_epochs):
    """Seconds of a whole training of so many epochs."""
    return clock.seconds(setting, n_epochs * steps_per_epoch(clock.n_train, setting.batch_size)).total.value
