"""The epochs of a plan where a training must end within a given time."""

import math
from dataclasses import replace

from ...base.text import counted, duration
from ...records import Setting
from ..scaling import steps_per_epoch


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
