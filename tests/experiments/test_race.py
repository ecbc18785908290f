"""The race: equal seconds for all, the present setting always among them, fresh seeds for the one ahead, inside its time."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeTiming
from experiments.benches import bench
from tiers import spread

from epochal.base.errors import MeasurementFailed
from epochal.experiments import race, run_race
from epochal.probes import THROUGHPUT
from epochal.records import Curve, Evidence, Outcome, Reading, Setting, Verdict, dump, load
from epochal.rules.plan.decide import clock_of, decide

assert bench  # a fixture
DEAR = {"n_examples": 4096, "step_seconds": 0.02, "timing": FakeTiming(step=0.02, example=1e-5), "s": 1.0, "h": 1.0}
PRESENT = Setting(batch_size=16, learning_rate=0.01)  # far too low: the best is nearer to 1 / h


def begun(rig):
    rig_evidence = Evidence().about(rig.task, rig.machine, rig.present)
    pace = Reading(name="pace", value=rig.step_seconds, unit="s", repeats=1)
    return rig_evidence.add(pace, THROUGHPUT(rig, **THROUGHPUT.options(rig, rig_evidence, 10.0)))


def run(rig, evidence=None, *, seed=0, seconds=60.0, keep=lambda evidence: None, watch=lambda done, total, what: None):
    return run_race(rig, evidence or begun(rig), seed=seed, seconds=seconds, keep=keep, watch=watch)


@pytest.fixture
def dear(bench):
    """Makes a rig on which a whole training takes far longer than a minute."""
    return lambda **options: bench(**DEAR | {"present": PRESENT} | options)


def marks_of(evidence):
    return {(run.stage, run.setting, run.seed): run.marks for run in evidence.runs}


def boldest(evidence):
    """The highest rate that was raced, as a multiple of the one that plain SGD's rule has for its batch size."""
    return max(run.setting.learning_rate / (0.01 * run.setting.batch_size / 16) for run in evidence.runs)


def test_all_settings_are_compared_after_equal_seconds_of_the_clock(dear):
    known = run(dear())
    clock, present = clock_of(known), known.present
    seconds = {setting: {round(mark.n_updates * clock.full_step(setting.batch_size).value, 2) for mark in marks}
               for (stage, setting, _), marks in marks_of(known).items() if stage == "race"}
    assert len(seconds) >= 5
    for setting, at in seconds.items():
        coarse = clock.full_step(setting.batch_size).value
        assert all(min(abs(a - b) for b in seconds[present]) <= coarse for a in at)


def test_the_present_setting_and_the_one_ahead_are_trained_with_the_same_fresh_seeds(dear):
    known = run(dear())
    fresh = {}
    for stage, setting, seed in marks_of(known):
        fresh.setdefault(setting, set()).add(seed) if stage == "fresh" else None
    assert fresh.keys() > {known.present}
    assert len(fresh[known.present]) >= 3
    raced = {seed for stage, _, seed in marks_of(known) if stage == "race"}
    assert len(raced) == 1
    assert not raced & fresh[known.present]  # found ahead with another seed than it is judged by
    plan = decide(known)
    assert plan.learning_rate.value > PRESENT.learning_rate
    assert plan.leads[-1].n_seeds >= 3
    assert plan.leads[-1].sooner_low > 2


def test_rates_are_tried_beyond_the_edge_while_it_leads_but_no_bold_one_before_an_epoch(dear):
    known = run(dear())
    assert 1 < boldest(known) <= 1.01 * np.sqrt(10)  # 256 updates are an epoch, which no run of 60 s reaches
    longer = run(dear(step_seconds=1e-3, timing=FakeTiming(step=1e-3, example=1e-6), h=0.05))
    assert boldest(longer) > 9


def test_a_race_is_repeatable(dear):
    assert marks_of(run(dear())) == marks_of(run(dear()))
    assert marks_of(run(dear(), seed=1)).keys() != marks_of(run(dear())).keys()


@pytest.mark.parametrize("seconds", [2.0, 10.0, 60.0, 300.0])
def test_the_time_is_kept_and_there_is_an_answer(dear, seconds):
    rig = dear()
    evidence = begun(rig)
    start = rig.clock.now
    known = run(rig, evidence, seconds=seconds)
    assert rig.clock.now - start <= 1.35 * seconds + 1.0
    assert decide(known).batch_size.value >= 1


def test_interrupted_at_any_point_it_goes_on_with_the_same_numbers(dear):
    kept = []
    whole = marks_of(run(dear(), keep=kept.append))
    for evidence in spread(5, kept[:-1]):
        done = marks_of(run(dear(), load(dump(evidence)), seconds=90.0))
        assert done.keys() >= marks_of(evidence).keys()
        for key in whole.keys() & done.keys():
            both = {mark.n_updates for mark in whole[key]} & {mark.n_updates for mark in done[key]}
            assert both
            assert [m for m in whole[key] if m.n_updates in both] == [m for m in done[key] if m.n_updates in both]


def test_what_diverges_leaves_the_race_and_the_others_go_on(dear):
    known = run(dear(diverges_at=0.03))
    lost = {run.setting.learning_rate for run in known.runs if run.outcome is Outcome.DIVERGED}
    assert lost
    assert min(lost) >= 0.03
    assert decide(known).learning_rate.value < 0.03


def test_where_the_present_setting_diverges_another_is_recommended(dear):
    known = run(dear(present=Setting(batch_size=16, learning_rate=0.05), diverges_at=0.04))
    plan = decide(known)
    assert plan.headline.startswith("The default diverges")
    assert plan.learning_rate.value < 0.04


def test_where_nothing_learns_ever_lower_rates_are_tried_until_one_does(dear):
    """The bowl is stable below a rate of 2: the present one is three decades above it, and no starter is below."""
    rig = dear(present=Setting(batch_size=16, learning_rate=2000.0))
    rig.judge = lambda state, blocks: (
        *([float(min(rig.evaluate(np.clip(state, -1e9, 1e9))[0, 0], 1e6))] * len(half) for half in blocks), [])
    with np.errstate(all="ignore"):
        known = run(rig, seconds=120.0)
    assert decide(known).learning_rate.value < 2


def test_without_a_number_before_training_there_is_no_race(dear):
    rig = dear()
    rig.judge = lambda state, blocks: (*([float("nan")] * len(half) for half in blocks), [])
    with pytest.raises(MeasurementFailed, match="before training is nan"):
        run(rig)


def test_without_memory_for_the_present_setting_there_is_no_race(dear):
    rig, step = (made := dear()), type(made).step

    def full(state, rows, rate):
        if rate:
            raise MemoryError
        return step(rig, state, rows, rate)

    rig.step = full
    with pytest.raises(MeasurementFailed, match="no memory for a batch of 16"):
        run(rig)


def test_a_race_answers_for_time_and_loss_and_says_so_where_the_goal_is_another(dear):
    known = run(dear())
    plan = decide(known)
    assert plan.batch_size.value > PRESENT.batch_size
    assert plan.stopping.patience == round(5 * min(4, np.sqrt(plan.batch_size.value / 16)))  # an epoch has fewer updates
    for goal in ("frugal", "smallest"):
        plan = decide(known, goal=goal)
        assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)
        assert f"not what is {goal}" in plan.headline


def test_a_batch_beyond_the_rows_holds_all_of_them(dear):
    """As in Keras: a model so dear that 20 rows take long."""
    rig = dear(n_examples=20, step_seconds=1.0, timing=FakeTiming(step=1.0, example=1e-3),
               present=Setting(batch_size=32, learning_rate=0.01))
    known = run(rig)
    assert {run.setting.batch_size for run in known.runs} == {20, 32}
    assert max(run.n_updates for run in known.runs if run.setting == known.present) > 5
    assert decide(known).headline


def test_where_the_time_runs_out_on_the_way_to_a_level_the_one_before_is_repeated(dear, monkeypatch):
    """A machine that stands still for a while: what was foreseen for the next level does not fit any more."""
    rig, levels = dear(), []
    monkeypatch.setattr(race, "_EARLY", 0.0)  # fresh seeds wait for the last level

    class Halted(race._Race):
        def _level(self, settings, level):
            levels.append(level)
            self.rig.clock.now += self._left() + 1.0 if len(levels) == 2 else 0.0
            return super()._level(settings, level)

    known = Halted(rig, begun(rig), 0, 60.0, lambda evidence: None, lambda done, total, what: None).run()
    assert known.get("race").detail("level") == levels[0] < levels[1]  # the second was not reached
    lead = decide(known).leads[-1]
    assert lead.seconds == levels[0]
    assert lead.n_seeds >= 2


def test_what_finds_no_memory_leaves_the_race_and_is_called_so(dear):
    rig, step = (made := dear()), type(made).step

    def full(state, rows, rate):
        if len(rows) > 16:
            raise MemoryError
        return step(rig, state, rows, rate)

    rig.step = full
    verdicts = {arm.setting.batch_size: arm.verdict for arm in decide(run(rig)).arms if arm.setting.batch_size > 16}
    assert set(verdicts.values()) == {Verdict.NO_MEMORY}


def test_what_was_dropped_is_not_held_in_memory(dear):
    held = []

    class Watched(race._Race):
        def _repeat_more(self):
            held.extend(self.under_way)
            super()._repeat_more()

    rig = dear()
    known = Watched(rig, begun(rig), 0, 60.0, lambda evidence: None, lambda done, total, what: None).run()
    raced = [setting for stage, setting, _ in held if stage == "race"]
    assert known.present in raced
    assert len(raced) <= 3 < len({run.setting for run in known.runs})


def test_a_full_comparison_that_has_just_begun_does_not_take_the_place_of_a_race(dear):
    known = run(dear())
    curve = Curve(setting=known.present, seed=1, stage="present", steps_per_epoch=256, train_loss=(0.5,), half_a=(0.5,),
                  half_b=(0.5,))
    first, later = decide(known), decide(known.add(curve, *(replace(curve, seed=seed) for seed in (2, 3))))
    assert (later.headline, later.leads, later.how_compared()) == (first.headline, first.leads, first.how_compared())
    assert next(iter(later.time_rows()))[0] == "one epoch of fit"


@pytest.mark.parametrize("name", ["batch_size", "learning_rate"])
def test_a_race_leaves_what_is_fixed_as_it_is(dear, name):
    rig = dear()
    known = run(rig, replace(begun(rig), fixed=(name,)))
    assert {getattr(run.setting, name) for run in known.runs} == {getattr(PRESENT, name)}
    assert len({run.setting for run in known.runs}) >= 3
