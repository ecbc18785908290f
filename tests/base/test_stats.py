"""Intervals, ratios, lines and tests, against worked values, slow twins and simulated coverage."""

import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.base.stats import fieller, holm, jackknife, line_fit, mean_interval, paired_difference, trace_and_square


def test_mean_interval_uses_student_and_not_the_normal_quantile():
    mean, low, high = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert high - mean == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)  # t(2 degrees) = 4.302653
    assert mean - low == pytest.approx(high - mean)


def test_one_value_has_an_unbounded_interval_and_none_is_refused():
    assert mean_interval([7.0]) == (7.0, -np.inf, np.inf)
    with pytest.raises(UsageError, match="`values` must be a list of at least one number"):
        mean_interval([])


def test_a_value_that_is_not_a_number_is_not_hidden():
    assert all(np.isnan(mean_interval([1.0, np.nan, 2.0])))


def test_a_paired_difference_is_positive_where_the_first_is_larger_and_forgets_what_pairs_share():
    shared = np.array([0.0, 100.0, -50.0, 30.0])
    mean, low, high = paired_difference(shared + np.array([1.0, 1.1, 0.9, 1.0]), shared)
    assert mean == pytest.approx(1.0)
    assert 0.8 < low < 1.0 < high < 1.2
    with pytest.raises(UsageError, match="Pass pairs"):
        paired_difference([1.0, 2.0], [1.0])


def test_the_limits_of_a_ratio_are_where_its_test_turns():
    n, d, var_n, cov, var_d, degrees = 3.0, 2.0, 0.2, 0.05, 0.1, 9
    t = 2.262157
    for r in fieller(n, d, var_n, cov, var_d, degrees):
        assert (n - r * d) ** 2 == pytest.approx(t**2 * (var_n - 2 * r * cov + r**2 * var_d), rel=1e-5)


def test_the_inverse_ratio_has_the_inverse_limits():
    low, high = fieller(3.0, 2.0, 0.2, 0.05, 0.1, 9)
    assert fieller(2.0, 3.0, 0.1, 0.05, 0.2, 9) == pytest.approx((1 / high, 1 / low))


def test_a_ratio_without_noise_is_the_ratio():
    assert fieller(3.0, 2.0, 0.0, 0.0, 0.0, 5) == (1.5, 1.5)


def test_an_unresolved_denominator_leaves_only_a_lower_bound():
    low, high = fieller(3.0, 0.1, 0.2, 0.0, 0.1, 9)
    assert high == np.inf
    assert (3.0 - low * 0.1) ** 2 == pytest.approx(2.262157**2 * (0.2 + low**2 * 0.1), rel=1e-5)
    assert 3.0 - low * 0.1 > 0
    assert fieller(0.1, 0.1, 0.2, 0.0, 0.1, 9) == (0.0, np.inf)
    assert fieller(3.0, -5.0, 0.2, 0.0, 0.1, 9)[1] < 0


@pytest.mark.parametrize("denominator", [5.0, 2.0, 0.5])
def test_fieller_covers_at_the_nominal_rate_bounded_or_not(denominator):
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        sample = rng.normal([3.0 * denominator, denominator], [4.0, 3.0], size=(10, 2))
        (n, d), cov = sample.mean(0), np.cov(sample.T) / 10
        low, high = fieller(n, d, cov[0, 0], cov[0, 1], cov[1, 1], 9)
        inside += low <= 3.0 <= high
    # at a true 95 % each of the three leaves 93 to 97 % once in 20,000; the cut at 0 never loses a positive truth
    assert 0.93 <= inside / 2000 <= 0.97


def test_the_jackknife_of_a_mean_is_its_squared_standard_error():
    x = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_allclose(jackknife((x.sum(0) - x) / 6), np.cov(x.T) / 7, rtol=1e-12)


def test_a_line_and_its_covariance_are_those_of_numpy():
    rng = np.random.default_rng(0)
    x, weights = rng.uniform(1, 100, 9), rng.uniform(0.5, 2, 9)
    y = 3 + 0.2 * x + rng.normal(size=9)
    fit = line_fit(x, y, weights)
    slope_first, covariance = np.polyfit(x, y, 1, w=np.sqrt(weights), cov=True)
    assert (fit.intercept, fit.slope) == pytest.approx(tuple(slope_first[::-1]))
    np.testing.assert_allclose(fit.covariance, covariance[::-1, ::-1], rtol=1e-8)
    assert fit.degrees == 7


def test_a_line_needs_three_points_at_two_places():
    with pytest.raises(UsageError, match="at least three points"):
        line_fit([1, 1, 1], [1, 2, 3], [1, 1, 1])


def test_holm_adjusts_in_order_of_size_and_a_missing_p_value_rejects_nothing():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.01, np.nan]), [0.02, 1.0])


def test_trace_and_square_without_a_group_are_those_of_the_other_groups():
    means = np.random.default_rng(0).normal(size=(6, 4)) + 1
    (trace, square), left_out = trace_and_square(means, 5)
    m = means.mean(0)
    slow = 5 / 5 * np.sum((means - m) ** 2)  # b / (k - 1) Σ |m_j - m|², b = 5, k = 6
    assert trace == pytest.approx(slow)
    assert square == pytest.approx(m @ m - slow / 30)
    for j in range(6):
        np.testing.assert_allclose(left_out[j], trace_and_square(np.delete(means, j, 0), 5)[0], rtol=1e-12)
