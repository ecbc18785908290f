"""Measuring: every item of the agenda once, kept as soon as it is done, inside the budget."""

from dataclasses import replace

import pytest
from contracts.fake_rig import FakeTiming
from experiments.benches import bench, runs_of
from tiers import first_tier, spread

from epochal.base.errors import UsageError
from epochal.base.isolated import Outcome as Ended
from epochal.base.progress import Reporter
from epochal.base.stop import Stop, Stopped
from epochal.probes import AFTERWARDS, BACK_ENDS, PREDICTION, PROBES, back_ends
from epochal.probes.agenda import agenda
from epochal.records import Evidence, Outcome, Reading, Setting, dump, load
from epochal.rules.plan.decide import decide
from epochal.services import plan_evidence
from epochal.services.plan import measure

assert bench  # a fixture
BUDGET = 100.0
FIRST = [probe.name for probe in PROBES.values() if probe not in AFTERWARDS]
LATER = [probe.name for probe in AFTERWARDS if probe is not BACK_ENDS]  # which takes a larger budget
IN_ORDER = ["pace", *FIRST, "untrained_loss", "engine", "study", *LATER]


class Heard:
    """Progress that remembers its steps, and may react to a sentence."""

    def __init__(self, react=lambda sentence: None):
        self.steps, self._react = [], react

    def step(self, share, sentence, detail=""):
        self.steps.append((share, sentence))
        self._react(sentence)

    start = say = answer = lambda self, anything: None

    def done(self):
        pass



def readings_of(evidence):
    """Names of the readings, in order, the growing one of the engine once."""
    return list(dict.fromkeys(r.name for r in evidence.readings))


def without_cost(evidence):
    """The evidence without the seconds that anything took."""
    return replace(evidence, readings=tuple(replace(r, cost=0.0) for r in evidence.readings),
                   curves=tuple(replace(c, seconds=0.0) for c in evidence.curves))


def test_every_probe_is_taken_once_cheapest_first_and_then_the_study(bench):
    rig, kept = bench(), []
    known = measure(rig, budget=BUDGET, keep=kept.append)
    assert readings_of(known) == IN_ORDER
    assert kept[-1] == known
    assert [readings_of(k)[-1] for k in kept[: len(FIRST)]] == FIRST
    assert (known.task, known.machine, known.present) == (rig.task, rig.machine, rig.present)
    assert decide(known)


def test_what_an_item_of_the_agenda_is_called_is_what_is_watched(bench):
    rig, heard = bench(), Heard()
    measure(rig, budget=BUDGET, reporter=Reporter(heard))
    shares, sentences = zip(*heard.steps, strict=True)
    named = [f"measuring: {item.name.replace('_', ' ')}" for item in agenda(rig.task, rig.present, Evidence(), BUDGET)]
    assert list(dict.fromkeys(sentences))[: len(FIRST)] == named[: len(FIRST)]
    assert list(dict.fromkeys(sentences))[-len(LATER):] == named[-len(LATER):]
    assert "measuring: your present setting" in sentences
    assert list(shares) == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


def test_with_all_of_its_evidence_nothing_is_measured_twice(bench):
    known = measure(bench(), budget=BUDGET)
    rig = bench()
    assert measure(rig, budget=BUDGET, evidence=load(dump(known))) == known
    assert not rig.asked


def test_nor_where_the_probes_took_much_of_the_budget(bench):
    """The time a study has is what the probes left, whether they ran just now or in an earlier run."""
    known = measure(bench(timing=FakeTiming(step=1e-3, example=1e-4, call=0.3)), budget=30.0)
    probed = sum(r.cost for r in known.readings if r.name in FIRST)
    assert probed > 6
    later = PREDICTION.cost(30.0, 0.9)  # there is no switch to measure
    assert known.get("study").detail("budget") == pytest.approx(max(30 - probed - later, 15))
    rig = bench(timing=FakeTiming(step=1e-3, example=1e-4, call=0.3))
    assert measure(rig, budget=30.0, evidence=known) == known
    assert not rig.asked


def test_what_was_tried_and_failed_is_not_tried_again(bench):
    known = measure(bench(memory=(1000, None)), budget=BUDGET)
    assert known.get("memory") is None
    rig = bench(memory=(1000, None))
    assert measure(rig, budget=BUDGET, evidence=known) == known
    assert not rig.asked


@pytest.mark.second
def test_interrupted_at_any_point_it_ends_with_the_same_evidence(bench):
    kept = []
    whole = measure(bench(), budget=BUDGET, keep=kept.append)
    for evidence in spread(4, kept):
        done = measure(bench(), budget=BUDGET, evidence=load(dump(evidence)))
        assert runs_of(done) == runs_of(whole)
        assert readings_of(done) == readings_of(whole)
        assert done.readings[: len(evidence.readings)] == evidence.readings
        assert len([r for r in done.readings if r.name in PROBES]) == len(FIRST) + len(LATER)


def test_asked_to_stop_it_ends_the_measurement_under_way_and_takes_only_what_is_missing_later(bench):
    for item in spread(3, (*FIRST, *LATER, "study")):
        kept, stop = [None], Stop()
        begins = "measuring: your present setting" if item == "study" else f"measuring: {item.replace('_', ' ')}"
        heard = Heard(lambda sentence, begins=begins, stop=stop: sentence == begins and stop.set())
        with pytest.raises(Stopped):
            measure(bench(), budget=BUDGET, keep=kept.append, reporter=Reporter(heard, stop))
        assert (item in kept[-1]) == (item in PROBES)  # the trainings are left between two epochs
        order = [*FIRST, "study", *LATER]
        assert [name for name in order if name in kept[-1] and name != "study"] == [
            name for name in order[: order.index(item) + 1] if name != "study"]
        assert readings_of(measure(bench(), budget=BUDGET, evidence=kept[-1])) == IN_ORDER


def test_measuring_is_repeatable(bench):
    assert without_cost(measure(bench(), budget=BUDGET)) == without_cost(measure(bench(), budget=BUDGET))


@pytest.mark.parametrize("budget", first_tier(1, [5.0, 20.0, 80.0]))
def test_the_budget_is_kept_about(bench, budget):
    rig = bench(n_examples=96, step_seconds=1e-3, timing=FakeTiming(step=1e-3, example=1e-5))
    measure(rig, budget=budget)
    assert rig.clock.now <= 1.5 * budget


@pytest.mark.parametrize("other", [{"n_params": 5}, {"seed": 1}, {"n_examples": 17},
                                   {"present": Setting(batch_size=8, learning_rate=0.2)}])
def test_evidence_about_something_else_is_refused_before_anything_is_measured(bench, other):
    known = measure(bench(), budget=BUDGET)
    rig = bench(**other)
    with pytest.raises(UsageError, match=r"`evidence` must be about the same .*; (it|what differs: .*\. It) .*, (and )?this is .*"
                                         r"\. Measure again"):
        measure(rig, budget=BUDGET, evidence=known)
    assert not rig.asked


def test_evidence_from_another_machine_is_refused(bench):
    known = measure(bench(), budget=BUDGET)
    rig = bench()
    rig.machine = replace(rig.machine, device="another")
    with pytest.raises(UsageError, match="same machine"):
        measure(rig, budget=BUDGET, evidence=known)


def test_batch_sizes_are_timed_and_compared_inside_the_memory(bench):
    rig = bench(n_examples=96, memory=(1000, 40_000))                     # 40 rows, 36 with headroom
    known = measure(rig, budget=BUDGET)
    largest = known.get("memory").value
    assert 30 <= largest <= 36
    assert max(c.setting.batch_size for c in known.curves) <= largest
    assert all(p.batch_size <= largest for p in known.get("throughput").points)
    assert all(p.batch_size <= largest for p in known.get("prediction").points)


@pytest.fixture
def back_ends_asked(monkeypatch):
    """Two back ends are installed; holds what the other is asked, which answers at once."""
    calls = []

    class Answers:
        def __init__(self, seconds, environment):
            calls.append((environment["KERAS_BACKEND"], seconds))

        def run(self, function, description, sample, size, seconds):
            calls[-1] += (size,)
            return Ended(([1e-4] * 3, 1.0))

    monkeypatch.setattr(back_ends, "installed", lambda: ("fake", "jax"))
    monkeypatch.setattr(back_ends, "Isolated", Answers)
    return calls


LONG = {"n_examples": 64, "timing": FakeTiming(step=0.4, example=1e-5)}


def test_another_back_end_is_timed_once_at_the_recommended_batch_size_where_the_training_is_long(bench, back_ends_asked):
    known = measure(bench(**LONG, description="described"), budget=200.0)
    assert readings_of(known)[-1] == "back_ends"
    plan = decide(known)
    assert [(name, size) for name, _, size in back_ends_asked] == [("jax", plan.batch_size.value)]
    assert "KERAS_BACKEND=jax" in plan.back_end
    rig = bench(**LONG, description="described")
    assert measure(rig, budget=200.0, evidence=load(dump(known))) == known
    assert not rig.asked
    assert len(back_ends_asked) == 1


@pytest.mark.parametrize(("budget", "changes"), [
    (119.0, {}), (200.0, {"description": None}), (200.0, {"timing": FakeTiming(step=1e-6, example=1e-7)})],
    ids=["small budget", "no description", "short training"])
def test_no_other_back_end_is_started_where_it_could_not_be_repaid(bench, back_ends_asked, budget, changes):
    known = measure(bench(**{**LONG, "description": "described"} | changes), budget=budget)
    assert not back_ends_asked
    assert decide(known).back_end == ""


def test_a_race_keeps_time_for_the_other_back_ends(bench, back_ends_asked):
    dear = {"n_examples": 4096, "step_seconds": 0.2, "timing": FakeTiming(step=0.2, example=1e-5), "s": 1.0, "h": 1.0}
    without, known = (measure(bench(**dear, description=text), budget=130.0) for text in (None, "described"))
    assert without.get("race").detail("budget") - known.get("race").detail("budget") == pytest.approx(10, abs=1)
    assert known.get("back_ends").points[0].batch_size == decide(known).batch_size.value
    assert len(back_ends_asked) == 1


def test_where_trainings_do_not_fit_there_is_a_race_and_with_its_evidence_nothing_is_measured_twice(bench):
    dear = {"n_examples": 4096, "step_seconds": 0.02, "timing": FakeTiming(step=0.02, example=1e-5), "s": 1.0, "h": 1.0}
    known = measure(bench(**dear), budget=60.0)
    assert readings_of(known)[:3] == ["pace", "memory", "throughput"]
    assert known.get("race") is not None
    assert not known.curves
    assert [item.name for item in agenda(known.task, known.present, Evidence().about(known.task, known.machine, known.present).add(
        known.get("pace")), 60.0)] == ["memory", "throughput", "race"]
    rig = bench(**dear)
    assert measure(rig, budget=60.0, evidence=load(dump(known))).runs == known.runs
    assert not rig.asked["step"]


def test_where_trainings_turn_out_to_take_far_longer_than_their_first_updates_there_is_a_race(bench):
    rig = bench(step_seconds=0.5)
    hasty = Reading(name="pace", value=1e-6, unit="s", low=1e-6, high=1e-6, repeats=1)
    known = measure(rig, budget=60.0, evidence=Evidence().about(rig.task, rig.machine, rig.present).add(hasty))
    assert not known.curves
    assert "race" in known
    assert decide(known)


def test_where_trainings_to_the_end_leave_no_time_for_others_a_race_tells_in_what_is_left(bench):
    known = measure(bench(step_seconds=0.03), budget=60.0, evidence=Evidence(fixed=("batch_size",)))
    assert known.of("present")
    assert not known.of("confirm")
    assert {run.setting for run in known.runs} > {known.present}
    assert len(decide(known).arms) > 1
    again = measure(bench(step_seconds=0.03), budget=60.0, evidence=load(dump(known)))
    assert again.curves == known.curves
    assert again.runs == known.runs


def test_a_clock_that_a_busy_machine_hid_is_asked_for_again(bench, monkeypatch):
    asked = []

    def busy_at_first(rig, **options):
        asked.append(options)
        if len(asked) == 1:
            return Reading(name="throughput", unit="examples", outcome=Outcome.UNRESOLVED, note="the machine was too busy")
        return probe.run(rig, **options)

    probe = plan_evidence.THROUGHPUT
    monkeypatch.setattr(plan_evidence, "THROUGHPUT", replace(probe, run=busy_at_first))
    dear = {"n_examples": 4096, "step_seconds": 0.02, "timing": FakeTiming(step=0.02, example=1e-5), "s": 1.0, "h": 1.0}
    known = measure(bench(**dear), budget=60.0)
    assert known.get("race") is not None
    assert measure(bench(**dear), budget=60.0, evidence=load(dump(known))).runs == known.runs
    assert len(asked) == 2


def test_no_larger_batch_than_the_memory_allows_that_is_asked_for_is_compared(bench):
    rig = bench(n_examples=96, memory=(1000, 10**9))
    known = measure(rig, budget=60.0, evidence=Evidence().within(40_000))
    assert known.get("memory").value == 40
    assert {curve.setting.batch_size for curve in known.curves} <= {8, 32, 40}
    assert known.within(40_000) is known
    assert "memory" not in known.within(50_000)
    assert known.within(50_000).curves == known.curves


def test_trainings_of_batch_sizes_beyond_a_limit_that_is_asked_for_later_are_kept_and_not_recommended(bench):
    def rig():
        return bench(n_examples=96, memory=(1000, 10**9))

    free = measure(rig(), budget=60.0)
    assert decide(free).batch_size.value == 32
    limited = measure(rig(), budget=60.0, evidence=load(dump(free)).within(20_000))
    assert decide(limited).batch_size.value <= 20
    assert limited.curves[: len(free.curves)] == free.curves


@pytest.mark.parametrize(("limit", "fit"), [(7_000, "7 fit"), (500, "0 fit")])
def test_a_limit_without_room_for_the_present_batch_size_is_refused(bench, limit, fit):
    with pytest.raises(UsageError, match=rf"`max_memory` must be enough for an update at batch size 8, .*\({fit}\); got .* KiB"):
        measure(bench(n_examples=96, memory=(1000, 10**9)), budget=60.0, evidence=Evidence().within(limit))


def test_switches_that_there_was_no_time_for_are_told_and_measured_with_more_time(bench):
    timing = FakeTiming(step=1e-3, example=1e-4, switches={"steps_per_execution": 16}, compilation=20.0)
    known = measure(bench(timing=timing), budget=60.0)
    assert known.lacks("switches")
    assert any(sentence.startswith("`fit` with `steps_per_execution`: not measured")
               for sentence in decide(known).unresolved)
    more = measure(bench(timing=timing), budget=600.0, evidence=load(dump(known)))
    assert not more.lacks("switches")
    assert "not measured" not in " ".join(decide(more).unresolved)
