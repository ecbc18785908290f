"""Draws a `Chart` with Plotly, in the look of the page."""

from math import inf

from ..plan.look import GREY
from .canvas import OUTLINE, bar, empty, faint, logarithmic, mark
from .chart import Band, Line, Lost, Points, Rule, Shade, place_of


def draw_chart(chart):
    """The Plotly figure of a `Chart`. Colours of text, grid and page come from the page's style sheet."""
    figure = empty(chart.x.title, chart.y.title)
    for name, axis in (("x", chart.x), ("y", chart.y)):
        if axis.logarithmic:
            logarithmic(figure, name, axis.span, at=axis.ticks)
        figure.update_layout({f"{name}axis": {"range": list(axis.ends(*chart.rooms) if name == "y" else axis.ends())}})
    if any(isinstance(one, Lost) for one in chart.marks):
        figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False})
    for one in chart.marks:
        _DRAW[type(one)](figure, one)
    return figure


def _line(figure, line):
    figure.add_scatter(x=line.x, y=line.y, mode="lines", line={"color": line.colour, "dash": line.dash, "width": line.width},
                       opacity=0.5 if line.width > 4 else 1.0, **_named(line),
                       hovertemplate="%{fullData.name}<br>%{x:.4~g}: %{y:.4g}<extra></extra>")


def _band(figure, band):
    edges = [(x, low, high) for x, low, high in zip(band.x, band.low, band.high, strict=True) if low == low]  # nan: a gap
    x, low, high = (list(side) for side in zip(*edges, strict=True))
    figure.add_scatter(x=x + x[::-1], y=high + low[::-1], fill="toself", mode="lines", line_width=0, legendgroup=band.group,
                       name=band.group, fillcolor=faint(band.colour, 0.13), hoverinfo="skip")


def _points(figure, points):
    marker = {"color": points.colour, "symbol": points.symbol, "size": points.size,
              "line": {"width": 2.5, "color": points.colour} if points.symbol == "line-ns" else
              OUTLINE if points.size > 9 and "-open" not in points.symbol else {"width": 1.5, "color": points.colour}}
    bars = None
    if points.low:
        bars = bar(0, 0, 0, points.colour) | {
            "array": [high - y if high < inf else 0 for y, high in zip(points.y, points.high, strict=True)],
            "arrayminus": [y - low if low > -inf else 0 for y, low in zip(points.y, points.low, strict=True)]}
    figure.add_scatter(x=points.x, y=points.y, mode="markers", marker=marker, opacity=0.75 if points.size < 6 else 1.0,
                       error_y=bars, text=points.words or None, **_named(points),
                       hovertemplate="%{fullData.name}<br>" + ("%{text}" if points.words else "%{x:.4~g}: %{y:.4g}")
                       + "<extra></extra>")


def _lost(figure, lost):
    figure.add_scatter(x=lost.x, y=[place_of(lost)] * len(lost.x), yaxis="y2", mode="markers", text=lost.words,
                       marker={"symbol": lost.symbol, "size": 9, "color": lost.colour, "line": {"width": 2, "color": lost.colour}},
                       hovertemplate="%{fullData.name}<br>%{x:.3g}: %{text}<extra></extra>", **_named(lost))


def _rule(figure, rule):
    mark(figure, rule.x, rule.text)


def _shade(figure, shade):
    about = {"fillcolor": faint(GREY, 0.15), "line_width": 0, "layer": "below"}
    if shade.along == "x":
        figure.add_vrect(x0=shade.low, x1=shade.high, **about)
    else:
        figure.add_hrect(y0=shade.low, y1=shade.high, **about)


def _named(one):
    return {"legendgroup": one.group, "name": one.label}


_DRAW = {Line: _line, Band: _band, Points: _points, Lost: _lost, Rule: _rule, Shade: _shade}
