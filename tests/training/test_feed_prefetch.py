"""Reading ahead: order, errors, a bound on what is alive, and an end of the thread however the reader leaves."""

import itertools
import subprocess
import sys
import threading
import time

import pytest

from epochal.training.feeds import prefetch
from epochal.training.feeds.prefetch import ahead


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "epochal reads ahead"]


def gone(before):
    deadline = time.monotonic() + 10
    while len(threads()) > before and time.monotonic() < deadline:
        time.sleep(0.005)
    return len(threads()) <= before


def test_items_come_in_order():
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter(()))) == []
    assert list(ahead(iter([None, 0, False]))) == [None, 0, False]


@pytest.mark.parametrize("error", [ValueError("bad row"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_an_error_is_raised_in_its_turn(error):
    def failing():
        yield 1
        raise error

    before, items = len(threads()), ahead(failing())
    assert next(items) == 1
    with pytest.raises(type(error)) as caught:
        next(items)
    assert caught.value is error
    assert gone(before)


class Counted:
    """Something of which it is known how many are alive."""

    alive = most = 0

    def __init__(self):
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


def test_few_items_are_alive_at_a_time():
    Counted.most = 0
    for item in ahead(Counted() for _ in range(50)):
        time.sleep(0.002)
        del item
    assert Counted.most == 2


def test_the_next_item_is_made_while_this_one_is_used():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    reading = ahead(items())
    next(reading)
    assert made.wait(10)
    reading.close()


def test_no_more_is_made_than_there_is_room_for():
    made = []
    reading = ahead(made.append(i) for i in itertools.count())
    next(reading)
    time.sleep(0.05)
    assert len(made) == 2
    reading.close()


def test_the_thread_ends_when_the_reader_leaves():
    before = len(threads())
    for _ in ahead(itertools.count()):
        time.sleep(0.05)  # the thread has made the next item, and waits for room
        break
    assert gone(before)
    reading = ahead(itertools.count())
    next(reading)
    time.sleep(0.05)
    del reading
    assert gone(before)


def test_a_reader_does_not_wait_for_an_item_that_never_comes(monkeypatch):
    monkeypatch.setattr(prefetch, "_PATIENCE", 0.05)
    release = threading.Event()

    def stuck():
        yield 1
        release.wait(60)
        yield 2

    reading, start = ahead(stuck()), time.monotonic()
    next(reading)
    time.sleep(0.02)
    reading.close()
    assert time.monotonic() - start < 5
    release.set()


def test_a_thread_that_is_stuck_does_not_keep_the_program_from_ending():
    program = ("import time, itertools\nfrom epochal.training.feeds.prefetch import ahead\n"
               "items = ahead(time.sleep(60 * i) for i in itertools.count())\nnext(items)\n"
               "raise KeyboardInterrupt  # as Ctrl-C in the middle of training\n")
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert "KeyboardInterrupt" in run.stderr
    assert time.monotonic() - start < 40
