"""The kinds of picture that plans and studies share: quality by epoch, quality by learning rate, updates to a target."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ...base.text import number
from ...records import Outcome
from .chart import TALLEST, Axis, Band, Chart, Key, Line, Pointer, Points, Strip, Valueless, axis_of

_DEEPEST = 4.0  # times below the lowest quality that what is drawn beneath is followed
_NEAR = 4.0  # times the largest, or one in so many of the smallest: what lies further from the batch sizes is not marked


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLine:
    """One setting's quality after each epoch: median and quartiles over its seeds."""

    key: Key
    steps_per_epoch: int
    n_seeds: int
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    best: float | None = None  # the epoch, from 1, that is marked; `None` where none is
    width: float = 2.0  # of the line
    beneath: tuple[float, ...] = ()  # another series after each epoch, drawn thin and dotted

    @property
    def there(self):
        """The place of the marked epoch in `middle`; one behind the end is at the end."""
        return min(max(round(self.best or 1), 1), len(self.middle)) - 1


def epoch_line(key, series, steps_per_epoch, **options):
    """The `EpochLine` of one series a seed. Where seeds end at different epochs, it goes on while at least half of them do."""
    length = sorted(map(len, series), reverse=True)[(len(series) - 1) // 2]
    seeds_epochs = np.array([[*one, *[np.nan] * length][:length] for one in series], dtype=float)
    quartiles = np.full((3, length), np.nan)
    known = np.isfinite(seeds_epochs).any(axis=0)
    quartiles[:, known] = np.nanquantile(seeds_epochs[:, known], (0.25, 0.5, 0.75), axis=0)
    low, middle, high = (tuple(row.tolist()) for row in quartiles)
    return EpochLine(key=key, steps_per_epoch=steps_per_epoch, n_seeds=len(series), low=low, middle=middle, high=high, **options)


def chart_by_epoch(lines, quality, *, view="epochs", pointers=()):
    """The chart of `EpochLine`s against `"epochs"` or `"updates"`, with `Pointer`s to epochs."""
    bands, marks, ends = [], [], {pointer.x for pointer in pointers}
    for line in sorted(lines, key=lambda line: line.width):  # heavy ones on top
        each, about = line.steps_per_epoch if view == "updates" else 1, line.key.about
        x = tuple(float(each * epoch) for epoch in range(1, len(line.middle) + 1))
        ends |= {x[0], x[-1]}
        bands.append(Band(x=x, low=line.low, high=line.high, group=line.key.label, colour=line.key.colour))
        marks.append(Line(x=x, y=line.middle, dash=line.key.dash, width=line.width, **about))
        if line.beneath:
            marks.append(Line(x=x, y=line.beneath, dash="dot", width=1.25, **about | {"label": f"{line.key.label}, training"}))
        if line.best is not None:
            marks.append(Points(x=(each * line.best,), y=(line.middle[line.there],), symbol=line.key.symbol,
                                size=18.0 if line.key.symbol == "star" else 11.0, **about | {"label": f"{line.key.label}, best"}))
    lengths = [len(line.middle) for line in lines]
    uneven = max(lengths) > 4 * min(lengths)  # else the shortest lines would stand in a corner
    y = axis_of(quality, [v for line in lines for v in (*line.low, *line.high)], tallest=TALLEST)
    if beneath := [value for line in lines for value in line.beneath if math.isfinite(value)]:  # it may fall very far
        low, high = y.span
        y = replace(y, span=(min(low, max(min(beneath), low / _DEEPEST if y.logarithmic else low - (high - low) / 2)), high))
    return Chart(x=Axis(title=view, logarithmic=uneven, span=(min(ends), max(ends))), y=y,
                 marks=(*bands, *marks, *pointers), keys=tuple(line.key for line in lines))


def rows_by_epoch(lines):
    """The numbers behind `chart_by_epoch`, the heading first."""
    yield ("setting", "seeds", "epochs", "updates", "best epoch of the median", "median there", "middle half there")
    for line in lines:
        i = line.there
        yield (line.key.label, str(line.n_seeds), number(len(line.middle)), number(len(line.middle) * line.steps_per_epoch),
               *(("–",) * 3 if line.best is None else
                 (number(line.best), f"{line.middle[i]:.4g}", f"{line.low[i]:.4g} to {line.high[i]:.4g}")))


def undrawn(label, n_good, n_runs):
    """A sentence on the trainings of a setting that are not drawn; empty where all are."""
    if n_good < n_runs:
        return f"{n_runs - n_good} of the {n_runs} trainings of {label} diverged and are not drawn."
    return "" if n_good else f"{label} is not drawn: its trainings with fresh seeds are not part of the record."


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLine:
    """Quality at each learning rate tried with one batch size."""

    key: Key
    points: tuple[tuple[float, float], ...]  # `(rate, quality)` of each training with a quality
    # the mean of each rate all of whose trainings have a quality: of the others alone it would flatter the rate
    means: dict[float, float]
    without: dict[float, str]  # of the other rates why, in words

    def rows(self, chosen=None):
        """Rate, mean, single trainings, and what there is to say of it, of each rate; `chosen` is one of them."""
        for rate in sorted({*self.means, *self.without}):
            yield (number(rate), f"{self.means[rate]:.4g}" if rate in self.means else "–",
                   ", ".join(f"{q:.4g}" for r, q in self.points if r == rate) or "–",
                   self.without.get(rate) or ("chosen" if rate == chosen else ""))

    def marks(self, level, *, bottom=False):
        """What is drawn of it; its crosses stand in the row `level`."""
        if self.means:
            yield Line(x=tuple(self.means), y=tuple(self.means.values()), **self.key.about)
        if self.points:
            rates, qualities = zip(*self.points, strict=True)
            yield Points(x=rates, y=qualities, symbol=self.key.symbol, size=5.0, **self.key.about)
        for symbol, diverged in (("x-thin", True), ("circle-open", False)):
            without = {rate: words for rate, words in self.without.items() if ("diverged" in words) is diverged}
            if without:
                yield Valueless(x=tuple(without), words=tuple(without.values()), symbol=symbol, level=level, bottom=bottom,
                                **self.key.about)


def rate_line(key, by_rate):
    """The `RateLine` of `{rate: a quality of each training}`, infinite where it diverged; or the words why there is none."""
    points, means, without = [], {}, {}
    for rate, found in sorted(by_rate.items()):
        if isinstance(found, str):
            without[rate] = found
            continue
        finite = [float(q) for q in found if math.isfinite(q)]
        points += [(rate, q) for q in finite]
        if len(finite) == len(found):
            means[rate] = float(np.mean(finite))
        else:
            without[rate] = f"{len(found) - len(finite)} of {len(found)} diverged"
    return RateLine(key=key, points=tuple(points), means=means, without=without)


def chart_by_rate(lines, quality, marks, rates=()):
    """The chart of `RateLine`s with the `marks` of them and others; `rates` are further places that must be seen."""
    rates = [*rates, *(rate for line in lines for rate in (*line.means, *line.without))]
    return Chart(x=Axis(title="learning rate", logarithmic=True, span=(min(rates), max(rates))),
                 y=axis_of(quality, [q for line in lines for _, q in line.points], tallest=TALLEST),
                 marks=tuple(marks), keys=tuple(line.key for line in lines))


def critical_batch_marks(reading, sizes):
    """The fitted law S(B) = S_min (1 + B_crit / B) of McCandlish et al. 2018 (arXiv:1812.06162): strip, pointer and curve."""
    s_min, e_min = reading.detail("s_min"), reading.detail("e_min")
    left, right = min(sizes) / _NEAR, max(sizes) * _NEAR
    bound = reading.outcome is Outcome.LOWER_BOUND
    value, low, high = reading.low if bound else reading.value, reading.low, reading.high
    if low < right and high > left and not (low <= left and right <= high):
        yield Strip(along="x", low=max(low, left), high=min(high, right))
    x = np.geomspace(min(sizes), max(sizes), 60).tolist()
    yield Line(x=tuple(x), y=tuple(s_min + e_min / b for b in x), label="S_min (1 + B_crit / B)")
    if left <= value <= right:
        yield Pointer(x=value, text=f"critical batch size {'at least ' if math.isinf(high) else ''}{number(value)}")
