"""Predict all rows in blocks of a size that is known from earlier calls, or found on the first of them."""

import itertools
import math
from time import perf_counter

import keras

from ...base.errors import MeasurementFailed
from ...engine.guard import memory_guard
from ...rules.training.predict_size import GOALS, LONG_CALL, SMALLEST, Trial, is_steady, next_size, pick, worth_compiling
from ...seam.forward import Forward
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine
from ..feeds.cast import Rows
from ..remembered import Remembered
from .blocks import COMPARED, Run, cut, mixed, taken

_CALLS = 8     # seconds kept of a size: those of the fastest calls
_SEARCHES = 5  # after so many, timings that look disturbed are believed
_REPEATS = 8   # calls at a size that count, at most, after one that may have compiled and does not
_AGREE = 1.1   # the two fastest of three calls or more must agree so well: then nothing else disturbed them
_SHARE = 8     # of the rows that are left, an eighth may go into a size, beyond two calls


class KnownSizes:
    """The `Trial`s of one model, one shape of rows and one machine, kept between calls and between processes."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self._seconds, self.searched, self._n_searches = _as_written(remembered.read())

    @property
    def trials(self) -> list[Trial]:
        return [Trial(*known) for known in sorted(self._seconds.items())]

    @property
    def settled(self) -> bool:
        """Whether they may be believed."""
        return is_steady(self.trials) or self._n_searches >= _SEARCHES

    def add(self, trial: Trial) -> None:
        self._seconds[trial.size] = tuple(sorted((*self._seconds.get(trial.size, ()), *trial.seconds))[:_CALLS])

    def keep(self, goal: str, n_rows: int) -> None:
        self.searched[goal], self._n_searches = n_rows, self._n_searches + 1
        self._remembered.write({"searched": self.searched, "searches": self._n_searches, "trials": self.trials})


def known_sizes(model, forward: Forward, data) -> KnownSizes:
    """What is known for a model and rows like those of `data`."""
    rows = shapes_of(data)
    if rows not in forward.known:
        key = speed_key(model, model.predict_step, this_machine(forward.device, None, keras.backend.backend()), rows)
        forward.known[rows] = KnownSizes(Remembered("predict", key))
    return forward.known[rows]


def in_blocks(run: Run, rows: Rows, known: KnownSizes, goal: str) -> int | None:
    """Predict all rows; returns the batch size if one was found in this call, which is then among what is `known`.

    Raises:
        DependsOnBatch: the same rows gave other predictions in another block.
        MeasurementFailed: not even one row fits into memory.
    """
    forward, outputs, largest, found = run.forward, run.outputs, SMALLEST, False
    if not known.settled or rows.n_rows > 2 * known.searched.get(goal, 0):  # with twice as many rows more may show
        largest = _search(run, rows, known, goal)
        if known.trials and not run.stopped:
            known.keep(goal, rows.n_rows)
            found = True
    size = pick(known.trials, goal, n_rows=rows.n_rows, filled=forward.per_shape) if known.trials else min(largest, SMALLEST)
    run.expect(run.n_blocks + math.ceil(outputs.left / size), size)
    compared, chosen = forward.independent, size
    while not run.stopped:
        if not compared and (outputs.done >= COMPARED or not outputs.left):
            compared = True
            with memory_guard(forward):  # where even these few rows are too many, nothing is shown
                run.compare(taken(rows, mixed(rows.n_rows, size if forward.per_shape else 0)))
                forward.independent = True
        if not outputs.left:
            break
        with memory_guard(forward) as guard:
            blocks = cut(rows, outputs.done, size, filled=forward.per_shape)
            run.send(blocks if compared else itertools.islice(blocks, 1))
        if guard.ran_out:
            size = _smaller(size)
    return chosen if found else None


def _search(run, rows, known, goal):
    """Time growing sizes, until the rule has seen enough, or rows, memory or the time it takes to compile allow no more.

    It goes on from the trials that are known, unless those look disturbed. Returns the largest size that memory allows.
    """
    trials, compiling, largest = known.trials if known.settled else [], [], math.inf
    while not run.stopped:
        size = next_size(trials, goal, factor=4 if run.forward.per_shape else 2, largest=largest)
        if size is None or size > run.outputs.left or not worth_compiling(compiling, trials, run.outputs.left):
            break
        with memory_guard(run.forward) as guard:
            seconds = _timed(run, rows, size)
            if len(seconds) < 2:
                break
            trials.append(Trial(size, tuple(seconds[1:])))
            known.add(trials[-1])
            if run.forward.per_shape:
                compiling.append(max(seconds[0] - min(seconds[1:]), 0.0))
        if guard.ran_out:
            largest = _smaller(size)
    return largest


def _timed(run, rows, size):
    """Seconds of calls at this size, the first of which may have compiled."""
    n_rows, seconds = run.outputs.left, []
    while run.outputs.left >= size and not run.stopped:
        clean = sorted(seconds[1:])
        if clean and (clean[0] >= LONG_CALL or len(clean) == _REPEATS or (len(clean) > 2 and clean[1] <= _AGREE * clean[0])):
            break
        if len(clean) > 1 and size * (len(clean) + 2) * _SHARE > n_rows:
            break
        block, start = next(cut(rows, run.outputs.done, size)), perf_counter()
        run.send([block])
        seconds.append(perf_counter() - start)
    return seconds


def _smaller(size):
    if size == 1:
        raise MeasurementFailed("The memory there is does not suffice to predict even one row.")
    return size // 2


def _as_written(told):
    """{size: seconds}, {goal: rows searched with}, and the number of searches; all empty where that is not what was `told`."""
    try:
        seconds = {size: tuple(taken) for size, taken in told["trials"]}
        searched = {goal: told["searched"][goal] for goal in GOALS if goal in told["searched"]}
        counts = [told["searches"], *searched.values(), *seconds]
        sound = seconds and all(isinstance(n, int) and n > 0 for n in counts) and all(
            taken and all(isinstance(s, float) and 0 < s < math.inf for s in taken) for taken in seconds.values())
    except (ValueError, KeyError, TypeError):
        sound = False
    return (seconds, searched, told["searches"]) if sound else ({}, {}, 0)
