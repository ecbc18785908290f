"""The study: a fair comparison inside its time, made of runs none of which is made twice."""

from dataclasses import replace

import numpy as np
import pytest
from experiments.benches import bench, runs_of
from tiers import spread

from epochal import experiments as studies
from epochal.base.errors import MeasurementFailed
from epochal.experiments.blocks import curve_of, schedule_of
from epochal.records import Curve, EnginePoint, Evidence, Outcome, Reading, Setting, Until, dump, load
from epochal.rules.plan.decide import decide
from epochal.rules.plan.folds import n_trained
from epochal.rules.plan.quality import cross_fitted
from epochal.seam.rows import Fold

assert bench  # a fixture


def begun(rig, *readings):
    return Evidence().about(rig.task, rig.machine, rig.present).add(*readings)


def run(rig, evidence=None, *, seed=0, seconds=100.0, keep=lambda evidence: None, watch=lambda done, total, what: None):
    return studies.run_study(rig, evidence or begun(rig), seed=seed, seconds=seconds, keep=keep, watch=watch)


def test_every_seed_holds_out_the_same_rows_for_all_settings_each_part_in_turn_and_nothing_is_trained_twice(bench):
    rig = bench()
    rig.folds, rig.turns = tuple(Fold(np.roll(np.arange(16), i), None, None) for i in range(5)), (0, 1, 2, 3, 4)
    judged = []
    rig.judged = lambda state, fold=0: judged.append(fold) or (rig.evaluate(state), np.full((2, 4), 1 + fold, np.float32))
    known = run(rig)
    assert {*judged} == {0, 1, 2, 3, 4}
    for stage, other in (("present", "confirm"), ("screen", "screen")):
        fold_of = {c.seed: c.fold for c in known.of(stage)}
        assert [fold_of[seed] for seed in dict.fromkeys(c.seed for c in known.of(stage))] == [i % 5 for i in range(len(fold_of))]
        assert all(c.fold == fold_of[c.seed] for c in known.of(other))
    assert all(c.blocks_a == c.blocks_b == (1.0 + c.fold,) * 4 for c in known.of("confirm"))
    longer = run(rig, known, seconds=200.0)
    runs_of(longer)     # fails where one was made twice
    assert longer.curves[: len(known.curves)] == known.curves


def beside_own(bench, harder):
    """A rig whose training rows are held out beside the user's own, on which the loss is higher by so much, give or take."""
    rig = bench()
    n = rig.n_examples
    rig.folds = tuple(Fold(np.arange(n if i == 0 else n - 3), np.arange(4), np.arange(4)) for i in range(6))
    rig.turns, rig.own, draws = (1, 2, 3, 4, 5), True, np.random.default_rng(0)

    def judged(state, fold=0):
        return rig.evaluate(state), np.float32([1, 1, 1, 1 + harder] + 0.1 * draws.normal(size=(2, 4)))

    rig.judged = judged
    return rig


def test_training_rows_are_held_out_beside_the_users_own_and_one_figure_tells_whether_they_are_alike(bench):
    rig = beside_own(bench, 0.0)
    known = run(rig)
    assert {c.fold for c in known.curves} == {1, 2, 3, 4, 5}
    assert {c.steps_per_epoch for c in known.curves if c.setting.batch_size == 8} == {-(-(rig.n_examples - 3) // 8)}
    assert known.get("own_rows").low < 0 < known.get("own_rows").high
    assert known.get("own_rows").repeats == 10
    assert not any("tell of your validation rows" in sentence for sentence in decide(known).unresolved)


def test_where_the_users_own_rows_are_unlike_they_alone_are_judged(bench):
    known = run(beside_own(bench, 1.0))
    assert known.get("own_rows").value == pytest.approx(1.0, abs=0.1)
    assert {c.fold for c in known.of("confirm")} == {c.fold for c in known.of("screen")} == {0}
    alone = [c for c in known.of("present") if c.fold == 0]
    assert {c.seed for c in alone} == {c.seed for c in known.of("present")}
    plan = decide(known)
    assert [arm.n_seeds for arm in plan.arms if arm.present] == [len(alone)]
    assert any("the loss of the default is higher by" in sentence for sentence in plan.unresolved), plan.unresolved
    assert (n_trained(known), n_trained(run(beside_own(bench, 0.0)))) == (16, 13)      # three of 16 are held out beside them
    again = beside_own(bench, 1.0)
    assert run(again, known) == known
    assert not again.asked


def test_what_is_to_be_reached_is_meant_of_the_users_own_rows(bench):
    rig = beside_own(bench, 0.0)
    known = run(rig, replace(begun(rig), until=Until(metric="loss", value=0.5, at_least=False)))
    assert {c.fold for c in known.curves} == {0}


def test_the_present_setting_is_an_arm_with_the_same_fresh_seeds_as_every_rival(bench):
    known = run(bench())
    present = {c.seed for c in known.of("present")}
    assert {c.setting for c in known.of("present")} == {known.present}
    assert len(present) == 48                                          # trainings that take next to no time
    rivals = {c.setting for c in known.of("confirm")}
    assert len(rivals) >= 4
    for setting in rivals:
        assert {c.seed for c in known.of("confirm", setting)} <= present
    assert not {c.seed for c in known.of("screen")} & present          # chosen on other seeds than it is judged on
    assert {c.setting.batch_size for c in known.curves} == {8, 16}
    assert known.get("study").detail("budget") == 100.0


def test_the_rates_of_each_batch_size_widen_until_the_best_is_inside(bench):
    known = run(bench(present=Setting(batch_size=8, learning_rate=0.001)))      # far too low: the best is about 1 / h
    for size in (8, 16):
        trials = [c for c in known.of("screen") if c.setting.batch_size == size]
        score = {rate: np.mean([cross_fitted(c) for c in trials if c.setting.learning_rate == rate])
                 for rate in {c.setting.learning_rate for c in trials}}
        best = min(score, key=score.get)
        assert min(score) < best < max(score) or len(score) >= 9
    assert decide(known).learning_rate.value > 0.01


@pytest.mark.parametrize("name", ["batch_size", "learning_rate"])
def test_what_is_fixed_stays_and_the_other_is_compared(bench, name):
    rig = bench()
    known = run(rig, replace(begun(rig), fixed=(name,)))
    assert {getattr(c.setting, name) for c in known.curves} == {getattr(rig.present, name)}
    assert len({c.setting for c in known.of("confirm")} | {rig.present}) >= 2


def test_with_fixed_epochs_no_training_is_longer_and_what_was_longer_does_not_count(bench):
    rig = bench()
    free = run(rig)
    assert max(c.n_epochs for c in free.of("present")) > 6
    known = run(rig, free.holding(("epochs",), 6))
    new = known.curves[len(free.curves):]
    assert {c.n_epochs for c in new if c.stage != "screen" and c.outcome is Outcome.OK} == {6}
    assert {c.setting.batch_size for c in new if c.stage == "confirm"} == {8, 16}
    plan = decide(known)
    assert plan.epochs.value == plan.epochs.high == 6
    assert plan.epochs.because.startswith("yours; fixed")
    assert {arm.n_seeds for arm in plan.arms if arm.present} == {len([c for c in new if c.stage == "present"])}
    assert decide(replace(known, fixed=(), present_epochs=None)).epochs.value > 6      # the longer of two trainings counts
    assert known.holding((), None).curves == tuple(c for c in known.curves if c.n_epochs < 6)
    assert known.holding(("epochs",), 6) == known


def test_a_study_is_repeatable(bench):
    first, again = run(bench()), run(bench())
    assert first.curves == again.curves
    assert runs_of(run(bench(), seed=1)).keys() != runs_of(first).keys()


def test_with_all_of_its_evidence_nothing_is_asked_of_the_rig(bench):
    known = run(bench())
    rig = bench()
    assert run(rig, load(dump(known))) == known
    assert not rig.asked
    assert run(bench(), known, seconds=105.0) == known                 # about the same time


def test_more_time_adds_runs_and_repeats_none(bench):
    little = run(bench(step_seconds=1e-3), seconds=3.0)
    more = run(bench(step_seconds=1e-3), little, seconds=200.0)
    assert len(runs_of(more)) > len(runs_of(little))
    assert more.curves[: len(little.curves)] == little.curves


@pytest.mark.second
def test_interrupted_after_any_finished_group_it_goes_on_from_there(bench):
    kept = []
    whole = run(bench(), keep=kept.append)
    assert kept[-1] == whole
    assert [len(k.curves) + len(k.readings) for k in kept] == sorted({len(k.curves) + len(k.readings) for k in kept})
    for point, evidence in spread(3, enumerate(kept)):
        def stop(grown, point=point, seen=[]):  # noqa: B006  (one list for each point)
            seen.append(grown)
            if len(seen) == point + 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(bench(), keep=stop)
        rig = bench()
        finished = run(rig, load(dump(evidence)))
        assert runs_of(finished) == runs_of(whole)
        assert finished.curves[: len(evidence.curves)] == evidence.curves
        assert decide(finished).headline == decide(whole).headline


def test_interrupted_in_the_middle_of_a_group_only_that_group_is_lost(bench):
    calls = []
    whole = run(bench(), watch=lambda *state: calls.append(state))
    for point in spread(3, range(len(calls))):
        kept, seen = [begun(bench())], []

        def stop(done, total, what, point=point, seen=seen):
            seen.append(what)
            if len(seen) == point + 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(bench(), keep=kept.append, watch=stop)
        assert runs_of(run(bench(), kept[-1])) == runs_of(whole)


def test_progress_never_goes_back_nor_beyond_its_total(bench):
    seen = []
    run(bench(), watch=lambda done, total, what: seen.append((done, total, what)))
    assert all(0 <= done <= total for done, total, _ in seen)
    done = [d for d, _, _ in seen]
    assert done == sorted(done)
    assert {"your present setting", "learning rates at batch size 8", "fresh seeds at batch size 16"} <= {what for *_, what in seen}


@pytest.mark.parametrize("seconds", [3.0, 10.0, 60.0])
def test_the_time_is_kept_about(bench, seconds):
    rig = bench(step_seconds=1e-3, n_examples=96)
    run(rig, seconds=seconds)
    assert rig.clock.now <= 1.5 * seconds


@pytest.mark.parametrize(("seconds", "sizes"), [(2.0, [32]), (3.0, [32]), (6.0, [8, 32]), (20.0, [8, 32, 96])])
def test_where_time_is_short_another_batch_size_goes_before_further_rates_at_the_present_one(bench, seconds, sizes):
    known = run(bench(step_seconds=1e-3, n_examples=96), seconds=seconds)
    assert list(dict.fromkeys(c.setting.batch_size for c in known.of("screen"))) == sizes
    assert {c.setting.batch_size for c in known.of("confirm")} == {*sizes}     # with fresh seeds as well


def test_without_time_for_the_barest_comparison_nothing_is_trained(bench):
    known = run(bench(step_seconds=1.0), seconds=5.0)
    assert not known.curves
    assert "study" not in known


def test_one_number_of_lanes_is_tried_where_programs_take_long_to_compile(bench, monkeypatch):
    asked = []
    measured = studies.run.engine.measure_mode
    monkeypatch.setattr(studies.run.engine, "measure_mode", lambda *given, widths, **named: asked.append(widths) or measured(
        *given, widths=widths, **named))
    for compiling in (0.5, 10.0):
        rig = bench()
        run(rig, begun(rig, Reading(name="pace", value=1e-3, unit="s", details=(("compiling", compiling),))))
    assert (8, 24) in asked
    assert (8,) in asked[1:]


def test_few_trainings_go_one_step_at_a_time_where_a_program_would_be_idle_in_most_of_its_width():
    of_eight = EnginePoint(batch_size=8, mode="fused", width=8, seconds=2e-3, seconds_stepwise=3e-3, seconds_fused=2e-3)
    assert [of_eight.step_seconds(n) for n in (1, 8, 9)] == [16e-3, 16e-3, 32e-3]
    assert [of_eight.serving(n).width for n in (1, 5, 6, 8, 9, 16)] == [1, 1, 8, 8, 1, 8]
    assert of_eight.serving(3).step_seconds(3) == pytest.approx(9e-3)
    alone = replace(of_eight, mode="stepwise", width=1, seconds=3e-3)
    assert alone.serving(8) == alone


def test_batch_sizes_that_were_compiled_need_no_more_time_for_it(bench, monkeypatch):
    rig = bench(step_seconds=1e-3, n_examples=96)
    study, ask = studies.run._Study(rig, begun(rig), 0, 6.0, lambda evidence: None, lambda *_: None), []
    monkeypatch.setattr(studies.run, "propose", lambda size, *given: ask.append((size, given[3])))
    study._measure_untrained()
    study._train("present", [rig.present], [1, 2, 3], "", 4, 4)
    study._how(32)
    study.compiling = 100.0                                    # as where a program takes longer than there is time
    study._compare_sizes([1, 2, 3], 10)
    assert {size: seconds > 0 for size, seconds in ask} == {8: True, 32: True, 96: False}


def test_trainings_of_an_earlier_run_serve_one_that_has_no_time_for_them(bench):
    known = run(bench(), seconds=30.0)
    again = run(bench(step_seconds=1.0), seconds=60.0,
                evidence=replace(known, readings=tuple(r for r in known.readings if r.name != "engine")))
    assert again.of("present") == known.of("present")
    assert again.get("study").detail("budget") == 60.0


def test_a_present_setting_that_diverges_is_measured_as_such_and_rivals_still_are(bench):
    known = run(bench(present=Setting(batch_size=8, learning_rate=0.5), diverges_at=0.3))
    assert {c.outcome for c in known.of("present")} == {Outcome.DIVERGED}
    assert any(c.outcome is Outcome.OK for c in known.of("confirm"))
    plan = decide(known)
    assert plan.headline.startswith("The default diverges")
    assert plan.learning_rate.value < 0.3


def test_where_every_rate_diverges_there_is_evidence_but_no_plan(bench):
    known = run(bench(diverges_at=0.0))
    assert {c.outcome for c in known.curves} == {Outcome.DIVERGED}
    with pytest.raises(MeasurementFailed, match="every setting diverged"):
        decide(known)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_model_whose_loss_is_no_number_before_training_is_refused_with_a_sentence(bench, loss):
    kept = []
    with pytest.raises(MeasurementFailed, match="before training"):
        run(bench(untrained=loss), keep=kept.append)
    assert all(load(dump(evidence)) == evidence for evidence in kept)


def test_a_present_batch_that_does_not_fit_is_refused_with_a_sentence(bench):
    rig = bench()
    rig.step = lambda state, rows, rate: (_ for _ in ()).throw(MemoryError("no room"))
    with pytest.raises(MeasurementFailed, match="no memory for a batch of 8 examples"):
        run(rig)


def test_no_larger_batch_than_fits_is_tried(bench):
    memory = Reading(name="memory", value=20.0, unit="examples", low=20.0, high=20.0, repeats=1)
    rig = bench(n_examples=96)
    assert {c.setting.batch_size for c in run(rig, begun(rig, memory)).curves} == {8, 20}


def test_trials_keep_only_what_choosing_needs_and_compared_runs_keep_everything(bench):
    known = run(bench())
    assert all(c.train_loss == () for c in known.of("screen"))
    assert all(len(c.train_loss) == len(c.half_a) == len(c.half_b) > 0 for c in (*known.of("present"), *known.of("confirm")))
    assert all(c.steps_per_epoch == -(-16 // c.setting.batch_size) for c in known.curves)


class Falling:
    """As much of a rig as a schedule asks: 1 / (1 + step), compiled at batch size 32."""

    present = Setting(batch_size=32, learning_rate=1.0, schedule="InverseTimeDecay")

    def present_schedule(self, n_steps):
        return 1 / (1 + np.arange(n_steps))


@pytest.mark.parametrize(("size", "rate", "expected"), [
    (32, 1.0, [1, 1 / 2, 1 / 3, 1 / 4]), (32, 0.1, [0.1, 0.1 / 2, 0.1 / 3, 0.1 / 4]),
    (64, 1.0, [1, 1 / 3, 1 / 5, 1 / 7]), (16, 1.0, [1, 1, 1 / 2, 1 / 2]), (80, 1.0, [1, 1 / 3, 1 / 6, 1 / 8])])
def test_a_compiled_schedule_is_kept_in_examples_and_scaled_as_a_whole(size, rate, expected):
    setting = Setting(batch_size=size, learning_rate=rate, schedule="InverseTimeDecay")
    np.testing.assert_allclose(schedule_of(Falling(), setting)(4), expected)
    assert schedule_of(Falling(), replace(setting, schedule="constant")) == rate


def test_a_run_becomes_a_curve_part_by_part():
    from epochal.engine import Run

    figures = np.arange(24, dtype=np.float32).reshape(2, 3, 4)        # 2 epochs; two halves and test rows; loss and three metrics
    made = curve_of(Run(np.float32([9, 8]), figures, Outcome.OK, 1.5), Setting(batch_size=8, learning_rate=0.1), 3, "confirm", 20)
    assert made == Curve(setting=Setting(batch_size=8, learning_rate=0.1), seed=3, stage="confirm", steps_per_epoch=3,
                         train_loss=(9.0, 8.0), half_a=(0.0, 12.0), half_b=(4.0, 16.0), test_loss=(8.0, 20.0), seconds=1.5,
                         metrics=((3.0, 15.0), (4.0, 16.0), (5.0, 17.0)),
                         test_metrics=((9.0, 21.0), (10.0, 22.0), (11.0, 23.0)))
    out = Run(np.empty(0, np.float32), np.empty((0, 1, 1), np.float32), Outcome.OUT_OF_MEMORY, 0.0)
    assert curve_of(out, made.setting, 3, "confirm", 20).n_epochs == 0


@pytest.mark.parametrize(("seconds", "expected"), [(2.0, {12}), (4.5, {29})])
def test_where_time_is_left_every_setting_is_trained_with_more_seeds_and_where_it_is_not_none_is(bench, seconds, expected):
    rig = bench(step_seconds=1e-3)
    known = run(rig, replace(begun(rig), fixed=("learning_rate",)), seconds=seconds)
    seeds = {setting: [c.seed for stage in ("present", "confirm") for c in known.of(stage, setting)]
             for setting in {c.setting for c in known.curves}}
    assert len(seeds) == 2
    assert {len(of) for of in seeds.values()} == expected
    assert len({frozenset(of) for of in seeds.values()}) == 1          # the same for all
    runs_of(known)
    assert known.get("study").cost <= seconds


def test_what_diverged_and_what_is_not_allowed_gets_no_more_seeds(bench):
    rig = bench(step_seconds=1e-3, diverges_at=0.2)
    known = run(rig, seconds=2.0)
    longer = run(rig, replace(known, fixed=("learning_rate",)), seconds=8.0)
    new = longer.curves[len(known.curves):]
    assert new
    assert {c.setting.learning_rate for c in new} == {rig.present.learning_rate}
    assert all(c.outcome is Outcome.OK for c in new)
