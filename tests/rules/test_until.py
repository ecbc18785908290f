"""Where a training is to reach a value, who reaches it with every seed is good enough, and the soonest of them is taken."""

import dataclasses

import pytest
from report.race_plans import raced
from rules.worlds import PRESENT, Truth, at, evidence

from epochal.records import Outcome, Until, Verdict
from epochal.rules.plan.decide import decide
from epochal.rules.plan.learning_rates import pick
from epochal.rules.plan.quality import Aim, all_updates_to

FAST, LATE = at(128), at(512)


def world(until, accuracies, excess=0.0):
    """Evidence in which the accuracy of a setting rises evenly to so much over 30 epochs, whatever its loss."""
    settings = {PRESENT: Truth(steps=600), FAST: Truth(steps=200, excess=excess), LATE: Truth(steps=150, excess=excess)}
    made = evidence(settings)
    curves = []
    for run in made.curves:
        highest = accuracies[run.setting] - 0.001 * (run.seed % 3)
        values = tuple(min(highest, highest * (epoch + 1) / 30) for epoch in range(run.n_epochs))
        curves.append(dataclasses.replace(run, metrics=(values,)))
    task = dataclasses.replace(made.task, metrics=("accuracy",))
    return dataclasses.replace(made, task=task, curves=tuple(curves), until=until)


def accuracy(value):
    return Until(metric="accuracy", value=value, at_least=True)


def chosen(plan):
    return at(plan.batch_size.value, plan.learning_rate.value)


EVERY = {PRESENT: 0.97, FAST: 0.97, LATE: 0.97}


def test_who_reaches_it_sooner_is_taken_whatever_its_loss():
    known = world(accuracy(0.95), EVERY, excess=0.5)
    assert chosen(decide(dataclasses.replace(known, until=None))) == PRESENT       # by their losses all others are worse
    plan = decide(known)
    assert chosen(plan) == LATE                    # at equal epochs: 4 updates in one at 2.2 ms each, 50 at 1.4 ms at batch size 32
    assert plan.headline.startswith("Use batch size 512, learning rate 0.001: it reaches val_accuracy >= 0.95 with every seed ")
    assert " of training, 8.57 times sooner than yours (32 at 0.001); a whole `fit` takes " in plan.headline


def test_a_setting_that_misses_it_is_never_kept_beside_one_that_reaches_it():
    plan = decide(world(accuracy(0.95), {PRESENT: 0.94, FAST: 0.97, LATE: 0.90}))
    assert chosen(plan) == FAST
    assert plan.headline.startswith("Use batch size 128, learning rate 0.001: it reaches val_accuracy >= 0.95 with every seed ")
    assert plan.headline.endswith("; yours (32 at 0.001) does not.")
    reached = {arm.setting: arm.steps is not None for arm in plan.arms}
    assert reached == {PRESENT: False, FAST: True, LATE: False}


def test_one_seed_that_misses_it_is_one_too_many():
    known = world(accuracy(0.95), EVERY)
    first = next(run for run in known.curves if run.stage == "confirm" and run.setting == FAST)
    missed = dataclasses.replace(first, metrics=((0.9,) * first.n_epochs,))
    known = dataclasses.replace(known, curves=tuple(missed if run is first else run for run in known.curves))
    assert chosen(decide(known)) != FAST


@pytest.mark.parametrize("goal", ["fastest", "best", "frugal", "smallest"])
def test_for_every_goal_it_is_reached(goal):
    plan = decide(world(accuracy(0.95), {PRESENT: 0.97, FAST: 0.94, LATE: 0.97}), goal=goal)
    assert chosen(plan) in (PRESENT, LATE)
    plan = decide(world(accuracy(0.95), {PRESENT: 0.90, FAST: 0.94, LATE: 0.97}), goal=goal)
    assert chosen(plan) == LATE


def test_where_nobody_reaches_it_that_comes_first_and_it_is_decided_by_the_loss():
    known = world(accuracy(0.99), {PRESENT: 0.90, FAST: 0.97, LATE: 0.95})
    plan, without = decide(known), decide(dataclasses.replace(known, until=None))
    assert chosen(plan) == chosen(without)
    nearest = "nearest: 0.969 on average, with 128 at 0.001"
    assert plan.headline == f"No setting reached val_accuracy >= 0.99 with every seed ({nearest}). {without.headline}"


def test_a_loss_can_be_what_is_to_be_reached():
    known = world(Until(metric="loss", value=1.0, at_least=False), EVERY, excess=0.5)
    plan = decide(known)
    assert "reaches val_loss <= 1 with every seed" in plan.headline
    assert chosen(plan) != PRESENT
    assert all(arm.verdict is not Verdict.DIVERGED and arm.steps is not None for arm in plan.arms)
    lower = decide(world(Until(metric="loss", value=0.3, at_least=False), EVERY, excess=0.5))
    assert {arm.setting for arm in lower.arms if arm.steps is None} == {FAST, LATE}


def test_an_error_is_to_be_as_low():
    known = world(Until(metric="accuracy", value=0.5, at_least=False), EVERY)     # every metric rises: it is met in the first epoch
    assert all(arm.steps <= 50 for arm in decide(known).arms)


def test_updates_to_a_metric_are_counted_within_an_epoch_and_trials_without_metrics_reach_nothing():
    run = dataclasses.replace(world(None, EVERY).curves[-1], metrics=((0.2, 0.4, 0.6),), half_a=(1.0,) * 3, half_b=(1.0,) * 3)
    assert all_updates_to([run], Aim(0, 0.5, True)) == [pytest.approx(2.5 * run.steps_per_epoch)]
    assert all_updates_to([run], Aim(0, 0.7, True)) is None
    assert all_updates_to([dataclasses.replace(run, metrics=())], Aim(0, 0.5, True)) is None


def test_among_trials_the_soonest_may_have_a_higher_loss():
    trials = [dataclasses.replace(world(None, EVERY).curves[0], setting=at(32, rate), half_a=(loss,) * 3, half_b=(loss,) * 3,
                                  metrics=(values,))
              for rate, loss, values in ((1e-3, 0.2, (0.1, 0.2, 0.96)), (3e-3, 0.5, (0.96, 0.97, 0.97)))]
    assert pick(trials, 0.01, Aim(0, 0.95, True)).soonest == 3e-3
    assert pick(trials, 0.01, 0.3).soonest == 1e-3


def test_a_race_says_that_it_cannot_tell():
    plan = raced()
    asked = decide(dataclasses.replace(plan.evidence, until=Until(metric="loss", value=0.1, at_least=False)), goal=plan.goal)
    assert any(s.startswith("whether val_loss <= 0.1 is reached: only trainings to the end tell") for s in asked.unresolved)
    assert chosen(asked) == chosen(plan)


def test_one_training_alone_and_one_that_diverged_after_it_had_arrived_reach_nothing():
    known = world(accuracy(0.95), {PRESENT: 0.90, FAST: 0.97, LATE: 0.97})
    first = {setting: next(run.seed for run in known.curves if run.stage == "confirm" and run.setting == setting)
             for setting in (FAST, LATE)}
    curves = []
    for run in known.curves:
        if run.stage == "screen" or run.setting == PRESENT or run.seed == first[run.setting]:
            lost = run.setting == LATE and run.stage == "confirm"
            curves.append(dataclasses.replace(run, outcome=Outcome.DIVERGED) if lost else run)
    plan = decide(dataclasses.replace(known, curves=tuple(curves)))
    assert plan.headline.startswith("No setting reached val_accuracy >= 0.95 with every seed")
    assert chosen(plan) == PRESENT
