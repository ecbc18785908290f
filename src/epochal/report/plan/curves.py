"""The data of the two figures that are read off trainings: loss by epoch, and quality against learning rate. Pure."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ...base.text import number
from ...records import Outcome, Setting
from ...rules.plan.compare import runs_by_setting
from ...rules.plan.quality import cross_fitted
from .rows import label_of, recommended


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A figure that cannot be drawn, and the sentence that says why."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One arm's validation loss after each epoch: median and quartiles over the seeds that did not diverge.

    Attributes:
        chosen: `(epoch, loss)` at the arm's median epoch of lowest validation loss; `None` where there is none.
        n_seeds: trainings behind the median.
    """

    label: str
    setting: Setting
    present: bool
    recommended: bool
    n_seeds: int
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    chosen: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Validation loss by epoch, an arm a line.

    Attributes:
        epochs: the epochs to pass to `fit`.
        logarithmic: whether the losses span so much that only a logarithmic axis shows them.
        notes: what is not drawn and why, a sentence each.
    """

    lines: tuple[Line, ...]
    epochs: int
    logarithmic: bool
    notes: tuple[str, ...]

    def rows(self):
        yield ("arm", "seeds", "best epoch (median)", "median loss there", "quartiles there")
        for line in self.lines:
            if line.chosen is None:
                yield (line.label, str(line.n_seeds), "–", "–", "–")
            else:
                i = _index(line.chosen[0], len(line.middle))
                yield (line.label, str(line.n_seeds), number(line.chosen[0]), f"{line.middle[i]:.4g}",
                       f"{line.low[i]:.4g} to {line.high[i]:.4g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLine:
    """Quality at each learning rate tried with one batch size.

    Attributes:
        rates: learning rates, ascending.
        mean: mean over seeds; `None` where a seed diverged, since a mean of the others would flatter the rate.
        low, high: lowest and highest over seeds; `None` likewise.
        points: `(learning rate, quality)` of each training that did not diverge.
        diverged: `(learning rate, diverged trainings, trainings)` where any did.
    """

    batch_size: int
    schedule: str
    rates: tuple[float, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    points: tuple[tuple[float, float], ...]
    diverged: tuple[tuple[float, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Quality against learning rate, a batch size a line. `chosen` is the recommended `(value, low, high)`."""

    lines: tuple[RateLine, ...]
    chosen: tuple[float, float, float]
    logarithmic: bool

    def rows(self):
        yield ("batch size", "learning rate", "mean quality", "lowest to highest seed", "diverged")
        for line in self.lines:
            diverged = {rate: f"{n} of {total}" for rate, n, total in line.diverged}
            for rate, mean, low, high in zip(line.rates, line.mean, line.low, line.high, strict=True):
                yield (number(line.batch_size), number(rate), "–" if mean is None else f"{mean:.4g}",
                       "–" if mean is None else f"{low:.4g} to {high:.4g}", diverged.get(rate, "none"))


def loss_by_epoch(plan):
    """`Losses` of every arm, from the trainings that were compared, or `Missing`.

    Where the seeds of an arm end at different epochs, its line goes on while at least half of them do.
    """
    lines, notes, compared, uneven = [], [], runs_by_setting(plan.evidence), False
    for arm in plan.arms:
        runs = compared.get(arm.setting, {}).values()
        good = [run.validation_loss for run in runs if run.outcome is Outcome.OK and run.n_epochs]
        label = label_of(plan, arm)
        if runs and len(good) < len(runs):
            notes.append(f"{len(runs) - len(good)} of the {len(runs)} trainings of {label} diverged and are not drawn.")
        elif not good:
            notes.append(f"{label} is not drawn: its curves are not part of the evidence.")
        if good:
            lines.append(_line(arm, label, good, arm is recommended(plan)))
            uneven = uneven or len(set(map(len, good))) > 1
    if not lines:
        return Missing(because=" ".join(["No setting was trained to the end.", *notes]))
    if uneven:
        notes.append("Some trainings ended before others; a line goes on while at least half of its seeds do.")
    levels = [x for line in lines for x in (*line.low, *line.high)]
    return Losses(lines=tuple(lines), epochs=int(plan.epochs.value), logarithmic=_spans(levels), notes=tuple(notes))


def quality_by_rate(plan):
    """`Rates` from the trainings that chose the learning rates (stages `"screen"` and `"present"`), or `Missing`."""
    groups = defaultdict(lambda: defaultdict(list))
    for stage in ("screen", "present"):
        for run in plan.evidence.of(stage):
            setting = run.setting
            groups[setting.batch_size, setting.schedule][setting.learning_rate].append(cross_fitted(run))
    if len({rate for by_rate in groups.values() for rate in by_rate}) < 2:
        return Missing(because="Fewer than two learning rates were tried; a larger budget tries more.")
    lines = tuple(_rate_line(*key, groups[key]) for key in sorted(groups))
    levels = [quality for line in lines for _, quality in line.points]
    if not levels:
        return Missing(because="Every training that was to choose a learning rate diverged; try smaller rates.")
    rate = plan.learning_rate
    return Rates(lines=lines, chosen=(rate.value, rate.low, rate.high), logarithmic=_spans(levels))


def _line(arm, label, losses, is_recommended):
    length = sorted(map(len, losses), reverse=True)[(len(losses) - 1) // 2]
    losses_seeds_epochs = np.array([[*run, *[np.nan] * length][:length] for run in losses])
    low, middle, high = (tuple(row.tolist()) for row in np.nanquantile(losses_seeds_epochs, (0.25, 0.5, 0.75), axis=0))
    chosen = None if arm.epochs is None else (arm.epochs, middle[_index(arm.epochs, length)])
    return Line(label=label, setting=arm.setting, present=arm.present, recommended=is_recommended, n_seeds=len(losses),
                middle=middle, low=low, high=high, chosen=chosen)


def _rate_line(batch_size, schedule, by_rate):
    rates = tuple(sorted(by_rate))
    whole = [by_rate[r] if np.all(np.isfinite(by_rate[r])) else None for r in rates]
    lost = [(r, int(np.sum(~np.isfinite(by_rate[r]))), len(by_rate[r])) for r in rates]
    return RateLine(
        batch_size=batch_size, schedule=schedule, rates=rates,
        mean=tuple(None if q is None else float(np.mean(q)) for q in whole),
        low=tuple(None if q is None else min(q) for q in whole),
        high=tuple(None if q is None else max(q) for q in whole),
        points=tuple((r, q) for r in rates for q in by_rate[r] if np.isfinite(q)),
        diverged=tuple(entry for entry in lost if entry[1]))


def _index(epoch, length):
    return min(max(round(epoch), 1), length) - 1


def _spans(values):
    return min(values) > 0 and max(values) > 5 * min(values)
