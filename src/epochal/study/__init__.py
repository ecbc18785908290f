"""Floor 5: the fair comparison behind a plan."""

from .run import run_study as run_study
