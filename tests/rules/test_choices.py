"""The range of a choice: what the evidence cannot tell from the value, and no more."""

from dataclasses import replace

import pytest
from rules.worlds import PRESENT, Truth, at, curve, evidence

from epochal.records import Arm, Outcome, Reading, Verdict
from epochal.rules.plan.choices import choose_batch_size, choose_epochs, choose_predict_batch_size
from epochal.rules.plan.context import Context

UNKNOWN = Reading(name="critical_batch", outcome=Outcome.UNRESOLVED)


def band(verdicts, *, low, high, goal="fastest", outcome=Outcome.OK, chosen=128, seconds=None):
    """The batch sizes not told from the chosen one, given each size's verdict, the 10 % band of the least time, and seconds to the
    target, a tenth more or less."""
    took = {size: {"seconds": s, "seconds_low": 0.9 * s, "seconds_high": 1.1 * s} for size, s in (seconds or {}).items()}
    arms = {size: Arm(setting=at(size), present=size == 32, n_seeds=5, quality=1.0, difference=0.0, low=0.0, high=0.0,
                      verdict=verdict, epochs=5.0, **took.get(size, {})) for size, verdict in verdicts.items()}
    optimal = Reading(name="time_optimal_batch", value=200.0, low=low, high=high, outcome=outcome)
    choice = choose_batch_size(Context(
        evidence=evidence({PRESENT: Truth()}), goal=goal, arms=tuple(arms.values()), chosen=arms[chosen], present=arms[32],
        against=arms[chosen], margin=0.1, target=1.0, critical=UNKNOWN, optimal=optimal, ratio=None))
    assert choice.value == chosen
    return choice.low, choice.high


KNOWN = {8: Verdict.WORSE, 32: Verdict.NOT_WORSE, 128: Verdict.REFERENCE, 512: Verdict.NOT_WORSE, 1600: Verdict.UNDECIDED}


@pytest.mark.parametrize(("low", "high", "expected"), [
    (20.0, 2000.0, (32, 512)),          # cut to what was shown equal
    (50.2, 300.7, (51, 300)),           # inside it: whole examples, none beyond the band
    (200.0, 300.0, (128, 300)),         # the chosen size itself is always in
    (2000.0, 3000.0, (128, 128))])      # the band lies where quality is not shown: nothing but the chosen size
def test_the_band_of_the_least_time_is_cut_to_the_sizes_shown_equal_in_quality(low, high, expected):
    assert band(KNOWN, low=low, high=high) == expected


def test_without_a_band_or_for_another_goal_there_is_no_range_of_time():
    assert band(KNOWN, low=20.0, high=2000.0, outcome=Outcome.UNRESOLVED) == (128, 128)
    assert band(KNOWN, low=20.0, high=2000.0, goal="frugal") == (128, 128)
    assert band(KNOWN, low=20.0, high=50.0, goal="best") == (32, 512)       # all that are equal in quality


def test_without_a_band_those_shown_equal_that_may_take_no_longer_are_the_range():
    seconds = {8: 0.1, 32: 1.2, 128: 1.0, 512: 1.3, 1600: 0.1}     # 32 may take no longer, and 512 does
    assert band(KNOWN, low=20.0, high=2000.0, outcome=Outcome.UNRESOLVED, seconds=seconds) == (32, 128)


def test_runs_that_still_improved_at_their_last_epoch_are_said_to_want_more():
    falling, turned = [5.0, 4.0, 3.0, 2.0], [5.0, 2.0, 3.0, 4.0]
    choice = choose_epochs([curve(falling), curve(turned, seed=1)], 3)
    assert (choice.value, choice.low, choice.high) == (4, 2, 4)
    assert "1 of 2 runs still improved at the last epoch" in choice.because
    assert "still improved" not in choose_epochs([curve(turned)], 2).because


def test_no_more_rows_are_predicted_at_once_than_there_are():
    known = evidence({PRESENT: Truth()})
    n_rows = known.task.n_train + known.task.n_validation + known.task.n_test
    fast = Reading(name="prediction", value=65_536.0, low=8192.0, high=65_536.0, unit="examples", repeats=3)
    found = choose_predict_batch_size(known.add(fast), PRESENT)
    assert n_rows <= found.value < 2 * n_rows
    assert found.low <= found.value <= found.high == 65_536
    assert f"all {n_rows:,} rows at hand in one batch" in found.because
    few = choose_predict_batch_size(known.add(replace(fast, value=64.0, low=32.0, high=128.0)), PRESENT)
    assert (few.value, few.low, few.high) == (64, 32, 128)
