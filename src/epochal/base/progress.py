"""How far long work is, told to whoever shows it: one protocol for planning, studies, training and predicting."""

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Item(NamedTuple):
    """One line of an agenda: a name, what is done, why, and about how many seconds it takes (`None` where nobody knows)."""

    name: str
    what: str
    why: str = ""
    seconds: float | None = None


class Progress(Protocol):
    """What long work tells its caller, from any thread. A face draws it; nothing below a face prints."""

    def start(self, agenda: Sequence[Item]) -> None:
        """This is going to be done."""

    def step(self, share: float, sentence: str, detail: str = "") -> None:
        """A share of it, 0 to 1, is done; the sentence says what is under way, the detail how much is left of it."""

    def say(self, sentence: str) -> None:
        """A sentence that stays to be read: a note, or what was found on the way."""

    def answer(self, record: Any) -> None:
        """The answer so far: a whole record of the same kind as the one that is returned at the end."""

    def done(self) -> None:
        """It ended, and will tell nothing more."""


class Silent:
    """Progress that nobody looks at."""

    def start(self, agenda: Sequence[Item]) -> None: ...
    def step(self, share: float, sentence: str, detail: str = "") -> None: ...
    def say(self, sentence: str) -> None: ...
    def answer(self, record: Any) -> None: ...
    def done(self) -> None: ...


SILENT = Silent()


class Rising:
    """Progress whose share never goes down, though work may turn out to be longer than foreseen; safe to use from threads.

    Args:
        progress: whom to tell.
        start, end: the part of the whole that this work is; it tells shares of its own, from 0 to 1.
    """

    def __init__(self, progress: Progress, start: float = 0.0, end: float = 1.0) -> None:
        self._to, self._start, self._length = progress, start, end - start
        self._highest, self._lock = 0.0, threading.Lock()
        self.start, self.say, self.answer, self.done = progress.start, progress.say, progress.answer, progress.done

    def step(self, share: float, sentence: str, detail: str = "") -> None:
        with self._lock:
            self._highest = max(self._highest, min(share, 1.0))
            self._to.step(self._start + self._length * self._highest, sentence, detail)
