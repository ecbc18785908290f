"""Runs a function of this package in a process of its own, with limits of time and memory: it ends in a value, or in a sentence."""

import contextlib
import io
import os
import pickle
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import psutil

from .system.memory import says_no_memory
from .text import duration
from .validate import require

_NAME = "epochal.base.isolated"  # of this module, also where it is the program that runs: a process may start others
_TAIL = 4000     # characters kept of what the process wrote to standard error
_LOOK = 0.1      # seconds between two looks at the clock and at the memory of the process
_PARENT = 1.0    # seconds between two looks of the process at whether the one that started it is alive


@dataclass(frozen=True)
class Outcome:
    """How the function ended."""

    value: Any = None  # what it returned
    # `None` where it returned; else what happened instead
    failure: Literal["raised", "killed", "out of memory", "timed out"] | None = None
    sentence: str = ""  # what happened, for a reader; empty where it returned
    printed: str = ""  # the end of what the process wrote to standard error
    told: tuple[Any, ...] = ()  # what the function passed to `tell`, in order, however it ended


@dataclass(frozen=True)
class Isolated:
    """Runs functions, each in a new Python process that ends with it and leaves nothing behind.

    What travels to the process and back is pickled by this package for its own child, through pipes: nothing is read from a file.
    Arguments and value should be plain data and arrays. The process ends when the one that started it does. Where memory runs out,
    Linux ends it before others.
    """

    seconds: float  # after so many the process is ended; starting Python and importing libraries count
    # the process and its children may hold so much; `None` for no limit. Looked at ten times a second. On Linux without what is
    # shared with others, such as libraries.
    memory_bytes: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)  # variables set for the process beside those of this one
    watch: Callable[[], None] = lambda: None  # called ten times a second meanwhile; what it raises ends the process, and is raised

    def run(self, function: str, *arguments: Any) -> Outcome:
        """Call `function(*arguments)` there, and wait.

        Args:
            function: where it is, such as `"epochal.training.fit.other_back_ends:seconds_a_batch"`.
            arguments: anything that can be pickled.
        """
        require(function.startswith("epochal.") and ":" in function, "function", function,
                "the import path of a function of Epochal", 'Pass "epochal.room.file:name".')
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONWARNINGS": "ignore",
                       **self.environment}
        with tempfile.TemporaryFile() as log:  # has no name
            process = subprocess.Popen([sys.executable, "-P", "-m", _NAME, str(os.getpid())], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=log, env=environment,
                                       start_new_session=True)  # Ctrl-C in the terminal is for the parent to answer
            try:
                threading.Thread(target=_hand_over, args=(process.stdin, pickle.dumps((function, arguments))), daemon=True).start()
                process.stdin = None  # else `communicate` closes it
                answer, failure = self._wait(process)
            finally:
                _end(process)
            log.seek(0)
            printed = log.read().decode(errors="replace").strip()[-_TAIL:]
        told = _messages(answer)
        ended = told.pop() if told and told[-1].last else None
        said = tuple(message.content for message in told)
        if ended is None:  # it ended before it could say how
            failure, sentence = failure or _ending(process.returncode)
            return Outcome(failure=failure, sentence=sentence, printed=printed, told=said)
        if ended.failure:
            return Outcome(failure=ended.failure, sentence=ended.content, printed=printed, told=said)
        return Outcome(ended.content, printed=printed, told=said)

    def _wait(self, process) -> tuple[bytes, tuple[Literal["out of memory", "timed out"], str] | None]:
        """What the process said, as bytes; and, where it was ended for passing a limit, `(failure, sentence)`."""
        deadline = time.monotonic() + self.seconds
        while True:
            try:
                return process.communicate(timeout=_LOOK)[0], None
            except subprocess.TimeoutExpired:
                pass
            self.watch()
            failure = None
            if time.monotonic() > deadline:
                failure = "timed out", f"It took longer than {duration(self.seconds)}."
            elif self.memory_bytes is not None and _memory(process.pid) > self.memory_bytes:
                failure = "out of memory", f"It needed more than {self.memory_bytes / 2**30:.3g} GiB of memory."
            if failure is not None:
                _kill(process)
                return process.communicate()[0], failure


def _hand_over(pipe, message):
    """Write the message while the process is waited for: `communicate` writes no more of it once it has timed out
    (https://github.com/python/cpython/issues/141473)."""
    with contextlib.suppress(BrokenPipeError), pipe:  # the process ended before it had read it
        pipe.write(message)


def _ending(code) -> tuple[Literal["killed"], str]:
    """What it means that the process ended with this code and without an answer."""
    if code is None or code >= 0:
        return "killed", f"Its process ended with the code {code}."
    name = signal.Signals(-code).name
    return "killed", f"Its process was ended by {name}{', as the system does when memory runs out' if name == 'SIGKILL' else ''}."


def _end(process):
    """End the process and what it has started, if they have not ended."""
    _kill(process)
    process.stdout.close()
    process.wait()


def _kill(process):
    family = []
    if process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _memory(pid):
    """Bytes that the process and its children hold."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):  # one of them has just ended
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            held = process.memory_info()
            total += held.rss - getattr(held, "shared", 0)
    return total


class _Message(NamedTuple):
    """What the process says: on the way, or, as the `last`, the value it returned, or a sentence and a `failure`."""

    content: Any
    last: bool = False
    failure: Any = None


def tell(content: Any) -> None:
    """Tell the process that has started this one, which finds it in `Outcome.told` however this one ends; else nothing happens."""
    if _answers is not None:
        _write(_Message(content))


_answers: Any = None  # in a process that `Isolated` has started: the pipe to the one that did


def _write(message):
    _answers.write(pickle.dumps(tuple(message)))
    _answers.flush()


def _messages(answer):
    """The messages in the bytes that a process wrote; one that it was ended in the middle of is left out."""
    found, stream = [], io.BytesIO(answer)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            found.append(_Message(*pickle.load(stream)))  # written by our own child
    return found


def _child():
    """The process: reads the call from standard input, and writes how it ended to what standard output was."""
    global _answers
    sys.modules["epochal.base.isolated"] = sys.modules[__name__]  # so that `tell` writes to this pipe
    parent, _answers = int(sys.argv[1]), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed goes to standard error
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # of Linux: end this one first
        file.write("1000")
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()

    def raised(kind, error, trace):
        sys.__excepthook__(kind, error, trace)
        _write(_Message(f"{kind.__name__}: {error}".strip(), True, "out of memory" if says_no_memory(error) else "raised"))

    sys.excepthook = raised  # called with whatever ends the process
    function, arguments = pickle.loads(sys.stdin.buffer.read())  # written by the process that started this one
    _write(_Message(pkgutil.resolve_name(function)(*arguments), True))


def _end_with(parent):
    while os.getppid() == parent or psutil.pid_exists(parent):
        time.sleep(_PARENT)
    os._exit(1)


if __name__ == "__main__":
    _child()
