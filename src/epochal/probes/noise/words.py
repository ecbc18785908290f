"""What a noise scale means for the batch size, and what it does not mean, in a sentence each."""

from ...base.text import number
from ...records import Outcome

_FAR = 8  # times over or under the batch size, within which neither noise nor signal rules


def sentences(reading, rig):
    """`(what it means here, what it does not mean)`."""
    size, value, when = min(rig.present.batch_size, rig.n_examples), number(reading.value), _when(reading, rig)
    grows = f"; it went from {_at(reading.points[0])} to {_at(reading.points[-1])}" if len(reading.points) > 1 else ""
    equal = f"signal and noise are equal at about {value} rows"
    if reading.outcome is Outcome.LOWER_BOUND and reading.low > size:
        means = (f"{when} a batch of {size:,} rows is mostly noise: signal and noise are equal at {number(reading.low)} rows or "
                 "more, how many more the rows at hand do not tell")
    elif reading.outcome is Outcome.LOWER_BOUND:
        means = f"{when} the rows at hand do not tell how much of a batch of {size:,} rows is noise"
    elif reading.value > _FAR * size:
        means = f"{when} a batch of {size:,} rows is mostly noise: {equal}, so larger batches are likely to save updates"
    elif reading.value < size / _FAR:
        means = f"{when} a batch of {size:,} rows is mostly signal: {equal}, so larger batches are unlikely to save updates"
    else:
        means = (f"{when} signal and noise weigh alike in a batch of {size:,} rows, to an order of magnitude: they are equal at "
                 f"about {value} rows, so larger batches may save some updates")
    return f"{means}{grows}.", ("It is not the batch size to use: where both were measured, batches stopped saving updates at "
                                "0.1 to 20 times this number, and it says nothing of seconds.")


def _when(reading, rig):
    updates = f"{int(dict(reading.details).get('updates', 0)):,} updates"
    if reading.name == "noise_scale":
        return "At the start"
    return f"Over the first {updates}" if reading.points else f"After {updates}, as {rig.task.optimizer} scales gradients,"


def _at(moment):
    return number(moment.value) if moment.high < float("inf") else f"{number(moment.low)} or more"
