"""Accumulation: equal where the loss is a mean over rows, seen where rows meet; and what a short micro-batch does in Keras."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.fake_rig import FakeRig
from contracts.rigs import BACKEND, BINDS, numpy, rig_of
from tiers import cases

from epochal.base.errors import UsageError
from epochal.base.seeds import stream
from epochal.probes.batches import accumulation as module
from epochal.probes.batches.accumulation import ACCUMULATION
from epochal.records import Outcome, Setting
from epochal.seam.rigs.keras_rig import KerasRig


class Coupled(FakeRig):
    """The gradient of a batch has a part that hangs on the square of its mean; and, as with dropout, one that is drawn."""

    def __init__(self, *, coupling=0.0, drawn=0.0, scale=1.0, **options):
        super().__init__(**{"n_params": 20, "n_examples": 200} | options)
        self.coupling, self.drawn, self.scale = coupling, drawn, scale

    def gradient(self, state, rows, draw=0):
        mean = self._noise[rows].mean(0)
        rng = stream(draw, "drawn", self.seed, int(rows[0]), len(rows))
        noise = rng.normal(size=self.n_params) * self.drawn / np.sqrt(len(rows))
        found = self.h * state + self.s * mean + self.coupling * mean**2 + noise
        return found * (len(rows) if self.scale == "sum" else 1.0)

    seed = 0


def test_a_mean_over_rows_adds_up_whatever_the_sizes():
    reading = ACCUMULATION(FakeRig(n_examples=200))
    assert reading.value < 1e-12
    assert (reading.detail("short"), reading.detail("parts"), reading.detail("batch_size")) == (8, 4, 32)
    assert reading.detail("left_over") == 3  # 7 micro-batches an epoch
    assert "is one batch of 128: they differ by" in reading.means
    assert "saves memory and no time" in reading.does_not_mean


def test_18_and_18_are_36_and_32_and_4_are_not():
    """Oracle 5.11, and how far: each of the 4 rows has 8 times the weight."""
    even = FakeRig(n_examples=36)
    even.present = Setting(batch_size=18, learning_rate=0.1)
    reading = ACCUMULATION(even, parts=2)
    assert reading.value < 1e-12
    assert reading.detail("short") == 0
    assert "no micro-batch of an epoch is short" in reading.means
    reading = ACCUMULATION(FakeRig(n_examples=36), parts=2)  # 18 + 18 once more: a batch of 32 leaves no room for two
    assert reading.detail("batch_size") == 18
    uneven = FakeRig(n_examples=68)  # 32 + 32 + 4
    found = ACCUMULATION(uneven, parts=2)
    errors = []
    for repeat in range(5):
        rows = stream(0, "accumulation", repeat).permutation(68)[:36]
        whole = uneven.gradient(uneven.fresh(0), rows)
        averaged = (uneven.gradient(uneven.fresh(0), rows[:32]) + uneven.gradient(uneven.fresh(0), rows[32:])) / 2
        errors.append(np.linalg.norm(averaged - whole) / np.linalg.norm(whole))
    assert found.detail("averaged") == pytest.approx(np.mean(errors), rel=1e-10)
    assert found.detail("averaged_low") < np.mean(errors) < found.detail("averaged_high")
    assert found.detail("ragged") < 1e-12 < 1e-3 < found.detail("averaged")
    assert "4 rows" in found.means


def test_rows_that_meet_are_seen():
    reading = ACCUMULATION(Coupled(coupling=30.0))
    assert reading.value > 0.01
    assert reading.detail("rounding") < reading.low <= reading.value
    assert "looks at the batch as a whole" in reading.means


def test_a_sum_over_rows_adds_up_as_one_but_not_as_keras_averages_it():
    reading = ACCUMULATION(Coupled(scale="sum"))
    assert reading.value < 1e-12
    assert "add up as a sum over rows" in reading.note
    assert all(point.averaged == pytest.approx(2 / 3 if point.batch_size < 128 else 0.75, abs=0.1) for point in reading.points)


@pytest.mark.parametrize("n", [200, pytest.param(cases(2000), marks=pytest.mark.second)])
def test_dropout_alone_is_called_a_difference_at_most_once_in_twenty_times(n):
    found = []
    for seed in range(n):
        rig = Coupled(drawn=5.0)
        rig.seed = seed
        reading = ACCUMULATION(rig, seed=seed, repeats=1)
        found.append(reading.low > reading.detail("rounding"))
        assert reading.detail("drawn")
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("n", [200, pytest.param(cases(2000), marks=pytest.mark.second)])
def test_with_dropout_the_interval_covers_how_far_the_means_are_apart(n):
    """At 95 %, in a range where the distance is as large as the noise of 8 draws: at least 93 %."""
    inside = []
    for seed in range(n):
        rig, still = Coupled(coupling=10.0, drawn=3.0, n_examples=128), Coupled(coupling=10.0, n_examples=128)
        rig.seed = seed
        reading = ACCUMULATION(rig, seed=seed, repeats=1)
        truth = ACCUMULATION(still, seed=seed, repeats=1)
        inside.append(reading.low <= truth.value <= reading.high)
    assert np.mean(inside) >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / n)


def test_what_cannot_be_compared_is_said():
    assert ACCUMULATION(FakeRig(n_examples=1)).outcome is Outcome.UNRESOLVED
    zero = Coupled(s=0.0, h=0.0)
    assert ACCUMULATION(zero).outcome is Outcome.UNRESOLVED
    broken = Coupled()
    broken.gradient = lambda state, rows, draw=0: np.full(20, np.nan)
    assert ACCUMULATION(broken).outcome is Outcome.DIVERGED
    for options in ({"parts": 1}, {"repeats": 0}):
        with pytest.raises(UsageError):
            ACCUMULATION(FakeRig(), **options)


def test_sets_of_rows_are_left_out_to_stay_inside_the_budget(monkeypatch):
    monkeypatch.setattr(module, "perf_counter", itertools.count().__next__)
    reading = module.accumulation(FakeRig(), repeats=5, seconds=1.5)
    assert reading.repeats == 2
    assert "3 of 5 sets of rows left out" in reading.note
    assert module.accumulation(FakeRig(), repeats=5, seconds=1e6).repeats == 5


@pytest.mark.parametrize("kind", ["dense", "sample_weights"])
def test_a_keras_model_whose_loss_is_a_mean_over_rows_adds_up(kind):
    rig = rig_of(kind, BACKEND)
    before = rig.weights(rig.fresh(0))
    reading = ACCUMULATION(_in_batches_of(rig, 5))
    assert reading.value < 1e-5
    assert reading.detail("short") == 4
    assert reading.detail("averaged") > 1e-3
    np.testing.assert_array_equal(rig.weights(rig.fresh(0)), before)


def test_a_keras_model_with_batch_norm_does_not_and_one_with_dropout_does():
    reading = ACCUMULATION(_in_batches_of(rig_of("batch_norm", BACKEND), 5))
    assert reading.value > 0.05
    assert "since the model normalises over the batch" in reading.means
    reading = ACCUMULATION(_in_batches_of(rig_of("dropout", BACKEND), 6), repeats=2)
    assert reading.detail("drawn")
    assert reading.low <= reading.detail("rounding")


def test_a_loss_over_the_weights_of_the_batch_adds_up_by_them():
    model, data = zoo.source("sample_weights")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile("adam", loss)
    reading = ACCUMULATION(_in_batches_of(KerasRig(model, data, BINDS[BACKEND]), 6))
    assert reading.value < 1e-5
    assert "by the sample weights" in reading.note
    assert reading.detail("short") == 0
    assert reading.detail("averaged") > 1e-3
    assert "averages micro-batches that do not count alike" in reading.means


def test_keras_own_accumulation_is_off_by_as_much_and_leaves_micro_batches_over():
    """Oracle 5.11 in Keras: 96 rows in batches of 32, two an update: one update an epoch, and an accumulator that is not empty."""
    x, y = np.random.default_rng(0).normal(size=(96, 3)).astype("float32"), np.zeros(96, "int32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), keras.losses.SparseCategoricalCrossentropy(True))
    before = [numpy(v) for v in model.trainable_variables]
    model.fit(x, y, batch_size=32, epochs=1, shuffle=False, verbose=0)
    assert any(np.any(numpy(v)) for v in model.optimizer._accumulated_gradients)
    whole = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    whole.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(True))
    whole.set_weights(before)
    whole.train_on_batch(x[:64], y[:64])
    for some, others in zip(model.trainable_variables, whole.trainable_variables, strict=True):
        np.testing.assert_allclose(numpy(some), numpy(others), atol=1e-6)


def _in_batches_of(rig, size):
    """The same rig, trained in batches of another size."""
    found = object.__new__(type(rig))
    found.__dict__.update(rig.__dict__)
    found.present = replace(rig.present, batch_size=size)
    return found
