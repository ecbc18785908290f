"""Which mode of running batches is taken, on a trainee whose every duration is known."""

from contextlib import contextmanager

import numpy as np
import pytest

from epochal import Unsupported
from epochal.training.fit import modes
from epochal.training.fit.modes import fastest_mode

ROWS = np.zeros((100, 4), np.int32)


class Timed:
    """A trainee on which a batch takes as long as it is told, by a clock of its own; compiling takes one second a mode."""

    def __init__(self, **seconds):
        self.device = "cpu"
        self.seconds, self.now, self.compiled, self.undone, self.n_trained = seconds, 0.0, set(), 0, 0

    def clock(self):
        return self.now

    def train(self, data, rows, mode):
        self.now += 0.0 if mode in self.compiled else 1.0
        self.compiled.add(mode)
        self.now += len(rows) * self.seconds[mode]
        self.n_trained += len(rows)
        return {}

    def numbers(self, logs):
        return logs

    def wait(self):
        pass

    @contextmanager
    def kept(self):
        before = self.n_trained
        yield
        self.n_trained, self.undone = before, self.undone + 1


def chosen(monkeypatch, n_updates, order=("fused", "stepwise"), **seconds):
    trainee = Timed(**seconds)
    monkeypatch.setattr(modes, "perf_counter", trainee.clock)
    return fastest_mode(trainee, None, ROWS, n_updates, order), trainee


def test_the_faster_mode_is_taken_when_the_training_is_long(monkeypatch):
    mode, _ = chosen(monkeypatch, 10_000_000, fused=0.01, stepwise=0.002)
    assert mode.name == "stepwise"
    assert mode.step_seconds == pytest.approx(0.002)
    assert "fused 10 ms" in mode.because
    assert "stepwise 2 ms" in mode.because


def test_a_short_training_is_not_worth_a_second_trial(monkeypatch):
    mode, trainee = chosen(monkeypatch, 100, fused=0.01, stepwise=0.002)
    assert mode.name == "fused"
    assert trainee.compiled == {"fused"}
    assert "stepwise not tried" in mode.because


def test_a_trial_is_made_only_where_the_training_takes_twenty_times_as_long(monkeypatch):
    _, short = chosen(monkeypatch, int(0.9 * 20 * 1.3 / 0.01), fused=0.01, stepwise=0.002)
    _, long = chosen(monkeypatch, int(1.5 * 20 * 1.9 / 0.01), fused=0.01, stepwise=0.002)
    assert short.compiled == {"fused"}
    assert long.compiled == {"fused", "stepwise"}


def test_a_training_of_unknown_length_keeps_to_the_likely_best(monkeypatch):
    mode, trainee = chosen(monkeypatch, None, fused=0.01, stepwise=0.002)
    assert mode.name == "fused"
    assert trainee.compiled == {"fused"}


def test_a_gain_within_the_noise_changes_nothing(monkeypatch):
    mode, _ = chosen(monkeypatch, 10_000_000, fused=0.0100, stepwise=0.0097)
    assert mode.name == "fused"


def test_what_is_trained_in_a_trial_is_undone(monkeypatch):
    _, trainee = chosen(monkeypatch, 10_000_000, fused=0.01, stepwise=0.002)
    assert trainee.n_trained == 0
    assert trainee.undone == 2


def test_a_loop_is_not_tried_where_steps_are_long(monkeypatch):
    mode, trainee = chosen(monkeypatch, 10_000_000, order=("stepwise", "fused"), fused=0.001, stepwise=0.02)
    assert trainee.compiled == {"stepwise"}
    assert "too long for a loop" in mode.because
    _, short = chosen(monkeypatch, 10_000_000, order=("stepwise", "fused"), fused=0.0001, stepwise=0.0005)
    assert short.compiled == {"stepwise", "fused"}


def test_a_mode_that_the_model_does_not_allow_is_passed_over_with_its_reason(monkeypatch):
    trainee = Timed(fused=0.01, stepwise=0.002)

    def train(data, rows, mode):
        if mode == "fused":
            raise Unsupported("XLA has no such thing. Train step by step.")
        return Timed.train(trainee, data, rows, mode)

    trainee.train = train
    monkeypatch.setattr(modes, "perf_counter", trainee.clock)
    mode = fastest_mode(trainee, None, ROWS, 100, ("fused", "stepwise"))
    assert mode.name == "stepwise"
    assert "not fused: XLA has no such thing" in mode.because


def test_a_training_without_updates_is_no_division_by_zero(monkeypatch):
    mode, _ = chosen(monkeypatch, 0, fused=0.01, stepwise=0.002)
    assert mode.name == "fused"
