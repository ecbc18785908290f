"""How good a run was: judged where it was not chosen, and when it arrived."""

import math

import numpy as np
import pytest
from base.extremes import expected_maximum
from hypothesis import given
from hypothesis import strategies as st
from rules.worlds import curve, diverged

from epochal.rules.plan.quality import best_epoch, cross_fitted, updates_to

LOSSES = st.lists(st.floats(0.01, 10), min_size=1, max_size=12)


@pytest.mark.parametrize(("n_epochs", "expected"), [(5, 1.1630), (20, 1.8675), (50, 2.2491)])
def test_the_least_of_a_flat_noisy_curve_flatters_by_a_known_amount_and_cross_fitting_does_not(n_epochs, expected):
    true, noise, n_runs = 0.5, 0.03, 2000
    rng = np.random.default_rng(n_epochs)
    runs = [curve(a, half_b=b) for a, b in zip(*(true + noise * rng.normal(size=(2, n_runs, n_epochs))).tolist(), strict=True)]
    naive = (true - np.mean([min(run.half_a) for run in runs])) / noise
    fair = (true - np.mean([cross_fitted(run) for run in runs])) / noise
    assert expected_maximum(n_epochs) == pytest.approx(expected, abs=1e-4)
    assert naive == pytest.approx(expected, abs=0.08)   # its standard error is below 0.016: fails by chance in under 1e-6 of runs
    assert abs(fair) < 0.09                             # standard error at most 1/√2000 = 0.022: 4 of them, under 1e-4


def test_each_half_is_judged_at_the_epoch_the_other_half_chose():
    assert cross_fitted(curve([3.0, 1.0, 2.0, 4.0], half_b=[5.0, 7.0, 9.0, 2.0])) == (7.0 + 4.0) / 2


def test_ties_go_to_the_earlier_epoch():
    assert cross_fitted(curve([2.0, 1.0, 1.0], half_b=[8.0, 3.0, 3.0])) == 2.0
    assert best_epoch(curve([2.0, 1.0, 1.0])) == 2


@given(LOSSES)
def test_cross_fitting_is_never_better_than_the_least_of_both_halves(losses):
    run = curve(losses, half_b=losses[::-1])
    assert cross_fitted(run) >= (min(run.half_a) + min(run.half_b)) / 2
    assert cross_fitted(curve(losses)) == min(losses)   # where the halves agree, nothing is lost


def test_a_run_that_diverged_is_infinitely_bad_however_low_it_had_been():
    assert cross_fitted(diverged(n_epochs=3)) == math.inf
    assert cross_fitted(curve([])) == math.inf


def steps_to(run, target):
    return updates_to(run.validation_loss, target, run.steps_per_epoch)


@given(LOSSES, st.floats(0.01, 10))
def test_the_target_is_reached_in_the_first_epoch_at_or_below_it(losses, target):
    steps, below = steps_to(curve(losses, steps_per_epoch=7), target), [loss <= target for loss in losses]
    if not any(below):
        assert steps is None
    else:
        first = below.index(True)
        assert (steps == 7) if first == 0 else (7 * first <= steps <= 7 * (first + 1))


def test_a_straight_line_is_interpolated_to_the_very_step():
    run = curve([10.0 - i for i in range(8)], steps_per_epoch=40)   # one down in every epoch, 10 after the first
    assert steps_to(run, 7.25) == pytest.approx(40 * 3.75)
    assert steps_to(run, 7.0) == pytest.approx(40 * 4)
    assert steps_to(run, 2.9) is None


def test_a_rise_after_the_target_changes_nothing():
    assert steps_to(curve([4.0, 2.0, 9.0, 1.0]), 3.0) == steps_to(curve([4.0, 2.0]), 3.0) == 75


@pytest.mark.parametrize("target", [math.nan, -math.inf])
def test_a_target_that_is_no_number_is_never_reached(target):
    assert steps_to(curve([3.0, 2.0]), target) is None
