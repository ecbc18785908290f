"""A stream as a web page: the faded loss and metric along the rows with the alarms drawn, the batch sizes, and the sentences."""

from html import escape
from pathlib import Path

from ..base.errors import UsageError
from ..base.files import write_whole
from ..records import StreamReport

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Epochal: a stream</title>
<style>body{{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.5}}
table{{border-collapse:collapse}}td,th{{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:left}}</style></head>
<body><h1>{headline}</h1>{picture}<table>{table}</table>{sentences}</body></html>
"""


def figure_of(report: StreamReport) -> dict:
    """The picture as Plotly takes it: two curves, one above the other, and a dashed line at each alarm."""
    name, rows = report.metric.replace("_", " "), [point.row for point in report.points]
    curves = [{"type": "scatter", "mode": "lines", "name": what, "x": rows, "y": values, "yaxis": axis} for what, values, axis in (
        ("loss", [point.loss for point in report.points], "y"), (name, [point.score for point in report.points], "y2"))]
    alarms = [{"type": "line", "xref": "x", "yref": "paper", "x0": alarm.row, "x1": alarm.row, "y0": 0, "y1": 1,
               "line": {"dash": "dash", "color": "#b00020"}} for alarm in report.alarms[:100]]
    layout = {"xaxis": {"title": {"text": "rows"}, "anchor": "y"}, "yaxis": {"title": {"text": "loss"}, "domain": [0, 0.47]},
              "yaxis2": {"title": {"text": name}, "domain": [0.53, 1]}, "shapes": alarms, "showlegend": False, "height": 520,
              "title": {"text": "Each row answered before it was learned from; older rows count less. Dashed: alarms of drift."}}
    return {"data": curves, "layout": layout}


def page_of(report: StreamReport) -> str:
    """The page as HTML, whole in itself."""
    from plotly import graph_objects
    from plotly.io import to_html

    heading, *body = report.arm_rows()
    rows = ["".join(f"<th>{escape(cell)}</th>" for cell in heading),
            *("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body)]
    picture = to_html(graph_objects.Figure(figure_of(report)), full_html=False, include_plotlyjs=True) if report.points else ""
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in (*report.sentences(), *report.notes))
    return _PAGE.format(headline=escape(report.headline), picture=picture, sentences=told,
                        table="".join(f"<tr>{row}</tr>" for row in rows))


def write_page(report: StreamReport, path: Path) -> None:
    """Write the page; raises `UsageError` where there is no room."""
    try:
        write_whole(path, page_of(report))
    except OSError as error:
        raise UsageError(f"`--report` must be a place with room to write in; {path} is not ({error.strerror}).") from error
