"""The batch size to predict with: a declared share of the best speed, and which size to time next to find it."""

import itertools
import math
from typing import NamedTuple

from ...base.errors import MeasurementFailed

SMALLEST = 32                                # Keras' own batch size: so many rows are not worth a choice
SHARE = {"throughput": 0.9, "memory": 0.5}   # of the best throughput, which the chosen size must reach
SLACK = 0.25                                 # by so much may a call at the size chosen for latency outlast the fastest call
GOALS = ("throughput", "latency", "memory")
_SEEN = 4                                    # enough is seen once a size so many times the choice has been timed
_SLOW = 2                                    # or for latency, once a call has taken so many times the fastest
LONG_CALL = 0.1                              # seconds: beside such a call, what it costs to begin one is nothing
_AGREE, _DROP = 1.2, 1.5                     # see `is_steady`
_FREE_SECONDS = 2.0                          # of compiling for the sake of the choice; more must be repaid by this call


class Trial(NamedTuple):
    """A batch size, and the seconds that single calls took at it, rows in and predictions out.

    The fastest call counts: whatever else the machine does only ever adds time.
    """

    size: int
    seconds: tuple[float, ...]


def smallest_near_best(sizes, seconds_per_row, share=SHARE["throughput"]):
    """The smallest batch size that reaches a share of the best throughput.

    Not the fastest: beyond this size throughput hardly grows, and memory does.
    """
    best = min(seconds_per_row)
    return min(size for size, seconds in zip(sizes, seconds_per_row, strict=True) if share * seconds <= best)


def pick(trials, goal, *, n_rows=None, filled=False):
    """The batch size for a goal.

    - `"throughput"`: the smallest size that reaches 90 % of the best throughput.
    - `"memory"`: the smallest size that reaches 50 % of it.
    - `"latency"`: the largest size at which a call takes at most 25 % longer than the fastest call.

    Args:
        trials: `Trial`s. Calls whose seconds are not a positive number are left out.
        n_rows: how many rows there are, if that is to count: a size does not pay if it is hardly filled.
        filled: whether the last block is filled up, so that it costs as much as any other.

    Raises:
        MeasurementFailed: no size could be timed.
    """
    fastest = _fastest(trials)
    if not fastest:
        raise MeasurementFailed("No batch size could be timed, so none can be chosen. Pass batch_size=32.")
    if goal == "latency":
        return max(size for size, seconds in fastest.items() if seconds <= (1 + SLACK) * min(fastest.values()))
    calls = [math.ceil(n_rows / size) if filled and n_rows else 1 / size for size in fastest]
    return smallest_near_best(fastest, [n * seconds for n, seconds in zip(calls, fastest.values(), strict=True)], SHARE[goal])


def next_size(trials, goal, *, factor, largest=math.inf):
    """The size to time next, or `None` when enough is seen, or memory allows nothing larger.

    Sizes grow from 32 (from 1 for latency) until one has been timed that is four times as large as the choice, or whose call is so
    long that larger ones gain nothing but memory; for latency, until a call takes twice as long as the fastest.

    Args:
        trials: those so far; gaps between them are filled.
        factor: by how much to grow: 2, or 4 where a new size has to be compiled.
        largest: what memory allows.
    """
    known, before = {trial.size: trial for trial in trials}, []
    for size in _sizes(goal, factor):
        if size not in known:
            return size if size <= largest else None
        before.append(known[size])
        fastest = _fastest(before)
        if fastest and (fastest.get(size, 0) > _SLOW * min(fastest.values()) if goal == "latency" else
                        max(fastest) >= _SEEN * pick(before, "throughput") or fastest.get(size, 0) >= LONG_CALL):
            return None


def is_steady(trials):
    """Whether timings look as if nothing had disturbed them: else a size may seem slow, and be passed over for ever.

    Two signs of disturbance: the two fastest calls at a size differ by more than a fifth, or throughput drops to less than
    two thirds from a size to the next.
    """
    sound = [(trial.size, sorted(_sound(trial))) for trial in sorted(trials) if _sound(trial)]
    agree = all(len(seconds) < 2 or seconds[1] <= _AGREE * seconds[0] for _, seconds in sound)
    return agree and all(after[0] / larger <= _DROP * before[0] / size
                         for (size, before), (larger, after) in itertools.pairwise(sound))


def worth_compiling(spent, trials, n_rows):
    """Whether one more size may be compiled, when those so far took so many seconds each, and `n_rows` are left to repay it.

    The first does not count: no choice can do without it.
    """
    if not spent:
        return True
    remaining = min((seconds / size * n_rows for size, seconds in _fastest(trials).items()), default=math.inf)
    return sum(spent[1:]) + spent[-1] <= _FREE_SECONDS or 2 * spent[-1] <= remaining


def _fastest(trials):
    return {trial.size: min(_sound(trial)) for trial in trials if _sound(trial)}


def _sound(trial):
    return [s for s in trial.seconds if s > 0 and math.isfinite(s)]


def _sizes(goal, factor):
    """1, 2, 8, 32, 128, … in steps of 4; without those below 32 unless the goal is latency."""
    if goal == "latency":
        below = [size for size in (SMALLEST // factor**i for i in range(5, 0, -1)) if size > 1]
        yield from (1, *below)
    yield from (SMALLEST * factor**i for i in itertools.count())
