"""On a quadratic bowl the critical rate of a gradient step is 2 |g|² / g'Hg, exactly."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.probes import PROBES

critical_rate = PROBES["critical_rate"]


@pytest.mark.parametrize("curvatures", [np.full(8, 2.0), np.geomspace(0.01, 30, 8), np.array([1e-4] * 7 + [50.0])])
def test_the_rate_of_a_bowl_to_twelve_digits(curvatures):
    rig = FakeRig(n_params=8, h=curvatures, s=0.0)
    state = rig.fresh(5)
    g = curvatures * state
    reading = critical_rate(rig, state=state, precision=1e-14, repeats=2)
    truth = 2 * (g @ g) / (g @ (curvatures * g))
    assert reading.value == pytest.approx(truth, rel=1e-12)
    assert truth >= 2 / curvatures.max() * (1 - 1e-12)
    assert reading.detail("lambda_c") == pytest.approx(2 / truth, rel=1e-12)


def test_with_equal_curvatures_it_is_two_over_the_curvature_at_any_weights():
    assert critical_rate(FakeRig(h=4.0, s=0.0)).value == pytest.approx(0.5, rel=1e-12)  # one secant step is exact


def test_a_preconditioned_update_has_the_rate_of_its_own_direction():
    class Signs(FakeRig):
        def step(self, state, rows, learning_rate):
            return state - learning_rate * np.sign(self.gradient(state, rows)), 0.0

    h = np.geomspace(0.1, 10, 6)
    rig = Signs(n_params=6, h=h, s=0.0)
    state = rig.fresh(0)
    g, update = h * state, -np.sign(h * state)
    truth = -2 * (g @ update) / (update @ (h * update))
    assert critical_rate(rig, state=state, precision=1e-14).value == pytest.approx(truth, rel=1e-12)


def test_under_gradient_noise_the_interval_covers_the_noiseless_rate():
    """Noise in Δ adds s² P / n to |g|², here 0.02 %, and noise in L cancels on average: both far inside the interval."""
    inside = 0
    for seed in range(200):
        rig = FakeRig(n_params=20, h=1.0, s=0.3, n_examples=1024, seed=seed, centred=False)
        reading = critical_rate(rig, seed=seed, repeats=6)
        inside += reading.low <= 2.0 <= reading.high
    assert inside >= 176  # a true 94 % falls below 176 of 200 once in 1,000
