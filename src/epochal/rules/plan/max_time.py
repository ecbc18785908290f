"""The epochs of a plan where a training must end within a given time."""

import math
from dataclasses import replace

from ...base.text import counted, duration
from ...records import Setting
from ..scaling import steps_per_epoch


def within_time(plan, clock):
    """The plan with as many epochs as end within `evidence.max_time`, where its own would take longer; of one at least.

    Args:
        clock: the `Clock` of who trains: with validation and compilation, where they were measured. It may be a busy machine's.
    """
    most, size = plan.evidence.max_time, min(plan.batch_size.value, clock.n_train)
    if most is None or not clock.steps:
        return plan
    setting, an_epoch = Setting(batch_size=size, learning_rate=plan.learning_rate.value), steps_per_epoch(clock.n_train, size)
    first, second = (clock.seconds(setting, n * an_epoch).total.value for n in (1, 2))
    n = max(1, math.floor(1 + (most - first) / (second - first)))
    if n >= plan.epochs.value:
        return plan
    task = plan.evidence.task
    why = f"as many as end within {duration(most)}"
    if first > most:
        why = f"one alone takes about {duration(first)}, longer than the {duration(most)} that a training may take"
    shorter = plan.seconds is not None and plan.seconds.n_epochs > n
    too_few = plan.whole and n < plan.epochs.low
    said = (f"epochs: {task.judged_in} is {task.best[0]} after {plan.epochs.low} to {plan.epochs.high}, and the time that a "
            f"training may take ends it after {counted(n, 'epoch')}",) if too_few else ()
    return replace(plan, epochs=replace(plan.epochs, value=n, low=min(n, plan.epochs.low), high=n,
                                        because=f"{why}; without that limit {plan.epochs.value}"),
                   seconds=clock.seconds(setting, n * an_epoch) if shorter else plan.seconds, unresolved=(*said, *plan.unresolved))
