"""The batch size with the least time to a target: a worked example and brute force over whole numbers."""

import numpy as np
import pytest

from epochal.rules.scaling import time_band, time_optimal

B_CRIT, T0, C = 200, 1.334e-3, 1.731e-6


def test_the_worked_example():
    best = time_optimal(B_CRIT, T0, C)
    assert best == pytest.approx(392.6, abs=0.05)
    least = (1 + B_CRIT / best) * (T0 + C * best)
    assert least == pytest.approx(3.039363e-3, abs=5e-10)
    assert least == pytest.approx((np.sqrt(T0) + np.sqrt(C * B_CRIT)) ** 2, rel=1e-12)


def test_whole_numbers_agree():
    b = np.arange(1, 20_001)
    seconds = (1 + B_CRIT / b) * (T0 + C * b)
    assert b[seconds.argmin()] == round(time_optimal(B_CRIT, T0, C))
    inside = b[seconds <= 1.1 * (np.sqrt(T0) + np.sqrt(C * B_CRIT)) ** 2]
    low, high = time_band(B_CRIT, T0, C)
    assert (inside[0], inside[-1]) == (np.ceil(low), np.floor(high))
