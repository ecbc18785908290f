"""Where nothing was learnt, that is the headline, with the likeliest cause."""

from dataclasses import replace

import pytest
from rules import race_runs
from rules.worlds import PRESENT, Truth, at, evidence

from epochal.records import TRAINED_BEFORE, Reading, StepTime
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


def tuned(before, *, spread=0.0, by_chance=0.0):
    """Evidence about a model that was trained before, with this loss, in two folds of rows that are `spread` harder and easier."""
    known, apart = evidence({PRESENT: Truth(0.3)}), spread + by_chance
    readings = tuple(replace(r, value=before, details=(("fold 0", before - apart), ("fold 1", before + apart)))
                     if r.name == "untrained_loss" else r for r in known.readings)

    def moved(curve, i):
        halves = {name: tuple(loss + spread * (2 * (i % 2) - 1) for loss in getattr(curve, name)) for name in ("half_a", "half_b")}
        return replace(curve, fold=i % 2, **halves)

    curves = tuple(moved(curve, i) for i, curve in enumerate(known.curves))
    return replace(known, task=replace(known.task, notes=(TRAINED_BEFORE,), constant_loss=2.0), readings=readings, curves=curves)


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_where_training_makes_it_worse_than_before_the_weights_are_to_be_kept(spread):
    plan = decide(tuned(0.3, spread=spread))
    assert plan.headline.startswith("Training makes it worse: validation loss +")
    assert "beside 0.3 before, at best. Keep the weights as they are, or plan from a lower learning rate." in plan.headline
    assert "nothing was gained over before training" in plan.batch_size.because
    assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)


def test_a_setting_that_diverges_tells_nothing_of_what_the_others_gain():
    known = tuned(0.8)
    gone = tuple(replace(c, setting=at(128), half_a=(float("inf"),) * c.n_epochs, half_b=(float("inf"),) * c.n_epochs)
                 for c in known.of("present"))
    assert "before" not in decide(replace(known, curves=(*known.curves, *(replace(c, stage="confirm") for c in gone)))).headline


def test_where_it_is_not_told_from_before_that_is_said():
    plan = decide(tuned(0.5, by_chance=0.1))
    assert plan.headline.startswith("No setting was shown to be better than before training: validation loss ")


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_where_training_helps_it_is_compared_as_ever(spread):
    plan = decide(tuned(0.8, spread=spread))
    assert "before" not in plan.headline
    assert plan.batch_size.value == PRESENT.batch_size


def tuned_in_a_race(before, losses):
    """Evidence of a race of a model that was trained before, with this loss; a batch is 32 of 320 rows, an update 0.01 s."""
    known = race_runs.evidence(race_runs.raced(race_runs.PRESENT, losses), n_train=320)
    steps = tuple(StepTime(batch_size=size, seconds=took, low=took, high=took) for size, took in race_runs.STEPS.items())
    throughput = Reading(name="throughput", value=1.0, unit="examples", points=steps,
                         details=(("t0", 0.008), ("c", 1e-4), ("knee", 512.0), ("best", 1e4)))
    readings = tuple(replace(r, value=before) if r.name == "untrained_loss" else r for r in known.readings)
    return replace(known, task=replace(known.task, notes=(TRAINED_BEFORE,)), readings=(*readings, throughput))


def test_a_race_says_that_the_present_setting_takes_away_what_was_learnt():
    plan = decide(tuned_in_a_race(0.3, {0.05: 0.6, 0.1: 1.2, 0.4: 0.5, 0.8: 0.29}))
    assert plan.harm == ("at learning rate 0.001 the first 10 updates take validation loss from 0.3 to 1.2; it is no worse again "
                         "after 80 updates")
    assert "no later" not in plan.headline
    plan = decide(tuned_in_a_race(0.3, {0.05: 0.6}))
    assert plan.harm.endswith("the first 5 updates take validation loss from 0.3 to 0.6; nothing later makes up for it")
    assert "nothing is better than before training yet (validation loss 0.6 at best, 0.3 before)" in plan.headline
    assert any(sentence.startswith("whether training helps: nothing is better") for sentence in plan.unresolved)


@pytest.mark.parametrize("losses", [{0.05: 0.31, 0.1: 0.29}, {0.05: 0.6, 0.1: 0.31}])
def test_and_is_silent_where_it_does_not(losses):
    assert not decide(tuned_in_a_race(0.3, losses)).harm
