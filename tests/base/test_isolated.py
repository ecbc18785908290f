"""A function in a process of its own ends in a value or in a sentence, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from epochal.base.errors import UsageError
from epochal.base.isolated import Isolated, tell

PLAIN = Isolated(seconds=60)


def twice(array):
    print("this is not the answer")
    return {"twice": 2 * array, "back end": os.environ.get("KERAS_BACKEND")}


def tells(then):
    for number in range(3):
        tell(("at", number))
    sys.stderr.write("told\n")
    {"returns": lambda: None, "fails": fails, "is_killed": is_killed, "sleeps": sleeps, "runs_out": runs_out}[then]()
    return then


def starts_another():
    outcome = PLAIN.run("epochal.base.text:number", 4096.0)
    return outcome.value, outcome.sentence


def size_of(array):
    return array.nbytes


def its_turn():
    with open("/proc/self/oom_score_adj") as file:
        return int(file.read())


def fails():
    sys.stderr.write("about to fail\n")
    raise ValueError("no such thing")


def sleeps():
    time.sleep(60)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def leaves():
    os._exit(7)


def fills_memory():
    held = []
    while True:
        held.append(np.ones(2**20))
        time.sleep(0.002)


def runs_out():
    np.ones(2**45)


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """The functions of this file count as the package's own, and are found in the process."""
    monkeypatch.setattr("epochal.base.isolated.require", lambda *_: None)
    monkeypatch.syspath_prepend(os.path.dirname(__file__))


def here(name):
    return f"test_isolated:{name}"


def test_a_value_comes_back_with_its_arrays_whatever_is_printed():
    outcome = Isolated(seconds=60, environment={"KERAS_BACKEND": "torch"}).run(here("twice"), np.arange(3))
    assert outcome.failure is None
    assert outcome.sentence == ""
    np.testing.assert_array_equal(outcome.value["twice"], [0, 2, 4])
    assert outcome.value["back end"] == "torch"
    assert "not the answer" in outcome.printed


def test_a_process_may_start_another():
    assert PLAIN.run(here("starts_another")).value == ("4,096", "")


def test_more_than_a_pipe_holds_is_handed_over_while_the_process_starts():
    assert PLAIN.run(here("size_of"), np.zeros(2**20)).value == 2**23


@pytest.mark.parametrize(("name", "failure", "sentence"), [
    ("fails", "raised", "ValueError: no such thing"),
    ("is_killed", "killed", "ended by SIGKILL, as the system does when memory runs out"),
    ("leaves", "killed", "ended with the code 7"),
    ("runs_out", "out of memory", "Unable to allocate"),
])
def test_what_happened_instead_is_told(name, failure, sentence):
    outcome = PLAIN.run(here(name))
    assert (outcome.failure, outcome.value) == (failure, None)
    assert sentence in outcome.sentence


@pytest.mark.parametrize(("then", "failure"), [("returns", None), ("fails", "raised"), ("is_killed", "killed"),
                                               ("runs_out", "out of memory"), ("sleeps", "timed out")])
def test_what_it_tells_on_the_way_is_heard_however_it_ends(then, failure):
    outcome = Isolated(seconds=4 if then == "sleeps" else 60).run(here("tells"), then)
    assert outcome.told == (("at", 0), ("at", 1), ("at", 2))
    assert outcome.failure == failure
    assert outcome.value == (then if failure is None else None)


def test_telling_outside_of_such_a_process_does_nothing():
    tell("anyone")


@pytest.mark.skipif(not os.path.exists("/proc/self/oom_score_adj"), reason="Linux keeps it")
def test_where_memory_runs_out_the_system_ends_it_first():
    assert PLAIN.run(here("its_turn")).value == 1000


def test_the_end_of_standard_error_is_kept():
    assert "about to fail" in PLAIN.run(here("fails")).printed


def test_a_limit_of_time_ends_the_process():
    start = time.perf_counter()
    outcome = Isolated(seconds=1.0).run(here("sleeps"))
    assert (outcome.failure, outcome.sentence) == ("timed out", "It took longer than 1 s.")
    assert time.perf_counter() - start < 20
    assert not psutil.Process().children()


def test_a_limit_of_memory_ends_the_process():
    outcome = Isolated(seconds=60, memory_bytes=300 * 2**20).run(here("fills_memory"))
    assert outcome.failure == "out of memory"
    assert "more than 0.293 GiB" in outcome.sentence
    assert not psutil.Process().children()


def test_the_process_ends_when_the_one_that_started_it_is_killed():
    program = ("import epochal.base.isolated as i\ni.require = lambda *_: None\n"
               f"i.Isolated(seconds=60).run({here('sleeps')!r})\n")
    owner = subprocess.Popen([sys.executable, "-c", program],
                             env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, os.path.dirname(__file__)])})
    deadline = time.monotonic() + 20
    while not (children := psutil.Process(owner.pid).children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)  # until it sleeps
    owner.kill()
    owner.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=10)[1]


def test_only_functions_of_the_package_are_run(monkeypatch):
    monkeypatch.undo()
    with pytest.raises(UsageError, match="`function` must be the import path of a function of Epochal; got 'os:system'"):
        PLAIN.run("os:system", "true")
