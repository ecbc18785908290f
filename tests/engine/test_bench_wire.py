"""Messages and arrays through pipes, and the process at the other end of them."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import ml_dtypes
import numpy as np
import psutil
import pytest

from epochal.base.errors import EpochalError
from epochal.engine.bench_process import BenchLost, Process
from epochal.engine.bench_wire import Interrupted, Wire

ARRAYS = {
    "a scalar": np.array(1.5),
    "nothing": np.zeros((0, 3), "float32"),
    "every other column": np.arange(12.0).reshape(3, 4)[:, ::2],
    "columns first": np.asfortranarray(np.arange(6, dtype="int32").reshape(2, 3)),
    "answers": np.array([True, False]),
    "half precision": np.array([1.0, np.nan, -0.0], ml_dtypes.bfloat16),
    "the other end first": np.arange(3, dtype=">f4"),
    "more than a pipe holds": np.random.default_rng(0).normal(size=(3, 2**19)).T,
}


@pytest.fixture
def wires():
    a, b = os.pipe(), os.pipe()
    yield Wire(a[0], b[1]), Wire(b[0], a[1])
    for pipe in (*a, *b):
        os.close(pipe)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_arrives_as_it_was_sent(wires, name):
    here, there = wires
    thread = threading.Thread(target=here.send, args=({"rows": (1, None)}, [ARRAYS[name], ARRAYS[name]]))
    thread.start()
    message, arrays = there.receive()
    thread.join()
    assert message == {"rows": (1, None)}
    for array in arrays:
        assert (array.shape, array.dtype) == (ARRAYS[name].shape, ARRAYS[name].dtype)
        assert array.tobytes() == ARRAYS[name].tobytes()
        assert array.flags.writeable


def test_nothing_is_sent_after_a_message_that_was_broken_off(wires, monkeypatch):
    here, there = wires
    with pytest.raises((AttributeError, pickle.PicklingError)):  # before anything is sent: no harm
        here.send(lambda: None)
    here.send("whole")
    assert there.receive() == ("whole", [])
    write = os.write
    monkeypatch.setattr(os, "write", lambda pipe, block: write(pipe, block[:3]) if len(block) > 3 else ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        here.send("half")
    monkeypatch.undo()
    with pytest.raises(Interrupted):
        here.send("next")


def test_nothing_is_read_after_a_message_that_was_broken_off(wires, monkeypatch):
    here, there = wires
    monkeypatch.setattr(os, "read", lambda pipe, n: ctrl_c())  # nothing has come yet: no harm
    with pytest.raises(KeyboardInterrupt):
        there.receive()
    monkeypatch.undo()
    here.send("whole")
    assert there.receive() == ("whole", [])
    here.send("half")
    monkeypatch.setattr(os, "readv", lambda pipe, rooms: ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        there.receive()
    monkeypatch.undo()
    with pytest.raises(Interrupted):
        there.receive()


def ctrl_c():
    raise KeyboardInterrupt


def test_a_process_that_is_killed_is_missed_and_named():
    process = Process("jax")
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(BenchLost, match=r"on jax was ended by SIGKILL, as the system does when memory runs out"):
        process.reply(process.call("wait"))
    with pytest.raises(EpochalError, match="is closed"):
        process.call("wait")


def test_an_error_comes_with_what_the_process_printed_last():
    process = Process("jax")
    with pytest.raises(BenchLost) as caught:
        process.reply(process.call("train", 7, "stepwise", arrays=[np.zeros((1, 1), np.int32)]))
    assert "ended with code 1. It printed last:\nTraceback" in str(caught.value)
    assert caught.value.short.endswith("It said: AttributeError: '_Seat' object has no attribute '_trainee'")


def test_what_is_printed_in_the_process_does_not_get_between_the_messages():
    script = ("import os\nfrom epochal.engine.bench_worker import _pipes\n_, writes = _pipes()\n"
              "print('noise', flush=True)\nos.system('echo more noise')\nos.write(writes, b'message')")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, input=b"", check=True)
    assert (run.stdout, run.stderr) == (b"message", b"noise\nmore noise\n")


def test_what_is_printed_in_the_process_stays_off_the_terminal(capfd):
    process = Process("jax")
    with pytest.raises(BenchLost):
        process.reply(process.call("train", 7, "stepwise", arrays=[np.zeros((1, 1), np.int32)]))
    assert capfd.readouterr() == ("", "")


def test_a_process_ends_with_close_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    process = Process("jax")
    pid = process.pid
    assert psutil.pid_exists(pid)
    assert not list(tmp_path.iterdir())
    process.close()
    process.close()
    assert not psutil.pid_exists(pid)


def test_a_process_ends_with_the_last_reference_to_it():
    process = Process("jax")
    pid = process.pid
    del process
    assert not psutil.pid_exists(pid)


def test_a_process_is_in_a_group_of_its_own_so_that_ctrl_c_in_the_terminal_is_not_for_it():
    process = Process("jax")
    assert os.getpgid(process.pid) != os.getpgid(0)
    process.close()


@pytest.mark.parametrize("fork", [False, True])
def test_a_parent_that_is_killed_takes_its_process_along(tmp_path, fork):
    """Even where a process that it forked holds the pipe open."""
    script = ("import os, signal, sys, time\n"
              "from epochal.engine.bench_process import Process\n"
              "process = Process('jax')\n"
              f"fork = os.fork() if {fork} else -1\n"
              "if fork == 0: time.sleep(100); os._exit(0)\n"
              "print(process.pid, fork, flush=True)\n"
              "os.kill(os.getpid(), signal.SIGKILL)\n")
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)})
    child, forked = map(int, parent.stdout.readline().split())
    parent.stdout.close()
    try:
        assert parent.wait(30) == -signal.SIGKILL
        deadline = time.monotonic() + 30
        while running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not running(child)
        assert not list(tmp_path.iterdir())
    finally:
        if fork:
            os.kill(forked, signal.SIGKILL)


def running(pid):
    """Whether it runs; one that has ended may wait for whoever inherited it to take note."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
