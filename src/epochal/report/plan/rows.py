"""What the report says in its tables: rows of strings from a plan, the heading first. Pure."""

from ...base.text import number, quantity
from ...records import Outcome
from ...rules.plan.folds import n_folds_of, own_too

CHOICE_NAMES = {"batch_size": "Batch size", "learning_rate": "Learning rate", "epochs": "Epochs",
                "predict_batch_size": "Predict batch size"}


def recommended(plan):
    """The arm that was trained at the recommended batch size and learning rate, or `None` where no arm was."""
    return next((arm for arm in plan.arms if is_recommended(plan, arm.setting)), None)


def is_recommended(plan, setting):
    return (setting.batch_size, setting.learning_rate) == (plan.batch_size.value, plan.learning_rate.value)


def is_present(plan, setting):
    return setting == plan.evidence.present or any(arm.present for arm in plan.arms if arm.setting == setting)


def label_of(plan, setting):
    """How a setting is called in every figure."""
    tags = [word for word, holds in ((plan.evidence.whose, is_present), ("recommended", is_recommended)) if holds(plan, setting)]
    schedule = "" if setting.schedule == "constant" else f", {setting.schedule}"
    return (f"{number(setting.batch_size)} at {number(setting.learning_rate)}{schedule}"
            + (f" ({', '.join(tags)})" if tags else ""))


def judged_in(plan):
    """In what the settings of a plan are compared, in words."""
    return f"validation {plan.evidence.decides}"


def target_of(plan):
    """What is to be reached in the pictures of a plan, in words."""
    return str(plan.evidence.until or judged_in(plan).replace("validation", "target"))


def as_judged(task, values):
    """Values of what decides as that itself, where the record has them turned so that less is better."""
    return tuple(values) if task is None else tuple(task.as_judged(value) for value in values)


def raced(plan):
    """Whether the settings were trained for equal seconds, and none to the end."""
    return bool(plan.arms) and not plan.whole


def ahead(plan):
    """How the setting is called that the leads are about, or `"The one ahead"` where no arm tells."""
    last = plan.leads[-1]
    return next((label_of(plan, arm.setting) for arm in plan.arms if not arm.present
                 and (arm.difference, arm.low, arm.high) == (last.difference, last.low, last.high)), "The one ahead")


def choice_rows(plan):
    """The answer: name, value, plausible range (empty where there is no room) and reason of each choice."""
    for name in plan.CHOICES:
        choice = getattr(plan, name)
        span = "" if choice.low == choice.value == choice.high else quantity("", choice.low, choice.high)
        yield (CHOICE_NAMES[name], number(choice.value), span, choice.because)


def reading_rows(readings):
    """The last reading of each name: what, how much, the interval, repeats, how it ended."""
    yield ("reading", "value", "interval", "repeats", "how it ended")
    for r in {r.name: r for r in readings}.values():
        name, ended = r.words, r.outcome.value + (f"; {r.note}" if r.note else "")
        if not r.known or (r.outcome is Outcome.LOWER_BOUND and r.low <= 0):
            yield (name, "–", "–", "–", ended)
        elif r.outcome is Outcome.LOWER_BOUND:
            yield (name, f"at least {quantity(r.unit, r.low)}", "no upper limit", str(r.repeats), ended)
        else:
            yield (name, quantity(r.unit, r.value), "one measurement" if r.repeats < 2 else quantity(r.unit, r.low, r.high),
                   str(r.repeats), ended)


def place_rows(task, machine):
    """What was trained and where, as `(name, text)`; either may be `None`."""
    yield ("Task", str(task) if task else "not recorded")
    yield from (("Data", note) for note in (task.notes if task else ()))
    yield ("Machine", f"{machine.device}, {machine.n_cores} cores"
           + (f", {quantity('B', machine.memory_bytes)} of memory" if machine.memory_bytes else "")
           if machine else "not recorded")
    yield ("Software", ", ".join((f"Keras on {machine.backend}", *(f"{name} {v}" for name, v in machine.versions)))
           if machine else "not recorded")


def condition_rows(plan):
    """Under which conditions the answer holds, as `(name, text)` without a heading: task, machine, seeds, margin, goal."""
    yield from place_rows(plan.evidence.task, plan.evidence.machine)
    yield ("Your setting" if plan.evidence.whose == "yours" else "The default",
           str(plan.evidence.present) if plan.evidence.present else "not recorded")
    yield ("Seeds", _seeds(plan))
    if plan.margin > 0:
        yield ("Margin", f"{number(plan.margin)} in {judged_in(plan)}: a smaller difference is too small to matter; "
               + (f"1 % of what {plan.evidence.whose} had gained by training" if raced(plan) else "fixed before measuring"))
    yield ("Goal", plan.goal)


def _seeds(plan):
    if not plan.arms:
        return "no setting was compared"
    if raced(plan):
        fresh = f"; then {plan.leads[-1].n_seeds} fresh ones for {plan.evidence.whose} and the one ahead" if plan.leads else ""
        return f"1 for every setting, the same for all{fresh}"
    seeds = sorted({arm.n_seeds for arm in plan.arms})
    n_folds = n_folds_of(plan.evidence)
    parts = ("a fifth of the training rows and of your validation rows" if own_too(plan.evidence)
             else f"{n_folds} parts of the rows")
    held_out = f", judged on {parts} in turn, which were not trained on then" if n_folds > 1 else ""
    return f"{' to '.join(dict.fromkeys((str(seeds[0]), str(seeds[-1]))))} paired trainings an arm{held_out}"
