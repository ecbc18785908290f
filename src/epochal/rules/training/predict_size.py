"""The batch size to predict with: a declared share of the best speed, and which size to time next to find it."""

import itertools
import math
from typing import NamedTuple

from ...base.errors import MeasurementFailed

SMALLEST = 32                                # Keras' own batch size: so many rows are not worth a choice
SHARE = {"throughput": 0.9, "memory": 0.5}   # of the best throughput, which the chosen size must reach
SLACK = 0.25                                 # by so much may a call at the size chosen for latency outlast the fastest call
GOALS = ("throughput", "latency", "memory")
SHARE_OF_MEMORY = 0.5                        # of what is free: the next block goes in while the last one comes out
_SEEN = 4                                    # the knee is seen once a size so many times as large has been timed
_SLOW = 2                                    # the largest size for latency is seen once a call has taken so many times the fastest
_AGREE, _DROP = 1.2, 1.5                     # see `is_steady`
_FREE_SECONDS = 2.0                          # of compiling for the sake of the choice; more must be repaid by this call


class Trial(NamedTuple):
    """A batch size, and the seconds that single calls took at it, rows in and predictions out.

    The fastest call counts: whatever else the machine does only ever adds time.
    """

    size: int
    seconds: tuple[float, ...]


def pick(trials, goal, *, n_rows=None, whole=False):
    """The batch size for a goal.

    - `"throughput"`: the knee, the smallest size that reaches 90 % of the best throughput. Not the fastest: throughput hardly
      changes beyond the knee, and memory does.
    - `"memory"`: the smallest size that reaches 50 % of it.
    - `"latency"`: the largest size at which a call takes at most 25 % longer than the fastest call.

    Args:
        trials: `Trial`s. Calls whose seconds are not a positive number are left out.
        n_rows: how many rows there are, if that is to count: a size does not pay if it is hardly filled.
        whole: whether the last block is filled up, so that it costs as much as any other.

    Raises:
        MeasurementFailed: no size could be timed.
    """
    fastest = _fastest(trials)
    if not fastest:
        raise MeasurementFailed("No batch size could be timed, so none can be chosen. Pass batch_size=32.")
    if goal == "latency":
        return max(size for size, seconds in fastest.items() if seconds <= (1 + SLACK) * min(fastest.values()))
    total = {size: seconds * _calls(size, n_rows, whole) for size, seconds in fastest.items()}
    return min(size for size, seconds in total.items() if min(total.values()) >= SHARE[goal] * seconds)


def next_size(trials, goal, *, factor, largest=math.inf):
    """The size to time next, or `None` when the choice is seen, or memory allows nothing larger.

    Sizes grow from 32 (from 1 for latency) until one has been timed that is four times as large as the knee (or takes twice as
    long as the fastest call).

    Args:
        trials: those so far; gaps between them are filled.
        factor: by how much to grow: 2, or 4 where a new size has to be compiled.
        largest: what memory allows; it is tried itself, if it is at least twice the largest size before it.
    """
    known, before = {trial.size: trial for trial in trials}, []
    for size in _sizes(goal, factor):
        if size > largest:
            last = before[-1].size if before else 0
            return int(largest) if largest >= max(2 * last, 1) and largest not in known else None
        if size not in known:
            return size
        before.append(known[size])
        if _is_seen(before, goal):
            return None


def is_steady(trials):
    """Whether timings look as if nothing had disturbed them: else a size may seem slow, and be passed over for ever.

    Two signs of disturbance: the two fastest of three calls or more differ by more than a fifth, or throughput drops to less than
    two thirds from a size to the next.
    """
    sound = [(trial.size, sorted(_sound(trial))) for trial in sorted(trials) if _sound(trial)]
    agree = all(len(seconds) < 3 or seconds[1] <= _AGREE * seconds[0] for _, seconds in sound)
    return agree and all(after[0] / larger <= _DROP * before[0] / size
                         for (size, before), (larger, after) in itertools.pairwise(sound))


def largest_within(n_bytes, size, free_bytes):
    """The largest size that memory allows, when one of `size` took `n_bytes`; infinite where either is not known."""
    if not n_bytes or free_bytes is None:
        return math.inf
    return int(SHARE_OF_MEMORY * free_bytes / n_bytes * size)


def worth_compiling(seconds, spent, remaining):
    """Whether one more size may be compiled.

    Args:
        seconds: what compiling it will take. spent: what was compiled for the sake of the choice so far. remaining: what the
            rows that are left would take at the best size known.
    """
    return spent + seconds <= _FREE_SECONDS or 2 * seconds <= remaining


def remaining_seconds(trials, n_rows):
    """What `n_rows` would take at the fastest of the sizes timed; infinite where none was."""
    return min((seconds / size * n_rows for size, seconds in _fastest(trials).items()), default=math.inf)


def _fastest(trials):
    return {trial.size: min(_sound(trial)) for trial in trials if _sound(trial)}


def _sound(trial):
    return [s for s in trial.seconds if s > 0 and math.isfinite(s)]


def _calls(size, n_rows, whole):
    if n_rows is None:
        return 1 / size
    return math.ceil(n_rows / size) if whole else n_rows / size


def _sizes(goal, factor):
    """1, 2, 8, 32, 128, … in steps of 4; without those below 32 unless the goal is latency."""
    if goal == "latency":
        below = [size for size in (SMALLEST // factor**i for i in range(5, 0, -1)) if size > 1]
        yield from (1, *below)
    yield from (SMALLEST * factor**i for i in itertools.count())


def _is_seen(trials, goal):
    fastest = _fastest(trials)
    if not fastest:
        return False
    if goal == "latency":
        return fastest.get(trials[-1].size, 0) > _SLOW * min(fastest.values())
    return max(fastest) >= _SEEN * pick(trials, "throughput")
