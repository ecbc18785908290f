"""The noise-scale probe: what it says where it cannot measure. Its numbers are judged in `truths`."""

from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.base.errors import UsageError
from epochal.base.seeds import stream
from epochal.probes import PROBES
from epochal.records import Outcome

noise_scale = PROBES["noise_scale"]


def _normalising(rig):
    rig.task = replace(rig.task, normalises_over_batch=True)
    return rig


def test_ratio_and_its_parts_agree_with_the_truth():
    rig = FakeRig()
    reading = noise_scale(rig)
    truth = rig.true_noise_scale(rig.fresh(0))
    assert reading.low <= truth <= reading.high
    assert reading.detail("trace") == pytest.approx(9 * 50, rel=0.1)
    assert reading.value == pytest.approx(reading.detail("trace") / reading.detail("gradient_squared"))
    assert reading.high / reading.low < 1.5


def test_the_interval_is_that_of_a_slow_twin_where_the_covariance_matters():
    rig = FakeRig(n_params=10, n_examples=1024, h=1.0, s=1.0, seed=2, centred=False)
    state = np.full(10, 0.05)  # as many rows as a quarter of the noise scale is examples: the two parts move together
    reading = noise_scale(rig, state=state, chunk=128, n_chunks=8, seed=0)
    rows = stream(0, "noise_scale").permutation(1024).reshape(8, 128)
    means = np.array([rig.gradient(state, part) for part in rows])

    def parts(m):
        trace = 128 / (len(m) - 1) * np.sum((m - m.mean(0)) ** 2)
        return trace, m.mean(0) @ m.mean(0) - trace / (128 * len(m))

    left_out = np.array([parts(np.delete(means, j, 0)) for j in range(8)])
    cov = 7 / 8 * (left_out - left_out.mean(0)).T @ (left_out - left_out.mean(0))
    trace, square = parts(means)
    for r in {reading.low, reading.high} - {np.inf}:
        variance = cov[0, 0] - 2 * r * cov[0, 1] + r**2 * cov[1, 1]
        assert (trace - r * square) ** 2 == pytest.approx(2.364624**2 * variance, rel=1e-5)  # t(7 degrees)


def test_a_signal_lost_in_noise_leaves_a_lower_bound_below_the_truth():
    rig = FakeRig(n_params=20, n_examples=1024, s=1.0, h=1.0, centred=False, seed=1)
    state = np.full(20, 1e-4)
    reading = noise_scale(rig, state=state)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == np.inf
    assert 100 < reading.low < rig.true_noise_scale(state)


def test_too_few_rows_are_unresolved():
    for rig, options in ((FakeRig(n_examples=7), {}), (FakeRig(n_examples=100), {"chunk": 32}),
                         (FakeRig(n_examples=100), {"chunk": 8, "n_chunks": 32})):
        reading = noise_scale(rig, **options)
        assert reading.outcome is Outcome.UNRESOLVED
        assert "rows are too few" in reading.note


def test_no_row_is_drawn_twice_and_every_gradient_has_its_own_draw():
    class Watching(FakeRig):
        def __init__(self, **options):
            super().__init__(**options)
            self.rows, self.draws = [], []

        def gradient(self, state, rows, draw=0):
            self.rows.append(rows)
            self.draws.append(draw)
            return super().gradient(state, rows)

    rig = Watching(n_examples=100)
    noise_scale(rig, chunk=5, n_chunks=20)
    assert sorted(np.concatenate(rig.rows)) == list(range(100))
    assert rig.draws == list(range(20))


@pytest.mark.parametrize(("n_examples", "chunk", "n_chunks"), [(9, 1, 9), (40, 1, 32), (1600, 50, 32), (60_000, 256, 32)])
def test_sizes_follow_from_the_data(n_examples, chunk, n_chunks):
    reading = noise_scale(FakeRig(n_examples=n_examples, n_params=2))
    assert (reading.detail("chunk"), reading.repeats) == (chunk, n_chunks)


def test_a_model_that_normalises_over_the_batch_is_measured_in_its_own_batches_or_not_at_all():
    reading = noise_scale(_normalising(FakeRig()))
    assert reading.known
    assert reading.detail("chunk") == 32
    assert "present batch size" in reading.note
    assert noise_scale(_normalising(FakeRig()), chunk=64).outcome is Outcome.UNSUPPORTED
    assert noise_scale(_normalising(FakeRig(n_examples=200))).outcome is Outcome.UNRESOLVED


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_said(bad):
    assert noise_scale(FakeRig(n_params=3), state=np.array([1.0, bad, 1.0])).outcome is Outcome.DIVERGED


def test_no_gradient_at_all_is_unresolved():
    assert noise_scale(FakeRig(n_params=3, s=0.0), state=np.zeros(3)).outcome is Outcome.UNRESOLVED


def test_seven_chunks_are_refused():
    with pytest.raises(UsageError, match="`n_chunks` must be at least 8; got 7"):
        noise_scale(FakeRig(), n_chunks=7)
