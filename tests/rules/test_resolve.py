"""What "auto" stands for, from a plan."""

from types import SimpleNamespace

import pytest

from epochal import UsageError
from epochal.records import Setting
from epochal.rules.plan.resolve import resolve


def arm(batch_size, rate, quality, epochs, *, present=False, schedule="constant"):
    return SimpleNamespace(setting=Setting(batch_size=batch_size, learning_rate=rate, schedule=schedule), quality=quality,
                           epochs=epochs, present=present)


def plan(*, arms=None):
    if arms is None:
        arms = (arm(32, 0.001, 0.30, 10.0, present=True), arm(32, 0.01, 0.28, 4.0), arm(128, 0.003, 0.29, 7.0),
                arm(512, 0.01, None, None))
    return SimpleNamespace(arms=arms, batch_size=SimpleNamespace(value=128), learning_rate=SimpleNamespace(value=0.003),
                           epochs=SimpleNamespace(value=20), stopping=SimpleNamespace(patience=3), headline="Use 128.",
                           evidence=SimpleNamespace(present=Setting(batch_size=32, learning_rate=0.001)))


def test_all_auto_is_the_plan_with_its_early_stopping():
    assert resolve(plan()) == (128, 0.003, 20, True, "Use 128.")


def test_without_validation_data_the_epochs_are_those_of_the_lowest_loss():
    found = resolve(plan(), validated=False)
    assert (found.epochs, found.stops_early) == (7, False)


def test_a_batch_size_of_ones_own_takes_the_best_rate_compared_with_it():
    found = resolve(plan(), batch_size=32)
    assert (found.batch_size, found.learning_rate) == (32, 0.01)
    assert "batch size 32" in found.because


def test_epochs_of_ones_own_are_kept_and_nothing_stops_early():
    found = resolve(plan(), epochs=5)
    assert (found.epochs, found.stops_early) == (5, False)


def test_epochs_for_a_setting_of_ones_own_leave_room_for_early_stopping():
    found = resolve(plan(), batch_size=32, learning_rate=0.001)
    assert found.epochs == 20
    assert found.stops_early


def test_a_schedule_that_is_kept_leaves_the_rate_alone():
    scheduled = arm(32, 0.001, 0.3, 10.0, present=True, schedule="CosineDecay")
    assert resolve(plan(arms=(scheduled,)), batch_size=32).learning_rate is None


def test_where_no_training_was_long_enough_early_stopping_ends_it_and_without_validation_data_it_takes_a_number():
    raced = plan(arms=(arm(32, 0.001, 0.5, None, present=True), arm(128, 0.003, 0.4, None)))
    assert resolve(raced) == (128, 0.003, 20, True, "Use 128.")
    assert resolve(raced, batch_size=32)[:4] == (32, 0.001, 20, True)
    assert resolve(raced, epochs=7, validated=False)[:4] == (128, 0.003, 7, False)
    with pytest.raises(UsageError, match=r"`epochs` must be a number.*got 'auto'\. Pass epochs, or validation_data"):
        resolve(raced, validated=False)


def test_where_nothing_was_trained_the_present_setting_stays_as_it_is_compiled():
    alone = plan(arms=(arm(128, 0.003, None, None, present=True),))
    assert resolve(alone) == (128, None, 20, True, "Use 128.")
    with pytest.raises(UsageError, match="batch size 64 is none of them"):
        resolve(alone, batch_size=64)


@pytest.mark.parametrize("given", [{"learning_rate": 0.001}, {"batch_size": 32}, {"batch_size": 32, "learning_rate": 0.001}])
def test_where_nothing_was_trained_what_is_trained_with_now_may_be_asked_for(given):
    assert resolve(plan(arms=()), epochs=3, **given) == (32, given.get("learning_rate"), 3, False, "Use 128.")


@pytest.mark.parametrize("given", [{"batch_size": 64}, {"learning_rate": 0.5}, {"batch_size": 512}])
def test_a_number_that_was_not_compared_is_refused_by_name(given):
    (name, value), = given.items()
    with pytest.raises(UsageError, match=f"{name.replace('_', ' ')} {value} is none of them"):
        resolve(plan(), **given)
