"""Time as people write it."""

import re

from .errors import UsageError
from .validate import require

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "m": 60.0, "minute": 60.0, "minutes": 60.0,
          "h": 3600.0, "hour": 3600.0, "hours": 3600.0}


def seconds_of(budget):
    """Seconds in a number, or in words such as `"2 min"`, `"90 s"`, `"1 h"`.

    Raises:
        UsageError: it is no positive, finite time.

    >>> seconds_of("2 min"), seconds_of(45), seconds_of("1.5h")
    (120.0, 45.0, 5400.0)
    """
    cure = 'Pass "2 min", "90 s" or a number of seconds.'
    if isinstance(budget, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", budget.lower())
        if found is None or found[2] not in _UNITS:
            raise UsageError(f"`budget` must be a time; got {budget!r}. {cure}")
        budget = float(found[1]) * _UNITS[found[2]]
    require(isinstance(budget, (int, float)) and 0 < budget < float("inf"), "budget", budget, "a positive number of seconds", cure)
    return float(budget)
