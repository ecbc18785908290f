"""Messages and arrays between two processes, through the pipes that one of them was started with.

Nothing is written to a file, and nobody else can listen. The bytes of an array follow its message as they lie in memory, so that a
large one is copied once on its way and never pickled; one that is mapped from a file is read block by block.
"""

import os
import pickle
import select

import numpy as np

_BLOCK = 2**20   # bytes written at once
_WIDE = 2**20    # bytes that a pipe is asked to hold, where the system lets one ask


class Interrupted(Exception):
    """An earlier message was broken off in the middle, by Ctrl-C for example, so that nothing that follows can be read."""


class Wire:
    """One end of two pipes. One thread may send while another one receives.

    Args:
        reads, writes: file descriptors.
    """

    def __init__(self, reads, writes):
        self._reads, self._writes = reads, writes
        self._at_rest = {reads: True, writes: True}  # no message is half way
        for pipe in (reads, writes):
            _widen(pipe)

    def send(self, message, arrays=()):
        """Write a message of plain Python objects, and the arrays that belong to it.

        Raises:
            BrokenPipeError: the other end is gone.
            Interrupted: an earlier message was broken off.
        """
        arrays = [np.asarray(a) for a in arrays]
        head = pickle.dumps((message, [(a.dtype, a.shape) for a in arrays]))
        self._begin(self._writes)
        self._write(len(head).to_bytes(8, "little") + head)
        for array in arrays:
            for block in _blocks(array):
                self._write(block)
        self._at_rest[self._writes] = True

    def receive(self):
        """The next message and its arrays, waiting for it.

        Raises:
            EOFError: the other end is gone.
            Interrupted: an earlier message was broken off.
        """
        first = os.read(self._reads, 1)  # an interruption while nothing has come yet does no harm
        if not first:
            raise EOFError
        self._begin(self._reads)
        size = int.from_bytes(first + bytes(self._read(bytearray(7))), "little")
        message, kinds = pickle.loads(self._read(bytearray(size)))
        arrays = [np.empty(shape, dtype) for dtype, shape in kinds]
        for array in arrays:
            self._read(_bytes(array))
        self._at_rest[self._reads] = True
        return message, arrays

    def waits(self, seconds):
        """Whether something has come, or the other end is gone, after at most so many seconds."""
        return bool(select.select([self._reads], [], [], seconds)[0])

    def _begin(self, pipe):
        if not self._at_rest[pipe]:
            raise Interrupted
        self._at_rest[pipe] = False

    def _write(self, block):
        view = memoryview(block).cast("B")
        while view:
            view = view[os.write(self._writes, view[:_BLOCK]) :]

    def _read(self, room):
        view = memoryview(room)
        while view:
            n = os.readv(self._reads, [view])
            if n == 0:
                raise EOFError
            view = view[n:]
        return room


def _bytes(array):
    return array.reshape(-1).view(np.uint8)


def _blocks(array):
    """The bytes of an array in order; one that does not lie in order is put so a block at a time."""
    if array.nbytes == 0:
        return
    if array.flags.c_contiguous:
        yield _bytes(array)
        return
    n = max(1, _BLOCK * len(array) // array.nbytes)
    for start in range(0, len(array), n):
        yield _bytes(np.ascontiguousarray(array[start : start + n]))


def _widen(pipe):
    """A pipe holds 64 kB unless one asks for more; only Linux can be asked."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDE)
    except (ImportError, AttributeError, OSError):
        pass
