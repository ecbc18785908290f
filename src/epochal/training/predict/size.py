"""Find the batch size to predict with, on the rows that are to be predicted anyway."""

import math
from time import perf_counter

import numpy as np

from ...base.errors import MeasurementFailed
from ...engine.guard import memory_guard
from ...rules.training.predict_size import Trial, largest_within, next_size, pick, remaining_seconds, worth_compiling
from .stream import COMPARED, Block

_REPEATS = 8         # calls at a size that count, at most, after one that does not
_AGREE = 1.1         # the two fastest of three calls or more must agree so well: then nothing else disturbed them
_LONG_CALL = 0.05    # seconds: then the first call counts, and is the only one
_SHARE = 8           # of the rows that are left, an eighth may go into a size, beyond two calls


def find_size(stream, trials, goal):
    """The batch size for the rows that are left; more sizes are timed where what is known does not suffice.

    Args:
        stream: a `Stream` that insists on rows standing alone; some of its rows are done afterwards.
        trials: the `Trials` so far; new ones are added and kept.

    Returns:
        `(size, seconds)`: the seconds that trying took, most of which were predicting; 0.0 where nothing had to be tried.

    Raises:
        Coupled: the same rows gave other predictions in another block.
        MeasurementFailed: not even one row fits into memory.
    """
    start, n_rows, tried = perf_counter(), stream.left, 0
    if not trials.suffice(goal, n_rows):
        tried = _Search(stream, trials, goal).run()
        if len(trials) and not stream.stopped:
            trials.keep(goal, n_rows)
    if not len(trials):
        return max(stream.left, 1), 0.0  # too few rows to time anything: these are the last
    size = pick(trials, goal, n_rows=stream.n_rows, whole=stream.forward.per_shape)
    return size, perf_counter() - start if tried else 0.0


class _Search:
    """Growing sizes, until the rule has seen enough, or rows, memory or the time it takes to compile allow no more.

    It goes on from the trials that are known, unless those look disturbed: then it times every size again.
    """

    def __init__(self, stream, trials, goal):
        self._stream, self._forward, self._goal, self._kept = stream, stream.forward, goal, trials
        self._trials = list(trials) if trials.settled else []
        self._factor = 4 if self._forward.per_shape else 2
        self._memory, self._compiling, self._spent = math.inf, 0.0, 0.0

    def run(self):
        """How many sizes were tried."""
        tried = 0
        while not self._stream.stopped:
            size = next_size(self._trials, self._goal, factor=self._factor, largest=self._memory)
            if size is None or size > self._stream.left or not self._pays():
                break
            with memory_guard(self._forward) as guard:
                data = self._stream.data(self._block(size, compared=True))
                if self._fits(data, size):
                    trial = self._time(size)
                    self._look_at_memory(data, size)
                    tried += 1
                    if trial is None:
                        break
                    self._trials.append(trial)
                    self._kept.add(trial)
            if guard.ran_out:
                if size == 1:
                    raise MeasurementFailed("The memory there is does not suffice to predict even one row.")
                self._memory = size // 2
        return tried

    def _pays(self):
        """Whether to compile once more; what no choice can do without is compiled in any case."""
        if not self._trials:
            return True
        return worth_compiling(self._compiling, self._spent, remaining_seconds(self._trials, self._stream.left))

    def _fits(self, data, size):
        self._compiling = self._forward.prepare(data)
        self._spent += self._compiling if self._trials else 0.0
        self._look_at_memory(data, size)
        return size <= self._memory

    def _look_at_memory(self, data, size):
        allowed = largest_within(self._forward.n_bytes(data), size, self._forward.free_bytes())
        self._memory = min(self._memory, max(1, allowed))

    def _time(self, size):
        """The `Trial` of a size; `None` where rows ended before a call was timed that compiled nothing."""
        n_programs = self._forward.n_programs
        left = self._stream.left
        first, seconds = self._stream.time(self._block(size, compared=True)), []
        while self._stream.left >= size and not self._stream.stopped:
            clean = [first] if n_programs == self._forward.n_programs else seconds
            few = len(seconds) < 2 or size * (len(seconds) + 2) * _SHARE <= left
            if (clean and min(clean) >= _LONG_CALL) or _agree(seconds) or len(seconds) == _REPEATS or not few:
                break
            seconds.append(self._stream.time(self._block(size)))
        if not seconds and n_programs == self._forward.n_programs:
            seconds = [first]
        return Trial(size, tuple(seconds)) if seconds else None

    def _block(self, size, *, compared=False):
        """The next rows; among them, if they are to be `compared`, some of the first rows once more."""
        done = self._stream.out.done
        n = min(COMPARED, size // 2, done) if compared else 0
        return Block(done, done + size - n, np.arange(n)[::-1])


def _agree(seconds):
    fastest = sorted(seconds)[:2]
    return len(seconds) > 2 and fastest[1] <= _AGREE * fastest[0]
