"""What will be measured, drawn up before anything is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.worlds import PRESENT, Truth, at, evidence

from epochal.probes import AFTERWARDS, PROBES, back_ends
from epochal.probes.agenda import agenda
from epochal.records import Evidence, Machine, Outcome, Reading, Task


@pytest.fixture(autouse=True, params=[1, 3], ids=["one back end", "three back ends"])
def installed(request, monkeypatch):
    """So many back ends of Keras are installed, whatever is installed."""
    names = ("jax", "tensorflow", "torch")[: request.param]
    monkeypatch.setattr(back_ends, "installed", lambda: names)
    return names


def task(n_train=1150, n_params=5000):
    return Task(name="data", kind="binary", n_train=n_train, n_validation=200, n_params=n_params, loss="mse", optimizer="Adam",
                fingerprint="x")


def test_every_measurement_is_announced_with_what_why_and_about_how_long():
    items, later = agenda(task(), PRESENT, Evidence(), 60), [probe.name for probe in AFTERWARDS if probe.fits(60, Evidence())]
    assert [item.name for item in items] == [*(probe.name for probe in PROBES.values() if probe not in AFTERWARDS), "study", *later]
    for item in items:
        assert item.what
        assert item.why
        assert item.seconds > 0


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.UNKNOWN])
def test_what_was_tried_is_not_announced_again(outcome):
    known = Evidence().add(*(Reading(name=name, value=1.0, outcome=outcome) for name in ("memory", "noise_scale")))
    announced = [item.name for item in agenda(task(), PRESENT, known, 60)]
    assert announced == ["throughput", "critical_rate", "study", "compilation", "validation", "prediction", "switches"]


@pytest.mark.parametrize(("budget", "alone"), [(5, True), (19, True), (20, False)])
def test_within_a_few_seconds_there_are_but_trainings_and_what_they_need(budget, alone):
    announced = [item.name for item in agenda(task(), PRESENT, Evidence(), budget)]
    assert (announced == ["memory", "throughput", "study"]) is alone


def pace(compiling, seconds=1e-4):
    return Reading(name="pace", value=seconds, unit="s", repeats=1, details=(("compiling", compiling),))


def test_trainings_are_foreseen_by_the_pace_where_it_was_measured():
    """An embedding: four million parameters, of which an update touches few."""
    told = [next(item.what for item in agenda(task(1000, 4 * 10**6), PRESENT, Evidence().add(*known), 60) if item.name == "study")
            for known in ((), (pace(0.3, 2e-4),))]
    counts = [int(found[1].replace(",", "")) if (found := re.match(r"up to ([\d,]+) trainings", what)) else 0 for what in told]
    assert counts[0] < 30 < counts[1]
    assert all(what.startswith(("up to ", "trainings at batch sizes")) and "up to 0" not in what for what in told)


@pytest.mark.parametrize(("compiling", "budget", "left_out"), [
    (0.5, 60, False), (2.3, 60, False), (2.5, 60, True), (0.8, 20, False), (0.95, 20, True), (20.0, 1000, False)])
def test_where_programs_take_long_to_compile_what_only_explains_is_left_out(compiling, budget, left_out):
    announced = {item.name for item in agenda(task(), PRESENT, Evidence().add(pace(compiling)), budget)}
    assert {"throughput", "study", "compilation"} <= announced
    assert announced.isdisjoint({"noise_scale", "critical_rate", "prediction", "switches"}) is left_out


def test_where_they_take_most_of_the_time_there_is_a_race():
    for compiling, ends in ((1.0, True), (5.0, True), (7.0, False)):
        announced = [item.name for item in agenda(task(), PRESENT, Evidence().add(pace(compiling)), 60)]
        assert ("study" in announced) is ends
        assert ("race" in announced) is not ends


def test_back_ends_are_announced_last_where_another_is_installed_and_there_is_time(installed):
    for budget, announced in ((119, False), (120, len(installed) > 1)):
        names = [item.name for item in agenda(task(), PRESENT, Evidence(), budget)]
        assert ("back_ends" in names) is announced
        assert names[-1] == ("back_ends" if announced else "switches")


def test_when_everything_is_known_nothing_is_announced():
    known = evidence({PRESENT: Truth(), at(128): Truth()}).add(
        *(Reading(name=name, value=1.0) for name in (*PROBES, "engine")),
        Reading(name="study", value=1.0, details=(("budget", 50.0),)))
    assert agenda(task(), PRESENT, known, 60) == ()
    assert [item.name for item in agenda(task(), PRESENT, known, 120)] == ["study"]  # it goes on


@given(st.sampled_from([60, 1150, 60_000]), st.integers(10, 10**7), st.floats(5, 3600))
def test_the_foreseen_time_is_about_the_budget_at_most(n_train, n_params, budget):
    items = agenda(task(n_train, n_params), PRESENT, Evidence(), budget)
    study = items[-1]
    assert study.seconds <= max(budget, 0.3 * budget)
    assert sum(item.seconds for item in items) <= max(1.31 * budget, 60)   # below a minute, compiling is what it is


def test_the_study_says_which_batch_sizes_and_that_seeds_are_shared():
    study = next(item for item in agenda(task(), PRESENT, Evidence(), 60) if item.name == "study")
    assert "8, 32, 128, 512, 1,150" in study.what
    assert "the same for every setting" in study.what


def test_what_a_back_end_has_not_is_not_announced():
    def announced(backend):
        machine = Machine(backend=backend, device="cpu", n_cores=2, memory_bytes=None)
        return [item.name for item in agenda(task(), PRESENT, Evidence(task=task(), machine=machine, present=PRESENT), 60)]

    assert "switches" in announced("jax")
    assert "switches" not in announced("torch")
