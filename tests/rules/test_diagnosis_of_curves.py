"""What rules say of curves whose fault is known, since they were drawn with it."""

import math

import numpy as np
import pytest

from epochal.records import Finding, History, Known
from epochal.rules.diagnosis.diagnose import RULES, diagnosed
from epochal.rules.diagnosis.rows import answer_among_inputs, in_both, in_order
from epochal.rules.diagnosis.seen import noise
from epochal.rules.diagnosis.tested import overfits, rare_class, rate_too_high, underfits
from epochal.rules.diagnosis.validation import rows_behind

T = np.arange(60)


def history(known=None, **curves):
    return History(curves=tuple((name, tuple(map(float, values))) for name, values in curves.items()), known=known or Known())


def kinds(found, severity=("advice", "fault")):
    return {one.kind for one in found.findings if one.severity in severity}


def calm(n=60, tau=8.0, end=0.2, noise=0.002, seed=0):
    """An exponential fall to a plateau, with noise."""
    return np.exp(-np.arange(n) / tau) + end + noise * np.random.default_rng(seed).normal(size=n)


def test_a_calm_training_that_levelled_off_has_nothing_wrong():
    found = diagnosed(history(loss=calm(), val_loss=calm(end=0.25, seed=1)))
    assert kinds(found) == set()
    assert found.headline == "Nothing wrong found."
    assert set(found.looked_for) == set(RULES)
    assert "labels" in {left.what for left in found.unchecked}
    assert str(found).startswith("Nothing wrong found.")


def test_a_validation_loss_that_rises_while_training_falls_is_overfitting():
    found = diagnosed(history(loss=calm(end=0.01), val_loss=calm(end=0.25) + 0.02 * np.maximum(T - 20, 0)))
    one = found.of("overfitting")
    assert one.severity == "fault"  # the rise is larger than the lowest loss
    assert abs(one.where.first - 21) <= 3
    assert one.certainty == "read from one curve"
    assert found.headline.startswith("Overfitting (epochs ")


def test_a_rise_that_early_stopping_ended_is_a_note():
    val = calm(40, end=0.25) + 0.02 * np.maximum(np.arange(40) - 30, 0)
    found = diagnosed(history(Known(planned_epochs=200), loss=calm(40, end=0.01), val_loss=val))
    assert found.of("overfitting").severity == "note"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["loss", "val_loss"])
def test_a_loss_that_is_no_number_is_divergence_and_nothing_else(name, broken):
    curves = {"loss": calm(20), "val_loss": calm(20)}
    curves[name] = np.where(np.arange(20) >= 12, broken, curves[name])
    found = diagnosed(history(**curves))
    assert kinds(found) == {"divergence"}
    assert found.of("divergence").where.first == 13


def test_an_epoch_that_was_not_validated_is_no_divergence():
    val = calm()
    val[3::2] = math.nan
    val[-1] = 0.2
    assert kinds(diagnosed(history(loss=calm(), val_loss=val))) == set()


def test_a_loss_that_rises_throughout_is_divergence():
    assert kinds(diagnosed(history(loss=1 + 0.05 * T, val_loss=1 + 0.05 * T))) == {"divergence"}


def test_a_training_loss_that_jumps_is_a_rate_too_high():
    rng = np.random.default_rng(0)
    loss = calm(end=0.5) * np.exp(0.3 * rng.normal(size=60))
    assert "rate too high" in kinds(diagnosed(history(loss=loss, val_loss=loss + 0.1)))


def test_a_straight_fall_is_a_rate_too_low_and_with_few_updates_too_few():
    curves = {"loss": 0.7 - 0.001 * T, "val_loss": 0.71 - 0.001 * T}
    assert kinds(diagnosed(history(**curves))) == {"rate too low"}
    assert kinds(diagnosed(history(Known(steps_per_epoch=1, planned_epochs=60), **curves))) == {"too few updates"}
    assert kinds(diagnosed(history(Known(n_rows=900, batch_size=30), **curves))) == {"rate too low"}


def test_a_curve_that_still_falls_was_stopped_too_early_unless_someone_stopped_it():
    curves = {"loss": calm(24, tau=12, end=0.1), "val_loss": calm(24, tau=12, end=0.15)}
    assert kinds(diagnosed(history(**curves))) == {"stopped too early"}
    assert kinds(diagnosed(history(Known(planned_epochs=100), **curves))) == set()


def test_eighty_epochs_without_gain_are_too_late():
    found = diagnosed(history(loss=calm(100, tau=3), val_loss=calm(100, tau=3) + 0.001 * np.arange(100)))
    assert "stopped too late" in kinds(found)


def test_few_validation_rows_are_read_from_the_steps_of_the_accuracy():
    shares = np.float32(np.array([7, 9, 10, 11, 12, 12, 13, 12, 13, 12, 13, 12, 12, 13] * 4) / 15)
    assert rows_behind(shares) == 15
    found = diagnosed(history(loss=calm(56), val_loss=calm(56), val_accuracy=shares))
    assert "noisy validation" in kinds(found)
    assert rows_behind(np.random.default_rng(0).uniform(0.4, 0.9, 20)) is None
    assert rows_behind([1.0, 1.0]) is None


def test_validation_rows_never_right_are_other_rows():
    found = diagnosed(history(loss=calm(), val_loss=calm() + 0.1 * T, accuracy=np.full(60, 0.95) - 1 / (T + 2),
                              val_accuracy=np.full(60, 0.02) + 0.001 * (T % 3)))
    assert found.of("rows held out").severity == "fault"
    assert found.of("overfitting") is None


def test_all_right_is_a_hint_at_leakage_and_no_alarm():
    found = diagnosed(history(loss=calm(), val_loss=calm(), accuracy=np.ones(60), val_accuracy=np.ones(60)))
    assert found.of("leakage").severity == "note"


def test_updates_before_are_a_reused_model_and_unknown_ones_unchecked():
    curves = {"loss": calm(), "val_loss": calm()}
    assert "reused model" in kinds(diagnosed(history(Known(updates_before=50), **curves)))
    found = diagnosed(history(**curves))
    assert found.of("reused model") is None
    assert "reused model" in {left.what for left in found.unchecked}


def test_a_baseline_shows_that_a_training_went_on_from_it():
    first = history(loss=calm(), val_loss=calm(end=0.3))
    second = history(loss=calm()[-1] - 0.0005 * T, val_loss=np.full(60, 0.29))
    assert diagnosed(second, first).of("reused model").severity == "fault"
    assert diagnosed(first, first).of("reused model") is None


def test_a_training_no_better_than_its_baseline_is_told():
    flat = history(loss=calm(), val_loss=0.7 + 0.001 * np.cos(T))
    assert "the baseline" in kinds(diagnosed(flat, flat))
    assert diagnosed(history(loss=calm(), val_loss=calm()), flat).of("the baseline").severity == "note"


def test_batch_norm_with_few_updates_lags_by_count():
    curves = {"loss": calm(8), "val_loss": calm(8) + 0.5}
    found = diagnosed(history(Known(batch_norm=0.99, steps_per_epoch=10), **curves)).of("batch-norm lag")
    assert dict(found.figures)["share"] == pytest.approx(0.99**80)
    assert diagnosed(history(Known(batch_norm=0.99, steps_per_epoch=1000), **curves)).of("batch-norm lag") is None
    assert diagnosed(history(Known(batch_norm=0.0, steps_per_epoch=10), **curves)).of("batch-norm lag") is None


def test_a_training_loss_on_another_scale_is_class_weights():
    val, right = calm(), np.linspace(0.6, 0.8, 60)
    curves = {"loss": 5 * val, "val_loss": val, "accuracy": right, "val_accuracy": right + 0.005}
    assert "class weights" in kinds(diagnosed(history(**curves)))
    assert diagnosed(history(Known(class_weighted=True), **curves)).of("class weights").severity == "note"
    assert diagnosed(history(Known(class_weighted=False), **curves)).of("class weights") is None


def test_dropout_explains_a_training_loss_above_that_of_validation():
    curves = {"loss": calm(end=0.4), "val_loss": calm(end=0.3)}
    assert diagnosed(history(Known(dropout=0.5), **curves)).of("dropout's inverted gap").severity == "note"
    assert diagnosed(history(Known(dropout=0.0), **curves)).of("dropout's inverted gap") is None


def test_the_lag_of_the_training_loss_is_told_with_its_size():
    val = np.exp(-T / 4) + 0.2
    found = diagnosed(history(loss=np.exp(-(T - 0.5) / 4) + 0.2, val_loss=val)).of("lag of the training loss")
    assert found.severity == "note"
    assert dict(found.figures)["lag"] == pytest.approx((math.exp(0.125) - math.exp(-0.125)) / 2)


def test_recall_that_stays_at_nothing_is_a_rare_class_never_predicted():
    assert "rare class" in kinds(diagnosed(history(loss=calm(), val_loss=calm(), val_recall=np.zeros(60))))
    assert "rare class" not in kinds(diagnosed(history(loss=calm(), val_loss=calm(), val_recall=np.linspace(0, 0.5, 60))))


@pytest.mark.parametrize("n", range(1, 12))
def test_short_histories_end_in_an_answer(n):
    found = diagnosed(history(loss=calm(12)[:n], val_loss=calm(12)[:n]))
    assert found.headline
    assert all(isinstance(one, Finding) for one in found.findings)


@pytest.mark.parametrize("curves", [{"loss": calm()}, {"val_loss": calm()}, {"accuracy": np.linspace(0, 1, 9)},
                                    {"loss": np.full(9, math.nan)}, {"loss": np.zeros(30), "val_loss": np.zeros(30)},
                                    {"loss": -calm(), "val_loss": -calm()}])
def test_curves_that_lack_something_end_in_an_answer(curves):
    assert str(diagnosed(history(**curves)))


def test_noise_is_that_of_the_values_and_not_of_their_trend():
    values = np.random.default_rng(0).normal(size=4000)
    assert noise(values) == pytest.approx(1, rel=0.1)
    assert noise(values + np.arange(4000)) == pytest.approx(1, rel=0.1)
    assert math.isnan(noise(values[:5]))


def test_a_column_that_is_the_answer_is_found_and_no_other():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 5)), rng.integers(0, 2, 400)
    assert answer_among_inputs(x, y) is None
    x[:, 3] = y + 0.1 * rng.normal(size=400)
    assert dict(answer_among_inputs(x, y).figures)["column"] == 3
    assert answer_among_inputs(x, rng.normal(size=400)) is None
    assert dict(answer_among_inputs(x, 2 * x[:, 1]).figures)["column"] == 1


def test_a_rare_class_alone_makes_no_column_an_answer():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 5)), (rng.random(4000) < 0.02).astype(int)
    assert answer_among_inputs(x, y) is None
    x[:, 2] = y
    assert dict(answer_among_inputs(x, y).figures)["column"] == 2


def test_validation_rows_among_the_training_rows_are_counted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    assert in_both(x[:80], x[80:]) is None
    assert dict(in_both(x[:80], x[70:]).figures)["rows"] == 10
    assert in_both(np.zeros((80, 3)), np.zeros((20, 3))) is None


def test_sorted_targets_are_a_fault_and_shuffled_ones_none():
    y = np.repeat([0, 1], 100)
    assert in_order(y[:150], y[150:]).severity == "fault"
    y = np.random.default_rng(0).permutation(y)
    assert in_order(y[:150], y[150:]) is None


def test_overfitting_is_tested_on_other_rows_than_the_best_epoch_was_chosen_on():
    rng = np.random.default_rng(0)
    chance = 0.5 + 0.02 * rng.normal(size=(4, 30, 2, 10))
    assert overfits(chance) is None  # the best epoch is lucky, on its own half alone
    assert overfits(chance + 0.02 * np.arange(30)[:, None, None]).kind == "overfitting"
    assert overfits(chance - 0.02 * np.arange(30)[:, None, None]) is None


def test_a_lower_rate_must_gain_in_training_as_well():
    rng = np.random.default_rng(0)
    own = 1 + 0.02 * rng.normal(size=(3, 20))
    branches = {1.0: own, 0.5: own - 0.3, 0.25: own - 0.1}
    calmer = {1.0: np.full(3, 0.5), 0.5: np.full(3, 0.4), 0.25: np.full(3, 0.45)}
    found = rate_too_high(branches, calmer, 0.1, (0.05, 0.04, 0.06))
    assert found.severity == "fault"
    assert dict(found.figures)["rate"] == pytest.approx(0.05)
    assert rate_too_high(branches, calmer, 0.1, (5.0, 4.0, 6.0)).severity == "advice"
    assert rate_too_high(branches, {1.0: np.full(3, 0.1), 0.5: np.full(3, 0.4), 0.25: np.full(3, 0.5)}, 0.1, None) is None
    assert rate_too_high({1.0: own * math.inf, 0.5: own, 0.25: own}, calmer, 0.1, None).severity == "fault"
    assert rate_too_high({1.0: own, 0.5: own, 0.25: own}, calmer, 0.1, None) is None


def test_a_class_that_is_never_recognised_is_a_fault():
    assert rare_class([990, 10], [990, 0], 256, 5).kind == "rare class"
    assert rare_class([990, 10], [990, 3], 256, 5) is None
    assert rare_class([600, 400], [600, 0], 256, 5) is None


def test_a_model_worse_than_boosting_underfits_unless_it_fits_its_training_rows():
    rng = np.random.default_rng(0)
    own, other, constant = (base + 0.02 * rng.normal(size=20) for base in (0.6, 0.3, 0.7))
    assert underfits(own, other, constant, 0.6).kind == "underfitting"
    assert underfits(own, other, constant, 0.05) is None
    assert underfits(other, other, constant, 0.35) is None
    assert underfits(own, other, constant, math.nan).kind == "underfitting"
    assert underfits(constant + 0.1, constant, constant, 0.9).severity == "fault"
