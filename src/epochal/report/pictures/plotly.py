"""Draws a `Chart` with Plotly, in the look of the page."""

import json
from math import log10

from ...base.text import number, quantity
from .chart import GREY, Band, Line, Pointer, Points, Strip, Valueless

_OUTLINE = {"width": 2, "color": "#ffffff"}  # the style sheet turns it into the colour of the page


def drawing_of(chart):
    """The Plotly figure of a `Chart` as plain dictionaries and lists, strict JSON."""
    return json.loads(draw_chart(chart).to_json())


def draw_chart(chart):
    """The Plotly figure of a `Chart`. Colours of text, grid and page come from the page's style sheet."""
    from plotly.graph_objects import Figure

    common = {"zeroline": False, "automargin": True, "ticks": "outside", "ticklen": 4, "gridwidth": 1, "linewidth": 1,
            "showline": True, "fixedrange": True}
    figure = Figure(layout={
        "template": "none", "height": 420, "margin": {"l": 8, "r": 16, "t": 60, "b": 8}, "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif", "size": 13},
        "hoverlabel": {"bgcolor": "#22262b", "bordercolor": "#22262b", "font": {"color": "#ffffff"}},
        "xaxis": {**common, "title": {"text": chart.x.title, "standoff": 10}},
        "yaxis": {**common, "title": {"text": chart.y.title, "standoff": 10}}})
    for name, axis in (("x", chart.x), ("y", chart.y)):
        about = {"range": list(axis.ends(*chart.rooms) if name == "y" else axis.ends())}
        if axis.logarithmic:
            say = (lambda x, unit=axis.unit: quantity(unit, x)) if axis.unit else number
            about |= {"type": "log", "tickvals": list(axis.places()), "ticktext": [say(x) for x in axis.places()]}
        if axis.names:
            about |= {"tickvals": list(axis.ticks), "ticktext": list(axis.names)}
        figure.update_layout({f"{name}axis": about})
    if any(isinstance(one, Valueless) for one in chart.marks):
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
                       name=band.group, fillcolor=_faint(band.colour, 0.13), hoverinfo="skip")


def _points(figure, points):
    marker = {"color": points.colour, "symbol": points.symbol, "size": points.size,
              "line": {"width": 2.5, "color": points.colour} if points.symbol == "line-ns" else
              _OUTLINE if points.size > 9 and "-open" not in points.symbol else {"width": 1.5, "color": points.colour}}
    bars = {"type": "data", "symmetric": False, "color": points.colour, "thickness": 1.5, "width": 4,
            **dict(zip(("arrayminus", "array"), points.reach, strict=True))} if points.low else None
    figure.add_scatter(x=points.x, y=points.y, mode="markers", marker=marker, opacity=0.75 if points.size < 6 else 1.0,
                       error_y=bars, text=points.words or None, **_named(points),
                       hovertemplate="%{fullData.name}<br>" + ("%{text}" if points.words else "%{x:.4~g}: %{y:.4g}")
                       + "<extra></extra>")


def _valueless(figure, row):
    figure.add_scatter(x=row.x, y=[row.height] * len(row.x), yaxis="y2", mode="markers", text=row.words,
                       marker={"symbol": row.symbol, "size": 9, "color": row.colour, "line": {"width": 2, "color": row.colour}},
                       hovertemplate="%{fullData.name}<br>%{x:.3g}: %{text}<extra></extra>", **_named(row))


def _pointer(figure, pointer):
    place = log10(pointer.x) if figure.layout.xaxis.type == "log" else pointer.x
    left, right = figure.layout.xaxis.range
    share = (place - left) / (right - left)
    figure.add_shape(type="line", x0=pointer.x, x1=pointer.x, y0=0, y1=1, yref="paper",
                     line={"color": GREY, "width": 1.5, "dash": "dot"})
    figure.add_annotation(x=place, y=1, yref="paper", text=pointer.text, showarrow=False, yanchor="bottom",
                          xanchor="left" if share < 0.25 else "right" if share > 0.75 else "center",
                          yshift=2 + 16 * pointer.level, font={"size": 12})


def _strip(figure, strip):
    about = {"fillcolor": _faint(GREY, 0.15), "line_width": 0, "layer": "below"}
    if strip.along == "x":
        figure.add_vrect(x0=strip.low, x1=strip.high, **about)
    else:
        figure.add_hrect(y0=strip.low, y1=strip.high, **about)


def _named(one):
    return {"legendgroup": one.group, "name": one.label}


def _faint(colour, alpha):
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


_DRAW = {Line: _line, Band: _band, Points: _points, Valueless: _valueless, Pointer: _pointer, Strip: _strip}
