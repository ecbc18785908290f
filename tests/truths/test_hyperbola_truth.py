"""Steps drawn from the law itself: the fit's interval must cover the truth as often as it says, censored or not."""

import numpy as np
import pytest
from scipy.stats import binom
from tiers import cases

from epochal.base.hyperbola import hyperbola_fit

ENOUGH = [60, pytest.param(cases(1000), marks=pytest.mark.second)]  # data sets


def low(n):
    """Of `n` intervals of 95 %, fewer hold the truth once in 10,000 times."""
    return binom.ppf(1e-4, n, 0.95)


@pytest.mark.parametrize("n", ENOUGH)
@pytest.mark.parametrize(("sizes", "limit", "spread"), [
    (4.0 ** np.arange(1, 7), np.inf, 0.1),                        # six sizes, one run each
    (4.0 ** np.arange(0, 7), 1500, 0.1),                          # the small batches do not arrive
    (np.repeat(4.0 ** np.arange(1, 5), 3), 600, 0.3),             # three seeds, noisy, some arrive and some do not
], ids=["complete", "censored", "partly censored"])
def test_the_interval_covers_the_critical_batch_at_the_nominal_rate(sizes, limit, spread, n):
    rng = np.random.default_rng(0)
    truth = 100 * (1 + 50 / sizes)
    inside = 0
    for _ in range(n):
        steps = truth * np.exp(rng.normal(0, spread, sizes.size))
        fit = hyperbola_fit(sizes, np.minimum(steps, limit), steps > limit)
        inside += fit.low <= 50 <= fit.high
    assert 0.92 <= inside / n <= 0.98 or (n < 1000 and low(n) <= inside)  # at a true 95 % outside once in 70,000


@pytest.mark.parametrize("n", ENOUGH)
def test_the_interval_covers_where_large_batches_arrive_before_the_first_look(n):
    rng, sizes = np.random.default_rng(2), 4.0 ** np.arange(0, 7)
    looks = np.array([400, 400, 300, 150, 100, 110, 120.0])  # the first look at each size; those that took fewer steps are early
    truth, inside, n_early = 100 * (1 + 50 / sizes), 0, 0
    for _ in range(n):
        steps = truth * np.exp(rng.normal(0, 0.1, sizes.size))
        early = steps <= looks
        n_early += early.sum()
        fit = hyperbola_fit(sizes, np.maximum(steps, looks), early=early)
        inside += fit.low <= 50 <= fit.high
    assert 1.5 <= n_early / n <= 2.2
    # Bounds tell less than numbers, and the interval is rather too wide.
    assert 0.92 <= inside / n <= 0.985 or (n < 1000 and low(n) <= inside)


def test_both_kinds_of_bound_are_mirror_images():
    sizes = 4.0 ** np.arange(0, 6)
    steps = 100 * (1 + 50 / sizes) * np.exp(0.1 * np.array([0, 1, -1, 1, -1, 0]))
    late, early = steps.copy(), steps.copy()
    late[0], early[0] = steps[0] / 4, steps[0] * 4  # bounds that say nothing
    known = hyperbola_fit(sizes[1:], steps[1:])
    first = np.arange(6) == 0
    for found in (hyperbola_fit(sizes, late, first), hyperbola_fit(sizes, early, early=first)):
        assert found.b_crit == pytest.approx(known.b_crit, rel=1e-3)
    late[0], early[0] = steps[0] * 2, steps[0] / 2  # and that contradict
    above = hyperbola_fit(sizes, late, first).b_crit
    below = hyperbola_fit(sizes, early, early=first).b_crit
    assert below < known.b_crit < above


def test_the_estimate_is_centred():
    rng = np.random.default_rng(1)
    sizes = 2.0 ** np.arange(0, 11)
    found = [hyperbola_fit(sizes, 100 * (1 + 50 / sizes) * np.exp(rng.normal(0, 0.1, 11))).b_crit for _ in range(400)]
    assert np.mean(np.log(found)) == pytest.approx(np.log(50), abs=0.04)  # standard error 0.008
