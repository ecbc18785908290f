"""What would train faster here, where it is worth telling: switches of Keras' `compile`, and another installed back end."""

from ...base.backends import BACKENDS
from ...base.text import number, quantity
from ...records import Switches

_SOONER = 1.1  # times sooner, in every turn: what saves less is not worth a line
_OF_AN_UPDATE = 0.7  # of the time of an update, at most: less of a gain is not worth a restart, and other rounding


def faster_fit(evidence, batch_size, seconds):
    """The `Switches` with which Keras' `fit` trains fastest at this batch size; `None` where none was shown to pay.

    Shown is: it was a tenth faster in every turn. It pays where what a whole fit saves is more than what compiling takes longer.

    Args:
        seconds: the `FitSeconds` of the whole fit; `None` where not known.
    """
    reading = evidence.get("switches")
    if reading is None or not reading.known or seconds is None:
        return None
    as_compiled, *others = reading.points
    if as_compiled.batch_size != min(batch_size, evidence.task.n_train):
        return None
    shown = [point for point in others if point.low > _SOONER]
    best = max(shown, key=lambda point: _saved_by_switches(seconds, as_compiled, point), default=None)
    if best is None or _saved_by_switches(seconds, as_compiled, best) <= 0:
        return None
    names = [f"steps_per_execution={best.steps_per_execution}"] * (best.steps_per_execution > as_compiled.steps_per_execution)
    names += ["jit_compile=True"] * (best.jit_compile and not as_compiled.jit_compile)
    longer = best.compile_seconds - as_compiled.compile_seconds
    compiling = f"; compiling takes {quantity('s', longer)} longer" if longer > 0.2 * seconds.training.value else ""
    digits = "" if best.jit_compile == as_compiled.jit_compile else " up to the last digits"
    return Switches(
        steps_per_execution=best.steps_per_execution, jit_compile=best.jit_compile, sooner=best.sooner, low=best.low,
        high=best.high,
        because=f"with `{', '.join(names)}` in `compile`, Keras' own `fit` makes the same updates{digits} {number(best.sooner)} "
                f"times sooner ({number(best.low)} to {number(best.high)}): {seconds.training} of training become about "
                f"{seconds.training.times(1 / best.sooner)}{compiling}")


def _saved_by_switches(seconds, as_compiled, point):
    """Seconds that a whole fit takes less."""
    updates = seconds.training.value * (1 - 1 / point.sooner)
    return updates - (point.compile_seconds - as_compiled.compile_seconds)


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
    best = min((point for point in others if point.high < _OF_AN_UPDATE * low), key=lambda point: point.seconds, default=None)
    if best is None or (seconds is not None and _saved_there(seconds, here, best, now) <= 0):
        return None
    sooner, with_these = now / best.seconds, " with the switches above" if switches else ""
    whole = "" if seconds is None else (f": {seconds.training.times(now / here.seconds)} of training become about "
                                        f"{seconds.training.times(best.seconds / here.seconds)}")
    return (f"On {BACKENDS[best.backend].title}, Keras' own `fit` makes an update {number(sooner)} times sooner "
            f"({number(low / best.high)} to {number(high / best.low)}) than here{with_these} at batch size {batch_size:,}{whole}. "
            f"Set KERAS_BACKEND={best.backend} before Python starts, and plan again there: rates and batch sizes may differ.")


def _saved_there(seconds, here, there, now):
    """Seconds that a whole fit takes less."""
    updates = seconds.training.value * (now - there.seconds) / here.seconds
    if here.compile_seconds is None or there.compile_seconds is None:
        return updates
    return updates - (there.compile_seconds - here.compile_seconds)
