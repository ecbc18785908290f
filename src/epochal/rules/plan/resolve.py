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
        UsageError: the plan compared no setting with the numbers given, which are not what is trained with now either, or it does
            not know the epochs and nothing can stop the training.
    """
    wanted, chosen = {"batch size": batch_size, "learning rate": learning_rate}, batch_size == learning_rate == "auto"
    if chosen:
        wanted = {"batch size": plan.batch_size.value, "learning rate": plan.learning_rate.value}
    asked = " and ".join(f"{name} {value}" for name, value in wanted.items() if value != "auto")
    fitting = [arm for arm in plan.arms if arm.quality is not None
               and _is(wanted["batch size"], arm.setting.batch_size) and _is(wanted["learning rate"], arm.setting.learning_rate)]
    now = plan.evidence.present
    stays = not fitting and _is(wanted["batch size"], now.batch_size) and _is(wanted["learning rate"], now.learning_rate)
    if not fitting and not chosen and not stays:
        seen = ", ".join(sorted({f"{arm.setting.batch_size} at {arm.setting.learning_rate:.3g}" for arm in plan.arms}))
        raise UsageError(f'"auto" must be left to settings that were compared; {asked} is none of them ({seen or "none was"}). '
                         'Pass numbers for all three, or "auto" for batch size and learning rate.')
    arm = min(fitting, key=lambda arm: arm.quality, default=None)  # none where nothing was trained: then the present setting stays
    known, stops_early = None if arm is None else arm.epochs, epochs == "auto" and validated
    if stops_early:
        needed = None if known is None else max(1, round(known))
        epochs = plan.epochs.value if chosen or needed is None else max(2 * needed, needed + plan.stopping.patience)
    elif epochs == "auto":
        if known is None:
            raise UsageError("`epochs` must be a number, since there are no validation data to stop by and no training was long "
                             "enough to tell how many it takes; got 'auto'. Pass epochs, or validation_data.")
        epochs = max(1, round(known))
    because = plan.headline if chosen or stays else f"of the settings compared, the best with {asked}"
    if arm is None:
        size = now.batch_size if stays else plan.batch_size.value
        rate = None if learning_rate == "auto" or now.schedule != "constant" else float(learning_rate)
        return Resolved(size, rate, int(epochs), stops_early, because)
    scheduled = arm.present and arm.setting.schedule != "constant"
    return Resolved(arm.setting.batch_size, None if scheduled else arm.setting.learning_rate, int(epochs), stops_early, because)


def _is(wanted, value):
    return wanted == "auto" or abs(wanted - value) <= 1e-6 * abs(value)
