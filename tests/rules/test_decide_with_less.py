"""What comes with the recommendation: epochs, patience, the test loss; and what happens where a measurement is missing."""

import re
from dataclasses import replace

import pytest
from rules.worlds import MARGIN, PRESENT, Truth, at, clock, evidence

from epochal.records import Outcome, Reading
from epochal.rules.plan.decide import GOALS, decide

SMALL, LARGE, HOT = at(8), at(128), at(32, 1e-2)
RIVALS = {PRESENT: Truth(), SMALL: Truth(steps=1200), LARGE: Truth(steps=400), HOT: Truth(excess=20 * MARGIN)}


def lively(truths, **options):
    """The same settings with noise of their own, a fifth of the margin."""
    noisy = {s: t._replace(private=MARGIN / 5) for s, t in truths.items()}
    return evidence(noisy, **{"shared": 0.05, "wobble": 0.002} | options)


def chosen(plan):
    return plan.batch_size.value, plan.learning_rate.value


def test_epochs_are_those_after_which_early_stopping_ends_the_longest_run():
    plan = decide(lively({PRESENT: Truth(steps=600), LARGE: Truth(steps=2000)}, n_epochs=60))
    mine = [c for c in plan.evidence.curves if c.stage == "present"]
    assert plan.stopping.restore_best_weights
    assert plan.epochs.low <= plan.epochs.value <= plan.epochs.high <= 60
    kept = []
    for run in mine:                               # early stopping, spelt out
        losses, best, waited = run.validation_loss, 0, 0
        for epoch, loss in enumerate(losses):
            best, waited = (epoch, 0) if loss < losses[best] or epoch == 0 else (best, waited + 1)
            if waited >= plan.stopping.patience:
                break
        kept.append((losses[best], epoch + 1))
    assert plan.epochs.value == max(epoch for _, epoch in kept)
    regret = sum(loss for loss, _ in kept) / len(kept) - sum(min(run.validation_loss) for run in mine) / len(mine)
    assert 0 <= regret <= plan.margin / 2


def test_the_patience_is_the_least_that_costs_half_a_margin_at_most():
    """A bump six epochs long, behind which the loss falls by two margins more."""
    bump = [2.0, 1.0, 0.5] + [0.6] * 6 + [0.5 - 2 * MARGIN] + [0.5] * 60
    known = evidence({PRESENT: Truth(), LARGE: Truth()})
    known = replace(known, curves=tuple(replace(c, half_a=tuple(bump), half_b=tuple(bump)) for c in known.curves))
    assert decide(known).stopping.patience == 8                   # of 3, 5, 8, 10, …: five would stop inside the bump
    small = [loss if i != 9 else 0.5 - MARGIN / 10 for i, loss in enumerate(bump)]
    known = replace(known, curves=tuple(replace(c, half_a=tuple(small), half_b=tuple(small)) for c in known.curves))
    assert decide(known).stopping.patience == 3


def test_a_network_that_has_learnt_nothing_is_the_best_constant_answer_where_that_is_known():
    known = evidence(RIVALS)
    told = replace(known, task=replace(known.task, constant_loss=1.2))
    assert decide(told).margin == pytest.approx(decide(known).margin / 2)
    worse = replace(known, task=replace(known.task, constant_loss=5.0))
    assert decide(worse).margin == decide(known).margin
    hopeless = replace(known, task=replace(known.task, constant_loss=0.1))
    assert decide(hopeless).headline.startswith("Nothing was learnt")
    assert not any("learnt" in sentence for sentence in (decide(told).headline, *decide(told).unresolved))


def test_the_test_loss_is_told_at_the_epoch_that_validation_chose():
    known = evidence({PRESENT: Truth(), LARGE: Truth(steps=300)}, n_epochs=30)
    assert decide(known).on_test == ""
    luck = (0.0, 4.0, -1.0, 2.0, 0.5, -3.0, 1.0, 0.5)             # of the seeds, where LARGE has any

    def read(blur):
        """Test losses of 11.2 and 10.2 where the validation loss is lowest, and far lower ones everywhere else."""
        return replace(known, curves=tuple(replace(c, test_loss=tuple(
            10.2 + (c.setting == LARGE) * (1 + blur * luck[c.seed % 8]) if i == c.half_a.index(min(c.half_a)) else 1.0
            for i in range(c.n_epochs))) for c in known.curves))

    plan = decide(read(0.0))
    assert chosen(plan) == (128, 1e-3)
    assert re.match(r"loss 11\.2, yours 10\.2 \(difference \+1, \+1 to \+1 over seeds\)", plan.on_test)
    assert "more than chance explains" in plan.on_test
    assert "more than chance explains" not in decide(read(1.0)).on_test       # by the same amount, but not the same on every seed
    alone = replace(read(0.0), curves=tuple(c for c in read(0.0).curves if c.setting == PRESENT))
    assert decide(alone).on_test.startswith("loss 10.2, on")


def test_the_test_rows_have_no_say():
    known = lively(RIVALS)
    read = replace(known, curves=tuple(replace(c, test_loss=(0.0,) * c.n_epochs) for c in known.curves))
    assert "loss 0" in decide(read).on_test
    assert replace(decide(read), evidence=known, on_test="") == replace(decide(known), on_test="")


FAILURES = [None, *(Reading(name="", outcome=outcome) for outcome in (Outcome.UNKNOWN, Outcome.UNRESOLVED, Outcome.SKIPPED,
                                                                     Outcome.OUT_OF_MEMORY)),
            Reading(name="", unit="examples", low=0.0, high=float("inf"), outcome=Outcome.LOWER_BOUND)]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda r: r.outcome.name if r else "missing")
@pytest.mark.parametrize("name", ["memory", "throughput", "noise_scale", "critical_rate"])
@pytest.mark.parametrize("goal", GOALS)
def test_a_reading_that_failed_still_gives_a_plan_that_says_so(name, failure, goal):
    if failure is not None:
        if failure.known and name != "noise_scale":
            failure = {"throughput": clock(1e-3, 0.0)}.get(name, Reading(name=name, value=1600.0, low=1600.0, high=1600.0))
        failure = replace(failure, name=name, title=f"what a {name} is")
    plan = decide(lively(RIVALS, **{name: failure}), goal=goal)
    if (failure is None and name in ("memory", "throughput")) or (failure is not None and not failure.known):
        words = failure.title if failure else name
        outcome = failure.outcome if failure else Outcome.SKIPPED
        assert any(words in sentence and outcome.value in sentence for sentence in plan.unresolved)
    if name == "throughput" and goal == "fastest" and (failure is None or not failure.known):
        assert chosen(plan) == (32, 1e-3)          # nothing can be shown faster without a clock
        assert all(arm.seconds is None for arm in plan.arms)
        assert "of `fit`" not in str(plan.batch_size)


@pytest.mark.parametrize("outcome", [None, Outcome.UNRESOLVED, Outcome.OUT_OF_MEMORY])
def test_a_predict_batch_size_that_was_not_measured_is_said_to_be_none(outcome):
    failed = outcome and Reading(name="prediction", outcome=outcome, note="the machine was too busy")
    plan = decide(lively(RIVALS, prediction=failed))
    assert "was not timed" in plan.predict_batch_size.because
    assert (outcome or Outcome.SKIPPED).value in plan.predict_batch_size.because
    assert any("prediction" in sentence.split(": ")[0] for sentence in plan.unresolved)
    assert plan.predict_batch_size.low <= plan.predict_batch_size.value <= plan.predict_batch_size.high
    assert "not timed" not in decide(lively(RIVALS)).predict_batch_size.because
