"""Times the modes in which a model's batches can be run, on a few of them, where the training is long enough to repay it."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ...base.errors import Unsupported

_REPAID = 20      # times the cost of a trial must the rest of the training take before the trial is made,
_HOPED = 3        # or only so many times where there is reason to hope: a loop, where steps are short
_GAIN = 0.95      # of the time: less of a gain is not worth another mode
_LEAST_COST = 0.3  # seconds: no trial costs less, with what has to be compiled for it
_TRIAL_SECONDS = 0.2
_MOST_STEPS = 64
_LONG_STEP = 1e-3  # seconds: the start of a step, which is all that a loop saves, takes a twentieth of it
_WORDS = {"fused": "fused into one program", "unrolled": "several to a program", "looped": "in a loop on the device",
          "stepwise": "step by step"}


@dataclass(frozen=True)
class Mode:
    """How batches are run, and why.

    Attributes:
        name: one of `Trainee.modes`.
        step_seconds: seconds a batch took in it; `None` where it was not measured.
        because: why, as a part of a sentence.
        compared: whether more than one mode was tried.
    """

    name: str
    step_seconds: float | None
    because: str
    compared: bool = False

    def __str__(self):
        return f"Batches are run {_WORDS[self.name]} ({self.because})"


def fastest_mode(trainee, data, rows, n_updates, order) -> Mode:
    """Try modes on a few batches and take the fastest. What is trained in a trial is undone.

    Args:
        trainee: a `Trainee`.
        data, rows: the data on the device, and int32[k, batch_size], the batches to try, of the shapes of the training.
        n_updates: batches that the training will have; `None` where unknown, and then nothing but the first mode is tried.
        order: modes, likely best first. The first one's program is needed anyway, so that trying it costs nothing more.

    A mode that this model does not allow is passed over, with the reason.

    Returns:
        The `Mode`. Its seconds are one measurement of a few batches, beside whatever else the machine is doing.
    """
    seconds, refused, cost = {}, {}, _LEAST_COST
    for mode in order:
        best = min(seconds.values(), default=None)
        repaid = _HOPED if mode == "fused" and best is not None and best < _LONG_STEP else _REPAID
        if best is not None and (n_updates is None or n_updates * best < repaid * cost):
            break
        if mode == "fused" and best is not None and best > _LONG_STEP and trainee.device == "cpu":
            refused[mode] = "steps are too long for a loop to save anything"
            continue
        try:
            long = None if not n_updates else _HOPED * _LEAST_COST / n_updates if len(order) > 1 else float("inf")
            seconds[mode], spent = _tried(trainee, data, rows, mode, long)
        except Unsupported as error:
            if mode == order[-1]:
                raise
            refused[mode] = str(error).split(". ")[0].rstrip(".")
            continue
        cost = max(cost, spent)
    fastest, first = min(seconds, key=seconds.get), next(iter(seconds))
    if seconds[fastest] > _GAIN * seconds[first]:
        fastest = first
    times = ", ".join(f"{mode} {taken * 1e3:.3g} ms" for mode, taken in seconds.items())
    left = [mode for mode in order if mode not in seconds and mode not in refused]
    why = f"measured, a batch: {times}"
    for mode, reason in refused.items():
        why += f"; not {mode}: {reason}"
    if left:
        why += f"; {' and '.join(left)} not tried: the training is too short to repay it"
    return Mode(fastest, seconds[fastest], why, len(seconds) + len(refused) > 1)


def _tried(trainee, data, rows, mode, long):
    """Seconds a batch takes once it is compiled, and the seconds that trying cost.

    A first look is enough where a batch takes less than `long` seconds, so that nothing hangs on it (`None`: in any case).
    """
    begun = perf_counter()
    with trainee.kept():
        first = rows[:1] if mode == "stepwise" else rows[:_MOST_STEPS]
        trainee.numbers(trainee.train(data, first, mode))
        n, taken = 1, 0.0
        while True:
            part = rows[np.arange(n) % len(rows)]
            start = perf_counter()
            trainee.numbers(trainee.train(data, part, mode))
            trainee.wait()
            taken = perf_counter() - start
            if long is None or taken / n < long or n >= _MOST_STEPS or taken * 4 > _TRIAL_SECONDS:
                break
            n = min(_MOST_STEPS, n * 8)
    return taken / n, perf_counter() - begun
