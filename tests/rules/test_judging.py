"""How good a run of a study was: in any metric, up to a horizon, judged where it was not chosen."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.study_runs import NAMES, design, run

from epochal.base.errors import UsageError
from epochal.rules.plan.quality import cross_fitted
from epochal.rules.study import judging

LOSS, ACCURACY = design(), design(metric="accuracy", larger_is_better=True)
LOSSES = st.lists(st.floats(0.01, 10), min_size=1, max_size=12)


@given(LOSSES)
def test_over_the_whole_run_it_is_the_cross_fitted_loss(losses):
    made = run(losses, b=losses[::-1])
    assert judging.judged(made, LOSS, NAMES, len(losses)) == pytest.approx(cross_fitted(made))


@given(st.lists(st.integers(1, 40).map(lambda n: n / 4), min_size=1, max_size=12))   # exact: no ties by rounding
def test_an_accuracy_is_judged_like_the_loss_turned_over(losses):
    turned, back = [10 - x for x in losses], [10 - x for x in losses[::-1]]
    made = run(losses, b=losses[::-1], accuracy=turned, accuracy_b=back)
    assert judging.judged(made, ACCURACY, NAMES, len(losses)) == pytest.approx(10 - judging.judged(made, LOSS, NAMES, len(losses)))


def test_what_comes_after_the_horizon_does_not_count():
    made = run([5.0, 4.0, 3.0, 0.0], b=[5.0, 6.0, 7.0, 0.0], test=(0.1, 0.2, 0.3, 0.4))
    assert judging.judged(made, LOSS, NAMES, 3) == (5.0 + 7.0) / 2
    assert judging.best_value(made, LOSS, NAMES, 3) == 5.0
    assert judging.test_value(made, LOSS, NAMES, 3) == 9.0 - 0.1
    assert judging.test_value(made, LOSS, NAMES, 4) == 9.0 - 0.4


@pytest.mark.parametrize(("of", "bad"), [(LOSS, math.inf), (ACCURACY, -math.inf)])
def test_a_run_that_diverged_before_its_horizon_is_the_worst_and_after_it_is_like_any_other(of, bad):
    made = run([3.0, 2.0], diverges=True, test=(0.1, 0.2))
    for value in (judging.judged, judging.best_value, judging.test_value):
        assert value(made, of, NAMES, 3) == bad
        assert math.isfinite(value(made, of, NAMES, 2))


def test_a_good_run_shorter_than_its_horizon_is_a_mistake_of_the_caller():
    with pytest.raises(UsageError, match="at most the 2 epochs"):
        judging.judged(run([3.0, 2.0]), LOSS, NAMES, 3)


def test_a_metric_that_was_not_compiled_is_refused_and_the_compiled_are_named():
    with pytest.raises(UsageError, match="accuracy, auc"):
        judging.judged(run([3.0]), design(metric="f1"), NAMES, 1)


def test_epochs_at_which_the_metric_is_no_number_are_passed_over():
    made = run([1.0] * 3, accuracy=[math.nan, 0.7, 0.6], accuracy_b=[0.9, 0.6, math.nan])
    assert judging.judged(made, ACCURACY, NAMES, 3) == pytest.approx(0.65)
    assert judging.best_value(made, ACCURACY, NAMES, 3) == pytest.approx(0.65)
    never = run([1.0] * 2, accuracy=[math.nan, 0.7], accuracy_b=[0.9, math.nan])
    assert judging.judged(never, ACCURACY, NAMES, 2) == -math.inf


def test_the_test_rows_are_read_at_the_epoch_that_all_validation_rows_chose():
    made = run([3.0, 1.0, 2.0], b=[3.0, 2.5, 1.0], accuracy=[0.1, 0.4, 0.9], test=(0.3, 0.8, 0.5))
    assert judging.test_value(made, ACCURACY, NAMES, 3) == 0.5
    assert judging.test_value(made, LOSS, NAMES, 3) == 9.0 - 0.5   # 2 + 1 is less than 1 + 2.5
    assert judging.test_value(made, LOSS, NAMES, 1) == 9.0 - 0.3
    assert judging.test_value(dataclasses.replace(made, test_loss=()), LOSS, NAMES, 3) is None


def test_the_best_of_the_run_flatters_and_the_judged_value_does_not():
    noise = np.random.default_rng(1).normal(size=(400, 2, 20))
    runs = [run(a, b=b) for a, b in (5 + 0.1 * noise).tolist()]
    flattery = np.mean([judging.best_value(r, LOSS, NAMES, 20) for r in runs]) - 5
    fair = np.mean([judging.judged(r, LOSS, NAMES, 20) for r in runs]) - 5
    assert flattery == pytest.approx(-0.1 / math.sqrt(2) * 1.867, abs=0.01)   # the mean of two halves; standard error 0.002
    assert abs(fair) < 0.02                                                   # standard error 0.0035: fails in under 1e-7 of draws
