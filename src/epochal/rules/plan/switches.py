"""Whether switches of Keras' `compile` are worth telling: where they save more of a training than they cost in compiling."""

from ...base.text import number, quantity
from ...records import Switches

_WORTH = 1.1  # times sooner, in every turn: what saves less is not worth a line


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
    shown = [point for point in others if point.low > _WORTH]
    best = max(shown, key=lambda point: _saved(seconds, as_compiled, point), default=None)
    if best is None or _saved(seconds, as_compiled, best) <= 0:
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


def _saved(seconds, as_compiled, point):
    """Seconds that a whole fit takes less."""
    updates = seconds.training.value * (1 - 1 / point.sooner)
    return updates - (point.compile_seconds - as_compiled.compile_seconds)
