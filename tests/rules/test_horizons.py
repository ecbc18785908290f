"""What each batch size gets under each budget."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.study_runs import design

from epochal.base.errors import UsageError
from epochal.rules.scaling import steps_per_epoch
from epochal.rules.study.design import horizons

SIZES = (8, 32, 100, 256, 1024)
ALL = design(batch_sizes=SIZES, reference=32, epochs=7, equal=("epochs", "steps", "time"))
SECONDS = dict.fromkeys(SIZES, 1e-3)


@given(st.integers(1, 5000), st.integers(1, 60), st.sampled_from(SIZES))
def test_nobody_makes_fewer_updates_than_the_reference_and_an_epoch_less_would_be_too_few(n_train, epochs, reference):
    found = horizons(design(batch_sizes=SIZES, reference=reference, epochs=epochs, equal=("steps",)), n_train, {})
    wanted = epochs * steps_per_epoch(n_train, reference)
    for size in SIZES:
        mine = steps_per_epoch(n_train, size)
        assert mine * (found["steps", size] - 1) < wanted <= mine * found["steps", size]


@given(st.lists(st.floats(1e-5, 1.0), min_size=5, max_size=5))
def test_nobody_takes_longer_than_the_reference_unless_one_epoch_does(seconds):
    clock = dict(zip(SIZES, seconds, strict=True))
    found = horizons(ALL, 1600, clock)
    epoch = {size: steps_per_epoch(1600, size) * clock[size] for size in SIZES}
    allowed = 7 * epoch[32]
    for size in SIZES:
        n = found["time", size]
        assert n == 1 or n * epoch[size] <= allowed * (1 + 1e-8)
        assert (n + 1) * epoch[size] > allowed * (1 - 1e-8)


def test_the_reference_gets_its_epochs_under_every_budget_and_equal_epochs_are_equal():
    found = horizons(ALL, 1600, {**SECONDS, 32: 0.0123})
    assert {found[budget, 32] for budget in ALL.equal} == {7}
    assert {found["epochs", size] for size in SIZES} == {7}


def test_a_step_that_takes_as_long_at_every_size_makes_equal_time_equal_steps_but_for_the_rounding():
    found = horizons(ALL, 1600, SECONDS)
    assert [found["steps", size] for size in SIZES] == [2, 7, 22, 50, 175]
    assert [found["time", size] for size in SIZES] == [1, 7, 21, 50, 175]   # whole ones are not lost to the rounding of floats


def test_one_epoch_is_always_given():
    assert horizons(ALL, 1600, {**SECONDS, 1024: 1e3})["time", 1024] == 1


def test_budgets_that_were_not_asked_for_are_not_given():
    assert set(horizons(design(), 1600, {})) == {("epochs", 32), ("epochs", 1024)}


@pytest.mark.parametrize("seconds", [math.nan, 0.0, -1.0, math.inf])
def test_seconds_that_are_no_seconds_are_refused_where_they_are_needed(seconds):
    with pytest.raises(UsageError, match="seconds"):
        horizons(ALL, 1600, {**SECONDS, 256: seconds})
    with pytest.raises(UsageError, match="seconds"):
        horizons(ALL, 1600, {32: 1e-3})
