"""The data behind a study's pictures say what the record says, and nothing that it does not."""

import math
from dataclasses import replace

import numpy as np
import pytest
from report.made_studies import MARGIN, RATES, SIZES, made
from report.report_studies import LARGE, SMALL, STUDY

from epochal.records import Outcome, TunedRate, Verdict
from epochal.report.pictures.chart import Band, Line, Pointer, Points, Strip, Valueless, axis_of
from epochal.report.pictures.plotly import draw_chart
from epochal.report.study.pictures import PICTURES, quality_by_epoch, quality_by_rate, quality_by_size, steps_by_size


def of(picture, kind, view=None):
    """The marks of a kind in one view, the first by default, in the order in which they are drawn."""
    return [one for one in chart_of(picture, view).marks if isinstance(one, kind)]


def chart_of(picture, view=None):
    return picture.charts[view or next(iter(picture.charts))]


def chosen(picture, view=None):
    return {one.words[0] for one in of(picture, Points, view) if one.words}


def test_a_line_is_the_median_over_fresh_seeds_and_its_band_the_middle_half():
    levels = (1.0, 2.0, 3.0, 4.0, 100.0)
    runs = [replace(STUDY.curves[2], seed=i, half_a=(level,) * 3, half_b=(level,) * 3) for i, level in enumerate(levels)]
    picture = quality_by_epoch(replace(STUDY, curves=(STUDY.curves[0], *runs), contrasts=STUDY.contrasts[:1]))
    (line,), (band,) = of(picture, Line), of(picture, Band)
    assert (picture.rows[1][1], band.low, line.y, band.high) == ("5", (2.0,) * 3, (3.0,) * 3, (4.0,) * 3)


def test_a_line_is_in_the_metric_of_the_design_and_its_best_is_the_highest_where_more_is_better():
    up = quality_by_epoch(replace(STUDY, design=replace(STUDY.design, metric="accuracy", larger_is_better=True)))
    assert of(up, Line)[0].y == (0.5, 0.75, 0.625)
    assert (of(up, Points)[0].x, of(up, Points)[0].y) == ((2,), (0.75,))
    assert chart_of(up).y.title == "validation accuracy (higher is better)"


def test_an_arm_under_two_budgets_is_one_line_and_says_both():
    labels = [key.label for key in quality_by_epoch(made()).keys]
    assert labels[0] == "32 at 0.001 (epochs, steps, tutorial)"
    assert len(labels) == len(set(labels)) == len({c.setting for c in made().contrasts})


def test_against_updates_a_line_has_as_many_updates_as_its_epochs_have():
    picture = quality_by_epoch(made())
    each = [-(-1024 // int(line.label.split(" ")[0].replace(",", ""))) for line in of(picture, Line)]
    for n, epochs, updates in zip(each, of(picture, Line, "epochs"), of(picture, Line, "updates"), strict=True):
        assert epochs.x == tuple(range(1, len(epochs.y) + 1))
        assert updates.x == tuple(n * x for x in epochs.x)
        assert updates.y == epochs.y
    assert (chart_of(picture, "epochs").x.title, chart_of(picture, "updates").x.title) == ("epochs", "updates")


def test_diverged_seeds_are_left_out_and_told():
    runs = (*STUDY.curves[:-1], replace(STUDY.curves[-1], outcome=Outcome.DIVERGED))
    picture = quality_by_epoch(replace(STUDY, curves=runs))
    assert [row[1] for row in picture.rows[1:]] == ["2", "1"]
    assert picture.notes == ("1 of the 2 trainings of 64 at 0.333 (epochs) diverged and are not drawn.",)


def test_an_epoch_whose_metric_is_no_number_is_a_gap_and_not_the_best():
    curve = replace(STUDY.curves[2], metrics=((0.5, math.nan, 0.625),))
    up = replace(STUDY, design=replace(STUDY.design, metric="accuracy", larger_is_better=True), curves=(curve,),
                 contrasts=STUDY.contrasts[:1])
    picture = quality_by_epoch(up)
    assert of(picture, Points)[0].x == (3,)
    assert math.isnan(of(picture, Line)[0].y[1])
    assert np.isfinite(chart_of(picture).y.span).all()


def test_every_trial_is_a_point_and_the_line_their_mean():
    picture = quality_by_rate(replace(made(), rates=()))
    assert tuple(picture.charts) == ("epochs", "steps")
    for view in picture.charts:
        for line, points in zip(of(picture, Line, view), of(picture, Points, view), strict=True):
            assert line.x == RATES
            for rate, mean in zip(line.x, line.y, strict=True):
                single = [q for r, q in zip(points.x, points.y, strict=True) if r == rate]
                assert len(single) == 2
                assert mean == pytest.approx(np.mean(single))


def test_what_was_chosen_is_marked_with_its_vertex_and_its_plateau():
    rate = TunedRate(budget="epochs", batch_size=256, value=1e-3, vertex=2e-3, low=1e-3, high=1e-2, interior=True, n_rates=4,
                     n_trials=8)
    picture = quality_by_rate(replace(made(), rates=(rate,)))
    (means,) = [one for one in of(picture, Line) if one.label == "batch size 256"]
    there = dict(zip(means.x, means.y, strict=True))[1e-3]
    assert (1e-3, 1e-2) in [one.x for one in of(picture, Line)]
    assert {(one.x[0], one.y[0], one.words[0]) for one in of(picture, Points) if one.words} == {
        (2e-3, there, "vertex 0.002"), (1e-3, there, "chosen 0.001")}
    assert chosen(picture, "steps") == set()
    assert [row[:3] for row in picture.rows if row[-1] == "chosen"] == [("epochs", "256", "0.001")]


def test_a_rate_at_which_a_trial_diverged_has_no_mean_and_a_cross():
    picture = quality_by_rate(made(bursts=bursts_high))
    assert all(1e-1 not in line.x for line in of(picture, Line) if line.width < 6)
    crosses = of(picture, Valueless)
    assert {one.words for one in crosses} == {("2 of 2 diverged",)}
    assert [(one.x, one.symbol, one.level) for one in crosses] == [((1e-1,), "x-thin", level) for level in range(3)]
    assert {one.bottom for one in of(quality_by_rate(made(bursts=bursts_high, metric="accuracy")), Valueless)} == {True}
    assert chart_of(picture).rooms[1] > 2 * 0.045


def test_a_rate_at_which_one_of_two_trials_diverged_shows_the_other_and_no_mean():
    study = made(equal=("epochs",), tutorial=False)
    one = next(c for c in study.curves if c.stage == "screen" and c.setting.learning_rate == 1e-2)
    lost = replace(one, half_a=one.half_a[:2], half_b=one.half_b[:2], outcome=Outcome.DIVERGED)
    picture = quality_by_rate(replace(study, curves=tuple(lost if c is one else c for c in study.curves), rates=()))
    assert [(cross.x, cross.words) for cross in of(picture, Valueless)] == [((1e-2,), ("1 of 2 diverged",))]
    assert 1e-2 not in of(picture, Line)[0].x
    assert of(picture, Points)[0].x.count(1e-2) == 1


def test_a_rate_that_was_ended_early_is_a_ring_and_not_a_quality():
    study = made(equal=("epochs",), tutorial=False)
    cut = tuple(replace(c, half_a=c.half_a[:3], half_b=c.half_b[:3]) if (c.stage, c.setting.learning_rate) == ("screen", 1e-4)
                else c for c in study.curves)
    rings = of(quality_by_rate(replace(study, curves=cut)), Valueless)
    assert {(one.x, one.words, one.symbol) for one in rings} == {
        ((1e-4,), ("ended after 3 of 10 epochs, among the worse half",), "circle-open")}


def test_a_rate_at_the_edge_is_told():
    rate = TunedRate(budget="epochs", batch_size=256, value=1e-4, vertex=None, low=1e-4, high=1e-4, interior=False, n_rates=4,
                     n_trials=8)
    assert quality_by_rate(replace(made(), rates=(rate,))).notes == (
        "At equal epochs the best learning rate of batch size 256 lies at the edge of what was tried: a rate beyond it may be "
        "better.",)


def test_quality_has_a_line_a_budget_with_the_intervals_of_the_contrasts():
    study = made()
    picture = quality_by_size(study)
    assert [line.label for line in of(picture, Line)] == ["equal epochs", "equal steps", "the tutorial's protocol"]
    for budget, points in zip(("epochs", "steps", "tutorial"), of(picture, Points), strict=True):
        assert list(zip(points.y, points.low, points.high, strict=True)) == [
            (c.quality, c.quality_low, c.quality_high) for c in study.of(budget)]
    reference = study.of("epochs")[0].quality
    (strip,) = of(picture, Strip)
    assert (strip.along, strip.low, strip.high) == ("y", reference - MARGIN, reference + MARGIN)


def test_no_bar_hides_another_and_none_leaves_its_batch_size():
    places = [one.x for one in of(quality_by_size(made()), Points)]
    assert len({x for x, *_ in places}) == 3
    assert np.allclose(places, [SIZES] * 3, rtol=0.06)


def test_an_arm_that_diverged_has_no_quality_a_cross_and_a_sentence():
    picture = quality_by_size(made(bursts=bursts_large))
    assert [one.words for one in of(picture, Valueless)] == [("diverged",)] * 3
    assert [len(points.x) for points in of(picture, Points)] == [2, 2, 2]
    assert picture.notes == ("Batch size 1,024 has no quality under equal epochs, equal steps and the tutorial's protocol: "
                             "trainings diverged.",)
    assert ("epochs", "1,024", "diverged", "–") in picture.rows


def test_an_arm_without_memory_is_not_called_diverged():
    study = made()
    gone = tuple(replace(c, verdict=Verdict.NO_MEMORY, quality=None, quality_low=None, quality_high=None)
                 if c.setting.batch_size == 1024 else c for c in study.contrasts)
    picture = quality_by_size(replace(study, contrasts=gone))
    assert picture.notes[0].endswith("it does not fit into memory.")
    assert {row[2] for row in picture.rows if row[1] == "1,024"} == {"no memory"}
    assert {word for lost in of(picture, Valueless) for word in lost.words} == {"no memory"}


def test_the_steps_are_those_of_the_reading_and_the_law_goes_through_them():
    study = made(epochs=40)
    (reading,), picture = study.derived, steps_by_size(study)
    assert [(p.x[0], p.y[0], p.low[0], p.high[0]) for p in of(picture, Points)] == [
        (p.batch_size, p.updates, p.low, p.high) for p in reading.points]
    assert len(reading.points) == 3
    s_min, e_min = reading.detail("s_min"), reading.detail("e_min")
    (line,), (pointer,) = of(picture, Line), of(picture, Pointer)
    assert (line.x[0], line.y[0]) == pytest.approx((32, s_min + e_min / 32))
    assert reading.value == pytest.approx(e_min / s_min, rel=1e-6)
    assert (pointer.x, pointer.text) == (reading.value, f"critical batch size {reading.value:.3g}")


def test_where_fewer_than_three_batch_sizes_arrived_there_is_no_law_and_the_reason_is_told():
    study = made(sizes=(32, 256))
    picture = steps_by_size(study)
    assert picture.notes == (f"The critical batch size is not known: {study.derived[0].note}.",)
    assert of(picture, Line) + of(picture, Pointer) + of(picture, Strip) == []


def test_a_batch_size_that_did_not_arrive_is_a_triangle_without_bars():
    study = made(epochs=40)
    late = (*study.derived[0].points[:2],
            replace(study.derived[0].points[-1], batch_size=1024, updates=40.0, low=40.0, high=math.inf, learning_rate=1e-3,
                    share_arrived=0.25))
    picture = steps_by_size(replace(study, derived=(replace(study.derived[0], points=late),)))
    mark = of(picture, Points)[-1]
    assert (mark.symbol, mark.low, mark.y) == ("triangle-up-open", (), (40.0,))
    assert picture.rows[-1] == ("1,024", "0.001", "more than 40", "–", "25%")
    words = "Batch size 1,024 did not reach the target with more than half of its seeds in the 40 updates"
    assert picture.notes[0].startswith(words)


def test_a_batch_size_most_of_whose_seeds_arrived_has_a_point_and_a_bar_open_above():
    study = made(epochs=40)
    most = (*study.derived[0].points[:2],
            replace(study.derived[0].points[-1], batch_size=1024, updates=40.0, low=30.0, high=math.inf, learning_rate=1e-3,
                    share_arrived=0.75))
    picture = steps_by_size(replace(study, derived=(replace(study.derived[0], points=most),)))
    mark = of(picture, Points)[-1]
    assert (mark.symbol, mark.low, mark.high) == ("diamond", (30.0,), (math.inf,))
    assert picture.rows[-1][2:] == ("40", "30 to unbounded", "75%")
    bars = draw_chart(chart_of(picture)).data[-1].error_y
    assert (bars.array, bars.arrayminus) == ((0,), (10.0,))


@pytest.mark.parametrize(("low", "n_strips", "pointers"), [(100.0, 1, ["critical batch size at least 100"]), (5.0, 0, [])])
def test_a_critical_batch_size_open_above_is_called_a_lower_bound(low, n_strips, pointers):
    study = made(epochs=40)
    bound = replace(study.derived[0], value=low, low=low, high=math.inf, outcome=Outcome.LOWER_BOUND)
    picture = steps_by_size(replace(study, derived=(bound,)))
    assert picture.notes == (f"The critical batch size is only known to be at least {low:g}: more batch sizes may show how large.",)
    assert len(of(picture, Strip)) == n_strips  # over the whole picture it would say nothing
    assert [pointer.text for pointer in of(picture, Pointer)] == pointers


@pytest.mark.parametrize("name", PICTURES)
def test_an_empty_study_has_no_pictures_but_sentences(name):
    picture = PICTURES[name](replace(STUDY, curves=(), contrasts=()))
    assert (picture.charts, picture.name) == ({}, name)
    assert picture.missing.endswith(".")


@pytest.mark.parametrize("setting", [SMALL, LARGE])
def test_bands_lie_under_lines_and_lines_under_nothing_of_theirs(setting):
    marks = chart_of(quality_by_epoch(STUDY)).marks
    kinds = [isinstance(mark, Band) for mark in marks]
    assert kinds == sorted(kinds, reverse=True)


@pytest.mark.parametrize(("values", "logarithmic", "span"), [
    ([1.0, 2.0], False, (1.0, 2.0)), ([1.0, 9.0], True, (1.0, 9.0)), ([0.0, 9.0], False, (0.0, 9.0)),
    ([-1.0, math.nan, 9.0, math.inf], False, (-1.0, 9.0)), ([1.0, 99.0], True, (1.0, 30.0))])
def test_an_axis_spans_what_is_finite(values, logarithmic, span):
    axis = axis_of("", values, tallest=30)
    assert (axis.logarithmic, axis.span) == (logarithmic, span)


@pytest.mark.parametrize("span", [(1.0, 1.0), (0.0, 0.0), (1.0, 2.0)])
def test_an_axis_of_one_value_has_room_and_headroom_lies_above_what_is_drawn(span):
    axis = axis_of("", span)
    low, high = axis.ends()
    assert low < span[0] <= span[1] < high
    bottom, top = axis.ends(below=0.3, above=0.2)
    assert bottom <= low
    assert top >= high
    assert span[1] - span[0] <= 0.5 * (top - bottom) + 1e-9


def bursts_high(size, rate):
    return rate == 1e-1


def bursts_large(size, rate):
    return size == 1024
