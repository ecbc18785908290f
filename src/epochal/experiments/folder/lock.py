"""One process at a time may write to a study's folder; the system itself lets go when that process dies."""

import json
import os
import pathlib
import platform
from datetime import datetime

import filelock

from ...base.errors import UsageError
from ...base.files import write_whole

_POLL = 0.2  # seconds between two looks while waiting


class FolderLock:
    """Held from the moment it is made until `release`.

    The lock is the operating system's, on the file `study.lock`, so a process that is killed leaves none behind. Who holds it
    stands beside it in `study.holder`, for the sentence alone: what a killed process left there is never taken for a lock.

    Args:
        folder: an existing folder.
        wait: whether to wait while another process holds it.
        say: called with one sentence before waiting.

    Raises:
        UsageError: another process holds it and `wait` is false, or this process holds it already.
        OSError: the lock file cannot be written.
    """

    def __init__(self, folder, *, wait=False, say=None):
        self._holder = pathlib.Path(folder) / "study.holder"
        self._lock = filelock.FileLock(pathlib.Path(folder) / "study.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            who, mine = self._who()
            if mine:
                raise UsageError(f"`folder` must not be in use; {str(folder)!r} is open in this process already{who}. "
                                 "Close the first study, or use another folder.") from None
            if not wait:
                raise UsageError(f"`folder` must not be in use; {str(folder)!r} is in use by {who}. Wait for it, stop it, or "
                                 "use another folder.") from None
            if say is not None:
                say(f"{str(folder)!r} is in use by {who}. Waiting until it ends; press Ctrl-C to stop.")
            self._lock.acquire(poll_interval=_POLL)
        try:
            write_whole(self._holder, json.dumps({"process": os.getpid(), "machine": platform.node(),
                                                  "since": datetime.now().astimezone().isoformat(timespec="seconds")}))
        except OSError:
            self._lock.release()
            raise

    def release(self):
        """Let go; a second time does nothing."""
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _who(self):
        """Who holds it in words, and whether that is this process."""
        try:
            held = json.loads(self._holder.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it has only just begun, or is about to end
            return "another process", False
        since = f"since {held['since'].replace('T', ' ')}"
        here = held["machine"] == platform.node()
        if here and held["process"] == os.getpid():
            return f", {since}", True
        return f"process {held['process']}{'' if here else ' on ' + held['machine']}, {since}", False
