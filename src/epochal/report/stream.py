"""A stream as one web page that needs no network: loss and metric along the rows with the alarms drawn, and the batch sizes."""

from pathlib import Path

from ..base.errors import UsageError
from ..base.files import write_whole
from ..base.text import capital, number
from ..records import StreamReport
from .page import script, templates
from .pictures.chart import COLOURS, Axis, Chart, Line, Picture, Pointer, axis_of

_MOST_POINTERS = 6  # beside each other no more can be read


def stream_pictures(report: StreamReport) -> tuple[Picture, ...]:
    """Two pictures, of the loss and of the metric by row, with the first alarms on them; none where nothing was judged."""
    if not report.points:
        return ()
    metric, at = report.metric.replace("_", " "), tuple(point.row for point in report.points)
    return (_picture(report, "loss", at, tuple(point.loss for point in report.points)),
            _picture(report, metric, at, tuple(point.score for point in report.points)))


def _picture(report, what, at, values):
    alarms = [Pointer(x=alarm.row, text=f"drift, row {alarm.row:,}", level=level)
              for level, alarm in enumerate(report.alarms[:_MOST_POINTERS])]
    line = Line(x=at, y=values, label=what, colour=COLOURS[0])
    chart = Chart(x=Axis(title="rows", span=(0, max(at))), y=axis_of(what, values, times=20), marks=(line, *alarms))
    hidden = len(report.alarms) - len(alarms)
    return Picture(name=what.replace(" ", "-"), title=f"{capital(what)} along the rows",
                   sentence="Each row is answered before it is learned from, and older rows count less. Named: alarms of drift.",
                   charts={"all": chart}, notes=(f"{hidden:,} further alarms are not drawn.",) if hidden else (),
                   rows=(("row", what), *((f"{row:,}", number(value)) for row, value in zip(at, values, strict=True))))


def write_page(report: StreamReport, path: Path) -> None:
    """Write the page; raises `UsageError` where there is no room."""
    drawn = stream_pictures(report)
    page = templates().get_template("stream.html").render(report=report, pictures=drawn, arms=list(report.arm_rows()),
                                                          plotly=script() if drawn else "")
    try:
        write_whole(path, page)
    except OSError as error:
        raise UsageError(f"`--report` must be a place with room to write in; {path} is not ({error.strerror}).") from error
