"""Checks of arguments, all with one wording: what it must be, what came, what to do."""

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from .errors import UsageError


def require(condition: object, name: str, value: object, must: str, cure: str = "") -> None:
    """Raise `UsageError` unless `condition` holds.

    >>> require(False, "budget", -1, "a positive number of seconds", 'Pass budget="10 min".')
    Traceback (most recent call last):
    epochal.base.errors.UsageError: `budget` must be a positive number of seconds; got -1. Pass budget="10 min".
    """
    if not condition:
        raise UsageError(f"`{name}` must be {must}; got {value!r}." + (f" {cure}" if cure else ""))


def is_whole(value: object) -> bool:
    """Whether this is a whole number of Python's or NumPy's; `True` and `False` are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether this is a finite number of Python's or NumPy's; `True` and `False` are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def whole_number(name: str, value: Any, least: int = 1, cure: str = "") -> None:
    """Refuse what is no whole number, or below `least`."""
    must = {0: "a whole number, 0 or more", 1: "a positive whole number"}.get(least, f"a whole number, {least} or more")
    require(is_whole(value) and value >= least, name, value, must, cure)


def positive_number(name: str, value: Any, cure: str = "", must: str = "a positive number") -> None:
    """Refuse what is no number, not finite, or not above 0."""
    require(is_number(value) and value > 0, name, value, must, cure)


def one_of(name: str, value: object, known: Iterable[Any], cure: str = "") -> None:
    """Refuse what is none of the values that are `known`."""
    known = list(known)
    require(any(isinstance(value, type(one)) and value == one for one in known), name, value,
            f"one of {', '.join(map(str, known))}", cure)


def path_like(name: str, value: object, must: str = "the name of a file", cure: str = "") -> None:
    """Refuse what cannot name a file or a folder."""
    require(isinstance(value, str | os.PathLike), name, value, must, cure)
