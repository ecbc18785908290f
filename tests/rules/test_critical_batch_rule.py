"""From updates to a target to the critical batch size and the batch that trains fastest."""

import math
import re

import pytest
from rules.worlds import at, clock, hyperbola

from epochal.records import Arm, Outcome, Reading, Verdict
from epochal.rules.critical_batch import critical_batch, time_optimal_batch

SIZES, N = (8, 32, 128, 512, 2048), 4096


def arm(batch_size, steps, rate=1e-3, verdict=Verdict.NOT_WORSE):
    return Arm(setting=at(batch_size, rate), present=False, n_seeds=5, quality=1.0, difference=0.0, low=0.0, high=0.0,
               verdict=verdict, epochs=5.0, steps=steps)


def law(s_min=100.0, b_crit=200.0, sizes=SIZES):
    return [arm(b, hyperbola(s_min, b_crit, b)) for b in sizes]


def known(value=200.0, **changes):
    return Reading(**{"name": "critical_batch", "value": value, "unit": "examples", "low": value / 2, "high": value * 2,
                      "repeats": 5} | changes)


def test_an_exact_law_gives_back_its_parameters():
    reading = critical_batch(law(), {}, N)
    assert reading.outcome is Outcome.OK
    assert reading.value == pytest.approx(200, rel=1e-3)
    assert reading.low <= 200 * (1 + 1e-6)
    assert reading.high >= 200 * (1 - 1e-6)
    assert reading.detail("s_min") == pytest.approx(100, rel=1e-3)
    assert reading.detail("e_min") == pytest.approx(20_000, rel=1e-3)
    assert [(p.batch_size, p.updates) for p in reading.points] == [(b, hyperbola(100, 200, b)) for b in SIZES]


def test_only_the_fastest_rate_of_a_batch_size_counts():
    slower = [arm(b, 3 * hyperbola(100, 200, b), rate=1e-4) for b in SIZES]
    assert critical_batch([*slower, *law()], {}, N) == critical_batch(law(), {}, N) == critical_batch([*law(), *slower], {}, N)


def test_a_size_that_never_arrived_pulls_the_law_up_and_not_at_all_where_another_rate_arrived():
    falling = [arm(b, hyperbola(100, 200, b)) for b in (8, 32, 128)]
    free, held = critical_batch(falling, {}, N), critical_batch(falling, {512: 500}, N)
    assert free.value == pytest.approx(200, rel=0.01)
    assert held.value < 0.8 * free.value            # more than 500 updates at 512, where the law says 139
    assert (held.points[-1].batch_size, held.points[-1].updates) == (512, 500.0)
    assert critical_batch(falling, {128: 10_000}, N) == free
    assert critical_batch(falling, {512: 20}, N).value == pytest.approx(200, rel=0.01)   # censored early: no news


def test_a_target_reached_within_the_first_epoch_is_known_as_at_most_that_epoch():
    flat = [arm(b, 600.0) for b in SIZES[1:]]  # 4,096 rows: 512 updates an epoch at batch size 8
    steep = critical_batch([arm(8, 512.0), *flat], {}, N)
    free = critical_batch(flat, {}, N)
    assert (steep.value, steep.outcome) == (pytest.approx(free.value, abs=1e-3), free.outcome)
    exact = critical_batch([arm(8, 2600.0), *law(sizes=SIZES[1:])], {}, N)
    assert exact.value == pytest.approx(200, rel=1e-3)
    assert critical_batch([arm(b, 100.0) for b in SIZES], {}, 40_000).note == (
        "2 batch sizes reached the target, and 3 before the end of the first epoch, where nothing is measured; it takes 3")


def test_a_diverged_size_is_no_point_of_the_law():
    broken = arm(4096, 1.0, verdict=Verdict.DIVERGED)
    assert critical_batch([*law(), broken], {}, N) == critical_batch(law(), {}, N)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_sizes_settle_nothing_and_it_is_said_in_english(n):
    reading = critical_batch(law(sizes=SIZES[:n]), {1024: 500}, N)
    assert reading.outcome is Outcome.UNRESOLVED
    assert not reading.known
    assert re.match({0: "no batch sizes reached", 1: "1 batch size reached", 2: "2 batch sizes reached"}[n], reading.note)


def test_updates_that_keep_falling_as_one_over_the_batch_give_only_a_lower_bound():
    reading = critical_batch([arm(b, 1e6 / b) for b in SIZES], {}, N)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == math.inf
    assert 1000 < reading.low < math.inf
    assert reading.value == reading.low


def test_a_lower_bound_of_nothing_is_no_bound():
    """Updates that jump about: neither limit of the law can be told from the other."""
    reading = critical_batch([arm(8, 100.0), arm(32, 900.0), arm(128, 90.0)], {}, 100)
    assert reading.outcome is Outcome.UNRESOLVED
    assert "no clear law" in reading.note


def test_the_time_optimal_batch_is_the_geometric_mean_of_both_limits():
    def time(batch_size):
        return (1 + 200 / batch_size) * (1.334e-3 + 1.731e-6 * batch_size)

    reading = time_optimal_batch(known(200.0), clock(1.334e-3, 1.731e-6))
    assert reading.value == pytest.approx(392.6, abs=0.05)
    assert time(reading.value) == pytest.approx(3.039363e-3, rel=1e-6)
    assert (time(reading.low), time(reading.high)) == pytest.approx((1.1 * 3.039363e-3,) * 2, rel=1e-6)
    assert (reading.outcome, reading.repeats) == (Outcome.OK, 5)


@pytest.mark.parametrize(("critical", "throughput"), [
    (None, clock(1e-3, 1e-6)), (known(), None), (known(outcome=Outcome.UNRESOLVED), clock(1e-3, 1e-6)),
    (known(outcome=Outcome.LOWER_BOUND, high=math.inf), clock(1e-3, 1e-6)), (known(0.0), clock(1e-3, 1e-6)),
    (known(), Reading(name="throughput", outcome=Outcome.UNRESOLVED)), (known(), clock(1e-3, 0.0))])
def test_without_both_limits_there_is_no_time_optimal_batch(critical, throughput):
    reading = time_optimal_batch(critical, throughput)
    assert reading.outcome is Outcome.UNRESOLVED
    assert reading.note
