"""How fast a training is, and how long it will take."""

from typing import NamedTuple


class Pace(NamedTuple):
    """Updates and examples a second, and seconds left."""

    updates_per_second: float
    examples_per_second: float
    seconds_left: float


def pace(seconds_epochs, n_updates: int, n_rows: float, epochs_left: int) -> Pace:
    """From the seconds of the epochs so far, of which the first compiles and so counts only while it is alone.

    Args:
        n_updates, n_rows: of the last epoch; `n_rows` not a number where unknown.

    >>> pace([9.0, 2.0, 2.0], 10, 320, 3)
    Pace(updates_per_second=5.0, examples_per_second=160.0, seconds_left=6.0)
    """
    last = max(seconds_epochs[-1], 1e-9)
    steady = seconds_epochs[1:] or seconds_epochs
    recent = steady[-5:]
    return Pace(n_updates / last, n_rows / last, epochs_left * sum(recent) / len(recent))
