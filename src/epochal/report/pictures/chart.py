"""A picture as data: axes, and what is drawn between them; `study_figures` draws it with Plotly, `study_axes` with matplotlib."""

import math
from dataclasses import dataclass

from ..plan.look import GREY, Key

TALLEST = 30  # times the lowest value: what is above, such as a start that explodes, lies outside the picture
ROW = 0.045  # of the height of a picture: one row of what is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        span: the lowest and highest value that must be seen; of a logarithmic axis both positive.
        ticks: where to put numbers; empty: at round places.
    """

    title: str
    span: tuple[float, float]
    logarithmic: bool = False
    ticks: tuple[float, ...] = ()

    def ends(self, below=0.0, above=0.0):
        """Where the axis begins and ends, in powers of ten where it is logarithmic; `below` and `above` are shares left free."""
        low, high = map(math.log10, self.span) if self.logarithmic else self.span
        room = 0.05 * (high - low) or 0.1 * (1 if self.logarithmic else abs(high) or 1)
        drawn = (high - low) / (1 - below - above)
        return low - max(room, below * drawn), high + max(room, above * drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line. `group`: the legend's entry that shows and hides it; empty: always shown."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What has a place along the x axis and no value: crosses in rows, `level` from 0, at the top, or at the bottom where more is
    better.
    """

    x: tuple[float, ...]
    words: tuple[str, ...]
    label: str
    group: str = ""
    colour: str = GREY
    symbol: str = "x-thin"
    level: int = 0
    bottom: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A vertical line with its name above the picture."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """A shaded strip: from `low` to `high` along the axis `along`, `"x"` or `"y"`."""

    along: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A whole picture: `marks` from the undermost to the uppermost, `keys` the legend."""

    x: Axis
    y: Axis
    marks: tuple[Line | Band | Points | Lost | Rule | Shade, ...]
    keys: tuple[Key, ...]

    @property
    def rooms(self):
        """The shares of the picture's height, at its bottom and its top, that what is lost takes."""
        lost = [one for one in self.marks if isinstance(one, Lost)]
        return tuple(max((0.09 + ROW * one.level for one in lost if one.bottom is side), default=0.0) for side in (True, False))


def place_of(lost):
    """How high a row of what is lost stands, as a share of the picture."""
    return 0.03 + ROW * lost.level if lost.bottom else 0.97 - ROW * lost.level


def axis_of(title, values, *, times=5, tallest=math.inf):
    """An axis around finite `values`: logarithmic where they are positive and some are `times` others.

    What is above `tallest` times the lowest then lies outside the picture.
    """
    values = [value for value in values if math.isfinite(value)]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high > times * low
    return Axis(title=title, logarithmic=logarithmic, span=(low, min(high, tallest * low) if logarithmic else high))
