"""The noisy quadratic model (Zhang et al. 2019, arXiv:1907.04164): exact losses and steps, and the law fitted to them."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from epochal.base.hyperbola import hyperbola_fit

H = 1 / np.arange(1, 1001)  # curvatures, and equal to them the noise of each direction


def _loss(steps, rate, batch_size):
    settled = rate * H / (batch_size * H * (2 - rate * H))
    return 0.5 * np.sum(H * ((1 - rate * H) ** (2 * steps) * (1 - settled) + settled))


def _log_steps(rate, batch_size, target):
    """log of the real-valued steps to the target; a large number where it is never reached."""
    def above(log_steps):
        settled = rate * H / (batch_size * H * (2 - rate * H))
        decay = np.exp(2 * np.exp(log_steps) * np.log(np.abs(1 - rate * H) + 1e-300))
        return 0.5 * np.sum(H * (decay * (1 - settled) + settled)) - target

    return brentq(above, -3, 18, xtol=1e-12) if above(18.0) < 0 else 50.0


def _best(batch_size, target):
    """Best constant rate and the steps it needs: a coarse grid, then a bounded search around its best point."""
    grid = np.geomspace(1e-3, 1.999, 60)
    i = int(np.argmin([_log_steps(rate, batch_size, target) for rate in grid]))
    found = minimize_scalar(_log_steps, bounds=(grid[max(i - 1, 0)], grid[min(i + 1, 59)]), args=(batch_size, target),
                            method="bounded", options={"xatol": 1e-6})
    return float(found.x), float(np.exp(found.fun))


@pytest.fixture(scope="module")
def start():
    return _loss(0, 0.1, 1)


def test_losses_and_steps_of_the_model(start):
    assert start == pytest.approx(3.742735430275, rel=1e-11)
    for arguments, loss in (((100, 0.5, 8), 1.006862542928), ((1000, 0.05, 1), 0.982863551601),
                            ((50, 1.9, 1024), 0.642318719560)):
        assert _loss(*arguments) == pytest.approx(loss, rel=1e-11)
    for rate, batch_size, steps in ((0.1, 1, 3393.418979), (1, 32, 226.776249), (1.9, 4096, 98.941323)):
        assert np.exp(_log_steps(rate, batch_size, 0.1 * start)) == pytest.approx(steps, rel=1e-8)


@pytest.fixture(scope="module")
def curve(start):
    """Steps to a tenth of the loss at B = 1, 2, 4, … 2^18, each at its best rate."""
    sizes = 2.0 ** np.arange(19)
    return sizes, np.array([_best(b, 0.1 * start) for b in sizes])


def test_the_exponent_of_the_best_rate_falls_from_one_towards_nothing(curve):
    sizes, best = curve
    exponents = np.diff(np.log(best[:7, 0])) / np.diff(np.log(sizes[:7]))
    np.testing.assert_allclose(exponents, (0.97, 0.93, 0.84, 0.62, 0.33, 0.16), atol=6e-3)


def test_the_best_rate_and_its_steps_by_batch_size(curve):
    sizes, best = curve
    for b, rate, steps in ((1, 0.1173, 3322.8), (16, 1.198, 271.97), (64, 1.678, 143.90), (256, 1.849, 112.15),
                           (4096, 1.959, 96.99)):
        assert best[sizes == b][0] == pytest.approx((rate, steps), rel=5e-4)


def test_the_law_fits_the_curve_within_six_percent(curve):
    sizes, best = curve
    fit = hyperbola_fit(sizes, best[:, 1])
    assert fit.s_min == pytest.approx(96.2, abs=0.05)
    assert fit.e_min == pytest.approx(3078, abs=0.5)
    assert fit.b_crit == pytest.approx(32.0, abs=0.05)
    assert np.abs(np.log(best[:, 1] / (fit.s_min + fit.e_min / sizes))).max() == pytest.approx(0.059, abs=5e-4)
    assert fit.low < 32 < fit.high < 2 * fit.low


def test_the_same_critical_batch_is_found_where_the_slowest_runs_were_cut_off(curve):
    sizes, best = curve
    near = sizes <= 1024
    steps = best[near, 1]
    fit = hyperbola_fit(sizes[near], np.minimum(steps, 1500), steps > 1500)
    assert (steps > 1500).sum() == 2
    assert fit.b_crit == pytest.approx(32, rel=0.1)  # the law bends: other sizes, other figures
    assert hyperbola_fit(sizes[near], np.minimum(steps, 1500)).b_crit < 25  # what taking them as arrived would say
