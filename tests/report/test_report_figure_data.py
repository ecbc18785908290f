"""The pictures of a plan as data say what the evidence says, and nothing that it does not."""

import dataclasses
import math

import numpy as np
import pytest
from report.report_plans import DIVERGED, N_EPOCHS, N_SEEDS, PRESENT, arms, curve, curves, diverged, plan, readings

from epochal.records import Choice, Curve, Outcome, Reading, Setting, StepTime
from epochal.report.pictures.chart import Band, Line, Pointer, Points, Strip, Valueless
from epochal.report.plan.pictures import loss_by_epoch, quality_by_rate, step_times, updates_to_target


def of(picture, kind):
    """The marks of a kind, in the order in which they are drawn."""
    (chart,) = picture.charts.values()
    return [mark for mark in chart.marks if isinstance(mark, kind)]


def validation(picture):
    """The lines of validation losses; those of training losses are thin."""
    return [line for line in of(picture, Line) if not line.label.endswith(", training")]


def flat(setting, seed, stage, level, n_epochs=3):
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=1, train_loss=(level,) * n_epochs,
                 half_a=(level,) * n_epochs, half_b=(level,) * n_epochs)


def test_a_line_is_the_median_over_seeds_and_its_band_the_quartiles():
    levels = (1.0, 2.0, 3.0, 4.0, 100.0)
    picture = loss_by_epoch(plan(arms=arms()[:1], curves=[flat(PRESENT, i, "confirm", x) for i, x in enumerate(levels)]))
    (line,), (band,) = validation(picture), of(picture, Band)
    assert (band.low, line.y, band.high) == ((2.0,) * 3, (3.0,) * 3, (4.0,) * 3)
    assert line.x == (1, 2, 3)


def test_a_line_is_validation_loss_and_not_one_half_of_it():
    run = dataclasses.replace(flat(PRESENT, 0, "confirm", 1.0), half_b=(3.0, 5.0, 7.0))
    (line,) = validation(loss_by_epoch(plan(arms=arms()[:1], curves=[run])))
    assert line.y == (2.0, 3.0, 4.0)


def test_what_was_compared_is_drawn_and_the_screening_is_not():
    runs = [flat(PRESENT, 0, "confirm", 1.0), flat(PRESENT, 1, "present", 3.0), flat(PRESENT, 2, "screen", 50.0)]
    (line,) = validation(loss_by_epoch(plan(arms=arms()[:1], curves=runs)))
    assert line.y == (2.0, 2.0, 2.0)


def test_a_line_goes_on_while_half_of_its_seeds_do():
    runs = [flat(PRESENT, seed, "confirm", level, n) for seed, level, n in ((0, 1.0, 5), (1, 3.0, 4), (2, 9.0, 2))]
    picture = loss_by_epoch(plan(arms=arms()[:1], curves=runs))
    assert of(picture, Line)[0].y == (3.0, 3.0, 2.0, 2.0)
    assert "at least half" in picture.notes[-1]


def test_every_arm_but_the_diverged_has_a_line_and_the_diverged_a_sentence():
    picture = loss_by_epoch(plan())
    keys = next(iter(picture.charts.values())).keys
    assert {key.label for key in keys} == {row[0] for row in picture.rows[1:]} == {line.label for line in validation(picture)}
    assert len(keys) == len([arm for arm in arms() if arm.setting is not DIVERGED])
    assert {len(line.y) for line in of(picture, Line)} == {N_EPOCHS}
    assert picture.notes == (f"{N_SEEDS} of the {N_SEEDS} trainings of 16 at 0.1 diverged and are not drawn.",)


def test_the_present_and_the_recommended_setting_are_drawn_heavily_and_above_the_others():
    lines = validation(loss_by_epoch(plan()))
    assert [line.label for line in lines if line.width == 3] == ["32 at 0.001 (yours)", "256 at 0.00562 (recommended)"]
    assert [line.width for line in lines] == sorted(line.width for line in lines)


def test_one_diverged_seed_among_good_ones_is_told():
    runs = [flat(PRESENT, 0, "confirm", 1.0), diverged(PRESENT, 1, "confirm")]
    picture = loss_by_epoch(plan(arms=arms()[:1], curves=runs))
    assert picture.rows[1][1] == "1"
    assert picture.notes == ("1 of the 2 trainings of 32 at 0.001 (yours) diverged and are not drawn.",)


def test_the_marker_sits_on_the_line_at_the_median_best_epoch():
    picture = loss_by_epoch(plan())
    label = "256 at 0.00562 (recommended)"
    (line,) = [line for line in of(picture, Line) if line.label == label]
    (point,) = [point for point in of(picture, Points) if point.group == label]
    assert (point.x, point.y) == ((22,), (line.y[21],))
    assert [(pointer.x, pointer.text) for pointer in of(picture, Pointer)] == [(33, "epochs=33")]


def test_a_best_epoch_behind_the_drawn_part_stays_on_the_line():
    arm = dataclasses.replace(arms()[0], epochs=30.0)
    (point,) = of(loss_by_epoch(plan(arms=(arm,), curves=[flat(PRESENT, 0, "confirm", 1.0)])), Points)
    assert (point.x, point.y) == ((30.0,), (1.0,))


def test_an_arm_without_a_best_epoch_has_no_marker_and_no_numbers():
    arm = dataclasses.replace(arms()[0], epochs=None)
    picture = loss_by_epoch(plan(arms=(arm,), curves=[flat(PRESENT, 0, "confirm", 1.0)]))
    assert of(picture, Points) == []
    assert picture.rows[1][-3:] == ("–", "–", "–")


@pytest.mark.parametrize(("levels", "logarithmic"), [((1.0, 2.0), False), ((0.1, 2.0), True), ((-1.0, 9.0), False),
                                                     ((0.0, 9.0), False)])
def test_only_positive_losses_far_apart_get_a_logarithmic_axis(levels, logarithmic):
    runs = [dataclasses.replace(flat(PRESENT, 0, "confirm", 1.0, n_epochs=2), half_a=levels, half_b=levels)]
    (chart,) = loss_by_epoch(plan(arms=arms()[:1], curves=runs)).charts.values()
    assert chart.y.logarithmic is logarithmic


def test_no_curves_is_a_sentence_and_no_figure():
    assert "No setting was trained to the end." in loss_by_epoch(plan(curves=())).missing
    assert loss_by_epoch(plan(arms=(), curves=curves())).charts == {}


def rates(*runs):
    return quality_by_rate(plan(curves=runs))


def at(rate, batch_size=32):
    return Setting(batch_size=batch_size, learning_rate=rate)


def test_quality_is_cross_fitted_per_seed_and_averaged_over_seeds():
    lucky = dataclasses.replace(flat(at(0.1), 0, "screen", 1.0, n_epochs=2), half_a=(0.0, 1.0), half_b=(1.0, 0.5))
    picture = rates(lucky, flat(at(0.1), 1, "screen", 3.0), flat(at(0.2), 0, "screen", 4.0))
    (line,), (points,) = of(picture, Line), of(picture, Points)
    assert (points.x, points.y) == ((0.1, 0.1, 0.2), (1.0, 3.0, 4.0))  # the lucky minimum of the halves would be 0.25
    assert (line.x, line.y) == ((0.1, 0.2), (2.0, 4.0))
    assert picture.rows[1:] == (("32", "0.1", "2", "1, 3", ""), ("32", "0.2", "4", "4", ""))


def test_the_present_setting_is_among_the_rates_and_the_fresh_seeds_are_not():
    runs = [flat(at(rate), 0, stage, 1.0) for rate, stage in ((0.1, "screen"), (0.3, "present"), (0.9, "confirm"))]
    (line,) = of(rates(*runs), Line)
    assert line.x == (0.1, 0.3)


def test_a_rate_at_which_a_seed_diverged_has_no_mean():
    picture = rates(flat(at(0.1), 0, "screen", 1.0), flat(at(0.2), 0, "screen", 2.0), diverged(at(0.2), 1, "screen"))
    (line,), (points,), (cross,) = of(picture, Line), of(picture, Points), of(picture, Valueless)
    assert (line.x, line.y) == ((0.1,), (1.0,))
    assert (points.x, points.y) == ((0.1, 0.2), (1.0, 2.0))
    assert (cross.x, cross.words, cross.bottom) == ((0.2,), ("1 of 2 diverged",), False)
    assert picture.rows[2] == ("32", "0.2", "–", "2", "1 of 2 diverged")


def test_each_batch_size_and_each_schedule_is_a_line_of_its_own():
    scheduled = Setting(batch_size=32, learning_rate=0.1, schedule="CosineDecay")
    lines = of(rates(*(flat(s, 0, "screen", 1.0) for s in (at(0.1, 64), at(0.2, 32), scheduled))), Line)
    assert [line.label for line in lines] == ["batch size 32 (CosineDecay)", "batch size 32", "batch size 64"]


def test_one_rate_is_no_figure_and_neither_are_divergences_alone():
    assert "Fewer than two learning rates" in rates(flat(at(0.1), 0, "screen", 1.0)).missing
    assert "diverged" in rates(diverged(at(0.1), 0, "screen"), diverged(at(0.2), 0, "screen")).missing


def test_step_times_are_the_measured_points_with_the_fitted_line():
    picture = step_times(plan())
    (reading,) = [r for r in readings() if r.name == "throughput"]
    assert [(p.x[0], p.y[0], p.low[0], p.high[0]) for p in of(picture, Points)] == [
        (p.batch_size, p.seconds, p.low, p.high) for p in reading.points]
    (line,) = of(picture, Line)
    assert (line.x[0], line.y[0]) == pytest.approx((16, 4e-4 + 1.6e-6 * 16))
    assert (line.x[-1], line.y[-1]) == pytest.approx((2048, 4e-4 + 1.6e-6 * 2048))
    assert {pointer.text for pointer in of(picture, Pointer)} == {
        "nearly full speed from 1,024", "hardware batch size 250", "recommended 256"}
    assert len({pointer.level for pointer in of(picture, Pointer)}) == 3  # none is written over another


@pytest.mark.parametrize("found", [
    {"value": 0.0, "details": (("t0", 0.0), ("c", 1e-6))}, {"value": 3.0, "outcome": Outcome.LOWER_BOUND}, {"value": 0.0},
    {"value": 3.0, "outcome": Outcome.LOWER_BOUND, "details": (("t0", 1e-6), ("c", 0.0))}])
def test_a_hardware_batch_size_that_is_not_bounded_is_not_named(found):
    points = tuple(StepTime(batch_size=b, seconds=1e-3, low=1e-3, high=2e-3) for b in (8, 16))
    reading = Reading(name="throughput", points=points, **found)
    picture = step_times(plan(readings=(reading,)))
    assert [pointer.text for pointer in of(picture, Pointer) if "recommended" not in pointer.text] == []
    assert all(seconds > 0 for line in of(picture, Line) for seconds in line.y)


@pytest.mark.parametrize(("found", "says"), [
    ((), "stay inside the budget"),
    ((Reading(name="throughput", outcome=Outcome.UNSUPPORTED),), "does not allow"),
    ((Reading(name="throughput", value=3.0),), "no measured points")])
def test_step_times_that_are_not_known_say_why(found, says):
    assert says in step_times(plan(readings=found)).missing


def test_updates_are_the_arms_that_reached_the_target_with_the_fitted_hyperbola():
    picture = updates_to_target(plan())
    assert [p.x[0] for p in of(picture, Points)] == [32, 64, 128, 256, 1024]
    assert [p.y[0] for p in of(picture, Points)] == [590.0, 330.0, 210.0, 146.0, 101.0]
    (line,), (strip,), (pointer,) = of(picture, Line), of(picture, Strip), of(picture, Pointer)
    assert (line.x[0], line.y[0]) == pytest.approx((32, 84.0 * (1 + 190 / 32)))
    assert (line.x[-1], line.y[-1]) == pytest.approx((1024, 84.0 * (1 + 190 / 1024)))
    assert (pointer.x, pointer.text, strip.low, strip.high) == (190, "critical batch size 190", 95, 420)
    assert picture.notes == ("16 at 0.1 did not reach the target with enough seeds.",)


def test_an_interval_open_above_has_no_upper_end():
    assert [math.isinf(p.high[0]) for p in of(updates_to_target(plan()), Points)] == [False, False, False, False, True]


def test_a_critical_batch_open_above_is_its_lower_bound_on_the_same_hyperbola():
    steep = Reading(name="critical_batch", value=math.inf, low=95, high=math.inf, outcome=Outcome.LOWER_BOUND,
                    details=(("s_min", 0.0), ("e_min", 640.0)))
    picture = updates_to_target(plan(derived=(steep,)))
    assert [pointer.text for pointer in of(picture, Pointer)] == ["critical batch size at least 95"]
    assert of(picture, Line)[0].y[0] == pytest.approx(20.0)


def test_without_a_fit_the_points_stand_alone_and_a_sentence_says_why():
    picture = updates_to_target(plan(derived=(Reading(name="critical_batch", outcome=Outcome.UNRESOLVED),)))
    assert of(picture, Line) + of(picture, Pointer) + of(picture, Strip) == []
    assert Outcome.UNRESOLVED.value in picture.notes[-1]


def test_no_arm_at_the_target_is_no_figure():
    assert updates_to_target(plan(arms=arms()[-1:])).missing


@pytest.mark.parametrize("draw", [loss_by_epoch, quality_by_rate, step_times, updates_to_target])
def test_the_numbers_behind_a_figure_are_a_table(draw):
    heading, *body = draw(plan()).rows
    assert body
    assert {len(row) for row in body} == {len(heading)}
    assert all(isinstance(cell, str) and "nan" not in cell and "inf" not in cell for row in body for cell in row)


def test_the_recommended_rate_carries_its_plausible_range():
    picture = quality_by_rate(plan(learning_rate=Choice(value=0.5, low=0.25, high=1.0, because="")))
    assert [(strip.along, strip.low, strip.high) for strip in of(picture, Strip)] == [("x", 0.25, 1.0)]
    assert [(pointer.x, pointer.text) for pointer in of(picture, Pointer)] == [(0.5, "recommended 0.5")]


def test_the_made_up_curves_look_like_training():
    run = curve(PRESENT, 0, "confirm")
    assert np.argmin(run.validation_loss) in range(5, 30)
