"""Made-up races whose every figure can be found by hand, and the plans that the rules make of them."""

import dataclasses

from report.report_plans import MACHINE, TASK

from epochal.records import Evidence, Mark, Outcome, Reading, Run, Setting, StepTime
from epochal.rules.plan.decide import decide

LEVELS = (1.024, 2.048, 4.096)  # seconds: a thousandth of a second times powers of two
STEPS = {32: 0.008, 128: 0.0128, 512: 0.032}  # of an update, 6.4 ms and 50 µs a row: at 32, a level has 128, 256, 512
PRESENT = Setting(batch_size=32, learning_rate=0.001)
RIVAL = Setting(batch_size=128, learning_rate=0.002)
THIRD = Setting(batch_size=512, learning_rate=0.004)
FALLS = {PRESENT: (1.0, 0.8, 0.7), RIVAL: (0.8, 0.6, 0.5), THIRD: (1.2,)}  # mean loss at each level
_LUCK = {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3}  # what a seed adds to it


def run(setting, seed, losses, *, stage="race", outcome=Outcome.OK):
    """A run that was looked at at each level; two blocks of rows in each half, whose mean is the loss and the luck of the seed."""
    marks = []
    for level, loss in zip(LEVELS, losses, strict=False):
        mean = loss + _LUCK[seed]
        marks.append(Mark(n_updates=round(level / STEPS[setting.batch_size]), half_a=(mean - 0.1, mean + 0.3),
                          half_b=(mean - 0.2, mean)))
    return Run(setting=setting, seed=seed, stage=stage, marks=tuple(marks), outcome=outcome, seconds=1.0)


def runs(falls, n_fresh=3):
    """One run of every setting, and of the first two so many with fresh seeds."""
    fresh = [run(setting, seed, falls[setting], stage="fresh") for seed in range(1, n_fresh + 1) for setting in list(falls)[:2]]
    return (*(run(setting, 0, losses) for setting, losses in falls.items()), *fresh)


def evidence(some, *, present=PRESENT, n_train=100_000):
    points = tuple(StepTime(batch_size=size, seconds=step, low=step / 1.01, high=step * 1.01) for size, step in STEPS.items())
    readings = (
        Reading(name="throughput", value=128.0, unit="examples", low=100.0, high=160.0, repeats=5, points=points,
                details=(("t0", 0.0064), ("c", 5e-5), ("knee", 512.0))),
        Reading(name="untrained_loss", value=2.3, low=2.2, high=2.4, repeats=2))
    return Evidence(task=dataclasses.replace(TASK, n_train=n_train), machine=MACHINE, present=present, said=True, readings=readings,
                    runs=tuple(some))


def raced(falls=None, n_fresh=3, **about):
    """The plan of a race; by default `RIVAL` is ahead on every seed."""
    return decide(evidence(runs(FALLS if falls is None else falls, n_fresh), **about))


def machine_alone(**about):
    """The plan where nothing was trained."""
    return decide(evidence((), **about))
