"""The fit of S(B) = Smin (1 + Bc / B), against a slow twin, its limits and planted faults of the data."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from epochal.base.errors import UsageError
from epochal.base.hyperbola import hyperbola_fit

SIZES = 2.0 ** np.arange(0, 10)


def _noisy(seed=0, spread=0.1):
    return 100 * (1 + 50 / SIZES) * np.exp(np.random.default_rng(seed).normal(0, spread, SIZES.size))


def test_points_on_the_law_give_it_back():
    fit = hyperbola_fit(SIZES, 100 * (1 + 50 / SIZES))
    assert (fit.s_min, fit.b_crit, fit.e_min) == pytest.approx((100, 50, 5000), rel=1e-5)
    assert (fit.low, fit.high) == pytest.approx((50, 50), rel=1e-3)
    assert fit.sigma < 1e-5


def test_the_fit_is_that_of_a_general_optimizer_with_censoring():
    steps = _noisy()
    censored = steps > 1500
    steps = np.minimum(steps, 1500)

    def misfit(parameters):
        log_smin, log_bc, log_sigma = parameters
        z = (np.log(steps) - log_smin - np.log1p(np.exp(log_bc) / SIZES)) / np.exp(log_sigma)
        return -np.sum(np.where(censored, norm.logsf(z), norm.logpdf(z) - log_sigma))

    slow = minimize(misfit, [4.0, 4.0, -2.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000})
    fit = hyperbola_fit(SIZES, steps, censored)
    assert censored.sum() == 2
    assert np.log([fit.s_min, fit.b_crit, fit.sigma]) == pytest.approx(slow.x, abs=1e-4)


def test_counting_a_censored_run_as_arrived_would_pull_the_critical_batch_down():
    steps = 100 * (1 + 50 / SIZES)
    censored, cut = steps > 700, np.minimum(steps, 700)
    assert hyperbola_fit(SIZES, cut, censored).b_crit == pytest.approx(50, rel=1e-3)
    assert hyperbola_fit(SIZES, cut).b_crit < 25


def test_batches_all_below_the_bend_leave_no_upper_limit():
    small = SIZES <= 8
    fit = hyperbola_fit(SIZES[small], _noisy()[small])
    assert fit.high == np.inf
    assert fit.low > 0


def test_batches_all_beyond_the_bend_leave_no_lower_limit():
    sizes = SIZES * 512
    fit = hyperbola_fit(sizes, 100 * (1 + 50 / sizes) * (_noisy() / 100 / (1 + 50 / SIZES)))
    assert fit.low == 0
    assert np.isfinite(fit.high)


def test_perfect_scaling_and_no_scaling_are_the_limits_of_the_law():
    perfect, none = hyperbola_fit(SIZES, 1000 / SIZES), hyperbola_fit(SIZES, np.full(SIZES.shape, 7.0))
    assert (perfect.b_crit, perfect.s_min) == (np.inf, 0)
    assert perfect.e_min == pytest.approx(1000)
    assert (none.b_crit, none.e_min) == (0, 0)
    assert none.s_min == pytest.approx(7)


def test_too_few_arrivals_are_said_and_not_guessed():
    for fit in (hyperbola_fit([8, 16], [100, 60]), hyperbola_fit([8, 8, 8], [100, 90, 95]),
                hyperbola_fit(SIZES, _noisy(), np.ones(SIZES.shape, bool))):
        assert np.isnan(fit.b_crit)
        assert (fit.low, fit.high) == (0, np.inf)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -3.0])
def test_steps_that_are_no_count_are_refused(bad):
    with pytest.raises(UsageError, match="`steps` must be positive and finite"):
        hyperbola_fit([1, 2, 4], [100, bad, 30])
