"""What the world does to a command, in a sentence: memory and devices that are full, places that are closed, a user's own code."""

import errno
import traceback
from contextlib import AbstractContextManager

from ...base.errors import EpochalError, UsageError
from ...base.system.memory import memory_here, says_no_memory
from ...base.text import quantity

_CURES = {"ENOSPC": "Make room there", "EDQUOT": "Make room there", "EMFILE": "Raise the limit of open files (ulimit -n)",
          "EROFS": "Name another place", "EACCES": "Name another place", "EPERM": "Name another place",
          "EAGAIN": "Raise the limit of processes (ulimit -u)"}


class world_as_sentences(AbstractContextManager):  # noqa: N801  (used as a statement)
    """A block in which what the world does becomes a `UsageError`; a fault of ours stays what it is, with its traceback."""

    def __exit__(self, kind, error, trace):
        sentence = None if error is None or isinstance(error, EpochalError) else _sentence(error, trace)
        if sentence is not None:
            raise UsageError(sentence) from error
        return False


def _sentence(error, trace):
    place = _in_their_code(trace)
    if (isinstance(error, SystemExit) and place is None) or not isinstance(error, (Exception, SystemExit)):
        return None
    if says_no_memory(error):
        return (f"There is too little memory{_how_much()} ({_said(error)}). End other programs, raise the limit (ulimit -v, or "
                "that of the container), or pass fewer rows or a smaller model.")
    if "start new thread" in _said(error):
        return f"The system lets this process start no more threads ({_said(error)}). Raise the limit of processes (ulimit -u)."
    if isinstance(error, ImportError) and not (error.name or "").startswith("epochal"):
        return (f"A library cannot be loaded ({_said(error)}). If memory is limited here (ulimit -v), raise the limit; else "
                "install it again.")
    if place is not None:
        return f"The code of the model failed, {place}: {_said(error)}. Mend it and run again."
    if isinstance(error, OSError) and error.errno is not None:
        where = "" if error.filename is None else f" at {error.filename!r}"
        cure = _CURES.get(errno.errorcode.get(error.errno, ""), "See what is wrong there")
        return f"The system refused something{where}: {error.strerror or error}. {cure}, and run the same again."
    return None


def _how_much():
    try:
        memory = memory_here()
    except (MemoryError, ImportError):  # not even for that
        return ""
    return f": of {quantity('B', memory.total)} that this process may hold, {quantity('B', memory.free)} are free"


def _said(error):
    """The error's type and the first line of its text, of any length and also where `str` of it fails."""
    return "".join(traceback.format_exception_only(error)).split("\n")[0].rstrip(":. ")[:300]


def _in_their_code(trace):
    """File and line, within a file that was named by `--model`, that an error came through last; `None` where there is none."""
    place = None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "<run_path>":
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
