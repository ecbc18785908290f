"""Rules for a training that runs, on worlds with known answers: planted noise, a planted rise, sizes computed by hand."""

import math

import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.rules.steering import batch_size as rule
from epochal.rules.steering.instability import confirmed, suspicious
from epochal.rules.steering.pace import pace
from epochal.rules.steering.stopping import Patience, look, noise_of, paired_error, wobble

BOUNDS = rule.Bounds(8, 512)


def test_a_plateau_is_due_when_keras_would_lower_the_rate():
    state, due = rule.Plateau(), []
    for loss in (3.0, 2.0, 2.0, 2.1, math.nan, 1.0, 1.5, 1.5):
        state, now = rule.plateau(state, loss, patience=2, min_delta=0.0)
        due.append(now)
    assert due == [False, False, False, True, False, False, False, True]


@pytest.mark.parametrize(("size", "cut", "most"), [(32, 5, 10_000), (32, 5, 100), (512, 2, 512), (300, 3.5, 1000)])
def test_what_the_batch_does_not_take_of_a_cut_the_rate_takes(size, cut, most):
    grown, divided = rule.instead_of_rate(size, cut, rule.Bounds(8, most))
    assert grown == min(most, round(size * cut))
    assert grown / size * divided == pytest.approx(cut)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25, 0.01, 2.0])
def test_seesaw_keeps_rate_over_root_of_batch_at_what_the_schedule_leaves(share):
    size, rate = rule.seesaw(64, share, rule.Bounds(8, 512))
    assert rate / math.sqrt(size / 64) == pytest.approx(share)
    if 8 < 64 / share < 512:
        assert size == pytest.approx(64 / share)
        assert rate == pytest.approx(math.sqrt(share), rel=0.01)


def test_a_schedule_that_ends_at_zero_is_refused_with_what_to_do():
    with pytest.raises(UsageError, match="Let the schedule end above 0"):
        rule.seesaw(64, 0.0, BOUNDS)


@pytest.mark.parametrize(("size", "low", "high", "after"), [
    (32, 100, 400, 64), (32, 64, 400, 64), (32, 63, 400, 32), (32, 10, math.inf, 32), (32, 70, math.inf, 64), (256, 20, 90, 128),
    (256, 20, 129, 256), (256, 20, 128, 128), (16, 0, 2, 8), (512, 4000, 9000, 512), (32, math.nan, math.nan, 32), (64, 0, 64, 64)])
def test_a_batch_moves_towards_the_interval_of_the_noise_scale_and_never_past_its_end(size, low, high, after):
    assert rule.by_noise_scale(size, low, high, BOUNDS) == after


@pytest.mark.parametrize("theta", [0.3, 0.5, 0.9])
def test_the_norm_test_settles_where_the_noise_of_a_gradient_is_theta_times_its_length(theta):
    trace, square, size = 200.0, 1.0, 8
    for _ in range(20):
        size = rule.by_norm_test(size, trace, square, theta, rule.Bounds(1, 100_000))
    assert math.sqrt(trace / size) <= theta * math.sqrt(square + trace / size)
    assert math.sqrt(trace / (size / 2)) > theta * math.sqrt(square + trace / (size / 2))


def test_the_norm_test_grows_where_the_signal_is_not_told_from_zero_and_stays_without_figures():
    assert rule.by_norm_test(32, 5.0, -1.0, 0.5, BOUNDS) == 64
    assert rule.by_norm_test(32, math.nan, math.nan, 0.5, BOUNDS) == 32
    assert rule.by_norm_test(32, 0.0, 1.0, 0.5, BOUNDS) == 32


@pytest.mark.parametrize("slope", [0.0, -0.3])
def test_the_noise_of_a_curve_is_that_which_was_planted_whatever_its_slope(slope):
    rng = np.random.default_rng(0)
    found = [noise_of(slope * np.arange(12) + 0.05 * rng.normal(size=12)) for _ in range(2000)]
    assert np.median(found) == pytest.approx(0.05, rel=0.06)  # 2,000 runs: a standard error below 1 %


def test_a_single_jump_is_no_noise_and_few_losses_tell_none():
    curve = [1.0 - 0.01 * t + (0.001 if t % 2 else 0.0) for t in range(12)]
    jumped = [*curve[:6], 50.0, *curve[7:]]
    assert noise_of(jumped) < 10 * noise_of(curve)
    assert math.isnan(noise_of([1, 2, 3, 4]))


def test_the_paired_error_is_that_of_the_differences_of_blocks():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=400)
    a, b = rows + 0.1 * rng.normal(size=400), rows + 0.1 * rng.normal(size=400)
    assert paired_error(a, b) == pytest.approx(math.sqrt(0.02 / 400), rel=0.15)
    assert math.isnan(paired_error([1, 2], [1, 3]))


def stopped(curve, noise, *, patience=10, seed=0, errors=2.0):
    """Looks until the rule stops on `curve` with planted noise, whose size it finds by itself, the best look, and why."""
    rng, state, seen = np.random.default_rng(seed), Patience(), []
    for loss in curve + noise * rng.normal(size=len(curve)):
        seen.append(loss)
        errors_now = (math.sqrt(2) * noise_of(seen), math.sqrt(2) * wobble(seen))
        state, verdict = look(state, loss, *errors_now, patience=patience, errors=errors)
        if verdict.why:
            break
    return state.looks, state.best_at, verdict.why


@pytest.mark.second
def test_a_loss_that_rises_is_stopped_soon_and_one_that_falls_by_less_than_the_noise_at_each_look_is_not():
    t = np.arange(200.0)
    rising, falling = 1 + 0.002 * np.maximum(0, t - 30) ** 2 + 0.05 * np.maximum(0, 30 - t), 10 - 0.04 * t
    ends = [stopped(rising, 0.02, seed=seed) for seed in range(200)]
    assert all(why for *_, why in ends)
    assert sum(30 <= looks <= 48 for looks, *_ in ends) >= 190
    assert sum(stopped(falling, 0.05, seed=seed)[2] == "" for seed in range(200)) >= 190


def test_a_flat_loss_is_stopped_after_patience():
    t = np.arange(300.0)
    looks = [stopped(np.exp(-t / 5), 0.01, seed=seed, patience=12)[0] for seed in range(200)]
    assert 20 < np.median(looks) < 45


def test_a_loss_that_is_no_number_never_improves_and_is_waited_for():
    state = Patience()
    for _ in range(3):
        state, verdict = look(state, math.nan, math.nan, math.nan, patience=3)
    assert verdict.why == "flat"
    assert not verdict.best
    assert state.best == math.inf


def test_a_spike_is_suspicious_and_only_two_in_a_row_or_no_number_are_confirmed():
    rng = np.random.default_rng(0)
    curve = list(np.exp(-np.arange(20) / 6) + 0.01 * rng.normal(size=20) + 0.2)
    assert suspicious(curve, 0.6)
    assert suspicious(curve, math.nan)
    assert suspicious([], math.inf)
    assert not suspicious(curve, curve[-1] + 0.02)
    assert not suspicious(curve[:3], 9.0)
    assert not confirmed(0, 0.1)
    assert not confirmed(1, 0.6)
    assert confirmed(2, 0.6)
    assert confirmed(1, math.nan)


def test_a_healthy_curve_is_hardly_ever_suspected():
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(300):
        curve = np.exp(-np.arange(40) / 10) + 0.3 + rng.choice([0.003, 0.03]) * rng.normal(size=40)
        row = 0
        for n in range(1, 40):
            row = row + 1 if suspicious(list(curve[:n]), curve[n]) else 0
            false += confirmed(row, curve[n])
    assert false <= 6  # of 300 trainings, 2 %


def test_the_first_epoch_compiles_and_is_left_out_of_the_time_that_is_left():
    assert pace([10.0], 5, 100, 2).seconds_left == 20
    assert pace([10.0, 1.0], 5, 100, 2).seconds_left == 2
    assert math.isnan(pace([1.0], 5, math.nan, 2).examples_per_second)
