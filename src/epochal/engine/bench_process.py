"""A process with another back end: started, asked, and ended, whatever happens to either side."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref

from ..base.errors import EpochalError, Unsupported
from .bench_wire import Interrupted, Wire

_TAIL = 2000     # characters of the log in a message
_PATIENCE = 5.0  # seconds that an idle process may take to end


class BenchLost(EpochalError, RuntimeError):
    """The process on another back end has ended. The model holds what was last stored, and can be trained on here.

    Attributes:
        short: the message without what the process printed before its last line.
    """

    def __init__(self, how, printed=""):
        super().__init__(how + (f" It printed last:\n{printed}" if printed else ""))
        self.short = how + (f" It said: {printed.splitlines()[-1]}" if printed else "")


class Process:
    """A child of this process that answers calls, in their order.

    It ends with `close`, with this object, or with this process, and leaves nothing behind. Whatever it prints is kept for the
    message of its death. Calls may come from several threads.

    Args:
        backend: the back end that its Keras uses.

    Raises:
        Unsupported: this system has no such processes.
    """

    def __init__(self, backend):
        if os.name != "posix":
            raise Unsupported("Training on another back end needs Linux or macOS. Train on Keras' active one.")
        log = tempfile.TemporaryFile()  # noqa: SIM115  (has no name from the start; `_end` closes it)
        # A group of its own: Ctrl-C in the terminal is the parent's to answer.
        self._child = subprocess.Popen([sys.executable, "-P", "-m", "epochal.engine.bench_worker", str(os.getpid())],
                                       bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                       start_new_session=True, env=_environment(backend))
        self.dropped = collections.deque()  # numbers of data that nobody refers to any more; told with the next call
        self._backend, self._log, self._lock = backend, log, threading.RLock()
        self._wire = Wire(self._child.stdout.fileno(), self._child.stdin.fileno())
        self._n_calls = self._n_replies = 0
        self._waiting = weakref.WeakValueDictionary()  # by call: what takes its reply
        self._end = weakref.finalize(self, _end, self._child, log, os.getpid())

    @property
    def pid(self):
        """The number of the process."""
        return self._child.pid

    def call(self, verb, *arguments, arrays=(), taker=None):
        """Ask for something without waiting; returns the number of the call.

        Args:
            taker: its `take(message)` is called when the reply is read, if it is still referred to then; the message may be an
                error.

        Raises:
            BenchLost: the process is gone.
        """
        with self._lock:
            dropped = [self.dropped.popleft() for _ in range(len(self.dropped))]
            with self._alive():
                self._wire.send((verb, arguments, dropped), arrays)
            self._n_calls += 1
            if taker is not None:
                self._waiting[self._n_calls] = taker
            return self._n_calls

    def reply(self, number):
        """`(message, arrays)` of a call, waiting for it; `None` where it was read before.

        Raises:
            BenchLost: the process is gone.
            Unsupported, UsageError: this call, or one before it of which nobody has heard yet, was refused there.
        """
        with self._lock:
            answer = None
            while self._n_replies < number:
                with self._alive():
                    answer = self._wire.receive()
                self._n_replies += 1
                if (taker := self._waiting.pop(self._n_replies, None)) is not None:
                    taker.take(answer[0])
                if isinstance(answer[0], EpochalError):
                    raise answer[0]
            return answer

    def close(self):
        """End the process, if it has not ended."""
        with self._lock:
            self._end()

    @contextlib.contextmanager
    def _alive(self):
        if not self._end.alive:
            raise BenchLost(f"The process on {self._backend} is closed.")
        try:
            yield
        except (EOFError, BrokenPipeError) as error:
            raise self._lost(_ending(_exit_code(self._child))) from error
        except Interrupted as error:
            raise self._lost("was given up, as a message to it or from it was interrupted.") from error

    def _lost(self, how):
        self._log.seek(0)
        printed = self._log.read().decode(errors="replace").strip()[-_TAIL:]
        self.close()
        return BenchLost(f"The process on {self._backend} {how}", printed)


def _environment(backend):
    """What the process inherits: where modules are found, and memory of a device taken as it is needed, for two share it."""
    return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_CPP_MIN_LOG_LEVEL": "2"} | dict(
        os.environ, KERAS_BACKEND=backend, PYTHONWARNINGS="ignore",
        PYTHONPATH=os.pathsep.join(os.path.abspath(folder) for folder in sys.path))


def _exit_code(child):
    try:
        return child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return None


def _ending(code):
    if code is None:
        return "no longer answers."
    if code >= 0:
        return f"ended with code {code}."
    name = signal.Signals(-code).name
    return f"was ended by {name}{', as the system does when memory runs out' if name == 'SIGKILL' else ''}."


def _end(child, log, owner):
    """Let the process end by itself, as it does when its pipe ends; else end it. A fork of the owner has no say."""
    if os.getpid() != owner:
        return
    child.stdin.close()
    if _exit_code(child) is None:
        child.kill()
        child.wait()
    child.stdout.close()
    log.close()
