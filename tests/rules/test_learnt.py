"""Where nothing was learnt, that is the headline, with the likeliest cause."""

from dataclasses import replace

import pytest
from rules.worlds import PRESENT, Truth, at, evidence

from epochal.rules.plan.decide import decide


def hopeless(kind, *, constant, untrained=None, training=None, truths=None):
    """Evidence in which every validation loss is about 0.3 or above, beside a constant answer's."""
    known = evidence(truths or {PRESENT: Truth(0.2), at(128): Truth(0.1, steps=200.0)})
    readings = tuple(replace(r, value=untrained) if untrained and r.name == "untrained_loss" else r for r in known.readings)
    curves = tuple(replace(c, train_loss=(training,) * c.n_epochs) if training else c for c in known.curves)
    return replace(known, task=replace(known.task, kind=kind, constant_loss=constant), readings=readings, curves=curves)


@pytest.mark.parametrize(("kind", "options", "cause"), [
    ("binary", {"untrained": 400.0}, "Scale the inputs, likeliest: before training the loss is 400."),
    ("regression", {"untrained": 3.0}, "Scale the inputs and targets, likeliest: before training the loss is 3."),
    ("binary", {"untrained": 0.8, "training": 0.02}, "Only the training rows were (loss 0.02): does each target belong"),
    ("binary", {"untrained": 0.8, "training": 0.25}, "Training loss does not fall either"),
    ("regression", {"untrained": 2.6, "training": 0.25}, "Training loss does not fall either"),
    ("custom", {"untrained": 400.0, "training": 0.25}, "Training loss does not fall either")])
def test_nothing_was_learnt_is_the_headline_with_its_likeliest_cause_and_the_present_setting_stays(kind, options, cause):
    plan = decide(hopeless(kind, constant=0.28, **options))
    assert plan.headline.startswith("Nothing was learnt: validation loss 0.3 at best, 0.28 for always the same answer. ")
    assert len(plan.headline) <= 200
    assert cause in plan.headline
    assert "nothing was learnt" in plan.batch_size.because
    assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)


def test_where_rows_weigh_otherwise_in_training_a_constant_answer_is_no_yardstick():
    known = hopeless("binary", constant=0.28, untrained=0.8)
    weighted = replace(known, task=replace(known.task, weighted=True))
    assert "Nothing was learnt" not in decide(weighted).headline
    assert "Nothing was learnt" in decide(known).headline


def test_where_one_setting_learns_something_it_is_compared_as_ever():
    plan = decide(hopeless("binary", constant=0.35))
    assert "Nothing was learnt" not in plan.headline
    assert plan.batch_size.value == 128
    assert "whether anything was learnt" in " ".join(plan.unresolved)      # by the present setting
