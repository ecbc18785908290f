"""Reads ahead: computes the next item of an iterator in a thread, while the last one is being used."""

import threading
from contextlib import ExitStack
from queue import SimpleQueue

_PATIENCE = 5.0  # seconds that a consumer who leaves waits for an item that is still being made
_END = object()


def ahead(items):
    """Yield what `items` yields, made in a thread of its own.

    Besides the item in use there is never more than one other, the one in the making counted. An error in `items` is raised
    here, in its turn. The thread ends with the items, with an error, or soon after this generator is closed (by a `break`, or by
    Ctrl-C in the middle of training); it never keeps the interpreter from ending.

    Args:
        items: an iterator; nobody else may use it until this generator has ended.
    """
    ready, room, left = SimpleQueue(), threading.Semaphore(), threading.Event()

    def read():
        with ExitStack() as stack:  # whatever is raised here is raised again where the items are used: caught by nobody on the way
            stack.push(lambda kind, error, trace: ready.put((None, error)) is None)
            rest = iter(items)
            while room.acquire() and not left.is_set():
                ready.put((next(rest, _END), None))

    thread = threading.Thread(target=read, daemon=True, name="epochal reads ahead")
    thread.start()
    try:
        while True:
            *item, error = ready.get()
            if error is not None:
                raise error
            if item[0] is _END:
                return
            room.release()
            yield item.pop()  # whose user decides when its memory is free
    finally:
        left.set()
        room.release()
        thread.join(_PATIENCE)
