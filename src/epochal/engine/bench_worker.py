"""The process of `bench.py`: it builds the model on the back end that it was started with, and trains it as it is told.

A refusal goes back as the answer to the call. Any other error ends the process, with the trace in its log; the other side sees the
pipe end, and reads the log.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback

import psutil

from ..base.errors import Unsupported, UsageError
from .bench_wire import Wire

_LOOK = 2.0  # seconds between two looks at whether the parent lives: a process that it forked may hold the pipe open


def main():
    """Answer the calls that come through standard input, one after the other, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire, calls = Wire(*_pipes()), queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wire, calls, int(sys.argv[1])), daemon=True).start()
    seat = _Seat()
    while True:
        (verb, arguments, dropped), arrays = calls.get()
        seat.drop(dropped)
        try:
            message, answer = getattr(seat, verb)(*arguments, *([arrays] if arrays else ()))
        except (Unsupported, UsageError) as error:  # a refusal, after which nothing has changed
            message, answer = error, ()
        del arrays
        wire.send(message, answer)


class _Seat:
    """The model and what was put on the device for it. A method answers `(message, arrays)`.

    The arrays of a call, if it has any, are the last argument.

    Keras is imported with the first call, so that a parent that ends meanwhile is noticed.
    """

    def __init__(self):
        self._data, self._trial = {}, None

    def open(self, recipe, sample, n_arrays, shapes, seed, micro_batch_size, arrays):
        import keras

        from ..seam.remote.alike import answers, misfit, settle
        from ..seam.remote.mirror import Mirror
        from ..seam.remote.plain import rebuild
        from ..seam.rows import over
        from ..seam.trainee import build, open_trainee

        keras.utils.set_random_seed(seed)
        sample = over(lambda i: arrays[i], sample)
        model = rebuild(recipe)
        build(model, sample)
        if why_not := misfit(shapes, model):
            return (None, None, why_not), ()
        self._mirror = Mirror(model)
        self._mirror.take(range(len(arrays) - n_arrays), arrays[n_arrays:])
        settle(model)
        told = answers(model, recipe, sample)
        self._trainee, _ = open_trainee(model, sample, micro_batch_size)
        return (told, (self._trainee.device, self._trainee.modes, getattr(self._trainee, "why_not", {})), ""), ()

    def put(self, number, batch, arrays):
        from ..seam.rows import over

        self._data[number] = self._trainee.put(over(lambda i: arrays[i], batch))
        return None, ()

    def drop(self, numbers):
        for number in numbers:
            del self._data[number]

    def train(self, number, mode, arrays):
        return self._trainee.numbers(self._trainee.train(self._data[number], arrays[0], mode)), ()

    def test(self, number, mode, arrays):
        return self._trainee.numbers(self._trainee.test(self._data[number], arrays[0], mode)), ()

    def reset_metrics(self):
        self._trainee.reset_metrics()
        return None, ()

    def load(self, positions, arrays):
        self._mirror.take(positions, arrays)
        self._trainee.load()
        return None, ()

    def store(self):
        self._trainee.store()
        return self._mirror.changes()

    def keep(self):
        self._trial = contextlib.ExitStack()
        self._trial.enter_context(self._trainee.kept())
        return None, ()

    def undo(self):
        self._trial.close()
        return None, ()

    def wait(self):
        self._trainee.wait()
        return None, ()


def _pipes():
    """Standard input and output for the calls alone: whatever else is printed goes to standard error, which is the log."""
    reads, writes = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return reads, writes


def _listen(wire, calls, parent):
    """Take calls off the pipe while others run, and end the process with the parent, whatever runs then."""
    before = os.getppid()  # that of the parent, unless it is gone already or something stands between the two
    try:
        while True:
            while not wire.waits(_LOOK):
                if os.getppid() != before or not psutil.pid_exists(parent):
                    raise EOFError
            calls.put(wire.receive())
    except EOFError:
        os._exit(0)
    finally:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
