"""Settings are compared over seeds and over validation rows, in several folds too; test rows are read beside the choice only."""

import dataclasses
import re

import numpy as np
import pytest
from rules.worlds import MARGIN, Truth, at
from rules.worlds import evidence as evidence_of
from scipy.stats import t
from tiers import cases

from epochal.records import Curve, Verdict
from epochal.rules.plan.compare import compare, runs_by_setting, shown_better
from epochal.rules.plan.compare import test_loss_of as losses_on_test
from epochal.rules.plan.decide import decide, declared
from epochal.rules.plan.folds import levelled
from epochal.rules.plan.quality import cross_fitted, judged_halves

PRESENT, RIVAL = at(32), at(128)


def runs(differences, folds=None):
    """Paired runs of which the rival's loss differs by `differences`, float[n_seeds, n_blocks], in the blocks of its rows."""
    differences, found = np.asarray(differences, float), {PRESENT: {}, RIVAL: {}}
    n_seeds, n_blocks = differences.shape
    for seed in range(n_seeds):
        fold = 0 if folds is None else folds[seed]
        for setting, blocks in ((PRESENT, np.zeros(n_blocks)), (RIVAL, differences[seed])):
            a, b = (tuple(map(float, 0.6 + half)) for half in np.split(blocks, 2))
            found[setting][seed, fold] = Curve(
                setting=setting, seed=seed, stage="confirm", steps_per_epoch=10, train_loss=(), half_a=(0.9, float(np.mean(a))),
                half_b=(0.9, float(np.mean(b))), blocks_a=a, blocks_b=b, test_loss=(0.9, 0.6 + float(blocks.mean())), fold=fold)
    return found


def arm_of(found, margin=0.1):
    return next(arm for arm in compare(found, PRESENT, PRESENT, margin, 0.0, lambda b: None, lambda b: None) if not arm.present)


def test_an_advantage_in_all_rows_and_seeds_is_shown_and_one_that_few_rows_carry_is_none():
    everywhere, somewhere = np.full((8, 8), -0.05), np.zeros((8, 8))
    somewhere[:, 0] = -0.4     # the same mean, the same with every seed
    assert shown_better(runs(everywhere), PRESENT) == [RIVAL]
    assert shown_better(runs(somewhere), PRESENT) == []
    assert arm_of(runs(somewhere)).difference == pytest.approx(-0.05)
    assert arm_of(runs(somewhere), margin=0.04).verdict is Verdict.UNDECIDED   # seeds that agree do not make up for few rows


def test_an_advantage_that_few_seeds_have_is_none():
    differences = np.zeros((8, 8))
    differences[0] = -0.4
    assert shown_better(runs(differences), PRESENT) == []


def test_the_interval_of_a_difference_is_over_seeds_and_blocks_around_the_mean_over_all_rows():
    differences = np.array([[0.0, 0.02, 0.01, 0.01], [0.04, 0.08, 0.06, 0.06]])
    arm = arm_of(runs(differences))
    over_seeds, over_blocks = (t.ppf(0.975, n - 1) * differences.mean(1 - axis).std(ddof=1) / np.sqrt(n)
                               for axis, n in enumerate(differences.shape))
    assert arm.difference == pytest.approx(differences.mean())
    assert arm.high - arm.difference == pytest.approx(np.hypot(over_seeds, over_blocks))


def test_every_fold_brings_rows_of_its_own():
    """Two trainings on each of two folds: four trainings, and twice the blocks of one fold."""
    differences = np.array([[1, 2, 3, 4], [2, 3, 4, 5], [5, 6, 7, 8], [6, 7, 8, 9]]) / 100
    arm = arm_of(runs(differences, folds=[0, 0, 1, 1]))
    blocks = np.concatenate([differences[:2].mean(0), differences[2:].mean(0)])
    half = np.hypot(*(t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
                      for means in (differences.mean(1), blocks)))
    assert (arm.difference, arm.high - arm.difference) == pytest.approx((differences.mean(), half))


def test_trainings_of_one_seed_on_different_rows_are_no_pair():
    found = runs(np.full((6, 4), -0.1), folds=[0, 1, 2, 0, 1, 2])
    found[RIVAL] = {(seed, (fold + 1) % 3): run for (seed, fold), run in found[RIVAL].items()}
    assert arm_of(found).verdict is Verdict.UNDECIDED
    assert shown_better(found, PRESENT) == []


@pytest.mark.parametrize("without", [(PRESENT, RIVAL), (PRESENT,)], ids=["by none", "by one setting alone"])
def test_where_no_blocks_were_kept_the_interval_is_that_of_the_seeds(without):
    differences = np.random.default_rng(0).normal(size=(5, 4)) / 100
    bare = runs(differences)
    bare |= {setting: {key: dataclasses.replace(run, blocks_a=(), blocks_b=()) for key, run in bare[setting].items()}
             for setting in without}
    means = differences.mean(1)
    arm = arm_of(bare)
    assert (arm.difference, arm.high - arm.difference) == pytest.approx(
        (means.mean(), t.ppf(0.975, 4) * means.std(ddof=1) / np.sqrt(5)))


@pytest.mark.parametrize("folds", [None, [0, 1, 2, 3, 4, 0, 1, 2]], ids=["one split", "five folds"])
def test_rows_that_favour_a_setting_by_chance_seldom_show_it_better(folds):
    """Alike in truth, but rows differ: seed + block of rows, both drawn anew. One-sided, 5 %; by seeds alone it would be 40 %."""
    rng, n, n_blocks = np.random.default_rng(0), cases(1000), 8
    shown = 0
    for _ in range(n):
        rows = rng.normal(size=(5, n_blocks)) * 2
        of = [0] * 8 if folds is None else folds
        shown += bool(shown_better(runs([rng.normal() + rows[fold] for fold in of], of), PRESENT))
    assert shown <= 0.05 * n + 3.3 * np.sqrt(0.05 * 0.95 * n)


# folds made comparable

def world(harder):
    """A world in which the validation rows of each fold are harder by so much, for all settings."""
    made = evidence_of({PRESENT: Truth(), RIVAL: Truth(steps=200)}, n_seeds=6, n_screen=3)
    moved = []
    for run in made.curves:
        fold = run.seed % len(harder)
        moved.append(dataclasses.replace(run, fold=fold, half_a=tuple(loss + harder[fold] for loss in run.half_a),
                                         half_b=tuple(loss + harder[fold] for loss in run.half_b)))
    return made, dataclasses.replace(made, curves=tuple(moved))


def test_rows_that_are_harder_for_all_settings_change_neither_target_nor_answer():
    plain, odd = world([0.0, 0.5, -0.5])
    (margin, _), (same_margin, same_target) = declared(levelled(plain)), declared(levelled(odd))
    assert same_margin == pytest.approx(margin, rel=0.05)
    assert same_target - declared(plain)[1] < 0.2     # and not that of the hardest rows
    assert declared(odd)[1] - same_target > 0.2
    one, other = decide(plain), decide(odd)
    assert (one.batch_size.value, one.learning_rate.value) == (other.batch_size.value, other.learning_rate.value)
    assert [arm.steps for arm in other.arms] == pytest.approx([arm.steps for arm in one.arms], rel=0.2)
    assert other.evidence is odd                      # what was measured is kept as it was


def test_levelling_keeps_the_mean_and_all_differences_and_leaves_one_fold_alone():
    plain, odd = world([0.0, 0.5, -0.5])
    assert levelled(plain) is plain
    runs_before, runs_after = runs_by_setting(odd), runs_by_setting(levelled(odd))
    mean = [np.mean([cross_fitted(run) for run in of[PRESENT].values()]) for of in (runs_before, runs_after)]
    assert mean[0] == pytest.approx(mean[1])
    for key, run in runs_before[RIVAL].items():
        assert (cross_fitted(run) - cross_fitted(runs_before[PRESENT][key])
                == pytest.approx(cross_fitted(runs_after[RIVAL][key]) - cross_fitted(runs_after[PRESENT][key])))
    levels = {key[1]: [] for key in runs_after[PRESENT]}
    for (_, fold), run in runs_after[PRESENT].items():
        levels[fold].append(cross_fitted(run))
    assert np.ptp([np.mean(losses) for losses in levels.values()]) == pytest.approx(0, abs=1e-9)


# single trainings

def test_each_half_is_judged_at_the_epoch_chosen_on_the_other():
    curve = dataclasses.replace(runs(np.zeros((1, 2)))[PRESENT][0, 0], half_a=(0.3, 0.1, 0.2), half_b=(0.1, 0.5, 0.2))
    assert judged_halves(curve) == (0.3, 0.5)


def test_test_losses_are_read_at_the_epoch_that_validation_keeps():
    chosen, present, (mean, low, high) = losses_on_test(runs(np.full((8, 2), -0.05)), RIVAL, PRESENT)
    assert (chosen, present) == (pytest.approx(0.55), pytest.approx(0.6))
    assert mean == pytest.approx(-0.05)
    assert low <= mean <= high


def test_without_test_rows_there_is_no_test_loss():
    bare = {setting: {seed: dataclasses.replace(c, test_loss=()) for seed, c in curves.items()}
            for setting, curves in runs(np.full((8, 2), -0.05)).items()}
    assert losses_on_test(bare, RIVAL, PRESENT) is None


def test_a_cheaper_setting_that_is_no_worse_alone_and_not_beside_others_is_named_as_worth_a_try():
    """Four are three times as cheap; two of them are shown no worse at 2.5 % each, and none at 2.5 % over all four."""
    luck = {at(128, 1e-3): 1.1, at(128, 3e-3): 1.15, at(512, 1e-3): 1.5, at(512, 3e-3): 1.6}       # standard deviations, in margins
    spread = np.array([-1.0, 1, -1, 1, -1, 1, -1, 1]) * MARGIN * np.sqrt(7 / 8)                   # of one, over eight blocks
    made, curves = evidence_of({PRESENT: Truth()} | {setting: Truth(steps=200) for setting in luck}), []
    for run in made.curves:
        a, b = np.split(run.half_a[-1] + spread * luck.get(run.setting, 0.0), 2)
        curves.append(run if run.stage == "screen" else dataclasses.replace(run, blocks_a=tuple(map(float, a)), blocks_b=tuple(b)))
    plan = decide(dataclasses.replace(made, curves=tuple(curves)))
    assert {arm.setting for arm in plan.arms if arm.verdict is Verdict.NOT_WORSE} == {at(128, 1e-3), at(128, 3e-3)}
    assert re.match(r"Keep yours \(32 at 0\.001\), or try 128 at 0\.00[13]: the same loss 2\.\d+ times sooner; this may be "
                    r"chance, with 4 cheaper settings compared \(difference \S+ \(", plan.headline)
    only = dataclasses.replace(plan.evidence, curves=tuple(run for run in plan.evidence.curves
                                                           if run.setting in (PRESENT, at(128, 1e-3))))
    assert decide(only).batch_size.value == 128      # alone it is taken
