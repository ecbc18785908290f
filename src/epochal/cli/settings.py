"""With which batch size, learning rate and epochs `epochal fit` trains: given, from a plan, or planned first."""

import math
from typing import NamedTuple

from ..base.errors import UsageError
from ..base.text import counted, number
from ..base.validate import require
from ..records import Plan, read, save
from ..rules.plan.decide import decide
from ..rules.plan.resolve import resolve
from .common import no_room, tell
from .plan import announced, measured, rows_of


class Settings(NamedTuple):
    """What to train with, and where it is from."""

    batch_size: int
    learning_rate: float | None
    epochs: int
    callbacks: list
    source: str


def check_sources(plan, given, planning):
    """A plan, numbers, or neither: then they are planned first."""
    named = [name for name, value in given.items() if value is not None]
    require(plan is not None or not named or "--epochs" in named, "--epochs", None, f"given beside {named[0] if named else ''}",
            "Pass --epochs 50, or leave all numbers out to have them planned.")
    for name, value in planning.items():
        require(value is None or not (named or plan is not None), name, value, "left out where the numbers are given",
                "It is about planning them.")


def plan_at(path):
    try:
        plan = read(path)
    except UsageError as error:
        raise UsageError(f"`--plan` must be a plan.json; got {path!r}. {error}") from error
    require(isinstance(plan, Plan), "--plan", type(plan).__name__, "a file with a plan", "Pass the plan.json of epochal plan.")
    return plan


def settled(plan, path, batch_size, learning_rate, epochs):
    """What to train with: from a plan where it is not given, else Keras' own habits."""
    if plan is None:
        own = "" if batch_size else "; 32 is Keras' own batch size"
        return Settings(batch_size or 32, learning_rate, epochs, [], f"as given{own}")
    found = resolve(plan, batch_size=batch_size or "auto", learning_rate=learning_rate or "auto", epochs=epochs or "auto")
    return Settings(found.batch_size, found.learning_rate, found.epochs, plan.callbacks() if found.stops_early else [],
                    f"from {path}: {found.because.rstrip('.')}")


def planned(table, build, class_weight, path, goal, seconds, seed, console, say):
    """The same as `epochal plan`, its plan kept beside the model, so that the same command measures nothing twice."""
    from ..seam.rigs.keras_rig import open_rig

    rig, place = open_rig(build, rows_of(table, class_weight, seed)), path.with_suffix(".plan.json")
    known, journal = announced(rig, _earlier(place, rig), seconds, path.parent, say)
    plan = decide(measured(rig, known, seconds, seed, journal, console, say), goal=goal)
    try:
        save(plan, place)
    except OSError as error:
        raise no_room(place, error) from error
    journal.ended()
    tell(say, f"Written: {place}, which --plan takes.")
    return plan, place


def _earlier(place, rig):
    """The evidence of an earlier plan for this very model, data and machine, or `None`."""
    if not place.is_file():
        return None
    try:
        return read(place).evidence.about(rig.task, rig.machine, rig.present)
    except UsageError:  # of other data: this one takes its place
        return None


def announce(settings, plan, table, network, say):
    """Say with what the training will run, and where the plan was made for another one."""
    task = None if plan is None else plan.evidence.task
    n_params = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    if task is not None and (task.n_train, task.n_params) != (len(table.x_train), n_params):
        tell(say, f"The plan was made for other rows or another model ({task}): its numbers need not be right here.")
    rate = "the model's own learning rate" if settings.learning_rate is None else f"learning rate {number(settings.learning_rate)}"
    most = "at most " if settings.callbacks else ""
    stopping = "early stopping on the validation rows" if settings.callbacks else "no early stopping"
    tell(say, f"\n{network.name}: batch size {settings.batch_size:,}, {rate}, {most}{counted(settings.epochs, 'epoch')} "
              f"({settings.source}); {stopping}.")
