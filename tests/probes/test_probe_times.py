"""The two timing probes, on clocks that are known, noisy, flat, steep, slow or standing still."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes import PROBES
from epochal.probes.step_time import STEADY, sizes_up_to, step_time
from epochal.records import Evidence, Outcome

throughput, prediction = PROBES["throughput"], PROBES["prediction"]


def test_the_line_is_found_through_a_large_overhead_of_every_call():
    reading = throughput(FakeRig(timing=FakeTiming(step=1.334e-3, example=1.731e-6, call=0.2)))
    assert reading.detail("t0") == pytest.approx(1.334e-3, rel=1e-6)
    assert reading.detail("c") == pytest.approx(1.731e-6, rel=1e-6)
    assert reading.value == pytest.approx(1.334e-3 / 1.731e-6, rel=1e-6)  # c / t0 would be 0.0013
    first = reading.points[0]
    assert first.batch_size == 8
    assert (first.seconds, first.low, first.high) == pytest.approx((1.334e-3 + 8 * 1.731e-6,) * 3)


def test_the_knee_is_the_smallest_batch_within_a_tenth_of_the_best_throughput():
    reading = throughput(FakeRig(n_examples=4096, timing=FakeTiming(step=1e-3, example=2e-6)))
    best = 4096 / (1e-3 + 2e-6 * 4096)
    assert reading.detail("best") == pytest.approx(best)
    assert reading.detail("knee") == 2048
    assert 1024 / (1e-3 + 2e-6 * 1024) < 0.9 * best <= 2048 / (1e-3 + 2e-6 * 2048)


@pytest.mark.parametrize("n_examples", [4096, 2**16])
def test_under_noise_the_interval_covers_the_truth_and_is_narrow_over_any_range(n_examples):
    inside, width = 0, []
    for seed in range(200):
        rig = FakeRig(n_params=1, n_examples=n_examples, seed=seed, timing=FakeTiming(jitter=0.05, call=5e-3))
        reading = throughput(rig, seconds=1e9)
        inside += reading.low <= 500 <= reading.high
        width.append(reading.high / reading.low)
    assert inside >= 178  # a true 95 % falls below 178 of 200 once in 5,000
    assert np.median(width) < 1.5


def test_one_slow_moment_does_not_move_the_medians():
    class Hiccup(FakeRig):
        calls = 0

        def fit_seconds(self, batch_size, n_steps):
            self.calls += 1
            return super().fit_seconds(batch_size, n_steps) + 10.0 * (self.calls == 90)

    rig = Hiccup()
    reading = throughput(rig)
    assert rig.calls > 90
    assert reading.value == pytest.approx(500)
    assert max(point.high - point.low for point in reading.points) > 0.1


def test_the_call_that_compiles_does_not_count():
    class Compiling(FakeRig):
        def __init__(self):
            super().__init__()
            self.seen, self.spent = set(), 0.0

        def fit_seconds(self, batch_size, n_steps):
            first = batch_size not in self.seen
            self.seen.add(batch_size)
            told = super().fit_seconds(batch_size, n_steps) + 3.0 * first
            self.spent += told
            return told

        def predict_seconds(self, batch_size, n_rows):
            return self.fit_seconds(batch_size, n_rows // batch_size)

    rig = Compiling()
    assert throughput(rig).value == pytest.approx(500)
    assert rig.spent < 10 * (3.0 + 15 * 0.1)  # each of ten sizes compiles once; its fifteen calls are not made long by that
    assert prediction(Compiling()).value == prediction(FakeRig()).value


def test_examples_that_cost_nothing_leave_a_lower_bound():
    reading = throughput(FakeRig(n_params=1, timing=FakeTiming(example=0.0, jitter=0.02)))
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == np.inf
    assert reading.low > 1000
    assert "not told from zero" in reading.note


def test_steps_without_a_fixed_cost_have_no_critical_size():
    reading = throughput(FakeRig(timing=FakeTiming(step=0.0, example=1e-4)))
    assert reading.value == pytest.approx(0, abs=1e-6)
    assert reading.detail("c") == pytest.approx(1e-4)
    assert reading.detail("knee") == 8


def test_no_batch_larger_than_memory_or_the_data_is_tried():
    class Strict(FakeRig):
        largest = 0

        def fit_seconds(self, batch_size, n_steps):
            assert n_steps >= 1
            self.largest = max(self.largest, batch_size)
            return super().fit_seconds(batch_size, n_steps)

    for largest, expected in ((None, 1600), (600, 600), (10**9, 1600)):
        rig = Strict(n_examples=1600)
        throughput(rig, largest=largest)
        assert rig.largest == expected


def test_calls_are_within_one_epoch_or_of_whole_epochs():
    class Epochs(FakeRig):
        def fit_seconds(self, batch_size, n_steps):
            whole = self.n_examples // batch_size
            assert n_steps <= whole or n_steps % whole == 0
            return super().fit_seconds(batch_size, n_steps)

    assert throughput(Epochs(n_examples=1000, timing=FakeTiming(step=3e-4))).value == pytest.approx(150)


def test_starting_an_epoch_counts_where_epochs_are_short():
    reading = throughput(FakeRig(n_examples=1024, timing=FakeTiming(step=1e-3, example=2e-6, epoch=0.02, call=0.05)))
    for point in reading.points:
        assert point.seconds == pytest.approx(1e-3 + 2e-6 * point.batch_size + 0.02 * point.batch_size / 1024)
    assert reading.value == pytest.approx(1e-3 / (2e-6 + 0.02 / 1024))


def test_one_slow_moment_does_not_pass_for_a_long_call():
    class Hiccup(FakeRig):
        longest, was_slow = 0, False

        def predict_seconds(self, batch_size, n_rows):
            slow = batch_size == 2048 and n_rows == 2 * batch_size and not self.was_slow
            self.was_slow |= slow
            self.longest = max(self.longest, n_rows // batch_size) if batch_size == 2048 else self.longest
            return super().predict_seconds(batch_size, n_rows) + 1.0 * slow

    rig = Hiccup(timing=FakeTiming(step=1e-5, example=1e-8, jitter=1e-9))
    prediction(rig)
    assert rig.was_slow
    assert rig.longest * (1e-5 + 1e-8 * 2048) >= 0.05


def test_a_budget_leaves_sizes_out_but_never_repeats():
    class Slow(FakeRig):
        def fit_seconds(self, batch_size, n_steps):
            seconds = super().fit_seconds(batch_size, n_steps)
            assert seconds < 10, "a size was tried that the budget cannot pay"
            return seconds

    reading = throughput(Slow(n_examples=2**17, n_params=1, timing=FakeTiming(example=1e-3)), seconds=10.0)
    assert "left out" in reading.note
    assert reading.repeats == 5
    assert len(reading.points) >= 3
    assert reading.value == pytest.approx(1, rel=1e-3)


def test_too_few_rows_are_unresolved():
    assert throughput(FakeRig(n_examples=2)).outcome is Outcome.UNRESOLVED


def test_a_clock_that_stands_still_is_not_waited_for():
    assert throughput(FakeRig(timing=FakeTiming(step=0.0, example=0.0))).outcome is Outcome.UNRESOLVED
    assert prediction(FakeRig(timing=FakeTiming(step=0.0, example=0.0))).outcome is Outcome.UNRESOLVED


def test_prediction_finds_the_knee_and_what_is_like_the_best():
    reading = prediction(FakeRig(timing=FakeTiming(step=1e-3, example=8e-6, call=0.3)))
    assert (reading.value, reading.low, reading.high) == (2048, 2048, 8192)
    assert reading.detail("best") == pytest.approx(8192 / (1e-3 + 8e-6 * 8192))
    assert reading.points[-1].seconds_a_row == pytest.approx(8e-6 + 1e-3 / 8192)


def test_prediction_takes_the_smallest_where_all_are_alike():
    reading = prediction(FakeRig(timing=FakeTiming(step=0.0, example=1e-6)))
    assert (reading.value, reading.low, reading.high) == (8, 8, 8192)


@pytest.mark.parametrize("largest", [3, 4, 7, 8, 50, 1600, 4096, 60_000])
def test_sizes_span_the_range_with_every_second_one_first(largest):
    sizes = sizes_up_to(largest)
    assert len(sizes) == len(set(sizes))
    assert max(sizes) == largest
    assert min(sizes) <= 8
    ratios = np.array(sorted(sizes))[1:] / np.array(sorted(sizes))[:-1]
    assert ratios.max() <= 2.5
    first = sizes[: (len(sizes) + 1) // 2]
    assert first == sorted(first)
    assert max(first) == largest


def test_the_time_of_a_step_is_that_of_each_size_and_one_beyond_the_data_counts_as_all_rows():
    rig = FakeRig(n_examples=256, timing=FakeTiming(step=1e-3, example=1e-5))
    found = step_time(rig, sizes=(32, 8, 1000))
    assert [point.batch_size for point in found.points] == [32, 8, 1000]
    assert [point.seconds for point in found.points] == pytest.approx([1.32e-3, 1.08e-3, 3.56e-3])
    assert (found.value, found.unit) == (pytest.approx(1.32e-3), "s")


@pytest.mark.parametrize("size", [32, 256, 1024, 1600])
def test_short_epochs_are_timed_whole_with_their_start_and_their_short_last_batch(size):
    rig = FakeRig(n_examples=1600, timing=FakeTiming(step=8e-4, example=1e-6, epoch=6e-3, call=0.02))
    found = step_time(rig, sizes=(32, 256, 1024, 1600))
    a_step = next(point.seconds for point in found.points if point.batch_size == size)
    n_steps = -(-1600 // size)
    assert n_steps * a_step == pytest.approx(6e-3 + n_steps * 8e-4 + 1600e-6)


def test_an_unsteady_clock_is_asked_again_for_longer_and_the_steadiest_answer_counts():
    spreads = []
    for seed in range(8):
        rig = FakeRig(n_examples=256, seed=seed, timing=FakeTiming(jitter=0.5))
        found = step_time(rig, sizes=(32, 8))
        if found.known:
            spreads.append(max(point.high / point.low for point in found.points))
    calm = step_time(FakeRig(n_examples=256), sizes=(32, 8))
    assert max(point.high / point.low for point in calm.points) <= STEADY
    assert spreads


@pytest.mark.parametrize(("budget", "sizes"), [(30, [32]), (60, [32, 512])])
def test_validation_is_timed_at_a_second_size_only_where_there_is_time(budget, sizes):
    validation, rig = PROBES["validation"], FakeRig(n_examples=4096)
    reading = validation(rig, **validation.options(rig, Evidence(), budget))
    assert [point.batch_size for point in reading.points] == sizes
