"""The difference that counts as none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.rules.margin import margin_and_target

LOSS = st.floats(-100, 100)


def test_it_is_one_percent_of_what_training_gains_and_the_target_lies_one_margin_above_what_is_reached():
    assert margin_and_target(2.2, 0.2, math.inf) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, 0.2, 0.1) == pytest.approx((0.02, 0.22))     # luckier trials do not move it


def test_where_the_present_setting_gains_nothing_the_best_trial_says_what_there_is_to_gain():
    assert margin_and_target(2.2, 3.0, 0.2) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, math.inf, 0.2) == pytest.approx((0.02, 0.22))
    assert margin_and_target(2.2, math.nan, 0.2) == pytest.approx((0.02, 0.22))


def test_where_nothing_gains_anything_it_is_one_percent_of_the_loss_itself():
    assert margin_and_target(2.0, math.inf, math.inf) == pytest.approx((0.02, 2.02))
    assert margin_and_target(-2.0, 5.0, 7.0) == pytest.approx((0.02, -1.98))


@given(LOSS, st.one_of(LOSS, st.just(math.inf)), st.one_of(LOSS, st.just(math.inf)))
def test_it_is_a_number_and_never_negative_and_the_target_is_a_number(untrained, present, screened):
    margin, target = margin_and_target(untrained, present, screened)
    assert margin >= 0
    assert math.isfinite(margin)
    assert math.isfinite(target)


@given(st.floats(-1, 1), st.floats(1.5, 9), st.floats(0.1, 10), st.floats(-5, 5))
def test_scaling_and_shifting_the_loss_scales_and_shifts_both(reached, untrained, scale, shift):
    margin, target = margin_and_target(untrained, reached, math.inf)
    other = margin_and_target(scale * untrained + shift, scale * reached + shift, math.inf)
    assert other == pytest.approx((scale * margin, scale * target + shift), abs=1e-9)
