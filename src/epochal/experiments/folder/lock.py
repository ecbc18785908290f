"""One process at a time may write to a study's folder; the system itself lets go when that process dies."""

import json
import os
import platform
from contextlib import contextmanager
from datetime import datetime

import filelock

from ...base.errors import UsageError
from ...base.files import write_whole

_POLL = 0.2  # seconds between two looks while waiting


@contextmanager
def locked(folder, *, wait=False, say=None):
    """A block in which no other process writes to a folder that exists.

    The lock is the operating system's, on the file `study.lock`, so a process that is killed leaves none behind. Who holds it
    stands beside it in `study.holder`, for the sentence alone: what a killed process left there is never taken for a lock.

    With `wait`, a lock that another process holds is waited for, after one sentence to `say`; else it is refused.
    """
    holder, lock = folder / "study.holder", filelock.FileLock(folder / "study.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        who, mine = _who(holder)
        if mine:
            raise UsageError(f"`folder` must not be in use; {str(folder)!r} is open in this process already{who}. "
                             "Close the first study, or use another folder.") from None
        if not wait:
            raise UsageError(f"`folder` must not be in use; {str(folder)!r} is in use by {who}. Wait for it, stop it, or "
                             "use another folder.") from None
        if say is not None:
            say(f"{str(folder)!r} is in use by {who}. Waiting until it ends; press Ctrl-C to stop.")
        lock.acquire(poll_interval=_POLL)
    try:
        write_whole(holder, json.dumps({"process": os.getpid(), "machine": platform.node(),
                                        "since": datetime.now().astimezone().isoformat(timespec="seconds")}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _who(holder):
    """Who holds it in words, and whether that is this process."""
    try:
        held = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it has only just begun, or is about to end
        return "another process", False
    since = f"since {held['since'].replace('T', ' ')}"
    here = held["machine"] == platform.node()
    if here and held["process"] == os.getpid():
        return f", {since}", True
    return f"process {held['process']}{'' if here else ' on ' + held['machine']}, {since}", False
