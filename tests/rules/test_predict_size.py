"""The predict batch size is a declared share of the best speed, chosen from timings alone."""

import math

import pytest

from epochal.base.errors import MeasurementFailed
from epochal.rules.training.predict_size import (
    Trial,
    is_steady,
    next_size,
    pick,
    smallest_near_best,
    worth_compiling,
)

NAN, INF = math.nan, math.inf


def line(*sizes, fixed=1e-3, per_row=1e-6):
    """Calls that take a fixed time and a time for each row: throughput rises, and never falls."""
    return [Trial(size, (fixed + per_row * size,)) for size in sizes]


GROWN = line(32, 128, 512, 2048, 8192, 32768, 131072)


def search(seconds_of, goal, *, factor=4, largest=INF):
    """All sizes that the rule asks for in a world whose calls take `seconds_of(size)`."""
    trials = []
    while (size := next_size(trials, goal, factor=factor, largest=largest)) is not None:
        trials.append(Trial(size, (seconds_of(size),)))
        assert len(trials) < 50
    return trials


def test_throughput_takes_the_smallest_size_with_nine_tenths_of_the_best():
    assert pick(GROWN, "throughput") == 32768                # 0.97 of the limit; 8192 reaches 0.89, the best one 0.99
    assert pick(line(32, 128, 512, fixed=0.0), "throughput") == 32


def test_throughput_does_not_take_the_fastest_size():
    assert pick([Trial(32, (0.0101,)), Trial(64, (0.02,))], "throughput") == 32


def test_memory_takes_the_smallest_size_with_half_of_the_best():
    assert pick(GROWN, "memory") == 2048                     # 0.67 of the limit; 512 reaches 0.34


def test_latency_takes_the_largest_size_whose_call_hardly_outlasts_the_fastest():
    assert pick(line(1, 2, 8, 32, 128, 512), "latency") == 128   # 1.13 times the fastest; 512 takes 1.51 times


def test_a_call_that_was_disturbed_does_not_count_beside_one_that_was_not():
    trials = [Trial(32, (1e-3, 1e-3)), Trial(128, (9.0, 1.1e-3, 4.0))]
    assert pick(trials, "throughput") == 128


@pytest.mark.parametrize("bad", [NAN, INF, 0.0, -1.0])
@pytest.mark.parametrize("goal", ["throughput", "latency", "memory"])
def test_seconds_that_are_no_positive_number_are_left_out(bad, goal):
    trials = [Trial(32, (bad, 1e-3)), Trial(128, (bad,)), Trial(512, (bad, 16e-3))]
    assert pick(trials, goal) == 32
    assert next_size(trials[:2], goal, factor=4) in (1, 512)
    assert worth_compiling([0.0, 9.0], trials[1:2], 10)  # what was not timed promises nothing


@pytest.mark.parametrize("trials", [[], [Trial(32, ())], [Trial(32, (NAN,))]])
def test_nothing_is_chosen_where_nothing_was_timed(trials):
    with pytest.raises(MeasurementFailed, match="batch_size=32"):
        pick(trials, "throughput")


def test_a_size_that_would_hardly_be_filled_does_not_pay():
    trials = line(32, 128, 512, 2048, fixed=1e-4, per_row=1e-6)
    assert pick(trials, "throughput", n_rows=100_000, filled=True) == 2048
    assert pick(trials, "throughput", n_rows=600, filled=True) == 128  # 5 calls of 128 rows, not 2 of 512 or one of 2048
    assert pick(trials, "throughput", n_rows=600, filled=False) == 2048


def test_the_search_ends_once_four_times_the_knee_was_timed():
    tried = search(lambda size: 1e-3 + 1e-6 * size, "throughput")
    assert [trial.size for trial in tried] == [32, 128, 512, 2048, 8192, 32768]
    assert pick(tried, "throughput") == 8192
    assert [t.size for t in search(lambda size: 1e-3 * size, "throughput")] == [32, 128]
    assert [t.size for t in search(lambda size: 1e-3 * size, "throughput", factor=2)] == [32, 64, 128]


def test_one_size_that_gains_nothing_does_not_end_the_search_in_steps_of_two():
    seconds = {32: 1e-3, 64: 2.1e-3, 128: 2.2e-3, 256: 2.3e-3}
    tried = search(lambda size: seconds.get(size, size * 1e-5), "throughput", factor=2)
    assert pick(tried, "throughput") >= 128


def test_the_search_for_latency_starts_at_one_row_and_ends_with_slow_calls():
    tried = search(lambda size: 1e-3 + 1e-5 * size, "latency")
    assert [trial.size for trial in tried] == [1, 2, 8, 32, 128]
    assert pick(tried, "latency") == 8
    assert [t.size for t in search(lambda size: 1e-3 + 1e-5 * size, "latency", factor=2)] == [1, 2, 4, 8, 16, 32, 64, 128]


def test_a_search_for_another_goal_fills_the_gaps_and_times_nothing_twice():
    known = search(lambda size: 1e-3 + 1e-5 * size, "throughput")
    size = next_size(known, "latency", factor=4)
    assert size == 1
    more = [*known, Trial(1, (1e-3,)), Trial(2, (1e-3,)), Trial(8, (1e-3,))]
    assert next_size(more, "latency", factor=4) is None


def test_memory_bounds_the_search():
    tried = [trial.size for trial in search(lambda size: 1e-3, "throughput", largest=1000)]
    assert tried == [32, 128, 512]
    assert search(lambda size: 1e-3, "throughput", largest=7) == []
    assert next_size([], "throughput", factor=4, largest=0) is None


def test_the_search_ends_with_a_call_so_long_that_its_beginning_is_nothing():
    tried = search(lambda size: 0.01 + 1e-4 * size, "throughput")
    assert [trial.size for trial in tried] == [32, 128, 512, 2048]  # 0.06 s, then 0.21 s
    assert [trial.size for trial in search(lambda size: size * 1.0, "memory")] == [32]


def test_compiling_beyond_two_seconds_must_be_repaid_by_the_rows_that_are_left():
    assert worth_compiling([], [], 0)
    assert worth_compiling([9.0, 0.1, 0.9], line(32), 0)           # the first has to be compiled in any case
    assert not worth_compiling([0.0, 1.1], [Trial(1, (1.0,))], 2)  # as long again: 2.2 s, more than the 2 s of the rows
    assert worth_compiling([0.0, 1.1], [Trial(1, (1.0,))], 3)
    assert not worth_compiling([3.0], line(32, 128), 1280)         # 10 calls of 1.128 ms are left


def test_the_smallest_size_near_the_best_has_nine_tenths_of_its_throughput():
    assert smallest_near_best([8, 16, 32], [2.0, 1.11, 1.0]) == 16
    assert smallest_near_best([8, 16, 32], [2.0, 1.12, 1.0]) == 32
    assert smallest_near_best([8, 16, 32], [2.0, 1.12, 1.0], 0.5) == 8


def test_timings_are_steady_when_the_fastest_calls_agree_and_throughput_does_not_fall():
    assert is_steady([Trial(32, (1.0, 1.1, 9.0)), Trial(64, (2.0, 2.1, 2.1))])
    assert not is_steady([Trial(32, (1.0, 1.3, 1.3))])
    assert not is_steady([Trial(32, (1.0, 1.3))])                # of two calls one was disturbed, perhaps both: look again
    assert is_steady([Trial(64, (2.9,)), Trial(32, (1.0,))])
    assert not is_steady([Trial(64, (3.1,)), Trial(32, (1.0,))])
    assert is_steady([])


@pytest.mark.parametrize("bad", [NAN, INF])
def test_seconds_that_are_no_number_say_nothing_about_steadiness(bad):
    assert is_steady([Trial(32, (bad, 1.0, 1.1)), Trial(64, (bad,)), Trial(128, (4.0, bad, bad))])
    assert not is_steady([Trial(32, (bad, 1.0, 1.3, 1.4))])
    assert not is_steady([Trial(32, (1.0,)), Trial(64, (bad,)), Trial(128, (8.0,))])
