"""Until tests/experiments/test_study_run.py imports from `blocks`: the names it knows."""

from .blocks import curve_of as curve_of
from .blocks import schedule_of as schedule_of
