"""Which settings a race begins with, and how long its first level is."""

import math
from dataclasses import replace
from typing import NamedTuple

from ...records import Setting
from ..plan.learning_rates import STEP, neighbour
from ..scaling import seed_rate

_FACTOR = 4            # between batch sizes
_KNEE = 0.9            # of a row's time at the next smaller size: above it a larger batch brings no speed any more
_NEARLY = 1.5          # times a row's time at the present size, up to which a smaller batch may pay
_TIMED = 15            # batches of a size, that its timings take
_FEWEST = 3            # sizes, for a line
N_FRESH = 3            # fresh seeds on which the one ahead is compared with the present setting
_SHARE = 0.5           # of the time, for the first level and fresh seeds there
# (updates, settings): the first that fits
_BEGINNINGS = ((300, 99), (150, 99), (100, 8), (60, 7), (60, 5), (40, 4), (25, 4), (15, 3), (10, 2))
MS = 1e-3              # the unit of the levels, so that a race continued with another budget has its marks where it had them


class Beginning(NamedTuple):
    """The settings that start, the present one first, and the seconds of the first level."""

    settings: tuple[Setting, ...]
    seconds: float


def sizes(present, n_train, largest, row_seconds):
    """Batch sizes to race: from the present one up to the first that gains no speed.

    Where that is the next one already, rows take the time, and the next smaller one is raced as well, if it is hardly slower. Else
    smaller ones are left out: a batch that is large for the gradient's noise is so most of all at the beginning (McCandlish et al.
    2018, arXiv:1812.06162), so a larger one that is ahead early stays ahead, and a smaller one does not.

    Args:
        present: the user's. n_train: training rows. largest: what fits in memory, or `None`.
        row_seconds: `(batch size) -> seconds` that training on one row takes.

    >>> sizes(32, 10_000, None, lambda size: 1e-3 / size + 1e-5)
    (32, 128, 512, 2048, 8192)
    >>> sizes(32, 10_000, None, lambda size: 1e-3)
    (8, 32, 128)
    """
    limit, own = min(n_train, largest or n_train), min(present, n_train)
    found, smaller, gains = [own], own // _FACTOR, True
    while gains and found[-1] * _FACTOR <= limit:
        found.append(found[-1] * _FACTOR)
        gains = row_seconds(found[-1]) <= _KNEE * row_seconds(found[-2])
    if len(found) == 2 and not gains and smaller and row_seconds(smaller) <= _NEARLY * row_seconds(own):
        found.insert(0, smaller)
    return tuple(found)


def timed_sizes(own, largest, pace, seconds):
    """The batch sizes to time for the clock of a race: from the present one up, as far as the time goes, and smaller ones where
    that leaves fewer than three, which a line takes.

    Args:
        own: the present batch size. largest: that may be raced. pace: seconds of an update at the present one.
        seconds: time there is. A larger batch is taken to cost in proportion, which none does by far more.

    >>> timed_sizes(32, 2048, 1e-3, 9.0), timed_sizes(32, 2048, 0.025, 9.0), timed_sizes(32, 2048, 1.0, 9.0)
    ((32, 128, 512, 2048), (32, 128, 512), (32, 8, 2))
    """
    found, left = [own], seconds - _TIMED * pace
    while found[-1] * _FACTOR <= largest and _TIMED * pace * found[-1] * _FACTOR / own <= left:
        found.append(found[-1] * _FACTOR)
        left -= _TIMED * pace * found[-1] / own
    smaller = own // _FACTOR
    while len(found) < _FEWEST and smaller >= 1:
        found.append(smaller)
        smaller //= _FACTOR
    return tuple(found)


def starters(present, batch_sizes, optimizer, fixed=()):
    """The settings that may start, the most promising first: the present one, its next higher rate, a smaller batch, larger ones
    around the rate of the rule for them (`seed_rate`), then its next lower rate.

    Args:
        present: the user's `Setting`. batch_sizes: as from `sizes`. optimizer: Keras' name of it.
        fixed: with `"learning_rate"`, larger batches have the present one.
    """
    def at(size, places):
        return Setting(batch_size=size, learning_rate=neighbour(present.learning_rate, present.learning_rate, places),
                       schedule=present.schedule)

    own = min(present.batch_size, max(batch_sizes))
    larger, smaller = ([size for size in batch_sizes if way * size > way * own] for way in (1, -1))
    if "learning_rate" in fixed:
        return (present, *(replace(present, batch_size=size) for size in (*smaller, *larger)))
    places = {size: math.log(seed_rate(1.0, own, size, optimizer), STEP) for size in batch_sizes}
    wanted = [at(own, 1), *(at(size, math.floor(places[size])) for size in smaller),
              *(at(size, math.ceil(places[size])) for size in larger),
              *(at(size, math.floor(places[size])) for size in larger), at(own, -1)]
    return tuple(dict.fromkeys([present, *wanted]))


def beginning(settings, seconds_an_update, cost, seconds):
    """The `Beginning` of a race that has so many seconds: as many settings and updates as half of them allows.

    Args:
        settings: as from `starters`. seconds_an_update: of the present setting, on the clock of whoever trains.
        cost: `(setting, seconds on that clock) -> seconds` that it takes here.
    """
    for n_updates, n_settings in _BEGINNINGS:
        some, level = settings[:n_settings], level_below(n_updates * seconds_an_update)
        taken = sum(cost(setting, level) for setting in some)
        if taken * (1 + 2 * N_FRESH / len(some)) <= _SHARE * seconds:
            return Beginning(some, level)
    n_updates, n_settings = _BEGINNINGS[-1]
    return Beginning(settings[:n_settings], level_below(n_updates * seconds_an_update))


def level_below(seconds):
    """The longest level that is no longer: a thousandth of a second times a power of two.

    >>> level_below(1.5), level_below(0.001)
    (1.024, 0.001)
    """
    return MS * 2.0 ** math.floor(math.log2(max(seconds, 1e-9) / MS) + 1e-9)


def nearest_level(seconds):
    """The level that so many seconds are nearest to."""
    return MS * 2.0 ** round(math.log2(seconds / MS))


def marks_until(seconds, first):
    """The seconds at which a run is looked at on the way to a level: two before the first level, then at every doubling."""
    return [first / 4 * 2.0**i for i in range(max(0, round(math.log2(seconds / first))) + 3)]
