"""Noise scales of scaled gradients and over a training: closed forms, an enumeration, and the intervals' coverage."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from tiers import cases

from epochal.probes.noise.along import noise_scale_training
from epochal.probes.noise.chunks import Parts, noise_reading, parts_of
from epochal.probes.noise.preconditioned import noise_scale_preconditioned

RIG = SimpleNamespace(n_examples=10**9, task=SimpleNamespace(normalises_over_batch=False))
D = np.geomspace(0.01, 100, 20)


class World:
    """Just enough of a rig: rows with inputs x, the gradient of their mean loss, and a diagonal."""

    task, present = SimpleNamespace(normalises_over_batch=False, optimizer="Adam"), SimpleNamespace(batch_size=32)

    def __init__(self, x, slope, scales):
        self._x, self._slope, self._scales = x, slope, scales
        self.n_examples, self.n_params = x.shape

    def momentum(self):
        return "average", 0.9, True

    def preconditioner(self, state):
        return self._scales

    def gradient(self, state, rows, draw=0):
        x = self._x[rows]
        return self._slope(state, x, rows) @ x / len(x)


def test_isotropic_regression_without_label_noise():
    """At the distance u: G = h u, Σ = h² (|u|² I + u u'), so tr(D Σ) / G'DG = |u|² tr(D) / u'Du + 1: with D = I it is d + 1."""
    rng = np.random.default_rng(0)
    x, u = np.sqrt(1.7) * rng.normal(size=(200_000, 20)), rng.normal(size=20)
    for scales in (np.ones(20), np.full(20, 3e4), D):
        rig = World(x, lambda w, x, rows: x @ w, scales)
        reading = noise_scale_preconditioned(rig, state=u, chunk=200, n_chunks=1000)
        truth = np.sum(u**2) * scales.sum() / np.sum(scales * u**2) + 1
        assert reading.value == pytest.approx(truth, rel=0.04)
        assert reading.low <= truth <= reading.high
        assert reading.detail("simple") == pytest.approx(21, rel=0.04)


def test_logistic_regression_at_zero():
    """G = -mu / 2 and Σ = I / 4, so tr(D Σ) / G'DG = tr(D) / mu'D mu."""
    rng = np.random.default_rng(0)
    mu = 0.7 * rng.normal(size=20) / np.sqrt(20)
    y = rng.choice([-1, 1], size=200_000)
    rig = World(y[:, None] * mu + rng.normal(size=(200_000, 20)), lambda w, x, rows: -y[rows] / (1 + np.exp(y[rows] * (x @ w))), D)
    reading = noise_scale_preconditioned(rig, state=np.zeros(20), chunk=200, n_chunks=1000)
    truth = D.sum() / np.sum(D * mu**2)
    assert reading.value == pytest.approx(truth, rel=0.08)
    assert reading.low <= truth <= reading.high


@pytest.mark.parametrize("k", [3, 5, 9])
def test_without_replacement_the_scaled_estimators_are_exactly_unbiased(k):
    rng = np.random.default_rng(0)
    rows, scales = rng.normal(size=(9, 3)) + 0.3, np.array([0.1, 1.0, 7.0])
    mean = rows.mean(0)
    trace = np.sum(scales * (rows - mean) ** 2) / 8
    estimates = [parts_of(rows[list(drawn)], 1, scales).estimates for drawn in combinations(range(9), k)]
    np.testing.assert_allclose(np.mean(estimates, 0), (trace, np.sum(scales * mean**2) - trace / 9), rtol=0, atol=1e-10)


def test_the_ratio_is_not_that_of_gradients_scaled_once_more():
    means = np.random.default_rng(0).normal(size=(32, 20)) * np.linspace(3, 1, 20) + 1
    right, wrong = (noise_reading("noise_scale", parts_of(means, 8, scales), 8, RIG).value for scales in (D, D**2))
    assert abs(right / wrong - 1) > 0.1


@pytest.mark.parametrize(("length", "rows_over_scale"), [(0.5, 16), (0.25, 4)])
def test_the_scaled_interval_covers_the_truth_at_the_nominal_rate(length, rows_over_scale):
    """2,000 runs of 32 chunks, ten directions of equal noise after scaling; at a true 95.5 % 93 to 97 % less than once in 800."""
    rng, scales = np.random.default_rng(1), np.geomspace(0.1, 10, 10)
    noise = 1 / np.sqrt(scales)
    signal = length * noise / np.sqrt(10)
    truth = np.sum(scales * noise**2) / np.sum(scales * signal**2)
    size = round(rows_over_scale * truth / 32)
    inside = 0
    for means in signal + rng.normal(size=(2000, 32, 10)) * noise / np.sqrt(size):
        reading = noise_reading("noise_scale", parts_of(means, size, scales), size, RIG)
        inside += reading.known and reading.low <= truth <= reading.high
    assert 0.93 <= inside / 2000 <= 0.97


def test_the_interval_over_a_training_covers_where_the_same_rows_make_the_same_noise_at_all_moments():
    """2,000 runs of five moments whose errors are one and the same: taken as independent, the interval would be √5 too narrow."""
    rng, size = np.random.default_rng(2), 8
    signals = np.geomspace(1.0, 0.2, 5)[:, None] * np.ones(10) / np.sqrt(10)
    truth = 10 / np.mean(np.sum(signals**2, 1))
    inside = 0
    for noise in rng.normal(size=(2000, 32, 10)) / np.sqrt(size):
        found = [parts_of(signal + noise, size) for signal in signals]
        both = Parts(*(np.mean([getattr(one, part) for one in found], 0) for part in Parts._fields))
        reading = noise_reading("noise_scale_training", both, size, RIG)
        inside += reading.known and reading.low <= truth <= reading.high
    assert 0.93 <= inside / 2000 <= 0.97


@pytest.mark.parametrize("n", [60, pytest.param(cases(500), marks=pytest.mark.second)])
def test_the_probe_over_a_training_covers_the_truth_of_its_own_path(n):
    inside = 0
    for seed in range(n):
        rig = FakeRig(n_params=10, n_examples=1024, h=np.linspace(0.2, 1, 10), s=1.0, seed=seed, centred=False)
        states = []
        rig.weights_seen = states
        gradient = rig.gradient
        rig.gradient = lambda state, rows, draw=0, seen=states, gradient=gradient: (
            seen.append(state) if len(rows) == 32 and draw == 0 else None) or gradient(state, rows)
        rig.present = SimpleNamespace(batch_size=16, learning_rate=0.1)
        reading = noise_scale_training(rig, seed=seed, updates=40, moments=4)
        at = [rig.fresh(seed)] + [None] * 4
        unique = [state for i, state in enumerate(states) if i == 0 or not np.array_equal(state, states[i - 1])]
        assert len(unique) == len(at)
        truth = 10 / np.mean([np.sum((rig.h * state) ** 2) for state in unique])
        inside += reading.known and reading.low <= truth <= reading.high
    assert inside / n >= (0.92 if n >= 500 else 0.85)
