"""A token that ends long work early: any thread sets it, and the work looks at it wherever it can end with nothing lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(KeyboardInterrupt):
    """Work was ended by its `Stop`. Whoever is not interested in why sees the `KeyboardInterrupt` that Ctrl-C raises.

    Attributes:
        answer: the answer so far, a whole record of the kind that the work returns, or `None`.
        kept: where everything finished is kept (the same call continues from there), or `None`.
    """

    def __init__(self, answer: Any = None, kept: Any = None) -> None:
        super().__init__("stopped")
        self.answer, self.kept = answer, kept


class Stop:
    """Asks work under way to end: set by any thread, looked at between blocks of updates, measurements and epochs."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Stopped` if the token is set."""
        if self._event.is_set():
            raise Stopped


@contextmanager
def set_by_ctrl_c(stop: Stop) -> Iterator[Stop]:
    """A block in which the first Ctrl-C sets `stop`, and a second one raises `KeyboardInterrupt` at once.

    Outside the main thread, where Python gives no signals, and where a program has a reaction to Ctrl-C of its own, nothing is
    changed.
    """
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours:
        yield stop
        return

    def react(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, react)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
