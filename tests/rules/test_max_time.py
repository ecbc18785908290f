"""Epochs that end within the time that a training may take."""

from dataclasses import replace

import pytest
from report.race_plans import raced
from rules.worlds import Truth, at, evidence

from epochal.rules.plan.decide import clock_of, decide
from epochal.rules.scaling import steps_per_epoch


def limited(plan, seconds):
    return decide(replace(plan.evidence, max_time=seconds), goal=plan.goal)


def lasting(plan, n_epochs):
    clock, size = clock_of(plan.evidence), plan.batch_size.value
    return clock.seconds(at(size), n_epochs * steps_per_epoch(clock.n_train, min(size, clock.n_train))).total.value


PLANS = pytest.mark.parametrize("plan", [decide(evidence({at(32): Truth(), at(128): Truth()})), raced()],
                                ids=["to the end", "raced"])


@PLANS
def test_as_many_epochs_as_end_within_the_time(plan):
    least = next(n for n in range(1, plan.epochs.value + 1) if lasting(plan, n + 1) > lasting(plan, 1))
    for n in (least, plan.epochs.value // 2, plan.epochs.value - 1):
        most = (lasting(plan, n) + lasting(plan, n + 1)) / 2
        found = limited(plan, most)
        assert (found.epochs.value, found.epochs.high) == (n, n)
        assert found.epochs.low <= n
        assert f"without that limit {plan.epochs.value}" in found.epochs.because
        assert found.seconds.total.value <= most
        assert (found.batch_size, found.learning_rate) == (plan.batch_size, plan.learning_rate)


@PLANS
def test_a_training_that_ends_in_time_is_left_as_it_is(plan):
    found = limited(plan, 2 * lasting(plan, plan.epochs.value))
    assert replace(found, evidence=plan.evidence) == plan


@PLANS
def test_one_epoch_that_takes_longer_is_told(plan):
    found = limited(plan, lasting(plan, 1) / 2)
    assert found.epochs.value == 1
    assert "one alone takes about" in found.epochs.because


def test_a_training_cut_before_its_lowest_loss_is_told():
    plan = decide(evidence({at(32): Truth(), at(128): Truth()}))
    assert plan.epochs.low > 2
    early = limited(plan, lasting(plan, 1.5))
    assert any("the time that a training may take ends it after 1 epoch" in sentence for sentence in early.unresolved)
    assert not any("the time that a training may take" in sentence for sentence in plan.unresolved)
