"""Where Python's verbs show their progress, by `verbose` as Keras means it."""

import sys
from typing import Literal

from rich.console import Console

from ..base.validate import require
from ..report.progress import ProgressDisplay

Verbosity = Literal["auto", 0, 1]


def display(verbose: Verbosity) -> ProgressDisplay:
    """Progress on standard error; `"auto"` shows it on a terminal and in a notebook."""
    require(verbose in ("auto", 0, 1), "verbose", verbose, '"auto", 0 or 1', "Pass 0 for silence.")
    quiet = not _is_shown(verbose, 1)
    return ProgressDisplay(quiet=quiet, silent=quiet)


def display_of_fit(verbose: object) -> ProgressDisplay:
    """Sentences on standard output, where Keras prints its own; what is planned first is shown as `plan` shows it."""
    return ProgressDisplay(sentences=Console(file=sys.stdout), quiet=not _is_shown(verbose, 1))


def display_of_predict(verbose: object) -> ProgressDisplay:
    """Sentences on standard error: standard output is often the predictions'."""
    return ProgressDisplay(silent=not _is_shown(verbose, 1, 2), quiet=True)


def _is_shown(verbose, *loud):
    return verbose in loud or (verbose == "auto" and (sys.stderr.isatty() or "ipykernel" in sys.modules))
