"""A picture as data: axes, and what is drawn between them. `plotly` draws it for pages, `matplotlib` for notebooks and papers."""

import math
from dataclasses import dataclass, field

from ...base.text import number

# Okabe & Ito's palette for all kinds of colour vision, without black and yellow, which vanish on a dark or a light page.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GREY = "#8C8C8C"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon", "cross")
TALLEST = 30  # times the lowest value: what is above, such as a start that explodes, lies outside the picture
_ROW = 0.045  # of the height of a picture: one row of crosses


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a picture's legend: which marks it shows and hides, and how they look."""

    label: str
    colour: str
    symbol: str = "circle"
    dash: str = "solid"

    @property
    def about(self):
        """What every mark of this entry has."""
        return {"group": self.label, "label": self.label, "colour": self.colour}


class SizeStyle:
    """Colour and marker of every batch size; one that is not among `batch_sizes` is grey."""

    def __init__(self, batch_sizes):
        self._rank = {size: i for i, size in enumerate(sorted(set(batch_sizes)))}

    def colour(self, batch_size):
        return COLOURS[self._rank[batch_size] % len(COLOURS)] if batch_size in self._rank else GREY

    def symbol(self, batch_size):
        return SYMBOLS[self._rank.get(batch_size, 0) % len(SYMBOLS)]

    def key(self, batch_size, label=None, *, dash="solid", symbol=None):
        """The legend's entry of a batch size, or of a setting of that batch size where it has a `label` of its own."""
        label = label or f"batch size {number(batch_size)}"
        return Key(label=label, colour=self.colour(batch_size), symbol=symbol or self.symbol(batch_size), dash=dash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis."""

    title: str
    span: tuple[float, float]  # the lowest and highest value that must be seen; of a logarithmic axis both positive
    logarithmic: bool = False
    ticks: tuple[float, ...] = ()  # where to put numbers; empty: at round places
    unit: str = ""  # of the numbers, such as `"s"`
    names: tuple[str, ...] = ()  # words in the place of the numbers at `ticks`

    def ends(self, below=0.0, above=0.0):
        """Where the axis begins and ends, in powers of ten where it is logarithmic; `below` and `above` are shares left free."""
        low, high = map(math.log10, self.span) if self.logarithmic else self.span
        room = 0.05 * (high - low) or 0.1 * (1 if self.logarithmic else abs(high) or 1)
        drawn = (high - low) / (1 - below - above)
        return low - max(room, below * drawn), high + max(room, above * drawn)

    def places(self):
        """Where a logarithmic axis has its numbers."""
        if self.ticks:
            return self.ticks
        (start, end), decades = self.ends(), math.log10(self.span[1] / self.span[0])
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if decades < 0.6 else (1, 2, 5) if decades < 1.5 else (1, 3) if decades < 3 else (1,)
        round_numbers = (m * 10.0**k for k in range(math.floor(start) - 1, math.ceil(end) + 1) for m in steps)
        return tuple(x for x in round_numbers if start <= math.log10(x) <= end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line; not a number is a gap. `group`: the legend's entry that shows and hides it; empty: always shown."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str
    group: str = ""
    colour: str = GREY
    dash: str = "solid"
    width: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The area between two lines."""

    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    group: str = ""
    colour: str = GREY


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Markers, with bars from `low` to `high` where given (an infinite end is not drawn), and words for each where given."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str
    group: str = ""
    colour: str = GREY
    symbol: str = "circle"
    size: float = 8.0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def reach(self):
        """How far the bars go down and up from the markers."""
        return [[y - low if low > -math.inf else 0 for y, low in zip(self.y, self.low, strict=True)],
                [high - y if high < math.inf else 0 for y, high in zip(self.y, self.high, strict=True)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Valueless:
    """What has a place along the x axis and no value, such as a training that diverged: crosses in rows, `level` from 0, at the top
    of the picture, or at its bottom where more is better.
    """

    x: tuple[float, ...]
    words: tuple[str, ...]
    label: str
    group: str = ""
    colour: str = GREY
    symbol: str = "x-thin"
    level: int = 0
    bottom: bool = False

    @property
    def height(self):
        """How high the row stands, as a share of the picture."""
        return 0.03 + _ROW * self.level if self.bottom else 0.97 - _ROW * self.level


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A vertical line with its name above the picture; each `level` one line of text higher."""

    x: float
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A shaded strip: from `low` to `high` along the axis `along`, `"x"` or `"y"`."""

    along: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One drawing: `marks` from the undermost to the uppermost, `keys` the legend."""

    x: Axis
    y: Axis
    marks: tuple[Line | Band | Points | Valueless | Pointer | Strip, ...]
    keys: tuple[Key, ...] = ()

    @property
    def rooms(self):
        """The shares of the picture's height, at its bottom and its top, that what has no value takes."""
        rows = [one for one in self.marks if isinstance(one, Valueless)]
        return tuple(max((0.09 + _ROW * one.level for one in rows if one.bottom is side), default=0.0) for side in (True, False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of a page, or the sentence that says why it is missing."""

    name: str  # its anchor in the page
    title: str  # with `sentence`: what it shows, in a heading and in a few sentences; together they are its alternative text
    sentence: str
    missing: str = ""  # why it is not drawn; empty where it is
    # what is drawn, by the name of the view; where there is one view alone, its name is not shown
    charts: dict[str, Chart] = field(default_factory=dict)
    views: str = "{}"  # what a view is called, `"against {}"`
    rows: tuple[tuple[str, ...], ...] = ()  # the numbers behind it, the heading first
    notes: tuple[str, ...] = ()  # what of it could not be drawn

    @property
    def keys(self):
        """The legend, which is the same in all views."""
        return next(iter(self.charts.values())).keys if self.charts else ()


def axis_of(title, values, *, times=5, tallest=math.inf, unit=""):
    """An axis around finite `values`: logarithmic where they are positive and some are `times` others.

    What is above `tallest` times the lowest then lies outside the picture.
    """
    values = [value for value in values if math.isfinite(value)]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high > times * low
    return Axis(title=title, logarithmic=logarithmic, span=(low, min(high, tallest * low) if logarithmic else high), unit=unit)


def size_axis(sizes, others=()):
    """The axis of batch sizes, with a number at each, of eight at most; `others` are further places that must be seen."""
    sizes = sorted(set(map(float, sizes)))
    return Axis(title="batch size", logarithmic=True, span=(min(*sizes, *others, sizes[0]), max(*sizes, *others, sizes[0])),
                ticks=tuple(sizes[::-(-len(sizes) // 8)]))
