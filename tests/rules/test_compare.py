"""Settings compared over shared seeds: which is better, which is equal, and what each costs."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.worlds import MARGIN, PRESENT, Truth, at, clock, curve, diverged, evidence
from scipy.stats import ttest_rel

from epochal.records import Outcome, Verdict
from epochal.records.clock import Seconds
from epochal.rules.plan.compare import compare, reference, runs_by_setting, seconds_ratio, shown_better, verdict_of
from epochal.rules.plan.decide import clock_of

OTHER, THIRD = at(128), at(512)
NUMBER = st.floats(-10, 10)


def runs(qualities):
    """`{setting: {seed: curve}}` of flat runs with the given final losses; `None` is a run that diverged."""
    return {setting: {seed: diverged(setting=setting, seed=seed) if loss is None else curve([loss], setting=setting, seed=seed)
                      for seed, loss in enumerate(losses)} for setting, losses in qualities.items()}


def second_each(batch_size):
    return Seconds(value=1.0, low=0.99, high=1.01)


def test_better_is_shown_by_a_paired_one_sided_t_test():
    rng = np.random.default_rng(1)
    ours = 1 + 0.3 * rng.normal(size=8)          # the seeds differ much, the settings little
    theirs = ours - 0.02 + 0.02 * rng.normal(size=8)
    p = ttest_rel(theirs, ours, alternative="less").pvalue
    assert p < 0.05
    assert shown_better(runs({PRESENT: ours, OTHER: theirs}), PRESENT) == [OTHER]
    assert shown_better(runs({PRESENT: theirs, OTHER: ours}), PRESENT) == []


def test_what_one_test_shows_twenty_tests_together_may_not():
    """Holm: the same difference counts among two settings and not among twenty."""
    ours, theirs = np.zeros(8) + 1, 1 + np.array([-3.0, -2, -1, 0, 1, -2, -1, -1]) / 100
    p = ttest_rel(theirs, ours, alternative="less").pvalue
    assert 0.05 / 20 < p < 0.05
    equals = {at(128, rate): ours for rate in np.geomspace(1e-4, 1e-1, 19)}
    assert shown_better(runs({PRESENT: ours, OTHER: theirs}), PRESENT) == [OTHER]
    assert shown_better(runs({PRESENT: ours, OTHER: theirs} | equals), PRESENT) == []


def test_two_seeds_show_nothing_however_far_apart():
    assert shown_better(runs({PRESENT: [1.0, 1.0], OTHER: [0.1, 0.1]}), PRESENT) == []


def test_the_very_same_lower_difference_at_every_seed_is_shown_and_no_difference_is_not():
    assert shown_better(runs({PRESENT: [1.0, 2.0, 3.0], OTHER: [0.5, 1.5, 2.5]}), PRESENT) == [OTHER]
    assert shown_better(runs({PRESENT: [1.0, 2.0, 3.0], OTHER: [1.0, 2.0, 3.0]}), PRESENT) == []


def test_a_setting_of_which_one_run_diverged_is_never_better_and_everything_is_better_than_a_present_one_that_does():
    assert shown_better(runs({PRESENT: [1.0] * 4, OTHER: [0.1, 0.1, 0.1, None]}), PRESENT) == []
    assert shown_better(runs({PRESENT: [1.0, 1, 1, None], OTHER: [7.0] * 4, THIRD: [None] * 4}), PRESENT) == [OTHER]


def test_the_reference_is_the_best_of_those_shown_better_else_the_present_setting():
    assert reference(runs({PRESENT: [1.0, 1, 1], OTHER: [0.5] * 3, THIRD: [0.4] * 3}), PRESENT) == THIRD
    assert reference(runs({PRESENT: [1.0, 1, 1], OTHER: [1.5] * 3, THIRD: [0.4, 2, 0.3]}), PRESENT) == PRESENT
    assert reference(runs({PRESENT: [None] * 3, OTHER: [None] * 3}), PRESENT) == PRESENT


def test_only_seeds_that_both_have_are_paired():
    made = runs({PRESENT: [1.0, 2.0, 3.0, 4.0, 50.0], OTHER: [0.5, 1.5, 2.5, 3.5]})
    assert shown_better(made, PRESENT) == [OTHER]
    arm = compare(made, PRESENT, PRESENT, 0.1, 0.0, second_each, lambda b: None)[1]
    assert (arm.difference, arm.low, arm.high) == (-0.5, -0.5, -0.5)


@given(NUMBER, NUMBER, st.floats(0, 5))
def test_a_verdict_says_what_the_interval_shows(a, b, margin):
    low, high = sorted((a, b))
    said = verdict_of(low, high, margin)
    assert (said is Verdict.NOT_WORSE) == (high < margin)
    assert (said is Verdict.WORSE) == (low > 0 and high >= margin)


@pytest.mark.parametrize(("low", "high"), [(math.nan, math.nan), (math.nan, 0.5), (-math.inf, math.inf), (-1.0, math.nan)])
def test_an_interval_without_an_upper_end_is_never_equal_and_never_worse(low, high):
    assert verdict_of(low, high, 0.1) is Verdict.UNDECIDED


def test_an_interval_that_ends_exactly_at_the_margin_is_not_equal():
    assert verdict_of(-0.1, 0.1, 0.1) is Verdict.UNDECIDED
    assert verdict_of(0.0, 0.1, 0.1) is Verdict.UNDECIDED
    assert verdict_of(0.0, 0.0, 0.0) is Verdict.UNDECIDED   # a margin of nothing makes nothing equal


def test_every_setting_becomes_one_arm_by_batch_size_with_its_verdict():
    made = runs({THIRD: [3.0, 3.1, 3.2], PRESENT: [1.0, 1.1, 1.2], OTHER: [1.0, 1.1, 1.2], at(8): [None, 1.0, 1.0]})
    arms = compare(made, PRESENT, PRESENT, 0.1, 1.5, second_each, {32: 7, 128: 9}.get)
    assert [arm.setting for arm in arms] == [at(8), PRESENT, OTHER, THIRD]
    assert [arm.verdict for arm in arms] == [Verdict.DIVERGED, Verdict.REFERENCE, Verdict.NOT_WORSE, Verdict.WORSE]
    assert [arm.present for arm in arms] == [False, True, False, False]
    assert [arm.peak_bytes for arm in arms] == [None, 7, 9, None]
    assert arms[0].quality is arms[0].difference is arms[0].steps is None
    assert arms[3].difference == pytest.approx(2.0)
    assert arms[3].quality == pytest.approx(3.1)


def test_settings_that_share_no_two_seeds_are_not_resolvable():
    made = runs({PRESENT: [1.0, 1.1, 1.2]})
    made[OTHER] = {seed: curve([1.0], setting=OTHER, seed=seed) for seed in (2, 71, 72)}
    made[THIRD] = {seed: curve([1.0], setting=THIRD, seed=seed) for seed in (81, 82)}
    for arm in compare(made, PRESENT, PRESENT, 0.1, 0.5, second_each, lambda b: None)[1:]:
        assert arm.verdict is Verdict.UNDECIDED
        assert (arm.difference, arm.low, arm.high) == (None, None, None)


def test_an_arms_cost_is_the_geometric_mean_of_updates_times_the_clock():
    made = {PRESENT: {seed: curve([9.0] * n + [1.0], seed=seed, steps_per_epoch=10) for seed, n in enumerate((1, 3, 7))}}
    (arm,) = compare(made, PRESENT, PRESENT, 0.1, 1.0, lambda b: Seconds(value=0.5, low=0.4, high=0.6), lambda b: None)
    steps = 10 * np.array([2, 4, 8])
    assert arm.steps == pytest.approx(40)
    assert arm.seconds == pytest.approx(20)
    half = 4.302653 * np.log(steps).std(ddof=1) / math.sqrt(3)
    assert arm.steps_high == pytest.approx(40 * math.exp(half))
    assert arm.steps_low == pytest.approx(40 * math.exp(-half))
    assert arm.seconds_high == pytest.approx(20 * math.exp(math.hypot(half, math.log(0.6 / 0.4) / 2)))
    assert arm.seconds_low * arm.seconds_high == pytest.approx(arm.seconds**2)


def test_a_cost_is_unknown_where_one_seed_never_arrived_and_untimed_where_there_is_no_clock():
    late = {PRESENT: {0: curve([1.0]), 1: curve([1.0], seed=1), 2: curve([2.0], seed=2)}}
    (arm,) = compare(late, PRESENT, PRESENT, 0.1, 1.0, second_each, lambda b: None)
    assert arm.steps is arm.seconds is None
    (arm,) = compare(runs({PRESENT: [1.0, 1.0]}), PRESENT, PRESENT, 0.1, 1.0, lambda b: None, lambda b: None)
    assert (arm.steps, arm.seconds) == (pytest.approx(50), None)


def test_the_ratio_of_times_is_paired_so_that_seeds_which_are_slow_for_both_do_not_blur_it():
    slow = np.array([1, 2, 4, 8])
    made = {s: {i: curve([9.0] * int(n * k) + [1.0], setting=s, seed=i, steps_per_epoch=1) for i, n in enumerate(slow)}
            for s, k in ((PRESENT, 8), (OTHER, 4))}
    clocks = {32: Seconds(value=1.0, low=1.0, high=1.0), 128: Seconds(value=1.5, low=1.5, high=1.5)}
    ratio, low, high = seconds_ratio(made, PRESENT, OTHER, 1.0, clocks.get)
    steps = np.log((8 * slow + 1) / (4 * slow + 1))
    assert ratio == pytest.approx(math.exp(steps.mean()) / 1.5)
    half = 3.182446 * steps.std(ddof=1) / 2
    assert (low, high) == pytest.approx((ratio * math.exp(-half), ratio * math.exp(half)))
    back = seconds_ratio(made, OTHER, PRESENT, 1.0, clocks.get)
    assert back == pytest.approx((1 / ratio, 1 / high, 1 / low))


def test_the_clocks_own_doubt_counts_between_batch_sizes_and_cancels_within_one():
    flat = runs({PRESENT: [1.0] * 4, OTHER: [1.0] * 4, at(32, 1e-2): [1.0] * 4})

    def wide(batch_size):
        return Seconds(value=1.0, low=0.5, high=2.0)

    assert seconds_ratio(flat, PRESENT, OTHER, 1.0, wide)[2] == pytest.approx(math.exp(math.hypot(math.log(2), math.log(2))))
    assert seconds_ratio(flat, PRESENT, at(32, 1e-2), 1.0, wide) == (1.0, 1.0, 1.0)


def test_there_is_no_ratio_without_a_clock_two_seeds_or_the_target():
    made = runs({PRESENT: [1.0, 1.0, 2.0], OTHER: [1.0, 1.0, 1.0], THIRD: [1.0]})
    assert seconds_ratio(made, PRESENT, OTHER, 1.0, second_each) is None     # one run never arrived
    assert seconds_ratio(made, OTHER, THIRD, 1.0, second_each) is None       # one shared seed
    assert seconds_ratio(made, OTHER, PRESENT, 3.0, lambda b: None) is None  # no clock


def full_step(reading, size):
    found = clock_of(evidence({PRESENT: Truth()}, throughput=reading)).full_step(size)
    return found.value, found.low, found.high


def test_seconds_a_step_are_those_measured_else_those_of_the_line_with_the_widest_doubt_measured():
    reading = clock(1e-3, 1e-6, sizes=(8, 32, 128), spread=1.25)
    assert full_step(reading, 32) == pytest.approx((1.032e-3, 1.032e-3 / 1.25, 1.032e-3 * 1.25))
    assert full_step(reading, 1000) == pytest.approx((2e-3, 2e-3 / 1.25, 2e-3 * 1.25))
    assert clock_of(evidence({PRESENT: Truth()}, throughput=None)).full_step(32) is None


@pytest.mark.parametrize(("size", "rows"), [(8, 8), (1024, 575), (600, 575), (1150, 1150), (5000, 1150)])
def test_the_mean_step_of_an_epoch_has_its_share_of_a_short_last_batch(size, rows):
    made = evidence({PRESENT: Truth()}, n_train=1150, throughput=clock(1e-3, 1e-5, sizes=(8, 32, 1024)))
    assert clock_of(made).step(size).value == pytest.approx(1e-3 + 1e-5 * rows, rel=1e-2)


def test_a_senseless_fastest_repeat_does_not_make_a_step_free():
    reading = clock(1e-3, 1e-6, sizes=(8, 32, 128))
    points = tuple(replace(point, low=-0.01) for point in reading.points)
    broken = type(reading)(name="throughput", value=1000.0, points=points, details=reading.details)
    for size in (32, 77):
        seconds, low, high = full_step(broken, size)
        assert 0 < low < seconds < high


def test_runs_with_fresh_seeds_are_gathered_by_setting_and_trials_are_not_among_them():
    made = evidence({PRESENT: Truth(), OTHER: Truth()}, n_seeds=4, n_screen=3)
    found = runs_by_setting(made)
    assert list(found) == [PRESENT, OTHER]
    assert [sorted(of) for of in found.values()] == [[(0, 0), (1, 0), (2, 0), (3, 0)]] * 2
    assert all(c.outcome is Outcome.OK for of in found.values() for c in of.values())


def test_a_setting_truly_worse_by_the_margin_has_an_interval_around_it():
    made = evidence({PRESENT: Truth(), OTHER: Truth(excess=MARGIN)}, shared=0.3, n_epochs=400)
    arm = compare(runs_by_setting(made), PRESENT, PRESENT, MARGIN, 0.0, second_each, lambda b: None)[1]
    assert arm.difference == pytest.approx(MARGIN, rel=1e-3)     # the seeds' own luck, 15 margins, cancels
