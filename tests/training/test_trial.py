"""Which mode of running batches is taken, on a trainee whose every duration is known, in a training whose batches are counted."""

import numpy as np
import pytest

from epochal import Unsupported
from epochal.training.fit import modes
from epochal.training.fit.modes import Modes

SECOND_BEST = ("fused", "stepwise")


class Timed:
    """A trainee on which a batch takes as long as it is told, by a clock of its own; compiling takes one second a mode."""

    backend, device, convolves_in_loops, why_not = "jax", "cpu", False, {}

    def __init__(self, **seconds):
        self.seconds, self.now, self.compiled, self.n_trained, self.ran = seconds, 0.0, [], 0, []

    def clock(self):
        return self.now

    def train(self, data, rows, mode):
        if mode not in self.compiled:
            self.compiled.append(mode)
            self.now += 1.0
        self.now += len(rows) * self.seconds[mode]
        self.n_trained += len(rows)
        self.ran.append(mode)
        return {}

    def wait(self):
        pass


def trained(monkeypatch, n_updates, order=SECOND_BEST, n_batches=None, trainee=None, **seconds):
    """The `Mode` found in a training, whose epochs have `n_batches`; and the trainee."""
    trainee = trainee or Timed(**seconds)
    monkeypatch.setattr(modes, "perf_counter", trainee.clock)
    run, n_left = Modes(trainee, order, n_updates), min(n_updates or 100, 10_000)
    while n_left:
        for size in (4, 1) if n_batches else (4,):  # epochs end with a short batch
            n = min(n_left, run.most or n_left, n_batches or n_left) if size == 4 else min(n_left, 1)
            run.train(None, np.zeros((n, size), np.int32))
            n_left -= n
    run.close()
    return run.mode, trainee


def test_the_faster_mode_is_taken_when_the_training_is_long(monkeypatch):
    mode, trainee = trained(monkeypatch, 10_000_000, fused=0.01, stepwise=0.002)
    assert mode.name == trainee.ran[-1] == "stepwise"
    assert mode.step_seconds == pytest.approx(0.002)
    assert mode.compared
    assert "fused 10 ms" in mode.because
    assert "stepwise 2 ms" in mode.because


def test_the_first_mode_is_taken_again_where_the_second_is_slower(monkeypatch):
    mode, trainee = trained(monkeypatch, 10_000_000, fused=0.002, stepwise=0.01)
    assert mode.name == trainee.ran[-1] == "fused"
    assert trainee.compiled == ["fused", "stepwise"]


@pytest.mark.parametrize("n_updates", [0, 7, 500, None])
def test_each_batch_is_trained_once_whatever_is_timed(monkeypatch, n_updates):
    _, trainee = trained(monkeypatch, n_updates, fused=0.01, stepwise=0.002)
    assert trainee.n_trained == (100 if n_updates is None or n_updates == 0 else n_updates)


def test_another_program_is_made_only_where_it_costs_at_most_a_fiftieth_of_what_is_left(monkeypatch):
    _, short = trained(monkeypatch, int(0.9 * 50 * 1.04 / 0.01), fused=0.01, stepwise=0.002)
    _, long = trained(monkeypatch, int(1.2 * 50 * 1.04 / 0.01), fused=0.01, stepwise=0.002)
    assert short.compiled == ["fused"]
    assert long.compiled == ["fused", "stepwise"]


def test_a_training_that_is_short_or_of_unknown_length_keeps_to_the_likely_best(monkeypatch):
    for n_updates in (100, None):
        mode, trainee = trained(monkeypatch, n_updates, fused=0.01, stepwise=0.002)
        assert mode.name == "fused"
        assert not mode.compared
        assert trainee.compiled == ["fused"]
        assert "stepwise not tried" in mode.because


def test_epochs_of_few_batches_are_timed_too(monkeypatch):
    mode, _ = trained(monkeypatch, 1_000_000, n_batches=3, fused=0.01, stepwise=0.002)
    assert mode.name == "stepwise"
    assert mode.step_seconds == pytest.approx(0.002)


def test_a_gain_within_the_noise_changes_nothing(monkeypatch):
    mode, _ = trained(monkeypatch, 10_000_000, fused=0.0100, stepwise=0.0097)
    assert mode.name == "fused"


def test_a_loop_is_not_tried_where_steps_are_long(monkeypatch):
    mode, trainee = trained(monkeypatch, 10_000_000, order=("stepwise", "fused"), fused=0.001, stepwise=0.02)
    assert trainee.compiled == ["stepwise"]
    assert "too long for a loop" in mode.because
    _, short = trained(monkeypatch, 10_000_000, order=("stepwise", "fused"), fused=0.0001, stepwise=0.0005)
    assert short.compiled == ["stepwise", "fused"]


@pytest.mark.parametrize(("order", "n_updates"), [(("fused", "stepwise"), 9_999), (("stepwise", "fused"), 10_000_000),
                                                  (("fused", "stepwise"), 50)])
def test_a_mode_that_the_model_does_not_allow_is_passed_over_with_its_reason(monkeypatch, order, n_updates):
    class WithoutFused(Timed):
        def train(self, data, rows, mode):
            if mode == "fused":
                raise Unsupported("XLA has no such thing. Train step by step.")
            return super().train(data, rows, mode)

    mode, trainee = trained(monkeypatch, n_updates, order, trainee=WithoutFused(stepwise=0.0005))
    assert mode.name == "stepwise"
    assert trainee.n_trained == min(n_updates, 10_000)
    assert "not fused: XLA has no such thing" in mode.because


def test_a_model_that_allows_no_mode_is_refused(monkeypatch):
    class Without(Timed):
        def train(self, data, rows, mode):
            raise Unsupported("No such thing.")

    with pytest.raises(Unsupported, match="No such thing"):
        trained(monkeypatch, 1_000_000, trainee=Without())
