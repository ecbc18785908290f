"""Progress of a study: trainings done, time left, best so far; a bar on a terminal, a line a stage elsewhere."""

import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ..base.text import duration


class StudyLive:
    """What a person sees while a study runs; used as `with StudyLive() as live: run_fair(…, watch=live.watch)`.

    Args:
        console: where to draw; standard error by default, so that standard output holds the answer alone.
        quiet: draw nothing.
    """

    def __init__(self, *, console=None, quiet=False):
        self._console, self._quiet = console or Console(stderr=True), quiet
        self._last, self._lock = None, threading.Lock()
        self._bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
                             TextColumn("{task.fields[figures]}"), console=self._console, transient=True,
                             disable=quiet or not self._console.is_terminal)
        self._task = self._bar.add_task("starting", total=1.0, figures="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *failure):
        self._bar.stop()

    def watch(self, progress):
        """One step further; may be called from several threads."""
        left = "" if progress.seconds_left is None or progress.share >= 1 else f", {_about(progress.seconds_left)} left"
        best = "" if progress.best is None else f", best {progress.best:.4g}"
        with self._lock:
            self._bar.update(self._task, completed=progress.share, description=progress.what,
                             figures=f"{progress.done} of {progress.total} trainings{left}{best}")
            if progress.what != self._last and not self._quiet and not self._console.is_terminal:
                self._console.print(f"{progress.what} ({progress.done} of {progress.total} trainings{left}{best})", highlight=False,
                                    soft_wrap=True)
            self._last = progress.what


def _about(seconds):
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"
