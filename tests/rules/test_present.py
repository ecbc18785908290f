"""What the user trains with now: as said, it is "yours" and its epochs are counted; else it is the default."""

import math
import re
from dataclasses import replace

import pytest
from report.race_plans import FALLS, PRESENT, RIVAL, THIRD, evidence, machine_alone, raced, run
from rules.worlds import Truth, at
from rules.worlds import evidence as trained_to_the_end

from epochal.records import Reading
from epochal.records.clock import FitSeconds, Seconds
from epochal.rules.plan.decide import GOALS, decide

BEHIND = {PRESENT: FALLS[RIVAL], RIVAL: FALLS[PRESENT], THIRD: FALLS[THIRD]}


def again(plan, **about):
    """The same plan, where something else is said of what is trained with now."""
    return decide(replace(plan.evidence, **about), goal=plan.goal)


def texts(plan):
    yield plan.headline
    yield plan.how_compared()
    yield from (sentence for _, sentence in plan.sentences())
    for rows in (plan.rows(), plan.time_rows(), plan.arm_rows(), plan.lead_rows(), plan.detail_rows()):
        yield from (cell for row in rows for cell in row)


@pytest.mark.parametrize("plan", [raced(), raced(BEHIND), raced(n_fresh=0), machine_alone(),
                                  *(decide(trained_to_the_end({at(32): Truth(), at(128): Truth()}), goal=goal) for goal in GOALS)],
                         ids=["a change", "no change", "one seed", "machine alone", *GOALS])
def test_what_nobody_said_is_called_the_default_and_what_was_said_is_yours(plan):
    mine, unsaid = " ".join(texts(plan)), " ".join(texts(again(plan, said=False)))
    assert ("yours" in mine.lower(), "the default" in mine.lower()) == (True, False)
    assert ("yours" in unsaid.lower(), "the default" in unsaid.lower()) == (False, True)


def test_a_race_tells_whole_trainings_where_the_epochs_were_said():
    plan = again(raced(), present_epochs=10)
    sooner, step = plan.leads[-1].sooner, 50e-6 * 100_000 / 782 + 0.0064  # of an epoch of 782 batches, the last one short
    assert plan.present_seconds.n_epochs == 10
    assert plan.present_seconds.training.value == pytest.approx(10 * 3125 * 0.008)
    assert plan.seconds.training.value == pytest.approx(250 / sooner)
    epochs = 250 / sooner / (782 * step)
    assert plan.seconds.n_epochs == pytest.approx(epochs, rel=1e-3)
    assert plan.epochs.value == max(10, math.ceil(epochs * sooner / plan.leads[-1].sooner_low))
    assert plan.epochs.low <= epochs <= plan.epochs.high
    assert f"as good as yours in 10 after about {epochs:.3g} (" in plan.epochs.because
    assert "Your 10 epochs take about 4 min 10 s; if that lead lasts, about " in plan.headline
    assert [row[0] for row in plan.time_rows()] == ["one full fit", "until as good as yours", "yours"]


def test_a_lead_never_shortens_a_training_below_the_epochs_of_now():
    """On the same batch size an epoch takes as long: twice as soon would be half of the epochs, if the lead lasted."""
    sooner_at_32 = {PRESENT: FALLS[PRESENT], replace(PRESENT, learning_rate=0.002): FALLS[RIVAL]}
    plan = again(raced(sooner_at_32), present_epochs=10)
    assert plan.learning_rate.value == 0.002
    assert plan.seconds.n_epochs < 6
    assert plan.epochs.value == 10


def test_without_epochs_a_race_tells_one_epoch():
    assert raced().seconds.n_epochs == pytest.approx(1)
    assert next(raced().time_rows())[0] == "one epoch of fit"
    assert "epochs take" not in raced().headline


@pytest.mark.parametrize("falls", [BEHIND, None])
def test_where_nothing_is_shown_faster_the_epochs_stay(falls):
    plan = again(machine_alone() if falls is None else raced(falls), present_epochs=10)
    assert plan.epochs.value == 10
    assert plan.epochs.because.startswith("as many as now")
    assert plan.seconds == plan.present_seconds


def test_a_comparison_to_the_end_sets_the_seconds_of_the_epochs_that_were_said_beside_those_it_needs():
    plan = again(decide(trained_to_the_end({at(32): Truth(), at(128): Truth()})), present_epochs=300)
    assert plan.present_seconds.n_epochs == pytest.approx(300)
    assert plan.seconds.n_epochs < 300


def test_epochs_that_end_before_the_loss_is_lowest_are_told():
    short, long = (again(decide(trained_to_the_end({PRESENT: Truth()})), present_epochs=n) for n in (2, 300))
    assert "your 2 end before validation loss is lowest" in short.epochs.because
    assert "end before" not in long.epochs.because


def test_after_how_many_trainings_measuring_has_paid_for_itself():
    def lasting(seconds):
        one = Seconds(value=seconds, low=seconds, high=seconds)
        return FitSeconds(n_epochs=1, training=one, validation=None, compilation=None, first_epoch=one)

    made = decide(trained_to_the_end({at(32): Truth(), at(128): Truth()}))
    costs = (Reading(name="study", value=1.0, cost=80.0), Reading(name="engine", value=1.0, cost=50.0),  # within the study
             Reading(name="memory", value=1.0, cost=10.0))
    plan = replace(made, evidence=replace(made.evidence, readings=costs), seconds=lasting(10.0), present_seconds=lasting(40.0))
    said = dict(plan.sentences())["Repaid"]
    assert said == "measuring took 1.5 min, and a training is 30 s shorter: it pays off after 3 trainings"
    for other in (replace(plan, present_seconds=lasting(10.0)), replace(plan, seconds=None), replace(plan, arms=())):
        assert other.repaid == ""
    assert replace(plan, arms=(), evidence=replace(plan.evidence, present_epochs=3)).repaid


def test_what_is_fixed_is_never_changed_and_the_evidence_keeps_the_rest():
    worlds = {PRESENT: Truth(), at(32, 0.002): Truth(), at(128, 0.002): Truth(steps=60.0)}
    for plan in (raced(), decide(trained_to_the_end(worlds))):
        assert plan.batch_size.value != 32
        for name in ("batch_size", "learning_rate"):
            kept = again(plan, fixed=(name,))
            assert getattr(kept, name).value == getattr(PRESENT, name)
            assert {getattr(arm.setting, name) for arm in kept.arms} == {getattr(PRESENT, name)}
            assert getattr(kept, name).because.startswith("yours; fixed")
            assert (kept.evidence.runs, kept.evidence.curves) == (plan.evidence.runs, plan.evidence.curves)
        assert "the batch size is fixed" in again(plan, fixed=("batch_size",)).binding
        assert not any("not compared" in sentence for sentence in again(plan, fixed=("batch_size",)).unresolved)


@pytest.mark.parametrize("goal", GOALS)
def test_the_present_setting_is_not_called_good_before_another_batch_size_was_compared(goal):
    rates = trained_to_the_end({PRESENT: Truth(), at(32, 0.002): Truth(excess=0.5)})
    assert "no other batch size could be compared in this time" in decide(rates, goal=goal).headline
    sizes = trained_to_the_end({PRESENT: Truth(), at(128): Truth(excess=0.5)})
    for known in (sizes, replace(rates, fixed=("batch_size",))):
        assert "the other setting was not shown" in decide(known, goal=goal).headline

def test_a_race_names_who_is_sooner_though_it_is_not_shown_to_stay_as_good():
    def plan(apart):
        fresh = [run(RIVAL, seed, (0.8, 0.72, 0.7 + luck), stage="fresh") for seed, luck in zip((1, 2, 3), apart, strict=True)]
        fresh += [run(PRESENT, seed, (1.0, 0.8, 0.7), stage="fresh") for seed in (1, 2, 3)]
        return decide(evidence((run(PRESENT, 0, (1.0, 0.8, 0.7)), run(RIVAL, 0, (0.8, 0.72, 0.69)), *fresh)))

    about_as_good = plan((-0.04, 0.0, 0.04))
    assert about_as_good.batch_size.value == 32
    assert re.match(r"Keep yours \(32 at 0\.001\), or try 128 at 0\.002: the same loss \S+ times sooner so far; whether "
                    r"that lasts is not shown \(difference \S+ \(\S+ to \S+\)\)\.$", about_as_good.headline)
    assert "no setting was shown to be as good and faster" in plan((0.0, 0.04, 0.08)).headline


def test_a_race_tells_a_lower_loss_at_the_present_batch_size_that_comes_no_sooner():
    lower = replace(PRESENT, learning_rate=0.0005)
    fresh = [run(setting, seed, losses, stage="fresh") for seed in (1, 2, 3)
             for setting, losses in ((PRESENT, (1.0, 0.8, 0.7)), (lower, (1.0, 0.8, 0.685)))]
    plan = decide(evidence((run(PRESENT, 0, (1.0, 0.8, 0.7)), run(lower, 0, (1.0, 0.8, 0.685)), *fresh)))
    assert plan.learning_rate.value == 0.0005
    assert re.match(r"Use batch size 32, learning rate 0\.0005: after \S+ s of training each, its validation loss is below that of "
                    r"yours \(32 at 0\.001\) by 0\.015 \(\S+ to \S+\)\.$", plan.headline)


def test_with_fixed_epochs_a_race_changes_only_to_what_gets_as_far_within_them():
    """A batch four times as large makes a fourth of the updates in an epoch: only far ahead does it get as far in as many."""
    narrowly = raced({PRESENT: FALLS[PRESENT], RIVAL: (0.9, 0.72, 0.64)})
    assert again(narrowly, present_epochs=10).epochs.value > 10
    assert again(narrowly, present_epochs=10).batch_size.value == 128
    assert again(raced(), present_epochs=10, fixed=("epochs",)).batch_size.value == 128
    plan = again(narrowly, present_epochs=10, fixed=("epochs",))
    assert plan.epochs.value == 10
    assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)
    assert "trains faster, but may take more than your 10 epochs to get as far, and these are fixed." in plan.headline
    sooner_at_32 = {PRESENT: FALLS[PRESENT], replace(PRESENT, learning_rate=0.002): FALLS[RIVAL]}
    same_size = again(raced(sooner_at_32), present_epochs=10, fixed=("epochs",))
    assert (same_size.learning_rate.value, same_size.epochs.value) == (0.002, 10)
    assert same_size.epochs.because.startswith("yours; fixed")
    assert not any("the number of epochs" in sentence for sentence in same_size.unresolved)
