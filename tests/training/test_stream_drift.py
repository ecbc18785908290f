"""Alarms of drift: a planted change is told within a stated delay, stationary streams hardly ever raise one, and state is plain."""

import numpy as np
import pytest
from scipy.stats import beta
from tiers import cases

from epochal.training.stream.drift import Drift

pytestmark = pytest.mark.needs("river")
LEVELS = (0.02, 0.1, 0.3, 0.5)


def heard(errors, bounded=True):
    return Drift(bounded).hear(errors, errors)


@pytest.mark.parametrize("level", LEVELS)
def test_errors_that_rise_by_a_quarter_of_all_answers_are_told_within_500_rows(level):
    rng = np.random.default_rng(3)
    errors = (rng.random(8000) < np.where(np.arange(8000) < 6000, level, level + 0.25)).astype(float)
    alarms = heard(errors)
    assert alarms
    assert 6000 < alarms[0].row <= 6500
    assert alarms[0].after > alarms[0].before


def test_losses_without_a_bound_that_triple_are_told_within_500_rows():
    losses = np.random.default_rng(4).gamma(2, size=8000) * np.where(np.arange(8000) < 6000, 1, 3)
    alarms = heard(losses, bounded=False)
    assert 6000 < alarms[0].row <= 6500


def test_errors_that_fall_are_no_alarm():
    rng = np.random.default_rng(5)
    assert heard((rng.random(8000) < np.where(np.arange(8000) < 4000, 0.5, 0.1)).astype(float)) == []


@pytest.mark.second
def test_in_stationary_streams_of_20_000_rows_at_most_one_in_twenty_has_an_alarm(record_property):
    """100 streams, wrong answers and losses without a bound in turn; the upper bound is Clopper and Pearson's (1934), one-sided."""
    n, false = cases(100), 0
    for seed in range(n):
        rng = np.random.default_rng([7, seed])
        bounded = seed % 2 == 0
        values = (rng.random(20_000) < LEVELS[seed // 2 % 4]).astype(float) if bounded else rng.lognormal(sigma=1.5, size=20_000)
        false += bool(heard(values, bounded))
    high = float(beta.ppf(0.95, false + 1, n - false))
    record_property("false alarms", f"{false} of {n}, at most {high:.3f}")
    assert high <= 0.05


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("cut", [1, 4999, 9_990, 12_345])
def test_what_goes_on_from_plain_numbers_hears_what_an_uninterrupted_one_hears(bounded, cut):
    rng = np.random.default_rng(6)
    level = np.where(np.arange(20_000) % 7_000 < 3_500, 0.1, 0.3)
    values = (rng.random(20_000) < level).astype(float) if bounded else rng.gamma(2, size=20_000) * level
    whole = heard(values, bounded)
    first = Drift(bounded)
    before = first.hear(values[:cut], values[:cut])
    second = Drift(bounded)
    second.restore(first.state())
    assert before + second.hear(values[cut:], values[cut:]) == whole
    assert len(whole) >= 2
    assert len(first.state()["heard"]) <= 10_000
