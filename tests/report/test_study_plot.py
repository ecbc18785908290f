"""A study on a matplotlib axis: what is drawn is the data of the page's pictures, and what cannot be is refused or said."""

from dataclasses import replace

import numpy as np
import pytest
from report.made_studies import made
from report.report_studies import STUDY
from report.test_study_series import bursts_large

from epochal import UsageError
from epochal.report import study_plot
from epochal.report.pictures.chart import Line
from epochal.report.study.pictures import PICTURES


@pytest.fixture
def ax():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure()
    yield figure.add_subplot()
    figure.canvas.draw()


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("changed", [{}, {"bursts": bursts_large}, {"metric": "accuracy"}, {"epochs": 1, "equal": ("epochs",)}])
def test_every_picture_is_drawn_with_its_axes_and_its_legend(ax, changed, name):
    study = made(**changed)
    assert study.plot(ax, name) is ax
    chart = next(iter(PICTURES[name](study).charts.values()))
    assert (ax.get_xlabel(), ax.get_ylabel()) == (chart.x.title, chart.y.title)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [key.label for key in chart.keys]
    for scale, axis in ((ax.get_xscale(), chart.x), (ax.get_yscale(), chart.y)):
        assert (scale == "log") == axis.logarithmic


@pytest.mark.needs("matplotlib")
def test_the_lines_hold_the_data(ax):
    study_plot(made(), ax, "losses", view="updates")
    drawn = [line.get_ydata() for line in ax.get_lines()]
    lines = [mark for mark in PICTURES["losses"](made()).charts["updates"].marks if isinstance(mark, Line)]
    assert lines
    for line in lines:
        assert any(len(y) == len(line.y) and np.allclose(y, line.y) for y in drawn)
    assert ax.get_xlabel() == "updates"


@pytest.mark.needs("matplotlib")
def test_everything_that_is_drawn_lies_on_the_axis(ax):
    study_plot(made(), ax, "quality")
    (low, high), (left, right) = ax.get_ylim(), ax.get_xlim()
    for line in ax.get_lines():
        assert np.all((low < line.get_ydata()) & (line.get_ydata() < high))
        assert np.all((left < line.get_xdata()) & (line.get_xdata() < right))


@pytest.mark.needs("matplotlib")
def test_the_rates_of_another_budget_are_a_view(ax):
    made().plot(ax, "rates", view="steps")
    with pytest.raises(UsageError, match="`view` must be one of 'epochs', 'steps'; got 'time'"):
        made().plot(ax, "rates", view="time")
    with pytest.raises(UsageError, match="`view` must be one of none here"):
        made().plot(ax, "quality", view="time")


@pytest.mark.needs("matplotlib")
def test_a_picture_that_cannot_be_drawn_holds_the_reason(ax):
    study_plot(replace(STUDY, curves=(), contrasts=()), ax, "rates")
    assert [text.get_text() for text in ax.texts] == ["No learning rates were tried, or every trial diverged."]


@pytest.mark.needs("matplotlib")
def test_another_picture_is_refused_by_name(ax):
    with pytest.raises(UsageError, match="`name` must be one of quality, losses, rates, steps; got 'loss'"):
        made().plot(ax, "loss")


@pytest.mark.needs("matplotlib")
def test_what_is_no_axis_is_refused(ax):
    with pytest.raises(UsageError, match="`ax` must be an axis of matplotlib; got 3. Pass plt.gca()"):
        made().plot(3)


def test_without_matplotlib_the_cure_is_named(monkeypatch):
    monkeypatch.setattr("epochal.report.pictures.matplotlib.find_spec", {"numpy": True}.get)
    with pytest.raises(UsageError, match=r"pip install 'epochal\[plot\]'"):
        made().plot(None)
