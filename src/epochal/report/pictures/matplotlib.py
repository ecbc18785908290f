"""Draws one picture of a study onto a matplotlib axis, for a notebook or a paper; matplotlib is an extra."""

from importlib.util import find_spec

from ...base.text import number, quantity
from ...base.validate import one_of, require
from ..study.pictures import PICTURES
from .chart import GREY, Band, Line, Pointer, Points, Strip, Valueless

_MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "pentagon": "p", "triangle-down": "v", "hexagon": "h",
            "cross": "P", "star": "*", "x-thin": "x", "line-ns": "|"}
_DASHES = {"solid": "-", "dash": (0, (5, 2)), "dot": (0, (1, 1.5)), "dashdot": (0, (5, 2, 1, 2)), "longdash": (0, (9, 3))}
_POINT = 0.75  # of matplotlib in one of the page's pixels


def study_plot(study, ax, name="quality", *, view=None):
    """Draw one picture of a study.

    Args:
        study: a `Study`.
        ax: the matplotlib axis to draw onto.
        name: `"quality"`: under each budget, against batch size. `"losses"`: by epoch, an arm a line. `"rates"`: quality against
            learning rate. `"steps"`: updates to the target, against batch size.
        view: for `"losses"` what is on the x axis, `"epochs"` or `"updates"`; for `"rates"` the budget; by default the first.

    Returns:
        The axis. Where there is nothing to draw, it holds the sentence that says why.

    Raises:
        UsageError: matplotlib is not installed, or there is no such picture.
    """
    require(find_spec("matplotlib") is not None, "ax", ax, "an axis of matplotlib, which is not installed",
            "Install it with: pip install 'epochal[plot]'.")
    one_of("name", name, PICTURES)
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.gca()
    require(hasattr(ax, "plot"), "ax", ax, "an axis of matplotlib", "Pass plt.gca().")
    picture = PICTURES[name](study)
    if picture.missing:
        ax.set_axis_off()
        ax.text(0.5, 0.5, picture.missing, ha="center", va="center", wrap=True, transform=ax.transAxes)
        return ax
    views = [name for name in picture.charts if name]
    require(view is None or view in views, "view", view, f"one of {', '.join(map(repr, views)) or 'none here'}")
    from matplotlib.lines import Line2D

    chart = picture.charts[view] if view else next(iter(picture.charts.values()))
    _axis(ax, "x", chart.x, chart.x.ends())
    _axis(ax, "y", chart.y, chart.y.ends(*chart.rooms))
    for one in chart.marks:
        _DRAW[type(one)](ax, one)
    handles = [Line2D([], [], linestyle=_DASHES[key.dash], label=key.label, linewidth=1.5, markersize=6,
                      **_marker(key.symbol, key.colour)) for key in chart.keys]
    ax.legend(handles=handles, fontsize="small", framealpha=0.8, edgecolor="none")
    ax.grid(alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _axis(ax, name, axis, ends):
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = ends
    getattr(ax, f"set_{name}label")(axis.title)
    if axis.logarithmic:
        getattr(ax, f"set_{name}scale")("log")
        low, high, mine = 10**low, 10**high, getattr(ax, f"{name}axis")
        mine.set_major_locator(FixedLocator(axis.places()))
        mine.set_minor_locator(NullLocator())
        mine.set_major_formatter(FuncFormatter(lambda x, _: quantity(axis.unit, x) if axis.unit else number(x)))
    if axis.names:
        getattr(ax, f"set_{name}ticks")(axis.ticks, axis.names)
    getattr(ax, f"set_{name}lim")(low, high)


def _line(ax, line):
    ax.plot(line.x, line.y, color=line.colour, linestyle=_DASHES[line.dash], linewidth=_POINT * line.width,
            alpha=0.5 if line.width > 4 else 1.0, solid_capstyle="round" if line.width > 4 else "projecting")


def _band(ax, band):
    ax.fill_between(band.x, band.low, band.high, color=band.colour, alpha=0.13, linewidth=0)


def _points(ax, points):
    if points.low:
        ax.errorbar(points.x, points.y, yerr=points.reach, fmt="none", ecolor=points.colour, elinewidth=1.1, capsize=2.5)
    outlined = points.size > 9 and points.symbol in _MARKERS and points.symbol != "line-ns"
    ax.plot(points.x, points.y, linestyle="none", **_marker(points.symbol, points.colour), markersize=_POINT * points.size,
            alpha=0.75 if points.size < 6 else 1.0, markeredgecolor="white" if outlined else points.colour,
            markeredgewidth=1.8 if points.symbol == "line-ns" else 1.0, zorder=3)


def _valueless(ax, row):
    ax.plot(row.x, [row.height] * len(row.x), linestyle="none", transform=ax.get_xaxis_transform(),
            **_marker(row.symbol, row.colour), markersize=6)


def _pointer(ax, pointer):
    ax.axvline(pointer.x, color=GREY, linewidth=1.1, linestyle=(0, (1, 1.5)))
    ax.annotate(pointer.text, (pointer.x, 1), xycoords=("data", "axes fraction"), xytext=(0, 3 + 12 * pointer.level),
                textcoords="offset points", ha="center", fontsize="small")


def _strip(ax, strip):
    (ax.axvspan if strip.along == "x" else ax.axhspan)(strip.low, strip.high, color=GREY, alpha=0.15, linewidth=0)


def _marker(symbol, colour):
    return {"marker": _MARKERS[symbol.removesuffix("-dot").removesuffix("-open")], "color": colour,
            "markerfacecolor": "none" if "-open" in symbol else colour}


_DRAW = {Line: _line, Band: _band, Points: _points, Valueless: _valueless, Pointer: _pointer, Strip: _strip}
