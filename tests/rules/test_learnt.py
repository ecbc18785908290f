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
    ("binary", {"untrained": 400.0}, "Likeliest cause: inputs that are not scaled, since the loss before training is 400"),
    ("regression", {"untrained": 3.0}, "Likeliest cause: inputs or targets that are not scaled, since the loss before"),
    ("binary", {"untrained": 0.8, "training": 0.02}, "Training losses do fall (to 0.02), so the training rows alone were learnt"),
    ("binary", {"untrained": 0.8, "training": 0.25}, "Training losses do not fall either"),
    ("regression", {"untrained": 2.6, "training": 0.25}, "Training losses do not fall either")])
def test_nothing_was_learnt_is_the_headline_with_its_likeliest_cause_and_the_present_setting_stays(kind, options, cause):
    plan = decide(hopeless(kind, constant=0.28, **options))
    assert plan.headline.startswith("Nothing was learnt: no validation loss (0.3 at best) is below that of an answer that is "
                                    "always the same (0.28). ")
    assert cause in plan.headline
    assert "nothing was learnt" in plan.batch_size.because
    assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)


def test_where_one_setting_learns_something_it_is_compared_as_ever():
    plan = decide(hopeless("binary", constant=0.35))
    assert "Nothing was learnt" not in plan.headline
    assert plan.batch_size.value == 128
    assert "whether anything was learnt" in " ".join(plan.unresolved)      # by the present setting
