"""Better must show on each half of the validation rows, and the test rows are read beside the choice, never for it."""

import dataclasses

import numpy as np
import pytest

from epochal.records import Curve, Setting
from epochal.rules.plan.compare import shown_better
from epochal.rules.plan.compare import test_loss_of as losses_on_test
from epochal.rules.plan.quality import judged_halves

PRESENT, RIVAL = Setting(batch_size=32, learning_rate=1e-3), Setting(batch_size=64, learning_rate=1e-3)


def runs(gain_a, gain_b, n_seeds=8):
    """Eight paired runs in which the rival's loss is lower by these gains on the two halves."""
    draw = np.random.default_rng(0)
    found = {PRESENT: {}, RIVAL: {}}
    for seed in range(n_seeds):
        a, b = 0.5 + 0.01 * draw.normal(size=2)
        for setting, gain in ((PRESENT, (0.0, 0.0)), (RIVAL, (gain_a, gain_b))):
            noise = 0.002 * draw.normal(size=2)
            half_a, half_b = (tuple(float(x - g + e + step) for step in (0.2, 0.0, 0.1))
                              for x, g, e in zip((a, b), gain, noise, strict=True))
            found[setting][seed] = Curve(setting=setting, seed=seed, stage="confirm", steps_per_epoch=10, train_loss=(),
                                         half_a=half_a, half_b=half_b, test_loss=(0.9, 0.6 - gain[0], 0.8))
    return found


def test_an_advantage_on_both_halves_is_shown():
    assert shown_better(runs(0.05, 0.05), PRESENT) == [RIVAL]


@pytest.mark.parametrize("gains", [(0.1, 0.0), (0.0, 0.1), (0.2, -0.05)])
def test_an_advantage_that_lives_in_one_half_is_none(gains):
    assert shown_better(runs(*gains), PRESENT) == []


def test_each_half_is_judged_at_the_epoch_chosen_on_the_other():
    curve = dataclasses.replace(runs(0, 0)[PRESENT][0], half_a=(0.3, 0.1, 0.2), half_b=(0.1, 0.5, 0.2))
    assert judged_halves(curve) == (0.3, 0.5)


def test_test_losses_are_read_at_the_epoch_that_validation_keeps():
    chosen, present, (mean, low, high) = losses_on_test(runs(0.05, 0.05), RIVAL, PRESENT)
    assert (chosen, present) == (pytest.approx(0.55), pytest.approx(0.6))
    assert mean == pytest.approx(-0.05)
    assert low <= mean <= high


def test_without_test_rows_there_is_no_test_loss():
    bare = {setting: {seed: dataclasses.replace(c, test_loss=()) for seed, c in curves.items()}
            for setting, curves in runs(0.05, 0.05).items()}
    assert losses_on_test(bare, RIVAL, PRESENT) is None
