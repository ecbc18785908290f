"""`epochal` and `python -m epochal`: the command line, with its work in a process of its own.

A layer of the user's, a library or the system may end that process at any moment; this one is left to say so.
"""

import contextlib
import os
import pathlib
import signal
import sys

STAGE_BYTES = 200
_WORKING = {"plan", "fit", "predict", "study", "measure"}
_BRIEF = {"-h", "--help", "--agenda"}
_INTERRUPTED, _CANNOT = 130, 2  # exit statuses
_LEAST_BYTES = 512 * 2**20  # below, OpenBLAS asks for memory again and again for ever, as SciPy is loaded; Keras alone needs more
_KNOWN = {0, 1, _CANNOT, _INTERRUPTED}


def command() -> None:
    """Run what the arguments ask for, and end the process with its exit status."""
    _answer_signals(_stopped)
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # one was closed: the next file that is opened would get its number
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.argv[1:2] and sys.argv[1] in _WORKING and not _BRIEF.intersection(sys.argv):
        sys.exit(_watched(sys.argv[1:]))
    _run()


def work(stage: str) -> None:
    """The process that works: it ends when the one that watches does. `stage` is the file that says what is being done."""
    import threading

    alive = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=lambda: (os.read(alive, 1), os._exit(_INTERRUPTED)), daemon=True).start()
    _answer_signals(_stopped)
    if hasattr(signal, "SIGTTOU"):  # a process in the background may write to its terminal
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    from .cli.terminal.stage import ENDED, at, tell_stages

    tell_stages(stage, STAGE_BYTES)
    at("reading and building")
    try:
        _run()
    finally:
        _answer_signals(signal.SIG_IGN)  # the status is what it is
        at(ENDED)


def _run():
    from .cli import main

    main(prog_name="epochal")


def _answer_signals(reaction):
    """React so to Ctrl-C and SIGTERM, unless they are to be ignored, as by what a shell starts in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, reaction)


def _stopped(*_):
    """Outside of `stop_on_signals` there is nothing to lose."""
    with contextlib.suppress(OSError):
        os.write(2, b"\nStopped.\n")
    os._exit(_INTERRUPTED)


def _watched(arguments):
    """Do the work in another process, and return the exit status; whatever ends that one, this one says so."""
    import subprocess

    limit = _addresses()
    if limit is not None and limit < _LEAST_BYTES:
        return _say(f"memory is limited to {limit // 2**20} MB here (ulimit -v), in which the libraries cannot be loaded. Raise "
                    "the limit, and run the same again.")
    with _stage_file() as stage:
        code = f"import sys; sys.path[:] = {sys.path!r}; from epochal.__main__ import work; work({stage!r})"
        try:
            process = subprocess.Popen([sys.executable, "-P", "-c", code, *arguments], stdin=subprocess.PIPE,
                                       process_group=0 if os.name == "posix" else None)  # Ctrl-C is for this one to pass on
        except OSError as error:
            return _say(f"no process can be started for the work ({error.strerror}). Raise the limit of processes (ulimit -u) or "
                        "of memory, and run the same again.")
        signals = _pass_signals_on(process, stage)
        process.wait()
        _answer_signals(signal.SIG_IGN)
        doing = _read(stage) if stage else "ended"
    status = process.returncode
    if signals and status not in _KNOWN:
        return _INTERRUPTED
    if status == _INTERRUPTED or doing == "ended":
        return status
    return _say(f"the process that worked was ended while {doing or 'starting'}: {_ending(status)} {_kept(arguments[0])}")


def _addresses():
    """The bytes of memory that this process may address; `None` where that is not limited, or the system has no such limit."""
    import psutil

    if not hasattr(psutil, "RLIMIT_AS"):  # not on macOS and Windows
        return None
    limit, _ = psutil.Process().rlimit(psutil.RLIMIT_AS)
    return None if limit == psutil.RLIM_INFINITY else limit


def _ending(status):
    """What ended it, and what to do about it."""
    name = next((one.name for one in signal.Signals if one == -status), "") if status < 0 else ""
    if name == "SIGKILL":
        return ("by SIGKILL, as the system or a container does when memory runs out. End other programs, raise the limit, or pass "
                "fewer rows or a smaller model.")
    what = f"by {name}" if name else f"with the code {status}"
    return (f"{what}. If memory is limited here, raise the limit; else a layer or a function of your own, or a library, did it: "
            "run the model under Keras alone to see which.")


def _kept(verb):
    return {"predict": "Nothing was written.", "fit": "With --checkpoint the same command goes on where it was."}.get(
        verb, "Whatever was finished is kept: the same command goes on there.")


def _say(sentence):
    with contextlib.suppress(OSError):
        os.write(2, f"\nError: {sentence}\n".encode("ascii", "replace"))
    return _CANNOT


@contextlib.contextmanager
def _stage_file():
    """The name of a file of spaces, as long as a stage may be; an empty name where there is no room for one."""
    import tempfile

    with contextlib.ExitStack() as undo:
        name = ""
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(prefix="epochal-")
            undo.callback(lambda: pathlib.Path(path).unlink(missing_ok=True))
            with open(handle, "wb") as file:
                file.write(b" " * STAGE_BYTES)
            name = path
        yield name


def _read(stage):
    return pathlib.Path(stage).read_text(encoding="utf-8", errors="replace").strip()


def _pass_signals_on(process, stage):
    """Let the other process answer Ctrl-C and SIGTERM, and Ctrl-Z; returns a list that grows with every signal."""
    got = []

    def pass_on(number, _):
        got.append(number)
        if len(got) > 2 or (stage and not _read(stage)):  # it has not even begun to listen
            process.kill()
        elif os.name == "posix":  # elsewhere the terminal tells all its processes
            process.send_signal(number)

    def pause(*_):
        os.killpg(process.pid, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGCONT)

    _answer_signals(pass_on)
    if hasattr(signal, "SIGTSTP"):
        signal.signal(signal.SIGTSTP, pause)
    return got


if __name__ == "__main__":
    command()
