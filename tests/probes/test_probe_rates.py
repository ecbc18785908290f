"""The probes of the learning rate: what they say where they cannot measure. Their numbers are judged in `truths`."""

import math
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from probes.exact_rigs import NoisyQuadratic

from epochal.base.errors import UsageError
from epochal.probes.measures import MEASURES
from epochal.probes.rates.best_rate import BEST_RATE
from epochal.probes.rates.exponent import RATE_EXPONENT
from epochal.probes.rates.range_test import RANGE_TEST
from epochal.records import Evidence, Outcome, Reading, dump, load

PROBES = (RANGE_TEST, BEST_RATE, RATE_EXPONENT)


def quick(**options):
    return NoisyQuadratic(**{"n_params": 50, "n_examples": 256, "batch_size": 8, "learning_rate": 0.3} | options)


class NoMemory(NoisyQuadratic):
    """No batch larger than 8 fits."""

    def step(self, state, rows, learning_rate):
        if len(rows) > 8:
            raise MemoryError
        return super().step(state, rows, learning_rate)


@pytest.fixture(scope="module")
def readings():
    return {probe.name: probe(quick(), seed=1) for probe in PROBES}


def test_all_of_them_answer_to_learning_rate_and_survive_json(readings):
    assert set(PROBES) < set(MEASURES["learning_rate"])
    for name, reading in readings.items():
        assert reading.name == name
        assert reading.known
        assert reading.low <= reading.value <= reading.high
        assert load(dump(reading)) == reading
        for sentence in (reading.means, reading.does_not_mean):
            assert sentence.endswith(".")
            assert "nan" not in sentence


def test_the_same_seed_reads_the_same():
    rigs = [FakeRig(n_examples=256, s=0.5, n_params=5) for _ in range(3)]
    first, second, other = (BEST_RATE(rig, seed=seed, epochs=2) for rig, seed in zip(rigs, (1, 1, 2), strict=True))
    assert replace(first, cost=0.0) == replace(second, cost=0.0)
    assert first.points != other.points


def test_the_best_rate_says_over_what_it_was_seen_and_where_the_present_one_lies(readings):
    reading = readings["best_rate"]
    assert "over 10 epochs, 5 seeds" in reading.note
    assert reading.detail("epochs") == 10
    assert reading.detail("n_updates") == 320
    assert reading.detail("loss") <= reading.detail("loss_at_present")
    assert "yours, 0.3, is " in reading.means
    assert "longer training" in reading.does_not_mean


@pytest.mark.parametrize("rate", [1e-3, 30.0])
def test_a_present_rate_that_is_far_off_widens_the_grid_until_the_best_lies_inside(rate):
    reading = BEST_RATE(quick(learning_rate=rate), epochs=4)
    tried = [point.learning_rate for point in reading.points]
    assert reading.outcome is Outcome.OK
    assert min(tried) < reading.value < max(tried)
    assert len(tried) <= 15


def test_rates_that_diverge_are_counted_and_end_nothing():
    reading = BEST_RATE(quick(learning_rate=1.0), epochs=4)
    diverged = [point for point in reading.points if point.share_diverged]
    assert diverged
    assert all((point.loss, point.share_diverged) == (None, 1.0) for point in diverged)
    assert reading.high <= max(point.learning_rate for point in diverged)


def test_where_every_rate_diverges_that_is_said():
    rig = quick()
    rig.h = rig.h * 1e8
    reading = BEST_RATE(rig, epochs=1)
    assert reading.outcome is Outcome.DIVERGED
    assert "diverged" in reading.note


def test_where_the_best_rate_lies_beyond_all_tried_only_a_bound_is_said():
    rig = quick(learning_rate=1e-6)
    reading = BEST_RATE(rig, epochs=1)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == math.inf
    assert "and more leave the lowest validation loss" in reading.means


def test_where_the_lowest_rate_is_best_there_is_no_answer():
    rig = quick(learning_rate=1.0)
    rig.c = rig.c * 1e12  # noise alone: no step is a good step
    reading = BEST_RATE(rig, epochs=1)
    assert reading.outcome in (Outcome.UNRESOLVED, Outcome.DIVERGED)
    assert reading.note


def test_a_short_budget_takes_fewer_epochs_then_seeds_then_rows_and_then_nothing(monkeypatch):
    from epochal.probes.rates import trainings
    from epochal.records import EnginePoint

    def how(rig, size, n_lanes, **options):
        return EnginePoint(batch_size=size, mode="stepwise", width=1, seconds=1e-3, seconds_stepwise=1e-3)

    monkeypatch.setattr(trainings, "measure_mode", how)
    rig = quick(n_examples=800)  # 100 updates an epoch, 8 rates: an epoch of 5 seeds is 4 seconds

    def planned(seconds):
        found = trainings.horizon(rig, [8], epochs=10, repeats=5, seconds=seconds)
        return found and (found.n_examples, found.n_seeds)

    assert planned(math.inf) == (8000, 5)
    assert planned(9.0) == (1600, 5)
    assert planned(3.0) == (800, 3)
    assert planned(1.2) == (400, 3)
    assert planned(0.1) is None


def test_without_time_nothing_is_measured_and_why_is_said():
    for probe in PROBES:
        reading = probe(quick(), seconds=1e-9)
        assert reading.outcome is Outcome.UNRESOLVED
        assert "take longer than 1e-09 s" in reading.note


def test_without_memory_that_is_said():
    rig = NoMemory(n_params=5, n_examples=512, batch_size=16)
    assert BEST_RATE(rig).outcome is Outcome.OUT_OF_MEMORY
    assert RATE_EXPONENT(NoMemory(n_params=5, n_examples=512, batch_size=8)).outcome is Outcome.OUT_OF_MEMORY


def test_too_few_rows_for_three_batch_sizes_are_said():
    reading = RATE_EXPONENT(quick(n_examples=40, batch_size=2))
    assert reading.outcome is Outcome.UNRESOLVED
    assert "too few" in reading.note


def test_the_exponent_takes_the_present_batch_size_and_factors_of_four_around_it(readings):
    assert [point.batch_size for point in readings["rate_exponent"].points] == [2, 8, 32]
    assert [point.batch_size for point in RATE_EXPONENT(quick(), largest=8, epochs=2, n_sizes=3).points] == []  # 1 is too few below
    assert "over 10 epochs each, 5 seeds" in readings["rate_exponent"].note


def test_the_range_test_has_a_picture_and_the_usual_picks_but_picks_none(readings):
    reading = readings["range_test"]
    assert {point.n_steps for point in reading.points} == {100, 400}
    names = {name for name, _ in reading.details}
    assert {"minimum_100", "tenth_of_minimum_400", "steepest_400", "steepest_differs", "minimum_differs"} <= names
    assert reading.value == pytest.approx(math.sqrt(reading.low * reading.high))
    assert "compare short trainings" in reading.does_not_mean


def test_a_loss_that_never_explodes_has_no_upper_end():
    class Flat(FakeRig):
        """Its loss falls whatever the rate."""

        def step(self, state, rows, learning_rate):
            return state * 0.99, float(np.sum(np.abs(state)))

    reading = RANGE_TEST(Flat(), critical=1.0)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == math.inf


def test_a_loss_that_never_falls_is_unresolved():
    class Rising(FakeRig):
        def step(self, state, rows, learning_rate):
            return state * 1.01, float(np.sum(np.abs(state)))

    reading = RANGE_TEST(Rising(), critical=1.0)
    assert reading.outcome is Outcome.UNRESOLVED
    assert "did not fall" in reading.note


def test_what_is_known_of_the_critical_rate_is_taken_from_the_evidence():
    evidence = Evidence().add(Reading(name="critical_rate", value=0.7, low=0.6, high=0.8, repeats=3))
    assert RANGE_TEST.options(None, evidence, 60)["critical"] == 0.7
    assert RANGE_TEST.options(None, Evidence(), 60)["critical"] is None


def test_arguments_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="`repeats` must be a whole number, 3 or more"):
        BEST_RATE(quick(), repeats=2)
    with pytest.raises(UsageError, match="`steps` must be ascending"):
        RANGE_TEST(quick(), steps=(400, 100))
    with pytest.raises(UsageError, match="`n_sizes` must be a whole number, 3 or more"):
        RATE_EXPONENT(quick(), n_sizes=2)
