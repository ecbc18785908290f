"""How much memory this process may hold (the machine's, a container's, or what a limit of its own leaves), and holds at most."""

import contextlib
import threading
import time
import traceback
from pathlib import Path
from typing import NamedTuple

_LOOK = 0.02  # seconds between two looks at what this process holds, where the system does not keep the most of it


class Memory(NamedTuple):
    """Bytes: what the process may hold at most, and what is free of it now."""

    total: int
    free: int


def memory_here(root: str = "/") -> Memory:
    """The least of what the machine has, what the process' control groups (Docker, Kubernetes, Slurm) allow, and `ulimit -v`.

    `root` is the folder in which the system shows itself, for tests; where it shows nothing of the kind, only the machine counts.
    """
    import psutil  # not by `epochal --help`

    machine, process = psutil.virtual_memory(), psutil.Process()
    found = [Memory(machine.total, machine.available), *_of_groups(Path(root))]
    if hasattr(psutil, "RLIMIT_AS"):  # not on macOS and Windows
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit not in (-1, psutil.RLIM_INFINITY):
            found.append(Memory(limit, limit - process.memory_info().vms))
    return Memory(min(one.total for one in found), max(0, min(one.free for one in found)))


def _of_groups(root):
    """The limits of the process' control groups and of those above them, of version 1 and 2."""
    for line in _lines(root / "proc/self/cgroup"):
        number, kinds, group = line.split(":", 2)
        if number != "0" and "memory" not in kinds.split(","):
            continue
        new = number == "0"
        place = root / ("sys/fs/cgroup" if new else "sys/fs/cgroup/memory")
        # within a container the group's own name may not be there: then it is shown as the uppermost one
        for folder in (place / group.strip("/"), *(place / group.strip("/")).parents):
            if not folder.is_relative_to(place):
                break
            limit = _number(folder / ("memory.max" if new else "memory.limit_in_bytes"))
            if limit is not None:
                used = _number(folder / ("memory.current" if new else "memory.usage_in_bytes")) or 0
                cached = next((int(line.split()[1]) for line in _lines(folder / "memory.stat")
                               if line.split()[0] == ("inactive_file" if new else "total_inactive_file")), 0)  # is given back
                yield Memory(limit, limit - used + cached)


def _lines(path):
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except OSError:
        return []


def _number(path):
    text = "".join(_lines(path))
    return int(text) if text.isdigit() else None


def held_here() -> int:
    """Bytes of memory that this process holds now: its resident set."""
    import psutil

    return psutil.Process().memory_info().rss


def most_held_here(root: str = "/") -> int:
    """The most bytes of memory that this process has held since `forget_most_held`, or since it began where that cannot be undone.

    Linux: `VmHWM`, which the system keeps (not `ru_maxrss`, which begins at what the process that started this one held). Windows:
    the peak working set. Elsewhere the most that was seen, fifty times a second, since the first `forget_most_held`.
    """
    import psutil

    for line in _lines(Path(root) / "proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    told = getattr(psutil.Process().memory_info(), "peak_wset", None)  # of Windows
    return max(held_here(), _seen.most) if told is None else told


def forget_most_held(root: str = "/") -> None:
    """Let `most_held_here` begin anew with what is held now, where the system allows it: not on Windows."""
    asked = Path(root) / "proc/self/clear_refs"
    if asked.exists():
        with contextlib.suppress(OSError):
            asked.write_text("5", encoding="utf-8")
        return
    _seen.most = held_here()
    if _seen.thread is None:
        _seen.thread = threading.Thread(target=_see, daemon=True)
        _seen.thread.start()


class _Seen:
    """The most that was seen so far, and the thread that looks."""

    most: int = 0
    thread: threading.Thread | None = None


_seen = _Seen()


def _see():
    while True:
        _seen.most = max(_seen.most, held_here())
        time.sleep(_LOOK)


def says_no_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's, the system's, or a framework's, which has no type of its own for it."""
    words = ("RESOURCE_EXHAUSTED", "out of memory", "bad_alloc", "DefaultCPUAllocator", "failed to map segment", "allocate memory",
             "ResourceExhausted")
    said = "".join(traceback.format_exception_only(error)).lower()  # also where `str` of the error fails
    return isinstance(error, MemoryError) or any(word.lower() in said for word in words)
