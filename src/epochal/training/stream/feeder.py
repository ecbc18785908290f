"""Rows are read in another thread, ahead of who learns from them and no further than so many: who waits for whom is measured."""

import threading
from contextlib import ExitStack
from time import perf_counter

from ...base.stop import Stop

_MOST = 16_384  # rows that have arrived and are not learned from: beyond, the source waits
_POLL = 0.1     # seconds between two looks at whether to stop


class Feeder:
    """Reads chunks, of which each has `n_rows`.

    Attributes:
        source_waited: seconds in which the source was made to wait. seconds_waiting: in which there was no row to learn from.
        most_behind: the most rows that had arrived and were not learned from.
    """

    def __init__(self, chunks):
        self.source_waited = self.seconds_waiting = 0.0
        self.most_behind = self._behind = 0
        self._ready, self._condition = [], threading.Condition()
        self._ended, self._closed, self._failed = False, False, []
        threading.Thread(target=self._read, args=(chunks,), name="epochal-stream", daemon=True).start()

    def batches(self, stop=None):
        """Lists of chunks that have arrived; an empty one where there is none yet, so that others may look around.

        Raises:
            Stopped: `stop` is set. Whatever reading raised.
        """
        stop = stop or Stop()
        while True:
            stop.check()
            with self._condition:
                begun = perf_counter()
                if not self._ready and not self._ended:
                    self._condition.wait(_POLL)
                    self.seconds_waiting += perf_counter() - begun
                taken, self._ready, ended = self._ready, [], self._ended
            if taken or not ended:
                yield taken
            elif self._failed:
                raise self._failed[0]
            else:
                return

    def learned(self, n_rows):
        """So many rows were learned from, or left out: there is room for others."""
        with self._condition:
            self._behind -= n_rows
            self._condition.notify_all()

    def close(self):
        """Read no more; a source that gives nothing is not waited for."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _read(self, chunks):
        with ExitStack() as stack:  # whatever is raised here is raised again where rows are asked for: caught by nobody on the way
            stack.push(self._end)
            for chunk in chunks:
                if not self._put(chunk):
                    return

    def _end(self, kind, error, trace):  # noqa: ARG002 - as an exit is called
        with self._condition:
            self._failed += [error] if error is not None else []
            self._ended = True
            self._condition.notify_all()
        return True

    def _put(self, chunk):
        with self._condition:
            begun = perf_counter()
            waited = False
            while self._behind and self._behind + chunk.n_rows > _MOST and not self._closed:
                waited = True
                self._condition.wait(_POLL)
            if waited:
                self.source_waited += perf_counter() - begun
            self._ready.append(chunk)
            self._behind += chunk.n_rows
            self.most_behind = max(self.most_behind, self._behind)
            self._condition.notify_all()
            return not self._closed
