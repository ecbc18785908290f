"""What a process may hold is the least of the machine, its control groups and its own limit."""

import time

import numpy as np
import psutil
import pytest

from epochal.base.system import memory
from epochal.base.system.memory import forget_most_held, held_here, memory_here, most_held_here, says_no_memory

MB = 2**20


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return str(folder)


NEW = "sys/fs/cgroup/"
OLD = "sys/fs/cgroup/memory/"


@pytest.mark.parametrize(("files", "total", "free"), [
    ({"proc/self/cgroup": "0::/", NEW + "memory.max": 64 * MB, NEW + "memory.current": 24 * MB, NEW + "memory.stat":
      f"anon 1\ninactive_file {10 * MB}"}, 64, 50),                                     # a container, version 2
    ({"proc/self/cgroup": "0::/a/b", NEW + "a/b/memory.max": "max", NEW + "a/memory.max": 32 * MB}, 32, 32),  # a group above it
    ({"proc/self/cgroup": "0::/host/name", NEW + "memory.max": 16 * MB}, 16, 16),      # its name is the host's
    ({"proc/self/cgroup": "4:memory:/job\n3:cpu:/", OLD + "job/memory.limit_in_bytes": 48 * MB,
      OLD + "job/memory.usage_in_bytes": 8 * MB}, 48, 40),                               # version 1
    ({"proc/self/cgroup": "4:cpu,memory:/x", OLD + "memory.limit_in_bytes": 8 * MB}, 8, 8),
    ({"proc/self/cgroup": "0::/", NEW + "memory.max": 8 * MB, NEW + "memory.current": 9 * MB}, 8, 0),  # more than it may
], ids=range(6))
def test_the_limit_of_a_container_is_the_memory_there_is(tmp_path, files, total, free):
    assert memory_here(write(tmp_path, files)) == (total * MB, free * MB)


@pytest.mark.parametrize("files", [{}, {"proc/self/cgroup": "0::/"}, {"proc/self/cgroup": "0::/", NEW + "memory.max": "max"},
                                   {"proc/self/cgroup": "4:memory:/", OLD + "memory.limit_in_bytes": 2**63 - 4096}])
def test_without_a_limit_it_is_the_machines(tmp_path, files):
    assert memory_here(write(tmp_path, files)).total == psutil.virtual_memory().total


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="macOS and Windows have no such limit")
def test_a_limit_of_addresses_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(psutil.Process, "rlimit", lambda self, kind: (100_000 * MB, 100_000 * MB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("All", (), {"total": 2**50, "available": 2**50}))
    found = memory_here(str(tmp_path))
    assert found.total == 100_000 * MB
    assert 0 < found.free < found.total


def test_the_most_that_is_held_stays_when_it_is_given_back():
    forget_most_held()
    before = held_here()
    array = np.ones(2**24)
    held = held_here() - before
    del array
    assert most_held_here() - before >= 0.95 * held > 100 * MB  # the system counts page by page, but not at once
    forget_most_held()
    assert most_held_here() - before < 60 * MB or psutil.WINDOWS


def test_where_the_system_does_not_keep_it_it_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_seen", memory._Seen())
    forget_most_held(str(tmp_path))
    before = held_here()
    array = np.ones(2**24)
    time.sleep(0.3)
    del array
    assert most_held_here(str(tmp_path)) - before > 100 * MB


class Untold(Exception):
    __str__ = None


@pytest.mark.parametrize(("error", "is_so"), [
    (MemoryError(), True), (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), True),
    (OSError(12, "Cannot allocate memory"), True), (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
    (ImportError("failed to map segment from shared object"), True),
    (ValueError("shapes do not match"), False), (Untold(), False)])
def test_errors_that_say_that_memory_ran_out(error, is_so):
    assert says_no_memory(error) is is_so
