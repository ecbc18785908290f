"""Warn as if the line of the user had done it."""

import inspect
import pathlib
import warnings

from .errors import Advice

_HOUSE = str(pathlib.Path(__file__).parents[1])


def advise(finding):
    """Give an `Advice` with the text of a finding, at the first caller outside this package; nothing where there is none."""
    if finding is None:
        return
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_back is not None and frame.f_code.co_filename.startswith(_HOUSE):
        frame, level = frame.f_back, level + 1
    warnings.warn(str(finding), Advice, stacklevel=level)
