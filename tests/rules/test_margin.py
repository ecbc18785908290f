"""The difference that counts as none, and the loss whose reaching is timed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.rules.margin import margin_and_target

LOSS = st.floats(-100, 100)
RUN = st.one_of(st.tuples(LOSS, LOSS).map(lambda pair: (max(pair), min(pair))), st.just((math.inf, 5.0)),
                st.just((math.inf, math.inf)))


def steady(*qualities):
    """Runs whose quality is their lowest loss."""
    return [(q, q) for q in qualities]


def test_it_is_one_percent_of_what_training_gains_and_the_target_lies_one_margin_above_what_is_reached():
    assert margin_and_target(2.2, steady(0.2), math.inf) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, [(0.19, 0.18), (0.21, 0.2)], math.inf) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, steady(0.2), 0.1) == pytest.approx((0.02, 0.22))     # luckier trials do not move it


def test_the_target_lies_one_margin_above_what_every_run_of_the_present_setting_reached():
    """So a setting equal to it arrives on the same seeds, also on those that are unlucky for both."""
    assert margin_and_target(2.2, steady(0.1, 0.3), math.inf) == pytest.approx((0.02, 0.32))
    assert margin_and_target(2.2, [(0.2, 0.05), (0.2, 0.1)], math.inf) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, steady(0.1, 0.1, 5.0), math.inf)[1] == 2.2        # never above the untrained network


def test_where_the_present_setting_gains_nothing_the_best_trial_says_what_there_is_to_gain():
    assert margin_and_target(2.2, [(3.0, 2.0)], 0.2)[0] == pytest.approx(0.02)
    assert margin_and_target(2.2, [(math.inf, math.inf)], 0.2) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, [(math.nan, math.nan)], 0.2) == pytest.approx((0.02, 0.22))


def test_where_nothing_gains_anything_it_is_one_percent_of_the_loss_itself():
    nothing = [(math.inf, math.inf)]
    assert margin_and_target(2.0, nothing, math.inf) == pytest.approx((0.02, 2.02))
    assert margin_and_target(-2.0, steady(5.0), 7.0)[0] == pytest.approx(0.02)


@given(LOSS, st.lists(RUN, min_size=1, max_size=4), st.one_of(LOSS, st.just(math.inf)))
def test_it_is_a_number_and_never_negative_and_the_target_is_a_number(untrained, present, screened):
    margin, target = margin_and_target(untrained, present, screened)
    assert margin >= 0
    assert math.isfinite(margin)
    assert math.isfinite(target)


@given(LOSS, st.lists(st.tuples(LOSS, LOSS).map(lambda pair: (max(pair), min(pair))), min_size=1, max_size=5))
def test_every_run_of_a_present_setting_that_learns_reaches_the_target(untrained, present):
    _, target = margin_and_target(untrained, present, math.inf)
    assert all(lowest <= target for _, lowest in present if lowest < untrained)


@given(st.floats(-1, 1), st.floats(1.5, 9), st.floats(0.1, 10), st.floats(-5, 5))
def test_scaling_and_shifting_the_loss_scales_and_shifts_both(reached, untrained, scale, shift):
    margin, target = margin_and_target(untrained, steady(reached), math.inf)
    other = margin_and_target(scale * untrained + shift, steady(scale * reached + shift), math.inf)
    assert other == pytest.approx((scale * margin, scale * target + shift), abs=1e-9)
