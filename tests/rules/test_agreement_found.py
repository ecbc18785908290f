"""Contradictions that drawn evidence has shown once, each as small as it gets: none of them may come back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rules.agreement import CHECKS
from rules.race_runs import LARGER, raced, run
from rules.race_runs import PRESENT as RACER
from rules.race_runs import evidence as race_of
from rules.test_until import EVERY, accuracy, world
from rules.worlds import MARGIN, PRESENT, Truth, at, clock, evidence

from epochal.base.errors import MeasurementFailed
from epochal.records import TRAINED_BEFORE, BackEndTime, Outcome, PassTime, Reading, StepTime, SwitchTime
from epochal.rules.plan.decide import decide

LARGE, SMALL = at(128), at(8)
FASTER = {PRESENT: Truth(), LARGE: Truth(steps=300)}


def of_task(known_before, **changes):
    """The evidence with something of its task changed."""
    return replace(known_before, task=replace(known_before.task, **changes))


def found(plan, letters):
    """What the checks of these letters find."""
    return [f"({letter}) {sentence}" for letter in letters for sentence in CHECKS[letter](plan)]


def timed(**more) -> dict[str, Any]:
    """The readings behind a whole training."""
    passes = tuple(PassTime(batch_size=b, seconds_a_pass=2e-2, low=1e-2, high=3e-2) for b in (32, 512))
    return {"compilation": Reading(name="compilation", value=0.5, unit="s", low=0.4, high=0.6, repeats=3),
            "validation": Reading(name="validation", value=2e-2, unit="s", low=1e-2, high=3e-2, repeats=3, points=passes)} | more


def runs_changed(known_before, change):
    """The evidence with every training as `change` makes it."""
    return replace(known_before, curves=tuple(map(change, known_before.curves)))


# epochs within a time


def test_within_a_time_a_whole_training_takes_what_the_headline_says():
    plan = decide(replace(evidence(FASTER, **timed()), max_time=1.5))
    assert "without that limit" in plan.epochs.because
    assert found(plan, "f") == []


def test_within_a_time_the_switches_save_what_of_the_training_is_left():
    now = SwitchTime(batch_size=32, steps_per_execution=1, jit_compile=False, seconds=1e-3, sooner=1.0, low=1.0, high=1.0,
                     compile_seconds=0.1)
    reading = Reading(name="switches", value=2.0, low=1.5, high=2.5, repeats=5, points=(
        now, replace(now, steps_per_execution=16, seconds=5e-4, sooner=2.0, low=1.8, high=2.2)))
    plan = decide(replace(evidence({PRESENT: Truth()}, **timed(switches=reading)), max_time=1.5))
    assert plan.switches is not None
    assert found(plan, "f") == []


def test_within_a_time_another_back_end_saves_what_of_the_training_is_left():
    here = BackEndTime(batch_size=32, backend="tensorflow", seconds=1e-3, low=9e-4, high=1.1e-3, compile_seconds=0.2)
    reading = Reading(name="back_ends", value=4.0, low=3.0, high=5.0, repeats=5, points=(
        here, replace(here, backend="jax", seconds=2e-4, low=1.9e-4, high=2.1e-4)))
    plan = decide(replace(evidence({PRESENT: Truth()}, **timed(back_ends=reading)), max_time=1.5))
    assert plan.back_end
    assert found(plan, "f") == []


def test_within_a_time_validation_loss_is_lowest_where_the_details_say():
    def turns(curve):
        rise = tuple(loss + 0.01 * max(0, epoch - 40) for epoch, loss in enumerate(curve.half_a))
        return replace(curve, half_a=rise, half_b=rise)

    plan = decide(replace(runs_changed(evidence(FASTER, **timed()), turns), max_time=0.7))
    assert any("the time that a training may take ends it" in sentence for sentence in plan.unresolved)
    assert found(plan, "j") == []


# what is reached, and what limits


def test_a_setting_of_lower_loss_is_not_said_to_reach_nothing():
    def unlucky(curve):
        if (curve.setting, curve.seed) != (LARGE, 3):
            return curve
        losses = tuple(loss + 0.05 for loss in curve.half_a)
        return replace(curve, half_a=losses, half_b=losses)

    plan = decide(runs_changed(evidence(FASTER | {LARGE: Truth(steps=300, excess=-MARGIN)}), unlucky))
    assert found(plan, "e") == []


def test_quality_does_not_limit_where_larger_batches_are_undecided():
    truths = {PRESENT: Truth(private=MARGIN / 9), at(128, 3e-3): Truth(excess=9 * MARGIN, private=MARGIN / 9),
              LARGE: Truth(private=5 * MARGIN, excess=MARGIN)}
    plan = decide(evidence(truths, n_seeds=4))
    assert [arm.verdict.value for arm in plan.arms] == ["the reference", "undecided", "worse"]
    assert found(plan, "h") == []


def test_memory_does_not_limit_a_batch_size_that_has_no_room_in_it():
    small = Reading(name="memory", value=16.0, unit="examples", low=16.0, high=16.0, repeats=1)
    plan = decide(replace(evidence({PRESENT: Truth(), SMALL: Truth(steps=9000)}, memory=small), max_memory=10**6))
    assert plan.batch_size.value == 32
    assert found(plan, "h") == []


def race(*runs, **options):
    """The evidence of a race with the clock of `race_runs`."""
    steps = {8: 0.008, 32: 0.01, 128: 0.02, 512: 0.04}
    points = tuple(StepTime(batch_size=b, seconds=s, low=s / 1.01, high=s * 1.01) for b, s in steps.items())
    throughput = Reading(name="throughput", value=120.0, unit="examples", low=100.0, high=140.0, repeats=5, points=points,
                         details=(("t0", 0.0078), ("c", 6.5e-5), ("knee", 512.0)))
    return race_of(*runs, **options).add(throughput)


LOSSES = {1.024: 0.9, 2.048: 0.7, 4.096: 0.5}


def test_what_limits_is_not_that_the_batch_size_recommended_would_be_faster():
    larger = at(512)
    plan = decide(race(raced(RACER, {}, outcome=Outcome.DIVERGED), raced(larger, LOSSES), n_train=2000))
    assert plan.batch_size.value == 512
    assert found(plan, "h") == []


# races


def test_a_loss_that_has_turned_is_not_said_to_be_unseen():
    turned = {0.256: 0.5, 0.512: 0.6, 1.024: 0.8, 2.048: 0.9}
    plan = decide(race(raced(RACER, turned), raced(LARGER, turned)))
    assert found(plan, "i") == []


def test_who_is_ahead_has_not_diverged():
    ahead = {seconds: loss - 0.2 for seconds, loss in LOSSES.items()}
    plan = decide(race(raced(RACER, LOSSES), raced(LARGER, ahead), run(RACER, LOSSES, seed=1),
                       run(LARGER, ahead, seed=1, outcome=Outcome.DIVERGED)))
    assert [arm.verdict.value for arm in plan.arms] == ["the reference", "diverged"]
    assert found(plan, "ci") == []


@pytest.mark.parametrize("goal", ["fastest", "smallest"])
def test_where_every_setting_of_a_race_diverged_none_is_kept(goal):
    try:
        plan = decide(race(raced(RACER, LOSSES, outcome=Outcome.DIVERGED)), goal=goal)
    except MeasurementFailed:
        return
    assert found(plan, "c") == []


def test_no_setting_trains_faster_where_the_last_lead_says_so():
    late, early = {1.024: 0.9, 2.048: 0.7, 4.096: 0.45}, {1.024: 0.5, 2.048: 0.49, 4.096: 0.48}
    runs = [run(setting, losses, seed=seed) for seed in (1, 2, 3) for setting, losses in ((RACER, late), (LARGER, early))]
    plan = decide(race(raced(RACER, late), raced(LARGER, early), *runs))
    assert plan.leads[-1].sooner_low > 2
    assert found(plan, "q") == []


def test_a_setting_without_memory_is_not_said_to_diverge():
    plan = decide(race(raced(RACER, {}, outcome=Outcome.OUT_OF_MEMORY), raced(LARGER, LOSSES)))
    assert found(plan, "c") == []


def test_losses_of_a_race_are_as_far_apart_as_their_difference():
    def moved(by):
        return {seconds: loss + by for seconds, loss in LOSSES.items()}

    pairs = [run(setting, moved(by), seed=seed) for seed in (1, 2) for setting, by in ((RACER, 0.0), (LARGER, -0.1))]
    plan = decide(race(raced(RACER, LOSSES), raced(LARGER, moved(-0.1)), *pairs, run(RACER, moved(0.2), seed=3)))
    assert found(plan, "d") == []


# pictures


def test_the_picture_draws_the_trainings_that_were_compared():
    def in_folds(curve):
        return replace(curve, fold=curve.seed % 2)

    own = Reading(name="own_rows", value=0.5, low=0.3, high=0.7, repeats=10, details=(("unlike", 0.2),))
    plan = decide(runs_changed(evidence(FASTER), in_folds).add(own))
    assert {arm.n_seeds for arm in plan.arms} == {4}
    assert found(plan, "k") == []


def test_the_picture_draws_no_training_that_is_longer_than_is_fixed():
    whole = evidence(FASTER, n_epochs=20, trained_to_the_end=False)
    longer = evidence(FASTER, n_epochs=30, trained_to_the_end=False)
    some = tuple(curve for curve in longer.curves if curve.stage != "screen" and curve.seed == 7)
    others = tuple(curve for curve in whole.curves if curve.seed != 7)
    plan = decide(replace(whole, curves=others + some, present_epochs=20, fixed=("epochs",)))
    assert found(plan, "k") == []


def test_the_picture_of_a_race_counts_a_batch_beyond_the_rows_as_all_rows():
    plan = decide(replace(race(raced(at(512), LOSSES), raced(at(32), LOSSES), n_train=100), present=at(512)))
    assert found(plan, "k") == []


# words


def test_an_interval_that_is_the_whole_line_is_not_told():
    before = evidence({PRESENT: Truth(), LARGE: Truth(excess=-MARGIN)})
    curves = tuple(curve for curve in before.curves if curve.setting == PRESENT or curve.seed == 0)
    plan = decide(of_task(replace(before, curves=curves), notes=(TRAINED_BEFORE,)))
    assert found(plan, "o") == []


def test_a_lower_bound_of_nothing_is_not_told():
    plan = decide(evidence(FASTER, throughput=clock(1e-3, 0.0)))
    assert found(plan, "o") == []


def test_where_nothing_was_learnt_and_the_present_setting_diverges_both_is_said():
    before = evidence({PRESENT: Truth(diverges=True), LARGE: Truth()})
    plan = decide(of_task(before, constant_loss=0.1))
    assert plan.batch_size.value == 128
    assert found(plan, "ac") == []


@pytest.mark.parametrize("margins", [5.0, 0.5])
def test_advice_that_the_test_rows_speak_against_is_said_in_the_headline_or_as_undecided(margins):
    plan = decide(runs_changed(evidence(FASTER), lambda curve: replace(curve, test_loss=tuple(
        1.0 + margins * MARGIN * (curve.setting == LARGE) + 1e-3 * curve.seed for _ in range(curve.n_epochs)))))
    assert plan.batch_size.value == 128
    assert found(plan, "m") == []


def test_the_only_setting_that_did_not_diverge_is_the_only_one():
    plan = decide(world(accuracy(0.95), EVERY, excess=-9 * MARGIN), goal="frugal")
    assert plan.batch_size.value == 32
    assert found(plan, "p") == []


def test_where_no_setting_was_shown_to_be_there_sooner_none_is_in_the_table():
    plan = decide(world(accuracy(0.95), EVERY), goal="frugal")
    assert plan.headline.startswith("Keep yours")
    assert found(plan, "q") == []


def test_the_range_of_the_batch_size_holds_none_that_was_shown_worse():
    truths = {PRESENT: Truth(private=MARGIN / 9), LARGE: Truth(excess=9 * MARGIN, private=MARGIN / 9),
              at(512): Truth(private=MARGIN / 9)}
    plan = decide(evidence(truths), goal="best")
    assert found(plan, "b") == []


def by_seeds(truths, differences, **options):
    """Evidence in which a setting is by so much below the present one, seed by seed."""
    def moved(curve):
        by = 0.0 if curve.stage == "screen" else differences.get(curve.setting, np.zeros(99))[curve.seed]
        return replace(curve, half_a=tuple(loss + by for loss in curve.half_a), half_b=tuple(loss + by for loss in curve.half_b))

    return runs_changed(evidence(truths, **options), moved)


def test_no_other_setting_was_shown_better_with_two_seeds():
    plan = decide(by_seeds(FASTER, {LARGE: np.array([-0.1, -0.101])}, n_seeds=2), goal="best")
    assert found(plan, "q") == []


def test_no_other_setting_was_shown_better_of_several():
    truths = {PRESENT: Truth()} | {at(128, rate): Truth(excess=MARGIN) for rate in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3)}
    luck = np.array([0.0, 1, -1, 2, -2, 0.5, -0.5, 0.1]) * 0.009
    plan = decide(by_seeds(truths, {at(128, 3e-3): luck - MARGIN - 0.011}), goal="best")
    assert any(arm.high is not None and arm.high < 0 for arm in plan.arms)
    assert found(plan, "q") == []


def test_no_setting_that_is_no_worse_was_shown_to_need_less_memory_of_several():
    truths = {PRESENT: Truth()} | {at(8, rate): Truth() for rate in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3)}
    luck = np.array([0.0, 1, -1, 2, -2, 0.5, -0.5, 0.1]) * 0.02
    plan = decide(by_seeds(truths, {setting: luck - 0.003 for setting in truths if setting != PRESENT}), goal="smallest")
    assert plan.batch_size.value == 32
    assert found(plan, "q") == []
