"""A stream as a page: what is drawn is what the report holds, and the page is whole in itself and small."""

from dataclasses import replace

from records.anything import example as any_report

from epochal.records import Alarm, StreamArm, StreamPoint, StreamReport
from epochal.report.pictures.chart import Line, Pointer
from epochal.report.stream import stream_pictures, write_page


def report(n_alarms=1):
    arm = StreamArm(batch_size=32, loss=0.3, score=0.9, faded_loss=0.2, faded_score=0.95, lag_rows=15.5, seconds_a_row=1e-6)
    points = tuple(StreamPoint(row=100 * k, loss=1.0 / k, score=1 - 0.5 / k) for k in range(1, 11))
    alarms = tuple(Alarm(row=100 + k, before=0.1, after=0.3) for k in range(n_alarms))
    return example(arms=(arm,), points=points, alarms=alarms, notes=("3 columns became <5> features.",))


def example(**given):
    return replace(any_report(StreamReport), metric="accuracy", **given)


def test_the_curves_and_the_first_alarms_are_those_of_the_report():
    loss, accuracy = stream_pictures(report(n_alarms=9))
    (line,) = [mark for mark in loss.charts["all"].marks if isinstance(mark, Line)]
    assert line.x == tuple(range(100, 1001, 100))
    assert line.y == tuple(1.0 / k for k in range(1, 11))
    assert [mark.x for mark in accuracy.charts["all"].marks if isinstance(mark, Pointer)] == [100, 101, 102, 103, 104, 105]
    assert loss.notes == ("3 further alarms are not drawn.",)
    assert accuracy.rows[1] == ("100", "0.5")


def test_the_page_fetches_nothing_and_takes_no_markup_from_names(tmp_path):
    write_page(report(), tmp_path / "s.html")
    text = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    assert "became &lt;5&gt; features" in text
    assert "default-src 'none'" in text


def test_a_stream_of_which_nothing_was_judged_has_no_picture(tmp_path):
    nothing = example(points=(), alarms=(), arms=report().arms)
    assert stream_pictures(nothing) == ()
    write_page(nothing, tmp_path / "s.html")
