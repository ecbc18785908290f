"""Batch-size arithmetic, against brute force and its limits."""

import math

import numpy as np
import pytest

from epochal.rules.scaling import seed_rate, time_band, time_optimal


def _time(b, b_crit, t0, c):
    return (1 + b_crit / b) * (t0 + c * b)


@pytest.mark.parametrize(("b_crit", "t0", "c"), [(200.0, 1.334e-3, 1.731e-6), (5.0, 1e-2, 1e-3), (1e4, 1e-4, 1e-7)])
def test_the_band_ends_where_the_time_is_a_tenth_above_the_least(b_crit, t0, c):
    best, (low, high) = time_optimal(b_crit, t0, c), time_band(b_crit, t0, c)
    around = best * np.geomspace(0.5, 2, 401)
    assert _time(best, b_crit, t0, c) <= _time(around, b_crit, t0, c).min() * (1 + 1e-12)
    for end in (low, high):
        assert _time(end, b_crit, t0, c) == pytest.approx(1.1 * _time(best, b_crit, t0, c), rel=1e-9)
    assert low < best < high


def test_without_tolerance_the_band_is_the_best_size():
    assert time_band(200, 1e-3, 2e-6, tolerance=0) == pytest.approx((math.sqrt(1e5),) * 2, rel=1e-6)


def test_limits_of_the_rule():
    assert time_optimal(200, 1e-3, 0) == math.inf           # examples cost nothing
    assert time_band(200, 1e-3, 0) == (pytest.approx(2000), math.inf)
    assert time_optimal(200, 0, 1e-6) == 0                  # steps cost nothing
    assert time_band(200, 0, 1e-6) == (0, pytest.approx(20))
    assert time_optimal(0, 1e-3, 1e-6) == 0                 # a larger batch saves no step
    assert time_band(0, 1e-3, 1e-6) == (0, pytest.approx(100))
    assert time_optimal(math.inf, 1e-3, 1e-6) == math.inf   # a larger batch always saves steps
    assert time_band(math.inf, 1e-3, 1e-6) == (pytest.approx(10_000), math.inf)


def test_the_rate_is_seeded_linearly_for_sgd_and_by_the_root_for_the_others():
    assert seed_rate(0.1, 32, 128, "SGD") == pytest.approx(0.4)
    assert seed_rate(0.1, 128, 32, "sgd") == pytest.approx(0.025)
    assert seed_rate(1e-3, 32, 128, "adam") == pytest.approx(2e-3)
    assert seed_rate(1e-3, 32, 128, "homemade") == pytest.approx(2e-3)
