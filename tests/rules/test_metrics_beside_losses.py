"""Accuracy, or R², beside the validation loss: of the epoch that the loss chose, over the seeds that are compared."""

from dataclasses import replace

import numpy as np
import pytest
from report.report_plans import TASK, plan

from epochal.records import Curve, Outcome, Setting
from epochal.rules.plan import compare as comparing
from epochal.rules.plan.quality import metrics_judged

ONE, OTHER = Setting(batch_size=32, learning_rate=0.001), Setting(batch_size=64, learning_rate=0.001)


def curve(setting=ONE, seed=0, *, metrics=((0.1, 0.5, 0.9),), outcome=Outcome.OK):
    return Curve(setting=setting, seed=seed, stage="confirm", steps_per_epoch=4, train_loss=(3.0, 2.0, 1.0), half_a=(3.0, 1.0, 2.0),
                 half_b=(3.0, 2.0, 1.0), metrics=metrics, outcome=outcome, test_metrics=metrics, test_loss=(3.0, 1.0, 2.0))


def test_a_metric_is_that_of_the_epochs_that_either_half_chooses():
    assert metrics_judged(curve()) == pytest.approx((0.7,))
    assert metrics_judged(curve(metrics=())) == ()
    assert metrics_judged(curve(outcome=Outcome.DIVERGED)) == ()


def test_means_are_over_the_seeds_in_common_as_those_of_the_loss():
    def shifted(by):
        return ((0.1 + by, 0.5 + by, 0.9 + by),)

    runs = {ONE: {(seed, 0): curve(seed=seed, metrics=shifted(0.02 * seed)) for seed in range(4)},
            OTHER: {(seed, 0): curve(OTHER, seed, metrics=shifted(0.02 * seed + 0.1)) for seed in (2, 3)}}
    arms = comparing.compare(runs, ONE, ONE, 0.01, 1.5, lambda size: None, lambda size: None)
    of = {arm.setting: arm.metrics[0] for arm in arms}
    assert of[ONE] == pytest.approx(0.73)
    assert of[OTHER] == pytest.approx(0.83)  # as much above as where both were trained
    assert np.array(comparing.test_metrics_of(runs, OTHER, ONE)) == pytest.approx(np.array([[0.65], [0.55]]))  # second epoch
    runs[OTHER] = {(2, 0): curve(OTHER, 2, metrics=())}
    assert comparing.compare(runs, ONE, ONE, 0.01, 1.5, lambda size: None, lambda size: None)[1].metrics == ()


def test_it_stands_in_the_table_under_its_name():
    made = plan()
    heading, *rows = replace(made, arms=tuple(replace(arm, metrics=(0.91,)) for arm in made.arms)).arm_rows()
    assert heading[3] == "accuracy"
    assert {row[3] for row in rows} == {"0.91"}
    assert "accuracy" not in next(iter(made.arm_rows()))


def test_a_squared_error_is_shown_as_r_squared_and_as_an_error_in_the_targets_own_unit():
    task = replace(TASK, kind="regression", loss="mse", metrics=("mae",), constant_loss=2.0)
    assert task.beside(0.5, (0.3,)) == {"R²": 0.75, "MAE": 0.3}
    assert replace(task, target_scale=77.0).beside(0.5, (0.3,))["MAE"] == pytest.approx(23.1)
    assert task.beside(None, ()) == {"MAE": None}
    assert (TASK.beside(0.5, (0.9,)), TASK.beside(0.5, ())) == ({"accuracy": 0.9}, {"accuracy": None})
    by_accuracy = replace(TASK, metrics=("auc", "loss"), decides="accuracy", larger_is_better=True)
    assert by_accuracy.beside(0.1, (0.9, 0.5)) == {"loss": 0.5}


def test_of_a_rare_class_average_precision_is_shown_and_not_the_accuracy():
    task = replace(TASK, kind="binary", loss="binary_crossentropy", metrics=("accuracy", "average_precision"))
    assert task.beside(0.1, (0.98, 0.4)) == {"average precision": 0.4}
    assert task.metrics[task.place_of_other] == "average_precision"
