"""Draws the report's figures with Plotly, from the plain data of `curves` and `sizes`.

Colour and marker mean the batch size, the same in every figure; a dashed line and a star are the present setting, a heavy
line the recommended one. Text and grid take their colours from the page's style sheet, so that they follow light and dark.
"""

from ...base.text import number, quantity
from ..pictures.canvas import OUTLINE, bar, empty, faint, logarithmic, mark, thinned
from .look import GREY

_TALLEST = 30  # times the lowest loss: what is above lies outside the picture


def draw_losses(data, look):
    """Validation loss by epoch as `(figure, keys)`: medians, quartile bands, and each arm's best epoch."""
    figure, keys = empty("epoch", "validation loss"), []
    for line in sorted(data.lines, key=lambda line: (line.recommended, line.present)):
        colour, symbol = look.colour(line.setting.batch_size), look.marker(line.setting)
        epochs = list(range(1, len(line.middle) + 1))
        of_group = {"legendgroup": line.label, "name": line.label}
        stands_out = line.present or line.recommended
        figure.add_scatter(x=epochs + epochs[::-1], y=[*line.high, *line.low[::-1]], fill="toself", mode="lines",
                           line_width=0, fillcolor=faint(colour, 0.22 if stands_out else 0.12), hoverinfo="skip",
                           **of_group)
        figure.add_scatter(x=epochs, y=list(line.middle), mode="lines",
                           line={"color": colour, "dash": look.dash(line.setting), "width": 3 if stands_out else 1.75},
                           hovertemplate="%{fullData.name}<br>epoch %{x}: %{y:.4g}<extra></extra>", **of_group)
        if line.chosen:
            figure.add_scatter(x=[line.chosen[0]], y=[line.chosen[1]], mode="markers", **of_group,
                               marker={"color": colour, "symbol": symbol, "size": 18 if line.present else 12,
                                       "line": OUTLINE},
                               hovertemplate="%{fullData.name}<br>lowest at epoch %{x}<extra></extra>")
    for line in data.lines:
        keys.append(look.arm_key(line.label, line.setting))
    figure.update_xaxes(range=[1, 1.02 * max(data.epochs, *(len(line.middle) for line in data.lines))])
    mark(figure, data.epochs, f"epochs={data.epochs}")
    if data.logarithmic:
        values = [x for line in data.lines for x in (*line.low, *line.high)]
        lowest = min((x for x in values if x > 0), default=1.0)
        shown = [x for x in values if x <= _TALLEST * lowest]  # one start that explodes must not flatten the rest
        logarithmic(figure, "y", shown)
    return figure, tuple(keys)


def draw_rates(data, look):
    """Quality against learning rate, a line per batch size, as `(figure, keys)`."""
    figure, keys = empty("learning rate", "quality (validation loss)"), []
    value, low, high = data.chosen
    logarithmic(figure, "x", [value, *(rate for line in data.lines for rate in line.rates)])
    if low < high:
        figure.add_vrect(x0=low, x1=high, fillcolor=faint(GREY, 0.15), line_width=0, layer="below")
    for i, line in enumerate(data.lines):
        colour, symbol = look.colour(line.batch_size), look.symbol(line.batch_size)
        group = f"{line.batch_size} {line.schedule}"
        of_group = {"legendgroup": group, "name": f"batch size {number(line.batch_size)}"}
        for rates, low, middle, high in _unbroken(line):
            figure.add_scatter(x=rates + rates[::-1], y=high + low[::-1], fill="toself", mode="lines", line_width=0,
                               fillcolor=faint(colour, 0.15), hoverinfo="skip", **of_group)
            figure.add_scatter(x=rates, y=middle, mode="lines", line={"color": colour, "width": 2.5}, **of_group,
                               hovertemplate="%{fullData.name}<br>rate %{x:.3g}: mean %{y:.4g}<extra></extra>")
        figure.add_scatter(x=[rate for rate, _ in line.points], y=[quality for _, quality in line.points], mode="markers",
                           marker={"color": colour, "symbol": symbol, "size": 8, "opacity": 0.75}, **of_group,
                           hovertemplate="%{fullData.name}<br>rate %{x:.3g}: %{y:.4g}<extra></extra>")
        if line.diverged:
            figure.add_scatter(x=[rate for rate, _, _ in line.diverged], y=[0.96 - 0.05 * i] * len(line.diverged),
                               yaxis="y2", mode="markers",
                               text=[f"{n} of {total} diverged" for _, n, total in line.diverged],
                               marker={"symbol": "x-thin", "size": 10, "line": {"width": 2.5, "color": colour}},
                               hovertemplate="%{fullData.name}<br>rate %{x:.3g}: %{text}<extra></extra>", **of_group)
        schedule = "" if line.schedule == "constant" else f" ({line.schedule})"
        keys.append(look.size_key(group, f"batch size {number(line.batch_size)}{schedule}", line.batch_size))
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False})
    mark(figure, value, f"recommended {number(value)}")
    if data.logarithmic:
        logarithmic(figure, "y", [quality for line in data.lines for _, quality in line.points])
    return figure, tuple(keys)


def draw_step_times(data, look):
    """Step time against batch size as `(figure, keys)`: measured points with intervals, the fitted line, the knee."""
    figure = empty("batch size", "time of a training step")
    logarithmic(figure, "y", [x for p in data.points for x in (p.seconds, p.low, p.high)], say=lambda s: quantity("s", s))
    if data.line:
        figure.add_scatter(x=[b for b, _ in data.line], y=[s for _, s in data.line], mode="lines", name="t0 + c·B",
                           line={"color": GREY, "width": 2}, hoverinfo="skip")
    for p in data.points:
        size, seconds, low, high = p.batch_size, p.seconds, p.low, p.high
        colour = look.colour(size)
        figure.add_scatter(
            x=[size], y=[seconds], mode="markers", name=f"batch size {number(size)}",
            marker={"color": colour, "symbol": look.symbol(size), "size": 10}, error_y=bar(seconds, low, high, colour),
            hovertemplate=f"%{{fullData.name}}<br>{quantity('s', seconds)} ({quantity('s', low, high)})<extra></extra>")
    sizes = [p.batch_size for p in data.points]
    marks = ((data.hardware, "B_hw"), (data.knee, "knee"), (data.recommended, "recommended"))
    near = sorted(m for m in marks if m[0] and min(sizes) / 4 <= m[0] <= max(sizes) * 4)
    logarithmic(figure, "x", [*sizes, *(place for place, _ in near)], at=thinned(sizes))
    for level, (place, text) in enumerate(reversed(near)):
        mark(figure, place, f"{text} {number(place)}", level=level)
    return figure, ()


def draw_updates(data, look):
    """Updates to the target against batch size as `(figure, keys)`: arms with intervals and the fitted hyperbola."""
    figure, keys = empty("batch size", "updates to the target loss"), []
    if data.line:
        figure.add_scatter(x=[b for b, _ in data.line], y=[s for _, s in data.line], mode="lines", name="S(B)",
                           line={"color": GREY, "width": 2}, hoverinfo="skip")
    levels = [x for p in data.points for x in (p.steps, p.low, p.high) if x] + [steps for _, steps in data.line]
    logarithmic(figure, "y", levels)
    for p in data.points:
        colour = look.colour(p.setting.batch_size)
        high = max(levels) * 10 if p.high is None else p.high  # open above: the bar runs out of the picture
        figure.add_scatter(
            x=[p.setting.batch_size], y=[p.steps], mode="markers", name=p.label, legendgroup=p.label,
            marker={"color": colour, "symbol": look.marker(p.setting), "size": 16 if p.present else 12},
            error_y=None if p.low is None else bar(p.steps, p.low, high, colour),
            hovertemplate="%{fullData.name}<br>%{y:,.0f} updates<extra></extra>")
        keys.append(look.arm_key(p.label, p.setting))
    sizes = [p.setting.batch_size for p in data.points]
    left, right = min(sizes) / 4, max(sizes) * 4
    marked = [data.critical[0]] if data.critical and left <= data.critical[0] <= right else []
    logarithmic(figure, "x", [*sizes, *marked], at=thinned(sizes))
    if marked:
        value, low, high = data.critical
        figure.add_vrect(x0=max(low, left), x1=min(high or right, right), fillcolor=faint(GREY, 0.15), line_width=0,
                         layer="below")
        mark(figure, value, f"B_crit {'at least ' if high is None else ''}{number(value)}")
    return figure, tuple(keys)


def _unbroken(line):
    """The stretches of rates at which no seed diverged, as lists `(rates, low, mean, high)`."""
    stretch = []
    for entry in [*zip(line.rates, line.low, line.mean, line.high, strict=True), (None, None, None, None)]:
        if entry[2] is not None:
            stretch.append(entry)
        elif stretch:
            yield tuple(map(list, zip(*stretch, strict=True)))
            stretch = []
