"""The flow of a fair study on a bowl whose every answer is known: what is trained, what is kept, what is made of it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming
from tiers import first_tier

from epochal.base.errors import MeasurementFailed, UsageError
from epochal.base.progress import Reporter
from epochal.experiments import Crew, StudyFolder, read_folder, run_fair
from epochal.experiments.blocks import blocks_of, train_block
from epochal.experiments.fair import Fair
from epochal.experiments.progress import Ledger
from epochal.records import Design, Verdict
from epochal.rules.scaling import steps_per_epoch
from epochal.rules.study.judging import judged

DESIGN = Design(batch_sizes=(4, 16), reference=4, epochs=8, n_seeds=4, n_trial_seeds=2, seed=3)


def rig(**options):
    found = FakeRig(**{"n_examples": 32, "n_params": 4, "s": 0.3, "timing": FakeTiming(step=1e-3, example=1e-4)} | options)
    found.present = replace(found.present, batch_size=4)
    return found


class Heard:
    """Progress that remembers shares, `(trainings done, foreseen)` and the best so far, and may react to what is done."""

    def __init__(self, react=lambda done: None):
        self.shares, self.counts, self.bests, self.answers, self._react = [], [], [], [], react

    def step(self, share, sentence, detail=""):
        done, total = map(int, re.match(r"(\d+) of (\d+) trainings", detail).groups())
        self.shares.append(share)
        self.counts.append((done, total))
        self.bests += map(float, re.findall(r"best (\S+)", detail))
        self._react(done)

    def answer(self, record):
        self.answers.append(record)

    def start(self, agenda): ...
    def say(self, sentence): ...
    def done(self): ...


def study(folder, design=DESIGN, *, bench=None, crew=Crew, reporter=None):
    bench = bench or rig()
    with StudyFolder(folder) as kept, crew(bench) as workers:
        kept.begin(design, bench.task, bench.machine)
        return run_fair(bench, design, kept, workers, reporter=reporter)


def numbers(found):
    """What of a study no clock has a part in."""
    return [(c.setting, c.seed, c.stage, c.half_a, c.half_b, c.train_loss) for c in found.curves], found.rates, [
        replace(c, seconds=None) for c in found.contrasts]


def test_every_batch_size_is_compared_under_every_budget_and_has_had_as_many_rates(tmp_path):
    found = study(tmp_path)
    assert [(c.budget, c.setting.batch_size) for c in found.contrasts] == [
        (budget, size) for budget in ("epochs", "steps", "time") for size in (4, 16)]
    assert len({rate.n_rates for rate in found.rates}) == 1
    assert all(rate.interior for rate in found.rates)
    for contrast in found.contrasts:
        assert (contrast.verdict is Verdict.REFERENCE) == (contrast.setting.batch_size == 4)
        assert contrast.n_updates == contrast.n_epochs * steps_per_epoch(32, contrast.setting.batch_size)
        assert contrast.n_seeds == 4


def test_equal_steps_means_as_many_updates_and_equal_time_as_many_seconds(tmp_path):
    found = study(tmp_path)
    steps, time = ({c.setting.batch_size: c for c in found.of(budget)} for budget in ("steps", "time"))
    assert steps[16].n_updates == steps[4].n_updates == 64
    assert time[16].seconds == pytest.approx(time[4].seconds, rel=1 / time[16].n_epochs)
    assert time[16].n_epochs == int(64 * (1e-3 + 4e-4) / (2 * (1e-3 + 16e-4)))


def test_fresh_seeds_are_paired_over_all_arms_and_none_chose_a_rate(tmp_path):
    found = study(tmp_path)
    trials, fresh = ({c.seed for c in found.curves if c.stage == stage} for stage in ("screen", "confirm"))
    assert not trials & fresh
    arms = {c.setting for c in found.curves if c.stage == "confirm"}
    assert all({c.seed for c in found.curves if c.stage == "confirm" and c.setting == arm} == fresh for arm in arms)


def test_what_the_folder_holds_is_not_trained_again(tmp_path):
    bench = rig()
    first = study(tmp_path, bench=bench)
    trained = []
    bench.step = lambda *arguments: trained.append(arguments)
    again = study(tmp_path, bench=bench)
    assert again == first
    assert not trained


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", first_tier((21,), range(0, 40, 3)))
def test_killed_after_any_block_it_goes_on_and_ends_with_the_same_study(tmp_path, after, monkeypatch):
    whole = study(tmp_path / "whole")
    commit, n = StudyFolder.commit, [0]

    def killing(self, *arguments, **options):
        if n[0] == after:
            raise Killed
        n[0] += 1
        commit(self, *arguments, **options)

    monkeypatch.setattr(StudyFolder, "commit", killing)
    with pytest.raises(Killed):
        study(tmp_path / "killed")
    monkeypatch.undo()
    assert len(read_folder(tmp_path / "killed")[-1]) == after
    assert numbers(study(tmp_path / "killed")) == numbers(whole)


def test_another_design_in_the_same_folder_is_refused_by_name(tmp_path):
    study(tmp_path)
    with pytest.raises(UsageError, match="n_seeds|seeds"):
        study(tmp_path, replace(DESIGN, n_seeds=5))


def test_a_study_whose_every_rate_diverges_says_so(tmp_path):
    bench = rig()
    bench.step = lambda state, rows, rate: (np.full(bench.n_params, np.nan), float("nan"))
    with pytest.raises(MeasurementFailed, match="Every learning rate tried at batch size 4 diverged"):
        study(tmp_path, bench=bench)


def test_an_arm_whose_every_rate_diverged_names_the_rates_that_were_tried(tmp_path):
    bench, step = rig(), FakeRig.step
    bench.step = lambda state, rows, rate: step(bench, state, rows, rate) if len(rows) == 4 else (np.full(4, np.nan), np.nan)
    found = study(tmp_path, replace(DESIGN, learning_rates=(0.04, 0.4), equal=("epochs",)), bench=bench)
    lost = next(c for c in found.contrasts if c.setting.batch_size == 16)
    assert lost.verdict is Verdict.DIVERGED
    assert lost.setting.learning_rate == 0.04
    assert "at every learning rate tried, down to 0.04" in lost.sentence


def test_two_sizes_that_are_the_same_training_have_the_same_search(tmp_path):
    bench = rig()
    found = study(tmp_path, replace(DESIGN, batch_sizes=(32, 64), reference=32, equal=("epochs",), n_seeds=6), bench=bench)
    assert len({rate.value for rate in found.rates}) == 1
    assert found.contrasts[1].difference == 0
    assert found.contrasts[1].verdict is Verdict.EQUIVALENT


def test_what_whole_epochs_cannot_make_equal_is_told(tmp_path):
    design = replace(DESIGN, equal=("epochs", "steps", "time"), epochs=2, reference=16, learning_rates=(0.1,), n_seeds=2)
    found = study(tmp_path, design, bench=rig(timing=FakeTiming(step=1e-2, example=1e-4)))
    same, steps, time = (next(c for c in found.of(budget) if c.setting.batch_size == 4) for budget in design.equal)
    assert (steps.n_updates, time.n_epochs) == (8, 1)
    assert steps.sentence.endswith(" It got 8 updates, the reference 4: trainings are made in whole epochs.")
    assert re.search(r"It got [0-9.]+ ms of `fit`, the reference [0-9.]+ ms: trainings are made in whole epochs", time.sentence)
    assert "It got" not in same.sentence


def test_an_unsteady_clock_is_told_where_time_is_equal(tmp_path):
    steady, shaky = (study(tmp_path / str(jitter), replace(DESIGN, equal=("time",), epochs=40, learning_rates=(0.1,), n_seeds=2),
                           bench=rig(timing=FakeTiming(step=1e-3, example=1e-4, jitter=jitter))) for jitter in (0.0, 1.0))
    assert "timings differ" not in steady.contrasts[1].sentence
    assert "(timings differ so much that equal time may be " in shaky.contrasts[1].sentence


def test_a_folder_that_is_removed_under_way_is_missed_at_the_next_block(tmp_path):
    import shutil

    place = tmp_path / "s"
    with pytest.raises(UsageError, match=r"left alone while a study runs; its study\.sqlite is gone"):
        study(place, reporter=Reporter(Heard(lambda done: shutil.rmtree(place, ignore_errors=True) if done else None)))


def test_given_rates_are_tried_as_they_are(tmp_path):
    found = study(tmp_path, replace(DESIGN, learning_rates=(0.05, 0.2), equal=("epochs",)))
    assert {c.setting.learning_rate for c in found.curves} == {0.05, 0.2}
    assert not any(rate.interior for rate in found.rates)


def test_the_search_drops_rates_early_and_the_comparison_never_does(tmp_path):
    halved, whole = (study(tmp_path / str(halving), replace(DESIGN, halving=halving, equal=("epochs",)))
                     for halving in (True, False))
    assert any(c.n_epochs < 8 for c in halved.curves if c.stage == "screen")
    assert not any(c.n_epochs < 8 for c in whole.curves)
    assert all(c.n_epochs == 8 for c in halved.curves if c.stage == "confirm")


def test_the_tutorials_protocol_stands_beside_the_fair_one(tmp_path):
    found = study(tmp_path, replace(DESIGN, tutorial=True, equal=("epochs",)))
    assert [c.setting.batch_size for c in found.of("tutorial")] == [4, 16]
    assert {c.setting.learning_rate for c in found.of("tutorial")} == {0.1}


def test_lanes_that_diverge_share_a_block_and_end_it():
    bench = rig()
    step = bench.step
    bench.step = lambda state, rows, rate: step(state, rows, rate) if rate < 1 else (np.full(bench.n_params, np.nan), np.nan)
    how = type("How", (), {"mode": "stepwise", "width": 1})
    settings = [replace(bench.present, learning_rate=rate) for rate in (5.0, 0.1)]
    blocks = blocks_of("x", "screen", 50, [(setting, 1) for setting in settings], how)
    assert [block.lanes[0][0].learning_rate for block in blocks] == [0.1, 5.0]
    epochs = []
    (curve,), _ = train_block(bench, blocks[1], watch=epochs.append)
    assert len(epochs) < 50
    assert curve.n_epochs < 50


def test_progress_counts_trainings_up_to_the_end(tmp_path):
    heard = Heard()
    found = study(tmp_path, reporter=Reporter(heard))
    done, total = zip(*heard.counts, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == total[-1] == len(found.curves)
    assert heard.shares == sorted(heard.shares)
    assert heard.shares[-1] == pytest.approx(1.0)
    assert all(a <= b for a, b in heard.counts)
    assert heard.bests == sorted(heard.bests, reverse=True)


def test_what_is_about_to_be_trained_counts_even_where_less_was_foreseen():
    ledger = Ledger(Reporter())
    ledger.foresee(1.0, 1)
    ledger.expect(4.0, 6)
    ledger.step("a", 0.5, 2.0)
    assert (ledger.figures().share, ledger.figures().total) == (0.25, 6)
    ledger.finish("a", 2.0, 3, None)
    ledger.step("b", 0.5, 2.0)
    assert (ledger.figures().share, ledger.figures().done, ledger.figures().total) == (0.75, 3, 6)
    assert ledger.figures().seconds_left > 0


def test_a_batch_that_no_longer_fits_is_no_divergence_and_is_not_kept():
    bench = rig()
    (block,) = blocks_of("x", "screen", 3, [(bench.present, 1)], type("How", (), {"mode": "stepwise", "width": 1}))
    bench.step = lambda state, rows, rate: (_ for _ in ()).throw(MemoryError("no room"))
    with pytest.raises(MeasurementFailed, match="no memory for a batch of 4 examples. Leave that batch size out"):
        train_block(bench, block)


class Small(FakeRig):
    """A device on which batches of more rows than `most` do not fit; `fits`: Keras' own `fit` finds room all the same."""

    def __init__(self, most, fits=False):
        super().__init__(n_examples=32, n_params=4, s=0.3, timing=FakeTiming(step=1e-3, example=1e-4))
        self.present, self._most, self._fits = replace(self.present, batch_size=4), most, fits

    def step(self, state, rows, learning_rate):
        self._need(len(rows))
        return super().step(state, rows, learning_rate)

    def fit_seconds(self, batch_size, n_steps):
        self._need(0 if self._fits else batch_size)
        return super().fit_seconds(batch_size, n_steps)

    def _need(self, n_rows):
        if n_rows > self._most:
            raise MemoryError("no room")


@pytest.mark.parametrize(("equal", "fits"), first_tier(2, [
    (("epochs", "steps", "time"), False), (("epochs",), True), (("epochs", "steps", "time"), True), (("epochs",), False)]))
def test_a_batch_size_without_memory_is_left_out_and_told_and_the_others_are_compared(tmp_path, equal, fits):
    design = replace(DESIGN, equal=equal, batch_sizes=(4, 8, 16), tutorial=True)
    whole, small = (study(tmp_path / str(most), design, bench=Small(most, fits)) for most in (99, 8))
    assert [c.verdict for c in small.contrasts if c.setting.batch_size == 16] == [Verdict.NO_MEMORY] * (len(equal) + 1)
    assert {c.sentence for c in small.contrasts if c.setting.batch_size == 16} == {
        "Batch size 16 was not trained: it does not fit into memory."}
    two = replace(design, batch_sizes=(4, 8))
    if "time" not in equal:
        assert [c.half_a for c in small.curves] == [c.half_a for c in study(tmp_path / "two", two, bench=Small(99)).curves]
    assert {c.setting.batch_size for c in whole.curves} == {4, 8, 16}
    assert {c.setting.batch_size for c in small.curves} == {4, 8}
    again = study(tmp_path / "8", design, bench=Small(99, fits))  # more memory is another study: nothing is trained again
    assert again == small


def test_without_memory_for_the_reference_there_is_no_study(tmp_path):
    with pytest.raises(MeasurementFailed, match="no memory for a batch of 4 examples"):
        study(tmp_path, replace(DESIGN, equal=("epochs",)), bench=Small(2))


class Judged(FakeRig):
    """A bowl that is judged on test rows as well, whose loss is what it is told to be, and by a metric: minus the loss."""

    def __init__(self, test, metric=1.0, **options):
        super().__init__(**{"n_examples": 32, "n_params": 4, "s": 0.3, "timing": FakeTiming(step=1e-3, example=1e-4)} | options)
        self._test, self._metric = test, metric
        self.present = replace(self.present, batch_size=4)
        self.task = replace(self.task, metrics=("accuracy",), n_test=5)

    def evaluate(self, state):
        height = self._height(state)
        return np.array([[height, -height * self._metric]] * 2 + [[self._test, self._test]], np.float32)


@pytest.mark.parametrize("test", first_tier(1, [np.nan, np.inf, 1e30]))
def test_test_rows_choose_no_rate_and_end_no_run_whatever_they_hold(tmp_path, test):
    design = replace(DESIGN, equal=("epochs",))
    plain, odd, read = (study(tmp_path / str(value), design, bench=Judged(value)) for value in (1.0, test, test))
    assert odd.rates == plain.rates
    assert [c.sentence for c in odd.contrasts] == [c.sentence for c in plain.contrasts]
    assert [c.half_a for c in odd.curves] == [c.half_a for c in plain.curves]
    assert all(c.test_difference == 0 for c in plain.contrasts if c.test_difference is not None)
    assert read.contrasts == odd.contrasts


def test_a_margin_that_cannot_be_found_is_asked_for_before_anything_is_trained_and_may_then_be_stated(tmp_path):
    design = replace(DESIGN, equal=("epochs",), metric="accuracy", larger_is_better=True)
    with pytest.raises(UsageError, match="`margin` must be stated, since the accuracy of a network that has learnt nothing"):
        study(tmp_path, design, bench=Judged(1.0, metric=np.nan))
    assert read_folder(tmp_path)[-1] == {}
    assert study(tmp_path, replace(design, margin=0.01), bench=Judged(1.0)).margin == 0.01


def test_the_default_margin_is_over_the_best_constant_answer_in_the_compiled_loss(tmp_path):
    class Constant(Judged):
        def constant(self):
            return np.array([[0.5, 0.0], [0.3, 0.0]])

    rig = Constant(1.0)
    rig.task = replace(rig.task, constant_loss=0.1)  # as the name of the loss would have it, without smoothing and weights
    design = replace(DESIGN, equal=("epochs",))
    found = study(tmp_path, design, bench=rig)
    trials = [c for c in found.curves if c.stage == "screen" and c.n_epochs >= design.epochs]
    best = min(judged(c, design, rig.task.metrics, design.epochs) for c in trials)
    assert found.margin == pytest.approx(0.01 * (0.3 - best), rel=1e-4)


def test_a_program_that_did_not_fit_when_compiled_ahead_is_no_end(tmp_path):
    class Ahead(Crew):
        def ahead(self, batch_size, width):
            return self._pool.submit(lambda: (_ for _ in ()).throw(MemoryError("no room")))

    bench = rig()
    with StudyFolder(tmp_path) as kept, Ahead(bench) as workers:
        kept.begin(DESIGN, bench.task, bench.machine)
        fair = Fair(bench, DESIGN, kept, workers, Ledger(Reporter()))
        fair._compiling[4] = workers.ahead(4, 1)
        assert fair.how(4).seconds > 0


def test_fresh_seeds_of_other_rates_are_other_blocks(tmp_path):
    study(tmp_path, replace(DESIGN, equal=("epochs",), learning_rates=(0.1, 0.2)))
    names = [name for name in read_folder(tmp_path)[-1] if name.startswith("confirm/4/")]
    assert names
    assert all(name.split("/")[2] in ("0.1", "0.2") for name in names)


def test_a_finished_study_asks_nothing_of_the_model_again(tmp_path):
    first, again = study(tmp_path), rig()
    again.step = again.evaluate = again.fit_seconds = None  # whoever calls one of these fails
    assert study(tmp_path, bench=again).contrasts == first.contrasts
