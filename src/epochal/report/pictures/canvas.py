"""An empty Plotly figure in the look of the page, and what is drawn on many of them: axes, marks, bars."""

import json
from math import ceil, floor, inf, log10

from ...base.text import number
from ..plan.look import GREY

OUTLINE = {"width": 2, "color": "#ffffff"}  # the style sheet turns it into the colour of the page


def plain(figure):
    """The figure as plain dictionaries and lists, strict JSON."""
    return json.loads(figure.to_json())


def empty(x_title, y_title):
    from plotly.graph_objects import Figure

    axis = {"zeroline": False, "automargin": True, "ticks": "outside", "ticklen": 4, "gridwidth": 1, "linewidth": 1,
            "showline": True, "fixedrange": True}
    return Figure(layout={
        "template": "none", "height": 420, "margin": {"l": 8, "r": 16, "t": 60, "b": 8}, "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif", "size": 13},
        "hoverlabel": {"bgcolor": "#22262b", "bordercolor": "#22262b", "font": {"color": "#ffffff"}},
        "xaxis": {**axis, "title": {"text": x_title, "standoff": 10}},
        "yaxis": {**axis, "title": {"text": y_title, "standoff": 10}}})


def logarithmic(figure, name, values, *, at=(), say=number):
    """A logarithmic axis around the positive finite `values`, with ticks `at` these places or else at round ones."""
    ticks, low, high = round_places(values)
    ticks = list(at) or ticks
    figure.update_layout({f"{name}axis": {"type": "log", "range": [low, high], "tickvals": ticks,
                                          "ticktext": [say(x) for x in ticks]}})


def round_places(values):
    """Round places for the ticks of a logarithmic axis around the positive finite `values`, and its ends as powers of ten."""
    low, high = (log10(f(x for x in values if 0 < x < inf)) for f in (min, max))
    room = 0.05 * (high - low) or 0.1
    decades = high - low
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if decades < 0.6 else (1, 2, 5) if decades < 1.5 else (1, 3) if decades < 3 else (1,)
    places = [m * 10.0**k for k in range(floor(low) - 1, ceil(high) + 1) for m in steps]
    return [x for x in places if low - room <= log10(x) <= high + room], low - room, high + room


def thinned(sizes):
    sizes = sorted(set(sizes))
    return sizes[::-(-len(sizes) // 8)]


def mark(figure, x, text, *, level=0):
    """A vertical line with its name above the picture; each `level` one line of text higher."""
    place = log10(x) if figure.layout.xaxis.type == "log" else x
    left, right = figure.layout.xaxis.range
    share = (place - left) / (right - left)
    figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": GREY, "width": 1.5, "dash": "dot"})
    figure.add_annotation(x=place, y=1, yref="paper", text=text, showarrow=False, yanchor="bottom",
                          xanchor="left" if share < 0.15 else "right" if share > 0.85 else "center", yshift=2 + 16 * level,
                          font={"size": 12})


def bar(middle, low, high, colour):
    return {"type": "data", "symmetric": False, "array": [high - middle], "arrayminus": [middle - low], "color": colour,
            "thickness": 1.5, "width": 4}


def faint(colour, alpha):
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
