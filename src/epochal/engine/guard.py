"""What protects work on a rig: running out of memory ends it and nothing else, and what touches Keras goes one thread at a time."""

import threading
import weakref

from ..base.errors import MeasurementFailed

_LOCKS = weakref.WeakKeyDictionary()  # per rig: its lock
_MAKING = threading.Lock()


def keras_lock(rig):
    """The rig's lock: tracing a model and drawing a fresh one use state that threads share, running a compiled program does not."""
    with _MAKING:
        return _LOCKS.setdefault(rig, threading.RLock())


class memory_guard:  # noqa: N801  (used as a statement: `with memory_guard(rig) as guard:`)
    """A block that may run out of memory: then it is left, and `ran_out` is true. Any other error passes through.

    Args:
        refused: `(exception) -> bool`, by what else the block is left in the same way.
    """

    def __init__(self, rig, refused=lambda error: False):
        self._rig, self._refused, self.ran_out = rig, refused, False

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.ran_out = error is not None and (self._rig.out_of_memory(error) or self._refused(error))
        return self.ran_out

    def require(self, batch_size):
        """Raise `MeasurementFailed` where memory ran out, for a batch that nothing can be said without."""
        if self.ran_out:
            raise MeasurementFailed(f"There is no memory for a batch of {batch_size:,} examples. Free some, or use a device with "
                                    "more.")
