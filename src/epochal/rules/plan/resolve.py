"""From a plan to the numbers of one `fit`: what "auto" stands for."""

from typing import NamedTuple

from ...base.errors import UsageError


class Resolved(NamedTuple):
    """What a training is run with."""

    # batch_size, learning_rate and epochs: numbers; no learning rate where the schedule that the model is compiled with stays
    batch_size: int
    learning_rate: float | None
    epochs: int
    stops_early: bool  # whether the plan's early stopping goes with these epochs
    because: str  # one sentence


def resolve(plan, *, batch_size="auto", learning_rate="auto", epochs="auto", validated=True):
    """The numbers of a training, from a plan where they are `"auto"`, else as given.

    With a batch size or learning rate of one's own, the rest is taken from the setting of the plan that has it.

    Args:
        plan: a `Plan`.
        batch_size, learning_rate, epochs: numbers, or `"auto"`.
        validated: whether the training has validation data, without which nothing can stop it early: then the epochs are those
            after which the lowest validation loss was seen.

    Raises:
        UsageError: the plan compared no setting with the numbers given.
    """
    wanted, chosen = {"batch size": batch_size, "learning rate": learning_rate}, batch_size == learning_rate == "auto"
    if chosen:
        wanted = {"batch size": plan.batch_size.value, "learning rate": plan.learning_rate.value}
    asked = " and ".join(f"{name} {value}" for name, value in wanted.items() if value != "auto")
    fitting = [arm for arm in plan.arms if arm.quality is not None
               and _is(wanted["batch size"], arm.setting.batch_size) and _is(wanted["learning rate"], arm.setting.learning_rate)]
    if chosen and not plan.arms:  # nothing was trained: the present setting, as the plan says
        return Resolved(plan.batch_size.value, None, plan.epochs.value if epochs == "auto" else int(epochs),
                        epochs == "auto" and validated, plan.headline)
    if not fitting:
        seen = ", ".join(sorted({f"{arm.setting.batch_size} at {arm.setting.learning_rate:.3g}" for arm in plan.arms}))
        raise UsageError(f'"auto" must be left to settings that were compared; {asked} is none of them ({seen}). Pass numbers for '
                         'all three, or "auto" for batch size and learning rate.')
    arm = min(fitting, key=lambda arm: arm.quality)
    stops_early = epochs == "auto" and validated
    if epochs == "auto":
        if arm.epochs is None:  # no training was long enough to tell
            epochs = plan.epochs.value
        elif not validated or not chosen:
            epochs = max(1, round(arm.epochs))
        if validated and arm.epochs is not None:
            epochs = plan.epochs.value if chosen else max(2 * epochs, epochs + plan.stopping.patience)
    scheduled = arm.present and arm.setting.schedule != "constant"
    return Resolved(arm.setting.batch_size, None if scheduled else arm.setting.learning_rate, int(epochs), stops_early,
                    plan.headline if chosen else f"of the settings compared, the best with {asked}")


def _is(wanted, value):
    return wanted == "auto" or abs(wanted - value) <= 1e-6 * abs(value)
