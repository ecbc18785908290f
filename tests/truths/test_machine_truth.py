"""The knee of throughput and the share of reading, on clocks whose truth is known: how often their intervals hold it."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes.machine.input_share import input_share
from epochal.probes.throughput import _knee
from epochal.rules.training.predict_size import smallest_near_best

SIZES = 2 ** np.arange(3, 13)
RUNS = 2000  # the standard error of a share of 0.95 is 0.005


@pytest.mark.parametrize("jitter", [0.01, 0.1, 0.3])
@pytest.mark.parametrize(("t0", "c"), [(1e-3, 2e-6), (1.334e-3, 1.731e-6), (1e-3, 1e-4)])
def test_the_interval_of_the_knee_holds_it(t0, c, jitter):
    """At least in 93 % of runs; it may be in all, since sizes are few. (Least seen in 16 worlds: 0.919, of a size that lies near
    the limit of 10 %.)"""
    per_example = t0 / SIZES + c
    knee = smallest_near_best(SIZES, per_example)
    runs = per_example * np.exp(jitter * np.random.default_rng(0).normal(size=(RUNS, 5, len(SIZES))))
    found = np.array([_knee(SIZES, run) for run in runs])
    assert (found[:, 1] <= found[:, 0]).all()
    assert (found[:, 0] <= found[:, 2]).all()
    assert np.mean((found[:, 1] <= knee) & (knee <= found[:, 2])) >= 0.93 - 3 * 0.0057


@pytest.mark.parametrize("jitter", [0.02, 0.2])
def test_the_range_of_six_turns_holds_the_share_in_97_percent(jitter):
    timing = FakeTiming(read=4e-3, step=1e-3, example=0.0, jitter=jitter)
    readings = [input_share(FakeRig(n_params=2, n_examples=64, timing=timing, seed=seed)) for seed in range(RUNS)]
    held = np.mean([reading.low <= 0.8 <= reading.high for reading in readings if reading.known])
    assert abs(held - (1 - 2 / 2**6)) < 4 * np.sqrt(0.97 * 0.03 / RUNS)
