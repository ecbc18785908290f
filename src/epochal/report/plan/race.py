"""The picture of a race: validation loss by seconds of training, a setting a line."""

from collections import defaultdict
from functools import partial
from typing import NamedTuple

import numpy as np

from ...base.text import capital, counted, number, quantity
from ...records import Outcome
from ...rules.plan.decide import clock_of
from ...rules.race.judge import levels_of
from ...rules.race.standings import Standings
from ..pictures.chart import TALLEST, Axis, Chart, Key, Line, Picture, Points, axis_of
from .keys import setting_keys
from .rows import as_judged, is_present, is_recommended, judged_in

_MOST_TICKS = 7


class _Racer(NamedTuple):
    """The line of one setting, a point wherever it was looked at."""

    key: Key
    heavy: bool
    updates: tuple[int, ...]
    seconds: tuple[float, ...]
    losses: tuple[float, ...]  # mean over the blocks of both halves and over the seeds that came so far
    n_seeds: tuple[int, ...]


def loss_by_seconds(plan):
    """Validation loss of every setting of a race by the seconds of `fit` that its updates take."""
    more = plan.evidence.task is not None and plan.evidence.task.larger_is_better
    picture = partial(
        Picture, name="race", title=f"{capital(judged_in(plan))} by seconds of training", sentence="Each line is one setting "
        "(batch size at learning rate): the mean over its seeds, with a marker where it was looked at. The seconds are those of "
        f"`{plan.evidence.fit}` for so many updates, without validation and compilation. Of two lines the "
        f"{'higher' if more else 'lower'} one is ahead after equal time, the one further left got there sooner.")
    clock, runs = clock_of(plan.evidence), defaultdict(list)
    if not clock.steps:
        return picture(missing=f"The time of a step is not known: {plan.evidence.why_not('throughput').value}.")
    for run in plan.evidence.runs:
        runs[run.setting].append(run)
    keys = setting_keys(plan, sorted(runs))
    notes = [note for setting, key in keys.items() for note in _ended(key.label, [run.outcome for run in runs[setting]])]
    racers = [_racer(plan, key, runs[setting], clock.full_step(min(setting.batch_size, clock.n_train)).value)
              for setting, key in keys.items() if any(run.marks for run in runs[setting])]
    if not racers:
        return picture(missing=" ".join(["No training came as far as a first look.", *notes]))
    if any(len(set(racer.n_seeds)) > 1 for racer in racers):
        notes.append("Some trainings went further than others; each marker is the mean of those that came so far.")
    marks = [mark for racer in sorted(racers, key=lambda racer: racer.heavy) for mark in _marks(racer)]  # heavy ones on top
    everywhere, levels = [s for racer in racers for s in racer.seconds], levels_of(Standings(plan.evidence, clock.full_step))
    every = max(1, -(-len(levels) // _MOST_TICKS))  # how many levels to a number on the axis, the last one always
    chart = Chart(
        x=Axis(title="seconds of training", logarithmic=True, span=(min(everywhere), max(everywhere)), unit="s",
               ticks=tuple(levels[::-every][::-1])),
        y=axis_of(judged_in(plan), [loss for racer in racers for loss in racer.losses], times=2, tallest=TALLEST),
        marks=tuple(marks), keys=tuple(racer.key for racer in racers))
    rows = [("setting", "training", "updates", "seeds", judged_in(plan)), *(row for racer in racers for row in _rows(racer))]
    return picture(charts={"": chart}, rows=tuple(rows), notes=tuple(notes))


def _racer(plan, key, runs, step):
    """The `_Racer` of the runs of one setting, an update of which takes `step` seconds."""
    found = defaultdict(list)
    for run in runs:
        for mark in run.marks:
            found[mark.n_updates].append(np.mean(as_judged(plan.evidence.task, mark.half_a + mark.half_b)))
    updates, setting = tuple(sorted(found)), runs[0].setting
    return _Racer(key, is_present(plan, setting) or is_recommended(plan, setting), updates, tuple(n * step for n in updates),
                  tuple(float(np.mean(found[n])) for n in updates), tuple(len(found[n]) for n in updates))


def _marks(racer):
    key, heavy = racer.key, racer.heavy
    yield Line(x=racer.seconds, y=racer.losses, dash=key.dash, width=3.0 if heavy else 1.75, **key.about)
    words = tuple(f"{seconds}, {counted(n, 'update')}: {loss} ({counted(int(n_seeds), 'seed')})"
                  for (_, seconds, _, n_seeds, loss), n in zip(_rows(racer), racer.updates, strict=True))
    yield Points(x=racer.seconds, y=racer.losses, symbol=key.symbol, words=words,
                 size=16.0 if key.symbol == "star" else 11.0 if heavy else 8.0, **key.about)


def _rows(racer):
    """The numbers behind its line."""
    for n, seconds, loss, n_seeds in zip(racer.updates, racer.seconds, racer.losses, racer.n_seeds, strict=True):
        yield (racer.key.label, quantity("s", seconds), number(n), str(n_seeds), f"{loss:.4g}")


def _ended(label, outcomes):
    """A sentence on the trainings of a setting that ended without a loss."""
    for outcome, words in ((Outcome.DIVERGED, "diverged"), (Outcome.OUT_OF_MEMORY, "found no memory")):
        if n := outcomes.count(outcome):
            which = f"{n} of the {len(outcomes)} trainings" if len(outcomes) > 1 else "The training"
            yield f"{which} of {label} {words}."
