"""The luckiest of T equal trials looks better than it is, by a known amount; on rows not chosen by, it does not."""

import numpy as np
import pytest
from base.extremes import expected_maximum


@pytest.mark.parametrize(("n", "expected"), [(1, 0), (2, 0.5642), (5, 1.1630), (10, 1.5388), (20, 1.8675), (50, 2.2491),
                                             (100, 2.5076)])
def test_the_expected_largest_of_n_normals(n, expected):
    assert expected_maximum(n) == pytest.approx(expected, abs=5e-5)


def test_the_best_of_fifty_equal_epochs_looks_too_good_by_that_much_and_on_the_other_half_it_does_not():
    rng = np.random.default_rng(0)
    half_a, half_b = 0.5 + 0.03 * rng.normal(size=(2, 20_000, 50))  # equal true losses, equal noise
    chosen = half_a.argmin(1)
    runs = np.arange(20_000)
    # the standard error of both means is below 0.008 standard deviations
    assert (0.5 - half_a[runs, chosen].mean()) / 0.03 == pytest.approx(expected_maximum(50), abs=0.04)
    assert (0.5 - half_b[runs, chosen].mean()) / 0.03 == pytest.approx(0, abs=0.04)
