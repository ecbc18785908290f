"""The data behind a study's pictures say what the record says, and nothing that it does not."""

import math
from dataclasses import replace

import numpy as np
import pytest
from report.made_studies import MARGIN, RATES, SIZES, made
from report.report_studies import LARGE, SMALL, STUDY

from epochal.records import Outcome, TunedRate, Verdict
from epochal.report.pictures.chart import Band, Line, Lost, Points, Rule, Shade, axis_of
from epochal.report.pictures.plotly import draw_chart
from epochal.report.plan.curves import Missing
from epochal.report.study.losses import quality_by_epoch
from epochal.report.study.sizes import quality_by_size, steps_by_size
from epochal.report.study.trials import quality_by_rate


def of(chart, kind):
    return [one for one in chart.marks if isinstance(one, kind)]


def test_a_line_is_the_median_over_fresh_seeds_and_its_band_the_middle_half():
    levels = (1.0, 2.0, 3.0, 4.0, 100.0)
    runs = [replace(STUDY.curves[2], seed=i, half_a=(level,) * 3, half_b=(level,) * 3) for i, level in enumerate(levels)]
    (line,) = quality_by_epoch(replace(STUDY, curves=(STUDY.curves[0], *runs), contrasts=STUDY.contrasts[:1])).lines
    assert (line.n_seeds, line.low, line.middle, line.high) == (5, (2.0,) * 3, (3.0,) * 3, (4.0,) * 3)


def test_a_line_is_in_the_metric_of_the_design_and_its_best_is_the_highest_where_more_is_better():
    up = replace(STUDY, design=replace(STUDY.design, metric="accuracy", larger_is_better=True))
    small = quality_by_epoch(up).lines[0]
    assert small.middle == (0.5, 0.75, 0.625)
    assert small.best == 2
    assert quality_by_epoch(up).quality == "validation accuracy (higher is better)"


def test_an_arm_under_two_budgets_is_one_line_and_says_both():
    data = quality_by_epoch(made())
    labels = [line.label for line in data.lines]
    assert labels[0] == "32 at 0.001 (epochs, steps, tutorial)"
    assert len(labels) == len(set(labels)) == len({c.setting for c in made().contrasts})


def test_against_updates_a_line_has_as_many_updates_as_its_epochs_have():
    data = quality_by_epoch(made())
    by_view = {view: of(data.series(view), Line) for view in ("epochs", "updates")}
    for line, epochs, updates in zip(data.lines, by_view["epochs"], by_view["updates"], strict=True):
        assert epochs.x == tuple(range(1, len(line.middle) + 1))
        assert updates.x == tuple(line.steps_per_epoch * x for x in epochs.x)
        assert updates.y == epochs.y == line.middle


def test_diverged_seeds_are_left_out_and_told():
    runs = (*STUDY.curves[:-1], replace(STUDY.curves[-1], outcome=Outcome.DIVERGED))
    data = quality_by_epoch(replace(STUDY, curves=runs))
    assert [line.n_seeds for line in data.lines] == [2, 1]
    assert data.notes == ("1 of the 2 trainings of 64 at 0.333 (epochs) diverged and are not drawn.",)


def test_an_epoch_whose_metric_is_no_number_is_a_gap_and_not_the_best():
    curve = replace(STUDY.curves[2], metrics=((0.5, math.nan, 0.625),))
    up = replace(STUDY, design=replace(STUDY.design, metric="accuracy", larger_is_better=True), curves=(curve,),
                 contrasts=STUDY.contrasts[:1])
    data = quality_by_epoch(up)
    assert data.lines[0].best == 3
    assert math.isnan(data.lines[0].middle[1])
    assert np.isfinite(data.series().y.span).all()


def test_every_trial_is_a_point_and_the_line_their_mean():
    data = quality_by_rate(made())
    assert data.views == ("epochs", "steps")
    for line in data.lines:
        assert [rate for rate, _ in line.means] == list(RATES)
        for rate, mean in line.means:
            single = [q for r, q in line.points if r == rate]
            assert len(single) == 2
            assert mean == pytest.approx(np.mean(single))


def test_what_was_chosen_is_marked_with_its_vertex_and_its_plateau():
    study = made()
    rate = TunedRate(budget="epochs", batch_size=256, value=1e-3, vertex=2e-3, low=1e-3, high=1e-2, interior=True, n_rates=4,
                     n_trials=8)
    data = quality_by_rate(replace(study, rates=(rate,)))
    line = next(one for one in data.lines if one.value is not None)
    assert (line.budget, line.batch_size, line.vertex, line.low, line.high) == ("epochs", 256, 2e-3, 1e-3, 1e-2)
    marks, there = data.series("epochs"), dict(line.means)[1e-3]
    assert (1e-3, 1e-2) in [one.x for one in of(marks, Line)]
    assert {(one.x[0], one.y[0], one.words[0]) for one in of(marks, Points) if one.words} == {
        (2e-3, there, "vertex 0.002"), (1e-3, there, "chosen 0.001")}
    assert [row[-1] for row in data.rows()].count("chosen") == 1


def test_a_rate_at_which_a_trial_diverged_has_no_mean_and_a_cross():
    data = quality_by_rate(made(bursts=bursts_high))
    for line in data.lines:
        assert line.lost == ((1e-1, "2 of 2 diverged"),)
        assert 1e-1 not in dict(line.means)
    crosses = of(data.series(), Lost)
    assert {one.bottom for one in of(quality_by_rate(made(bursts=bursts_high, metric="accuracy")).series(), Lost)} == {True}
    assert [(one.x, one.symbol, one.level) for one in crosses] == [((1e-1,), "x-thin", level) for level in range(3)]
    assert data.series().rooms[1] > 2 * 0.045


def test_a_rate_at_which_one_of_two_trials_diverged_shows_the_other_and_no_mean():
    study = made(equal=("epochs",), tutorial=False)
    one = next(c for c in study.curves if c.stage == "screen" and c.setting.learning_rate == 1e-2)
    lost = replace(one, half_a=one.half_a[:2], half_b=one.half_b[:2], outcome=Outcome.DIVERGED)
    line = quality_by_rate(replace(study, curves=tuple(lost if c is one else c for c in study.curves))).lines[0]
    assert line.lost == ((1e-2, "1 of 2 diverged"),)
    assert 1e-2 not in dict(line.means)
    assert [rate for rate, _ in line.points].count(1e-2) == 1


def test_a_rate_that_was_ended_early_is_a_ring_and_not_a_quality():
    study = made(equal=("epochs",), tutorial=False)
    cut = tuple(replace(c, half_a=c.half_a[:3], half_b=c.half_b[:3]) if (c.stage, c.setting.learning_rate) == ("screen", 1e-4)
                else c for c in study.curves)
    data = quality_by_rate(replace(study, curves=cut))
    assert {line.lost for line in data.lines} == {((1e-4, "ended after 3 of 10 epochs, among the worse half"),)}
    assert {one.symbol for one in of(data.series(), Lost)} == {"circle-open"}


def test_a_rate_at_the_edge_is_told():
    rate = TunedRate(budget="epochs", batch_size=256, value=1e-4, vertex=None, low=1e-4, high=1e-4, interior=False, n_rates=4,
                     n_trials=8)
    (note,) = quality_by_rate(replace(made(), rates=(rate,))).notes
    assert note == ("At equal epochs the rate of batch size 256 is not known to be tuned: the best lies at the edge of what was "
                    "tried.")


def test_quality_has_a_line_a_budget_with_the_intervals_of_the_contrasts():
    study = made()
    data = quality_by_size(study)
    assert [budget for budget, _ in data.lines] == ["epochs", "steps", "tutorial"]
    for budget, points in data.lines:
        assert points == tuple((c.setting.batch_size, c.quality, c.quality_low, c.quality_high) for c in study.of(budget))
    reference = study.of("epochs")[0].quality
    assert data.band == (reference - MARGIN, reference + MARGIN)
    (shade,) = of(data.series(), Shade)
    assert (shade.along, shade.low, shade.high) == ("y", *data.band)


def test_no_bar_hides_another_and_none_leaves_its_batch_size():
    places = [one.x for one in of(quality_by_size(made()).series(), Points)]
    assert len({x for x, *_ in places}) == 3
    assert np.allclose(places, [SIZES] * 3, rtol=0.06)


def test_an_arm_that_diverged_has_no_quality_a_cross_and_a_sentence():
    data = quality_by_size(made(bursts=bursts_large))
    assert data.lost == tuple((budget, {1024: "diverged"}) for budget in ("epochs", "steps", "tutorial"))
    assert [len(points) for _, points in data.lines] == [2, 2, 2]
    assert len(of(data.series(), Lost)) == 3
    assert data.notes == ("Batch size 1,024 has no quality under equal epochs, equal steps and the tutorial's protocol: trainings "
                          "diverged.",)
    assert ("epochs", "1,024", "diverged", "–") in list(data.rows())


def test_an_arm_without_memory_is_not_called_diverged():
    study = made()
    gone = tuple(replace(c, verdict=Verdict.NO_MEMORY, quality=None, quality_low=None, quality_high=None)
                 if c.setting.batch_size == 1024 else c for c in study.contrasts)
    data = quality_by_size(replace(study, contrasts=gone))
    assert data.notes[0].endswith("there was no memory for it.")
    assert {row[2] for row in data.rows() if row[1] == "1,024"} == {"no memory"}
    assert {word for lost in of(data.series(), Lost) for word in lost.words} == {"no memory"}


def test_the_steps_are_those_of_the_reading_and_the_law_goes_through_them():
    study = made(epochs=40)
    (reading,), data = study.derived, steps_by_size(study)
    assert data.points == reading.points
    assert len(data.points) == 3
    s_min, e_min = reading.detail("s_min"), reading.detail("e_min")
    assert data.line[0] == pytest.approx((32, s_min + e_min / 32))
    assert reading.value == pytest.approx(e_min / s_min, rel=1e-6)
    (rule,) = of(data.series(), Rule)
    assert (rule.x, rule.text) == (reading.value, f"B_crit {reading.value:.3g}")


def test_where_fewer_than_three_batch_sizes_arrived_there_is_no_law_and_the_reason_is_told():
    data = steps_by_size(made(sizes=(32, 256)))
    assert (data.line, data.critical) == ((), None)
    assert data.notes == ("The critical batch size is not known: 2 batch sizes reached the target loss; it takes 3.",)
    assert of(data.series(), Rule) == []


def test_a_batch_size_that_did_not_arrive_is_a_triangle_without_bars():
    study = made(epochs=40)
    late = (*study.derived[0].points[:2],
            replace(study.derived[0].points[-1], batch_size=1024, updates=40.0, low=40.0, high=math.inf, learning_rate=1e-3,
                    share_arrived=0.25))
    data = steps_by_size(replace(study, derived=(replace(study.derived[0], points=late),)))
    mark = of(data.series(), Points)[-1]
    assert (mark.symbol, mark.low, mark.y) == ("triangle-up-open", (), (40.0,))
    assert list(data.rows())[-1] == ("1,024", "0.001", "more than 40", "–", "25%")
    assert data.notes[0].startswith("Batch size 1,024 did not reach the target with more than half of its seeds in the 40 updates")


def test_a_batch_size_most_of_whose_seeds_arrived_has_a_point_and_a_bar_open_above():
    study = made(epochs=40)
    most = (*study.derived[0].points[:2],
            replace(study.derived[0].points[-1], batch_size=1024, updates=40.0, low=30.0, high=math.inf, learning_rate=1e-3,
                    share_arrived=0.75))
    data = steps_by_size(replace(study, derived=(replace(study.derived[0], points=most),)))
    mark = of(data.series(), Points)[-1]
    assert (mark.symbol, mark.low, mark.high) == ("diamond", (30.0,), (math.inf,))
    assert list(data.rows())[-1][2:] == ("40", "30 to unbounded", "75%")
    bars = draw_chart(data.series()).data[-1].error_y
    assert (bars.array, bars.arrayminus) == ((0,), (10.0,))


@pytest.mark.parametrize(("low", "n_shades", "rules"), [(100.0, 1, ["B_crit at least 100"]), (5.0, 0, [])])
def test_a_critical_batch_size_open_above_is_called_a_lower_bound(low, n_shades, rules):
    study = made(epochs=40)
    bound = replace(study.derived[0], value=low, low=low, high=math.inf, outcome=Outcome.LOWER_BOUND)
    data = steps_by_size(replace(study, derived=(bound,)))
    assert data.critical == (low, low, math.inf)
    assert data.notes == (f"The critical batch size is only known to be at least {low:g}: more batch sizes would tell.",)
    assert len(of(data.series(), Shade)) == n_shades  # over the whole picture it would say nothing
    assert [rule.text for rule in of(data.series(), Rule)] == rules


@pytest.mark.parametrize("prepare", [quality_by_epoch, quality_by_rate, quality_by_size, steps_by_size])
def test_an_empty_study_has_no_pictures_but_sentences(prepare):
    data = prepare(replace(STUDY, curves=(), contrasts=()))
    assert isinstance(data, Missing)
    assert data.because.endswith(".")


@pytest.mark.parametrize("setting", [SMALL, LARGE])
def test_bands_lie_under_lines_and_lines_under_nothing_of_theirs(setting):
    marks = quality_by_epoch(STUDY).series().marks
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
