"""Ctrl-C in a long compiled program: the signal is noted, and answered where the model is whole."""

import signal
import threading


class Stopping:
    """A block in which the first Ctrl-C is kept for `check`, which raises it; a second one is raised at once.

    Outside the main thread, where Python gives no signals, and where a program has taken Ctrl-C into its own hands, it does
    nothing.
    """

    def __enter__(self):
        self._asked, self._before = False, None
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self):
        """Raise `KeyboardInterrupt` if it was asked for."""
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt

    def _note(self, *_):
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
