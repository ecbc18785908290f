"""What a noise scale means for the batch size, and what it does not mean, in a sentence each."""

from ...base.text import number
from ...records import Outcome

_FAR = 8  # times over or under the batch size, within which neither chance nor the gradient itself rules


def sentences(reading, rig):
    """`(what it means here, what it does not mean)`."""
    size, value, when = min(rig.present.batch_size, rig.n_examples), number(reading.value), _when(reading, rig)
    grows = f"; it went from {_at(reading.points[0])} to {_at(reading.points[-1])}" if len(reading.points) > 1 else ""
    batch = f"{when} the gradient of a batch of {size:,} rows"
    equal = f"its error by the choice of rows is as large as the gradient itself at about {value} rows"
    if reading.outcome is Outcome.LOWER_BOUND and reading.low > size:
        means = (f"{batch} is mostly chance: its error by the choice of rows is as large as the gradient itself at "
                 f"{number(reading.low)} rows or more, how many more the rows at hand do not tell")
    elif reading.outcome is Outcome.LOWER_BOUND:
        means = f"{when} the rows at hand do not tell how much of the gradient of a batch of {size:,} rows is chance"
    elif reading.value > _FAR * size:
        means = f"{batch} is mostly chance: {equal}, so larger batches are likely to save updates"
    elif reading.value < size / _FAR:
        means = f"{batch} is hardly moved by which rows it holds: {equal}, so larger batches are unlikely to save updates"
    else:
        means = f"{batch} is partly chance: {equal}, give or take ten times, so larger batches may save some updates"
    return f"{means}{grows}.", ("It is not the batch size to use: where both were measured, batches stopped saving updates at "
                                "0.1 to 20 times this number, and it says nothing of seconds.")


def _when(reading, rig):
    updates = f"{int(dict(reading.details).get('updates', 0)):,} updates"
    if reading.name == "noise_scale":
        return "At the start"
    return f"Over the first {updates}" if reading.points else f"After {updates}, as {rig.task.optimizer} scales gradients,"


def _at(moment):
    return number(moment.value) if moment.high < float("inf") else f"{number(moment.low)} or more"
