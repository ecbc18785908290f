"""Pairs: different, equivalent, how often better, and how many of them would tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from epochal.base.pairs import detectable, equivalence, paired_p, paired_spread, seeds_to_resolve, superiority

PAIRS = st.integers(2, 12).flatmap(lambda n: st.tuples(*[st.lists(st.floats(-5, 5), min_size=n, max_size=n)] * 2))


@given(PAIRS)
def test_the_p_values_are_those_of_scipys_paired_t_tests(pairs):
    a, b = map(np.array, pairs)
    if paired_spread(a, b) < 1e-3:
        return
    assert paired_p(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)
    above = stats.ttest_rel(a, b - 1.5, alternative="greater").pvalue   # a - b is not above -1.5
    below = stats.ttest_rel(a, b + 1.5, alternative="less").pvalue
    if abs((a - b).mean()) < 1.5:
        assert equivalence(a, b, 1.5) == pytest.approx(max(above, below), rel=1e-9)
    else:
        assert equivalence(a, b, 1.5) >= 0.5


@given(PAIRS, st.floats(0.01, 3))
def test_nothing_depends_on_which_of_the_two_is_named_first(pairs, margin):
    a, b = pairs
    assert paired_p(a, b) == pytest.approx(paired_p(b, a))
    assert equivalence(a, b, margin) == pytest.approx(equivalence(b, a, margin))
    share, low, high = superiority(a, b)
    assert superiority(b, a) == (pytest.approx(1 - share), pytest.approx(1 - high), pytest.approx(1 - low))
    assert superiority(a, b, larger_is_better=True) == superiority(b, a)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_shows_nothing(bad):
    good = [1.0, 1.1, 1.2]
    assert paired_p([bad, 0.0, 0.1], good) == equivalence([bad, 1.1, 1.2], good, 1.0) == 1.0
    assert equivalence(good, good, math.nan) == 1.0
    assert detectable(math.nan, 8) == math.inf
    for three in ((math.nan, 1, 1), (1, math.nan, 1), (1, 1, math.nan), (math.inf, 1, 1), (1, math.inf, 1)):
        assert seeds_to_resolve(*three) is None


def test_fewer_than_two_pairs_show_nothing():
    assert paired_p([1.0], [2.0]) == equivalence([1.0], [1.0], 1.0) == 1.0
    assert detectable(1.0, 1) == math.inf
    assert superiority([], []) == superiority([math.nan], [1.0]) == (0.5, 0.0, 1.0)


def test_differences_that_are_all_the_same_are_judged_by_their_signs_alone():
    theirs = [0.90, 0.91, 0.93, 0.97, 0.88, 0.95, 0.96, 0.94]
    mine = [float(np.float32(x) + np.float32(0.01)) for x in theirs]      # equal but for the rounding of float32
    assert paired_spread(mine, theirs) == 0
    assert paired_p(mine, theirs) == 2 / 2**8
    assert paired_p(mine[:2], theirs[:2]) == 0.5                          # twice one more correct answer: nothing is shown
    assert equivalence(mine, theirs, 0.02) == 1 / 2**8
    assert equivalence(mine, theirs, 0.009) == 1.0
    assert (paired_p(theirs, theirs), equivalence(theirs, theirs, 1e-9)) == (1.0, 1 / 2**8)
    assert seeds_to_resolve(0.01, 0.0, 0.009) == 6                        # 2 / 2⁶ is the first below 0.05
    assert seeds_to_resolve(0.0, 0.0, 0.009) == 5                         # 1 / 2⁵ likewise


def test_an_infinite_loss_is_the_worse_of_a_pair():
    assert superiority([math.inf, 1.0, 1.0], [1.0, 2.0, 1.0])[0] == 0.5   # lost, won, tied


@pytest.mark.parametrize("n", [2, 5, 8])
def test_the_interval_of_superiority_holds_the_truth_often_enough_with_ties_and_without(n):
    """Every chance of a win and a tie in steps of a tenth, and every outcome: exact, nothing is drawn."""
    intervals = {(w, t): superiority([0.0] * w + [1.0] * t + [2.0] * (n - w - t), [1.0] * n)
                 for w in range(n + 1) for t in range(n + 1 - w)}
    for win in range(11):
        for tie in range(11 - win):
            law = stats.multinomial(n, [win / 10, tie / 10, (10 - win - tie) / 10])
            truth = win / 10 + tie / 20
            covered = sum(law.pmf([w, t, n - w - t]) for (w, t), (_, low, high) in intervals.items()
                          if low - 1e-12 <= truth <= high + 1e-12)
            assert covered >= 0.95


def test_without_ties_it_is_the_clopper_pearson_interval():
    for wins in range(9):
        exact = stats.binomtest(wins, 8).proportion_ci(0.95, "exact")
        assert superiority([0.0] * wins + [2.0] * (8 - wins), [1.0] * 8) == pytest.approx((wins / 8, exact.low, exact.high))


@pytest.mark.parametrize(("n", "alpha"), [(2, 0.05), (3, 0.05), (8, 0.05), (8, 0.005), (30, 0.025)])
def test_the_detectable_difference_is_found_in_four_of_five_samples(n, alpha):
    rng = np.random.default_rng(n)
    away = detectable(0.7, n, alpha=alpha) + 0.7 * rng.normal(size=(40_000, n))
    t = away.mean(1) / (away.std(1, ddof=1) / math.sqrt(n))
    found = (np.abs(t) > stats.t.ppf(1 - alpha / 2, n - 1)).mean()
    assert found == pytest.approx(0.8, abs=0.01)   # its standard error is 0.002: fails in under 1e-6 of draws


def test_the_textbooks_number_of_pairs_for_half_a_standard_deviation_is_34():
    assert detectable(1.0, 34) < 0.5 < detectable(1.0, 33)
    assert seeds_to_resolve(0.5, 1.0, 1e-6) == 34


def test_without_a_spread_any_difference_is_detectable_or_none_by_so_few_pairs():
    for n in range(2, 12):
        shown = paired_p([0.5] * n, [0.4] * n) <= 0.05
        assert detectable(0.0, n) == (0.0 if shown else math.inf)
        assert shown == (n >= 6)


def test_the_detectable_difference_shrinks_with_pairs_and_grows_with_spread_and_strictness():
    found = [detectable(1.0, n) for n in range(2, 60)]
    assert found == sorted(found, reverse=True)
    assert detectable(3.0, 8) == pytest.approx(3 * detectable(1.0, 8))
    assert detectable(1.0, 8) < detectable(1.0, 8, alpha=0.01)
    assert detectable(0.0, 8) == 0.0


@pytest.mark.parametrize(("difference", "spread", "margin"), [(0.0, 1.0, 0.5), (0.3, 1.0, 1.0), (0.2, 1.0, 1.5)])
def test_as_many_pairs_as_resolve_show_equivalence_in_four_of_five_samples(difference, spread, margin):
    n = seeds_to_resolve(difference, spread, margin)
    rng = np.random.default_rng(1)

    def shown(n):
        away = difference + spread * rng.normal(size=(20_000, n))
        reach = stats.t.ppf(0.95, n - 1) * away.std(1, ddof=1) / math.sqrt(n)
        return (np.abs(away.mean(1)) + reach < margin).mean()

    assert shown(n) > 0.79         # the standard error is below 0.003: at least three of them on either side
    assert shown(n - 1) < 0.81


def test_where_the_truth_is_just_the_margin_it_is_settled_by_being_shown_different_and_where_it_is_nothing_never():
    assert seeds_to_resolve(0.5, 1.0, 0.5) == 34
    assert seeds_to_resolve(0.0, 1.0, 1e-3) is None
    assert seeds_to_resolve(0.0, 1.0, 0.0) is None
    assert seeds_to_resolve(0.01, 1.0, 0.011) is None


def test_a_stricter_level_takes_more_pairs():
    assert seeds_to_resolve(0.5, 1.0, 1e-6, alpha=0.01) > 34
