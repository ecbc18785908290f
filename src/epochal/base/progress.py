"""How far long work is, told to whoever shows it: one protocol for planning, studies, training and predicting."""

import threading
from typing import Any, NamedTuple, Protocol

from .stop import Stop


class Item(NamedTuple):
    """One line of an agenda: a name, what is done, why, and about how many seconds it takes (`None` where nobody knows)."""

    name: str
    what: str
    why: str = ""
    seconds: float | None = None


class Agenda(NamedTuple):
    """What is going to be done."""

    title: str  # with `place`: what is worked on, and the machine that does it
    place: str = ""
    notes: tuple[str, ...] = ()  # what the user should know about the data
    # the work in its order; `None` where it is not made of measurements, and no table is shown
    items: tuple[Item, ...] | None = None
    sentences: tuple[str, ...] = ()  # what was settled beforehand
    bar: bool = True  # whether a face should draw how far it is; Keras' own `fit` and `predict` draw theirs


class Progress(Protocol):
    """What long work tells its caller, from any thread. A face draws it; nothing below a face prints."""

    def start(self, agenda: Agenda) -> None:
        """This is going to be done."""

    def step(self, share: float, sentence: str, detail: str = "") -> None:
        """A share of it, 0 to 1, is done; the sentence says what is under way, the detail how much is left of it."""

    def say(self, sentence: str) -> None:
        """A sentence that stays to be read: a note, or what was found on the way."""

    def answer(self, record: Any) -> None:
        """The answer so far: a whole record of the same kind as the one that is returned at the end."""

    def done(self) -> None:
        """It ended, and will tell nothing more."""


class Silent(Progress):
    """Progress that nobody looks at."""


SILENT = Silent()


class Reporter:
    """Tells progress on behalf of work under way: its share never goes down, and where the work should stop, it raises `Stopped`.

    Long work calls `step` between blocks of updates, measurements and epochs, after what was finished has been kept: so that is
    also where it looks at its `Stop`. Safe to use from several threads.

    Attributes:
        latest: the last answer that was told, or `None`.
    """

    def __init__(self, progress: Progress = SILENT, stop: Stop | None = None) -> None:
        self._progress, self._stop, self._highest, self._lock = progress, stop or Stop(), 0.0, threading.Lock()
        self.start, self.say, self.done = progress.start, progress.say, progress.done
        self.latest: Any = None

    def step(self, share: float, sentence: str, detail: str = "") -> None:
        """See `Progress.step`.

        Raises:
            Stopped: the work should end here.
        """
        self._stop.check()
        with self._lock:
            self._highest = max(self._highest, min(share, 1.0))
            self._progress.step(self._highest, sentence, detail)

    def answer(self, record: Any) -> None:
        self.latest = record
        self._progress.answer(record)
