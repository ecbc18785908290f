"""One thread at a time for what touches Keras itself: tracing a model and drawing a fresh one both use state that threads share."""

import threading
import weakref

_TURNS = weakref.WeakKeyDictionary()  # per rig: its lock
_MAKING = threading.Lock()


def turn(rig):
    """The rig's lock, for `with turn(rig):`. Running a compiled program needs none."""
    with _MAKING:
        return _TURNS.setdefault(rig, threading.RLock())
