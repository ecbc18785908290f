"""Made-up evidence of whole comparisons with the luck of seeds and of rows, whose truth is known; and what a plan makes of it."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from rules.worlds import MARGIN, PRESENT, Truth, at, evidence

from epochal.rules.plan.decide import decide

SETTINGS = [at(size, rate) for size in (8, 32, 128, 512, 1600) for rate in (1e-3, 3e-3)]
PLANTED = at(128, 3e-3)
N_BLOCKS = 4


class Luck(NamedTuple):
    """Standard deviations in margins: of a training, and of what a setting makes of a block of rows; how they are repeated."""

    training: float
    block: float
    n_seeds: int
    n_folds: int


SORTS = [Luck(*sort, n_folds) for n_folds in (1, 5) for sort in ((0.3, 0.5, 8), (0.3, 2, 8), (2, 0.5, 8), (2, 2, 8), (1, 1, 24))]


def truth(kind, setting):
    """What a setting is like: `"null"`: as the present one; `"margin"`: three times as cheap, and worse by just the margin;
    `"planted"`: as the present one, but for one that is three times as cheap."""
    if setting == PRESENT or kind == "null" or (kind == "planted" and setting != PLANTED):
        return Truth()
    return Truth(steps=200, excess=MARGIN if kind == "margin" else 0.0)


def world(kind, seed, luck):
    """The evidence that such settings would leave."""
    truths = {setting: truth(kind, setting)._replace(private=luck.training * MARGIN) for setting in SETTINGS}
    made = evidence(truths, seed=seed, n_seeds=luck.n_seeds, wobble=0.05 * MARGIN, shared=MARGIN, n_epochs=12)
    rng = np.random.default_rng([seed, 5])
    of_rows = {setting: luck.block * MARGIN * rng.normal(size=(luck.n_folds, 2, N_BLOCKS)) for setting in truths}
    return replace(made, curves=tuple(run if run.stage == "screen" else _on_rows(run, run.seed % luck.n_folds, of_rows[run.setting])
                                      for run in made.curves))


def _on_rows(run, fold, of_rows):
    """A training as the rows of a fold would show it."""
    halves = [np.array(losses) + of_rows[fold, i].mean() for i, losses in enumerate((run.half_a, run.half_b))]
    blocks = [half[other.argmin()] + of_rows[fold, i] - of_rows[fold, i].mean()
              for i, (half, other) in enumerate((halves, halves[::-1]))]
    named = dict(zip(("half_a", "half_b", "blocks_a", "blocks_b"), (*halves, *blocks), strict=True))
    return replace(run, fold=fold, **{name: tuple(map(float, values)) for name, values in named.items()})


def recommended(kind, seed, luck):
    """The setting that a plan takes in such a world."""
    plan = decide(world(kind, seed, luck))
    return at(plan.batch_size.value, plan.learning_rate.value)
