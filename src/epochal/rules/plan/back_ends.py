"""Whether another installed back end of Keras is worth telling: where it trains so much faster that starting anew there pays."""

from ...base.backends import BACKENDS
from ...base.text import number
from .switches import faster_fit

_WORTH = 0.7  # of the time of an update, at most: less of a gain is not worth a restart, and other rounding


def faster_back_end(evidence, batch_size, seconds):
    """Where Keras' `fit` trains much faster at this batch size, and how to switch, in words; `None` where nowhere was shown to.

    Shown is: the slowest of its timings was below seven tenths of the fastest here, with the switches of `compile` that are told.

    Args:
        seconds: the `FitSeconds` of the whole fit; `None` where not known.
    """
    reading = evidence.get("back_ends")
    if reading is None or not reading.known:
        return None
    here, *others = reading.points
    if here.batch_size != min(batch_size, evidence.task.n_train):
        return None
    switches = faster_fit(evidence, batch_size, seconds)
    now, low, high = (1.0, 1.0, 1.0) if switches is None else (switches.sooner, switches.low, switches.high)
    now, low, high = here.seconds / now, here.low / high, here.high / low
    best = min((point for point in others if point.high < _WORTH * low), key=lambda point: point.seconds, default=None)
    if best is None or (seconds is not None and _saved(seconds, here, best, now) <= 0):
        return None
    sooner, with_these = now / best.seconds, " with the switches above" if switches else ""
    whole = "" if seconds is None else (f": {seconds.training.times(now / here.seconds)} of training become about "
                                        f"{seconds.training.times(best.seconds / here.seconds)}")
    return (f"On {BACKENDS[best.backend].title}, Keras' own `fit` makes an update {number(sooner)} times sooner "
            f"({number(low / best.high)} to {number(high / best.low)}) than here{with_these} at batch size {batch_size:,}{whole}. "
            f"Set KERAS_BACKEND={best.backend} before Python starts, and plan again there: rates and batch sizes may differ.")


def _saved(seconds, here, there, now):
    """Seconds that a whole fit takes less."""
    updates = seconds.training.value * (now - there.seconds) / here.seconds
    if here.compile_seconds is None or there.compile_seconds is None:
        return updates
    return updates - (there.compile_seconds - here.compile_seconds)
