"""One process at a time may write to a folder or a file; the system itself lets go when that process dies."""

import errno
import json
import os
import pathlib
import platform
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime

import filelock

from ..errors import UsageError
from ..files import write_whole

_POLL = 0.2  # seconds between two looks while waiting


@contextmanager
def locked(place, option="folder", *, what=None, wait=False, say=None, leave=False):
    """A block in which no other process writes to what `option` names; its folder must exist.

    The lock is the operating system's, on a file beside, so a process that is killed leaves none behind. Who holds it stands in a
    second file, for the sentence alone: what a killed process left there is never taken for a lock.

    Args:
        place: the path that the two files are named after, with `.lock` and `.holder` at the end.
        what: is in use then; the folder of `place` by default.
        wait: wait for a lock that another process holds, after one sentence to `say`; else it is refused.
        say: told also where the disk knows no locks, as some networks' do not, and then there is none.
        leave: the file of the lock stays when the block ends.

    Raises:
        UsageError: it is in use. OSError: nothing can be written there.
    """
    place = pathlib.Path(place)
    path, holder = place.with_name(f"{place.name}.lock"), place.with_name(f"{place.name}.holder")
    lock, what = filelock.FileLock(path, thread_local=False), str(what or place.parent)
    try:
        _acquire(lock, path, timeout=0)
    except filelock.Timeout:
        who, mine = _who(holder)
        if mine:
            raise UsageError(f"`{option}` must not be in use; {what!r} is open in this process already{who}. "
                             f"Let that end first, or use another {option.strip('-')}.") from None
        if not wait:
            raise UsageError(f"`{option}` must not be in use; {what!r} is in use by {who}. Wait for it, stop it, or "
                             f"use another {option.strip('-')}.") from None
        if say is not None:
            say(f"{what!r} is in use by {who}. Waiting until it ends; press Ctrl-C to stop.")
        _acquire(lock, path, timeout=-1)
    except (NotImplementedError, OSError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
            raise
        if say is not None:
            say(f"The disk of {str(place.parent)!r} knows no locks: see that no other process works there.")
        yield
        return
    try:
        with suppress(OSError):  # no room: whoever needs it more will say so
            write_whole(holder, json.dumps({"process": os.getpid(), "machine": platform.node(),
                                            "since": datetime.now().astimezone().isoformat(timespec="seconds")}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        if not leave and os.name == "posix":  # elsewhere an open file cannot be removed
            path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def writing(path, option="--out", *, say=None):
    """A block in which no other process writes to the file at `path`, which an option names; its folder is made."""
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path.with_name(f".{path.name}"), option, what=path, say=say))
        except OSError as error:
            raise UsageError(f"`{option}` must be a folder that may be written, or lie in one; {str(path.parent)!r} is none "
                             f"({error.strerror or error}). Make room there, or name another one.") from error
        yield


def _acquire(lock, path, timeout):
    lock.acquire(timeout=timeout, poll_interval=_POLL)
    while not path.exists():  # the one who held it has removed it: another process may hold a new one
        lock.release()
        lock.acquire(timeout=timeout, poll_interval=_POLL)


def _who(holder):
    """Who holds it in words, and whether that is this process."""
    try:
        held = json.loads(holder.read_text(encoding="utf-8"))
        process, machine, since = held["process"], held["machine"], f"since {held['since']}".replace("T", " ")
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun, or is about to end
        return "another process", False
    here = machine == platform.node()
    if here and process == os.getpid():
        return f", {since}", True
    return f"process {process}{'' if here else f' on {machine}'}, {since}", False
