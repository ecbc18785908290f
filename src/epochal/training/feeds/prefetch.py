"""Reads ahead: computes the next item of an iterator in a thread, while the last one is being used."""

import threading
from queue import SimpleQueue

_PATIENCE = 5.0  # seconds that a consumer who leaves waits for an item that is still being made


def ahead(items):
    """Yield what `items` yields, made in a thread of its own.

    Besides the item in use there is never more than one other, the one in the making counted. An error in `items` is raised
    here, in its turn. The thread ends with the items, with an error, or soon after this generator is closed (by a `break`, or by
    Ctrl-C in the middle of training); it never keeps the interpreter from ending.

    Args:
        items: an iterator; nobody else may use it until this generator has ended.
    """
    reader = _Reader(items)
    try:
        while True:
            item, error = reader.ready.get()
            if error is not None:
                raise error
            if item is _Reader.END:
                return
            reader.free.release()
            box = [item]
            del item  # so that the user of an item decides when its memory is free
            yield box.pop()
    finally:
        reader.leave()


class _Reader:
    END = object()

    def __init__(self, items):
        self.ready, self.free, self._left = SimpleQueue(), threading.Semaphore(), threading.Event()
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True, name="epochal reads ahead")
        self._thread.start()

    def leave(self):
        self._left.set()
        self.free.release()
        self._thread.join(_PATIENCE)

    def _read(self, items):
        with self:
            items = iter(items)
            while True:
                self.free.acquire()
                if self._left.is_set():
                    break
                item = next(items, self.END)
                self.ready.put((item, None))
                if item is self.END:
                    break
                del item

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        """Whatever is raised in the thread is raised again where the items are used: caught by nobody on the way."""
        if error is not None:
            self.ready.put((None, error))
        return True
