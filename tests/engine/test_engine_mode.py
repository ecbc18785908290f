"""The mode and the width are measured, cut to the memory, and reported; another rate, seed or epoch compiles nothing."""

import logging
from dataclasses import replace

import jax
import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from engine.rigs_of_jax import springs
from engine.ways import way

from epochal.engine import Batches, Lane, fused, measure_mode, mode, train
from epochal.engine.programs import _PROGRAMS, epoch_program
from epochal.records import Outcome

FUSED = way("fused", 8)


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Slow:
    """A compiled program that takes its time, by the clock; or runs out of memory, or breaks."""

    def __init__(self, program, seconds=0.0, clock=None, error=None):
        self.program, self.seconds, self.clock, self.error = program, seconds, clock, error

    def __call__(self, *arguments):
        if self.error is not None:
            raise self.error
        if self.clock:
            self.clock.now += self.seconds
        return self.program(*arguments)

    def memory_analysis(self):
        return None


@pytest.fixture
def timed(monkeypatch):
    """A rig whose single step takes `step` seconds and whose fused step and lane takes `lane(width)`, by a clock of its own."""
    clock, compiled = Clock(), []

    def make(step, lane):
        rig = springs(n=24)
        single, compile_epoch = rig.step, fused.compile_epoch

        def slow_step(*arguments):
            clock.now += step
            return single(*arguments)

        def slow_program(rig, batch_size, width, **trial):
            compiled.append((batch_size, width))
            steps = -(-(trial.get("n_rows") or rig.n_examples) // batch_size)
            return Slow(compile_epoch(rig, batch_size, width, **trial), lane(width) * steps * width, clock)

        rig.step = slow_step
        monkeypatch.setattr(mode, "perf_counter", clock)
        monkeypatch.setattr(fused, "compile_epoch", slow_program)
        return rig, compiled

    return make


@pytest.fixture
def cramped(monkeypatch):
    """Makes programs wider than so many lanes raise an error when they run."""
    compile_epoch, ran = fused.compile_epoch, []

    def limit(widest, error):
        def program(rig, batch_size, width, **trial):
            return Slow(compile_epoch(rig, batch_size, width, **trial), error=error if width > widest else None)

        monkeypatch.setattr(fused, "compile_epoch", program)

    real = fused.train

    def watched(rig, lanes, batches, program, width, **options):
        ran.append(width)
        return real(rig, lanes, batches, program, width, **options)

    monkeypatch.setattr(fused, "train", watched)
    return limit, ran


def compiling(caplog):
    """How many programs JAX has compiled since the log was cleared."""
    return sum("Compiling" in record.getMessage() for record in caplog.records)


def test_what_is_faster_is_chosen_and_both_figures_are_reported(timed):
    rig, _ = timed(1e-2, lambda width: 1e-3)
    how = measure_mode(rig, 6, 16)
    assert how.mode == "fused"
    assert how.width > 1
    assert (how.seconds, how.seconds_stepwise, how.seconds_fused) == pytest.approx((1e-3, 1e-2, 1e-3))
    assert "fused" in str(how)
    assert "1 ms" in str(how)
    assert "10 ms" in str(how)


def test_single_steps_are_chosen_where_fusing_is_slower(timed):
    rig, _ = timed(1e-3, lambda width: 7e-3)
    how = measure_mode(rig, 6, 16)
    assert (how.mode, how.width) == ("stepwise", 1)
    assert (how.seconds, how.seconds_stepwise, how.seconds_fused) == pytest.approx((1e-3, 1e-3, 7e-3))
    assert str(how).startswith("stepwise")
    rig.stepped.clear()
    train(rig, [Lane(0, 0.1)], Batches(6, 2), how=how)
    assert len(rig.stepped) == 8


def test_convolutions_made_for_loops_are_tried_however_long_a_step_takes_and_alone_where_one_fills_the_cores(timed):
    rig, compiled = timed(0.5, lambda width: 0.1)
    assert measure_mode(rig, 6, 16).mode == "stepwise"  # so long a step of anything else gains nothing from a loop
    assert compiled == []
    rig.pure = rig.pure._replace(convolves_in_loops=True)
    how = measure_mode(rig, 6, 16)
    assert (how.mode, how.width) == ("fused", 1)
    assert compiled == [(6, 1)]


def test_short_convolutions_are_tried_side_by_side(timed):
    rig, _ = timed(3e-3, lambda width: 1e-3)
    rig.pure = rig.pure._replace(convolves_in_loops=True)
    assert measure_mode(rig, 6, 16).width == 8


def test_train_measures_the_mode_itself_where_none_is_given(timed):
    rig, _ = timed(1e-3, lambda width: 7e-3)
    train(rig, [Lane(0, 0.1)], Batches(6, 3))
    assert len(rig.stepped) > 12
    rig, _ = timed(1e-2, lambda width: 1e-3)
    train(rig, [Lane(0, 0.1)], Batches(6, 300))
    assert len(rig.stepped) < 12                                  # the trial's own steps only


def test_no_program_wider_than_there_are_lanes_is_tried(timed):
    rig, compiled = timed(1e-3, lambda width: 1e-4)
    assert measure_mode(rig, 6, 3).width == 3
    assert max(width for _, width in compiled) == 3


def test_where_a_step_is_slow_the_trial_of_a_scan_stays_short(timed):
    """A scan may be ten times slower than a step: the trial of a whole epoch of 8 lanes would take minutes."""
    rig, _ = timed(2.0, lambda width: 20.0)
    start = mode.perf_counter()
    assert measure_mode(rig, 1, 16).mode == "stepwise"
    stepping = 6 * 2.0
    assert mode.perf_counter() - start - stepping < 0.6 * 2 * 24 * 8 * 20


def test_a_rig_without_pure_functions_goes_step_by_step():
    how = measure_mode(FakeRig(n_examples=20, n_params=4), 8, 16)
    assert (how.mode, how.width, how.seconds_fused) == ("stepwise", 1, None)
    assert how.seconds == how.seconds_stepwise > 0
    assert "fusing not tried" in str(how)


def n_compiled(rig):
    return len(_PROGRAMS.get(rig, {}))


def test_another_rate_seed_schedule_or_number_of_epochs_compiles_nothing(caplog):
    rig = springs(noise=0.1)
    lanes = [Lane(1, 0.1), Lane(2, 0.3)]
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        train(rig, lanes, Batches(5, 2), how=FUSED)
        traced, programs = rig.traces, n_compiled(rig)
        assert compiling(caplog) > 0
        caplog.clear()
        train(rig, [Lane(7, 0.25), Lane(8, lambda n: np.linspace(0.1, 0, n))], Batches(5, 7), how=FUSED)
        assert (compiling(caplog), rig.traces, n_compiled(rig)) == (0, traced, programs)
        train(rig, lanes, Batches(6, 2), how=FUSED)                 # another batch size does
        assert compiling(caplog) > 0
        assert rig.traces > traced
        assert n_compiled(rig) == programs + 1


def test_the_trial_of_the_mode_is_not_compiled_again_for_the_training():
    rig = springs()
    how = replace(measure_mode(rig, 5, 4), mode="fused")
    programs = n_compiled(rig)
    train(rig, [Lane(seed, 0.1) for seed in range(4)], Batches(5, 2), how=how if how.width > 1 else replace(FUSED, width=4))
    assert n_compiled(rig) == programs == 1


def test_lanes_are_cut_to_the_memory_by_the_programs_own_account():
    rig, how = springs(n=4, n_params=20_000), replace(FUSED, width=4)
    bytes_of = {width: fused.program_bytes(fused.compile_epoch(rig, 4, width)) for width in (2, 4)}
    assert bytes_of[4] > bytes_of[2]
    lanes, batches = [Lane(seed, 0.1) for seed in range(4)], Batches(4, 2)
    found = []
    for capacity, width in ((1.3 * bytes_of[4], 4), (1.3 * bytes_of[2], 2), (1.0, 1)):
        rig = springs(n=4, n_params=20_000, capacity=capacity)
        assert epoch_program(rig, 4, 4)[1] == width
        found.append([run.train_loss for run in train(rig, lanes, batches, how=how)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    np.testing.assert_allclose(found[0], found[2], rtol=1e-5)


def test_a_program_that_runs_out_of_memory_is_halved_until_it_fits(cramped):
    limit, ran = cramped
    lanes, batches = [Lane(seed, 0.1) for seed in range(9)], Batches(5, 2)
    expected = train(springs(), lanes, batches, how=FUSED)
    limit(2, MemoryError("no room"))
    ran.clear()
    for one, other in zip(train(springs(), lanes, batches, how=FUSED), expected, strict=True):
        np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-5)
        assert one.outcome is Outcome.OK
    assert ran == [8, 4, 2, 2, 2, 2, 2]


def test_where_not_even_one_lane_fits_that_is_the_outcome(cramped):
    limit, ran = cramped
    limit(0, MemoryError("no room"))
    runs = train(springs(), [Lane(0, 0.1), Lane(1, 0.1), Lane(2, 0.1)], Batches(5, 2), how=replace(FUSED, width=4))
    assert [run.outcome for run in runs] == [Outcome.OUT_OF_MEMORY] * 3
    assert all(run.train_loss.size == run.figures.size == 0 for run in runs)
    assert ran == [4, 2, 1]


def test_any_other_error_is_not_taken_for_a_lack_of_memory(cramped):
    limit, _ = cramped
    limit(0, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        train(springs(), [Lane(0, 0.1)], Batches(5, 2), how=FUSED)


def test_a_trial_that_runs_out_of_memory_leaves_single_steps(cramped):
    limit, _ = cramped
    limit(0, MemoryError("no room"))
    how = measure_mode(springs(), 5, 4)
    assert how.mode == "stepwise"
    assert how.seconds_fused is None


class Full(FakeRig):
    """A device on which no batch of more than eight rows fits."""

    def step(self, state, rows, learning_rate):
        if len(rows) > 8:
            raise MemoryError("no room")
        return super().step(state, rows, learning_rate)


@pytest.mark.parametrize("how", [way("stepwise"), None], ids=["told", "measured"])
def test_single_steps_that_run_out_of_memory_are_an_outcome_too(how):
    lanes = [Lane(0, 0.1), Lane(1, 0.1)]
    assert {run.outcome for run in train(Full(n_examples=20), lanes, Batches(16, 2), how=how)} == {Outcome.OUT_OF_MEMORY}
    assert {run.outcome for run in train(Full(n_examples=20), lanes, Batches(8, 2), how=how)} == {Outcome.OK}


