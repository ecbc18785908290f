"""A token that ends work: set by any thread or by Ctrl-C, raised where the work looks at it."""

import signal
import threading

import pytest

from epochal.base.stop import Stop, Stopped, set_by_ctrl_c


def test_a_token_that_is_not_set_lets_work_go_on_and_one_set_by_another_thread_ends_it():
    stop = Stop()
    stop.check()
    thread = threading.Thread(target=stop.set)
    thread.start()
    thread.join()
    assert stop.is_set()
    with pytest.raises(Stopped):
        stop.check()


def test_work_that_was_stopped_is_interrupted_work_to_those_who_know_nothing_of_tokens():
    with pytest.raises(KeyboardInterrupt) as stopped:
        raise Stopped(answer="so far", kept="there")
    assert (stopped.value.answer, stopped.value.kept) == ("so far", "there")


def test_the_first_ctrl_c_sets_the_token_and_the_second_ends_at_once():
    with set_by_ctrl_c(Stop()) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt) as interrupted:
            signal.raise_signal(signal.SIGINT)
        assert not isinstance(interrupted.value, Stopped)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_reaction_of_ones_own_to_ctrl_c_and_other_threads_are_left_as_they_are():
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        reaction = signal.getsignal(signal.SIGINT)
        with set_by_ctrl_c(Stop()):
            assert signal.getsignal(signal.SIGINT) is reaction
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def elsewhere():
        with set_by_ctrl_c(Stop()) as stop:
            seen.append((stop.is_set(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [(False, signal.default_int_handler)]
