"""Evidence only grows, refuses to merge unlike things, and says why something is not known."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records.anything import anything, example
from tiers import cases

import epochal
from epochal.records import Curve, Evidence, Machine, Outcome, Reading, Setting, Task

TASK, MACHINE, PRESENT = example(Task), example(Machine), example(Setting)


def reading(name="noise_scale", value=1.0, outcome=Outcome.OK):
    return Reading(name=name, value=value, outcome=outcome)


def test_adding_returns_new_evidence_and_leaves_the_old():
    old = Evidence(readings=(reading(),))
    new = old.add(reading("memory"), example(Curve))
    assert (len(old.readings), len(old.curves)) == (1, 0)
    assert (len(new.readings), len(new.curves)) == (2, 1)


@given(st.lists(st.one_of(anything(Reading), anything(Curve)), max_size=6), st.integers(0, 6))
@settings(max_examples=cases(15), deadline=None, derandomize=True)
def test_adding_is_append_only_and_may_be_done_in_pieces(things, cut):
    whole, pieces = Evidence().add(*things), Evidence().add(*things[:cut]).add(*things[cut:])
    assert whole == pieces
    first = Evidence().add(*things[:cut])
    assert pieces.readings[: len(first.readings)] == first.readings
    assert pieces.curves[: len(first.curves)] == first.curves
    assert len(whole.readings) + len(whole.curves) == len(things)


def test_adding_nothing_changes_nothing():
    assert Evidence(task=TASK).add() == Evidence(task=TASK)


def test_the_latest_trustworthy_reading_counts():
    evidence = Evidence().add(reading(value=1.0), reading(value=2.0), reading(value=3.0, outcome=Outcome.UNRESOLVED))
    assert evidence.get("noise_scale").value == 2.0


def test_a_lower_bound_is_trustworthy():
    assert Evidence().add(reading(outcome=Outcome.LOWER_BOUND)).get("noise_scale") is not None


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome not in (Outcome.OK, Outcome.LOWER_BOUND)])
def test_a_failed_reading_is_there_but_not_given_out(outcome):
    evidence = Evidence().add(reading(outcome=outcome))
    assert "noise_scale" in evidence
    assert evidence.get("noise_scale") is None
    assert evidence.why_not("noise_scale") is outcome


def test_what_was_never_tried_was_skipped():
    assert "memory" not in Evidence()
    assert Evidence().get("memory") is None
    assert Evidence().why_not("memory") is Outcome.SKIPPED


def test_the_latest_failure_explains():
    evidence = Evidence().add(reading(outcome=Outcome.OUT_OF_MEMORY), reading(outcome=Outcome.UNRESOLVED))
    assert evidence.why_not("noise_scale") is Outcome.UNRESOLVED


def test_empty_evidence_takes_any_task():
    about = Evidence().about(TASK, MACHINE, PRESENT)
    assert (about.task, about.machine, about.present) == (TASK, MACHINE, PRESENT)


def test_evidence_about_the_same_task_keeps_what_it_knows():
    evidence = Evidence().about(TASK, MACHINE, PRESENT).add(reading())
    assert evidence.about(TASK, MACHINE, PRESENT) == evidence


@pytest.mark.parametrize(("change", "culprit"), [
    ({"task": dataclasses.replace(TASK, fingerprint="other")}, "model and data"),
    ({"machine": dataclasses.replace(MACHINE, backend="other")}, "machine"),
    ({"machine": dataclasses.replace(MACHINE, device="other")}, "machine"),
    ({"present": dataclasses.replace(PRESENT, batch_size=1)}, "present setting"),
], ids=lambda x: x if isinstance(x, str) else next(iter(x)))
def test_evidence_refuses_to_be_about_something_else(change, culprit):
    here = {"task": TASK, "machine": MACHINE, "present": PRESENT}
    evidence = Evidence().about(**here)
    with pytest.raises(epochal.UsageError, match=f"(?s)the same {culprit}.*Measure again"):
        evidence.about(**{**here, **change})


def test_the_name_of_a_task_may_change():
    evidence = Evidence().about(TASK, MACHINE, PRESENT)
    assert evidence.about(dataclasses.replace(TASK, name="renamed"), MACHINE, PRESENT).task.name == "renamed"


def test_curves_are_found_by_stage_and_setting_in_their_order():
    one, two = (dataclasses.replace(PRESENT, batch_size=size) for size in (8, 16))
    curves = [dataclasses.replace(example(Curve), stage=stage, setting=setting, seed=seed)
              for seed, (stage, setting) in enumerate([("screen", one), ("confirm", two), ("screen", two), ("screen", one)])]
    evidence = Evidence().add(*curves)
    assert [curve.seed for curve in evidence.of("screen")] == [0, 2, 3]
    assert [curve.seed for curve in evidence.of("screen", one)] == [0, 3]
    assert evidence.of("present") == ()


def test_evidence_says_what_it_holds():
    assert str(Evidence()) == "no readings yet"
    assert "1 trainings" in str(Evidence().add(example(Curve)))


@pytest.mark.parametrize(("known", "now", "words"), [
    ((("architecture", "a"), ("loss", "b")), (("architecture", "a"), ("loss", "b")), "data"),
    ((("architecture", "a"), ("loss", "b")), (("architecture", "a"), ("loss", "c")), "loss"),
    ((("architecture", "a"), ("loss", "b")), (("architecture", "z"), ("loss", "c")), "architecture, loss"),
    ((), (("architecture", "a"),), "model or data"),  # a file of an earlier version
])
def test_what_differs_between_two_tasks_is_named(known, now, words):
    one, other = (dataclasses.replace(TASK, fingerprint=name, parts=parts) for name, parts in (("one", known), ("other", now)))
    assert other.difference(one) == words
    assert one.difference(one) == ""
