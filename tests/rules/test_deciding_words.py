"""A metric that decides in the place of the loss, in words: turned back to what it is, and by its own name everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from report.report_plans import TASK, plan
from rules.worlds import PRESENT, Truth, at, evidence

from epochal.base.errors import UsageError
from epochal.records import Until
from epochal.report.plan.code import code_for
from epochal.report.plan.pictures import pictures
from epochal.report.plan.rows import condition_rows
from epochal.rules.metric import declared_metric
from epochal.rules.plan.compare import better_by_another, runs_by_setting
from epochal.rules.plan.decide import decide

SOONER = at(128, 3e-3)
TRUTHS = {PRESENT: Truth(), SOONER: Truth(steps=200)}


def world(**about):
    """The evidence of a setting that is as good and sooner, its losses far below 1 as errors are."""
    found = evidence(TRUTHS, seed=3)
    return replace(found, task=replace(found.task, **about))


ACCURACY = {"decides": "accuracy", "larger_is_better": True, "metrics": ("loss",)}


def text_of(found):
    rows = (*found.rows(), *found.arm_rows(), *found.detail_rows(), *condition_rows(found))
    return "\n".join([found.headline, *(" | ".join(row) for row in rows), *(": ".join(pair) for pair in found.sentences())])


def test_the_same_evidence_is_decided_alike_and_told_in_the_metric():
    by_loss, by_metric = decide(world()), decide(world(**ACCURACY))
    assert by_metric.batch_size.value == by_loss.batch_size.value == SOONER.batch_size
    said = text_of(by_metric)
    assert "at the same accuracy" in by_metric.headline
    assert "in validation accuracy" in said
    assert "validation accuracy is highest" in said
    assert "loss" not in said.replace("loss |", "")  # of the column beside it
    assert "accuracy" not in text_of(by_loss)
    theirs, mine = (next(arm for arm in of.arms if arm.setting == SOONER) for of in (by_loss, by_metric))
    shown = dict(zip(*[next(row for row in by_metric.arm_rows() if row[0] == word) for word in ("batch size", "128")], strict=True))
    assert float(shown["val. accuracy"]) == pytest.approx(1 - mine.quality, rel=1e-3)
    assert float(shown["difference (95 %)"].split()[0]) == pytest.approx(-theirs.difference, rel=0.06)


def test_early_stopping_watches_it_the_right_way():
    assert 'monitor="val_accuracy", mode="max"' in code_for(decide(world(**ACCURACY)))
    assert 'monitor="val_mae", mode="min"' in code_for(decide(world(decides="mae", metrics=("loss",))))
    assert "mode=" not in code_for(decide(world()))


def test_what_is_to_be_reached_may_be_what_decides():
    loss = float(np.median([curve.validation_loss[-1] for curve in world().of("present")])) * 1.02
    reached = decide(replace(world(**ACCURACY), until=Until(metric="accuracy", value=1 - loss, at_least=True)))
    same = decide(replace(world(), until=Until(metric="loss", value=loss, at_least=False)))
    assert [arm.steps for arm in reached.arms] == pytest.approx([arm.steps for arm in same.arms])
    assert f"val_accuracy >= {1 - loss:g}" in reached.headline
    beyond = decide(replace(world(**ACCURACY), until=Until(metric="accuracy", value=0.99999, at_least=True)))
    best = max(max(1 - value for value in curve.validation_loss) for curve in world().curves if curve.stage != "screen")
    nearest = float(beyond.headline.split("nearest: ")[1].split(" ")[0])
    assert 0 < nearest <= best + 1e-3


def test_pictures_are_drawn_in_it():
    made = plan()
    task = replace(TASK, **ACCURACY)
    drawn = {picture.name: picture for picture in pictures(replace(made, evidence=replace(made.evidence, task=task)))}
    before = {picture.name: picture for picture in pictures(made)}
    assert drawn["loss"].title == "Validation accuracy by epoch"
    assert "higher is better" in drawn["rate"].sentence
    assert "target accuracy" in drawn["updates"].title
    theirs, mine = (next(mark for mark in of["loss"].charts["epochs"].marks if type(mark).__name__ == "Line")
                    for of in (before, drawn))
    assert mine.y == pytest.approx([1 - value for value in theirs.y])


def test_a_training_loss_stands_below_the_validation_loss_of_yours_and_of_the_advice():
    chart = next(picture for picture in pictures(plan()) if picture.name == "loss").charts["epochs"]
    labels = [mark.label for mark in chart.marks if type(mark).__name__ == "Line" and mark.label.endswith(", training")]
    assert len(labels) == 2
    assert any("yours" in label or "the default" in label for label in labels)
    assert any("recommended" in label for label in labels)


def with_metric(found, of):
    """The evidence with one more metric in every curve, `of(setting, seed)` at each epoch."""
    def add(curve):
        return replace(curve, metrics=((of(curve.setting, curve.seed),) * curve.n_epochs,))
    return replace(found, task=replace(found.task, metrics=("accuracy",)), curves=tuple(map(add, found.curves)))


def test_where_another_metric_prefers_another_setting_it_is_said():
    rng = np.random.default_rng(0)
    noise = {seed: rng.normal(0, 0.001) for seed in {curve.seed for curve in world().curves}}
    disagrees = with_metric(world(), lambda setting, seed: (0.95 if setting == PRESENT else 0.9) + noise[seed]
                            + rng.normal(0, 0.001))
    said = " ".join(decide(disagrees).unresolved)
    assert "whether loss or accuracy matters more: batch size 32, learning rate 0.001 has the better accuracy, 0.9" in said
    assert "`--metric accuracy` decides by it" in said
    agrees = with_metric(world(), lambda setting, seed: (0.9 if setting == PRESENT else 0.95) + rng.normal(0, 0.001))
    assert "matters more" not in " ".join(decide(agrees).unresolved)


def test_by_chance_alone_it_is_said_in_few_of_many():
    rng, said = np.random.default_rng(1), 0
    for _ in range(400):
        found = with_metric(world(), lambda setting, seed: 0.9 + rng.normal(0, 0.01))
        said += bool(better_by_another(runs_by_setting(found), PRESENT, found.task))
    assert said <= 400 * 0.025 + 3 * (400 * 0.025 * 0.975) ** 0.5


def test_a_name_is_taken_with_or_without_val():
    assert declared_metric("val_accuracy", "auto", ("loss", "accuracy")) == ("accuracy", True)
    assert declared_metric("mae", "max", ("loss", "mae")) == ("mae", True)
    with pytest.raises(UsageError, match="`metric` must be one of val_loss, val_mae; got 'accuracy'. Compile the model with it"):
        declared_metric("accuracy", "auto", ("loss", "mae"))


def test_where_nothing_was_learnt_nothing_is_said_of_a_training_loss_that_was_not_looked_at():
    without = min(curve.validation_loss[-1] for curve in world().curves) / 2      # what always the same answer gets
    told = decide(world(constant_loss=without, **ACCURACY)).headline
    assert told.startswith("Nothing was learnt: validation accuracy ")
    assert "Training loss does not fall" not in told
    assert "`--metric val_loss` may show more" in told
    assert "Training loss does not fall either" in decide(world(constant_loss=without)).headline
