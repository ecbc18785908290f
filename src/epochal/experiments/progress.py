"""How far a study is, and how long it will still take, from what has been done so far."""

import threading
from time import perf_counter
from typing import NamedTuple

from ..base.progress import Reporter
from ..base.text import time_left


class Figures(NamedTuple):
    """How far a study is: trainings finished, and foreseen in all, of which the search may add some; the share of the work, 0 to 1;
    seconds left by the pace so far, and the best validation quality, each `None` before anything is finished.
    """

    done: int
    total: int
    share: float
    seconds_left: float | None
    best: float | None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None or self.share >= 1 else f", {time_left(self.seconds_left)}"
        best = "" if self.best is None else f", lowest loss of a trial {self.best:.4g}"
        return f"{self.done} of {self.total} trainings{left}{best}"


class Ledger:
    """Work foreseen, done before this call, and done now, in updates times the cost of one; safe to use from several threads."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter, self._lock, self._started = reporter, threading.Lock(), perf_counter()
        self._foreseen, self._n_foreseen = 0.0, 0
        self._held, self._made, self._n_done = 0.0, 0.0, 0
        self._under_way, self._best, self._what = {}, None, "starting"

    def foresee(self, work, n_trainings):
        """So much is still to be done, whatever was foreseen before."""
        with self._lock:
            self._foreseen, self._n_foreseen = self._held + self._made + work, self._n_done + n_trainings

    def expect(self, work, n_trainings):
        """So much comes next, also where less was foreseen."""
        with self._lock:
            self._foreseen = max(self._foreseen, self._held + self._made + work)
            self._n_foreseen = max(self._n_foreseen, self._n_done + n_trainings)

    def begin(self, what):
        self._what = what
        self._tell()

    def step(self, name, share, work):
        """A share of a block is done."""
        with self._lock:
            self._under_way[name] = share * work
        self._tell()

    def finish(self, name, work, n_trainings, best, *, held=False):
        """A block is done: now, or in an earlier run that this one continues."""
        with self._lock:
            self._under_way.pop(name, None)
            self._n_done += n_trainings
            self._best = best
            if held:
                self._held += work
            else:
                self._made += work
        self._tell()

    def figures(self) -> Figures:
        with self._lock:
            made = self._made + sum(self._under_way.values())
            done = self._held + made
            foreseen, n = max(self._foreseen, done), max(self._n_foreseen, self._n_done)
            left = (perf_counter() - self._started) * (foreseen - done) / made if made > 0 else None
            return Figures(self._n_done, n, done / foreseen if foreseen else 0.0, left, self._best)

    def _tell(self):
        figures = self.figures()
        self.reporter.step(figures.share, self._what, str(figures))
