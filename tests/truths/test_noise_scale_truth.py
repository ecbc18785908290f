"""Worlds whose gradient noise scale is known in closed form, an exact enumeration, and the interval's coverage."""

from itertools import combinations, permutations
from types import SimpleNamespace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from tiers import cases

from epochal.base.stats import fieller, jackknife, trace_and_square
from epochal.probes import PROBES

noise_scale = PROBES["noise_scale"]


class World:
    """Just enough of a rig: rows with inputs x, and the gradient of their mean loss at a weight vector."""

    task = SimpleNamespace(normalises_over_batch=False)
    present = SimpleNamespace(batch_size=32)

    def __init__(self, x, slope):
        """`slope`: `(weights, x) -> float[n_rows]`, the factor of x in each row's gradient."""
        self._x, self._slope = x, slope
        self.n_examples, self.n_params = x.shape

    def wait(self):
        pass

    def gradient(self, state, rows, draw=0):
        x = self._x[rows]
        return self._slope(state, x) @ x / len(x)


@pytest.mark.parametrize("distance", [0.01, 3.0])
def test_isotropic_regression_without_label_noise_has_scale_d_plus_one_everywhere(distance):
    d = 20
    rng = np.random.default_rng(0)
    rig = World(np.sqrt(1.7) * rng.normal(size=(200_000, d)), lambda w, x: x @ w)  # w is the distance from the optimum
    direction = rng.normal(size=d)
    state = distance * direction / np.linalg.norm(direction)
    reading = noise_scale(rig, state=state, chunk=200, n_chunks=1000)
    assert reading.value == pytest.approx(d + 1, rel=0.03)  # standard error 0.7 %: outside once in 50,000
    assert reading.low <= d + 1 <= reading.high
    assert reading.high / reading.low < 1.06


def test_logistic_regression_at_zero_has_scale_d_over_mu_squared():
    d, length = 50, 0.7
    rng = np.random.default_rng(0)
    mu = np.full(d, length / np.sqrt(d))
    label = rng.choice([-1.0, 1.0], 200_000)
    signed = label[:, None] * (label[:, None] * mu + rng.normal(size=(200_000, d)))  # y x, all that the gradient needs
    rig = World(signed, lambda w, x: -1 / (1 + np.exp(x @ w)))
    reading = noise_scale(rig, state=np.zeros(d), chunk=200, n_chunks=1000)
    assert reading.value == pytest.approx(d / length**2, rel=0.03)  # 102.04; standard error 0.7 %
    assert reading.low <= d / length**2 <= reading.high


@pytest.mark.parametrize(("k", "size"), [(3, 1), (3, 2), (3, 3), (4, 2), (9, 1)])
def test_without_replacement_the_estimators_are_exactly_unbiased_for_the_population(k, size):
    rows = np.random.default_rng(0).normal(size=(9, 3)) + 0.3
    mean = rows.mean(0)
    trace = np.sum((rows - mean) ** 2) / 8  # divisor N - 1
    estimates = [trace_and_square(rows[list(groups)].mean(1), size)[0] for groups in _draws(9, k, size)]
    expected = (trace, mean @ mean - trace / 9)
    np.testing.assert_allclose(np.mean(estimates, axis=0), expected, rtol=0, atol=1e-10)


def test_the_whole_of_the_rows_gives_the_empirical_scale_exactly():
    rig = FakeRig(n_examples=512, n_params=6, s=2.0)
    state = rig.fresh(0)
    gradients = rig.h * state + 2.0 * rig._noise
    trace, mean = np.var(gradients, axis=0, ddof=1).sum(), gradients.mean(0)
    readings = [noise_scale(rig, state=state, chunk=512 // k, n_chunks=k, seed=k) for k in (512, 32, 8)]
    assert readings[0].detail("trace") == pytest.approx(trace, rel=1e-10)  # one row a chunk: nothing is left to chance
    assert readings[0].detail("of_the_rows") == pytest.approx(trace / (mean @ mean), rel=1e-10)
    assert readings[0].value == pytest.approx(trace / (mean @ mean - trace / 512), rel=1e-10)
    for reading in readings:  # |m|² is the same however the rows are cut
        assert reading.detail("gradient_squared") + reading.detail("trace") / 512 == pytest.approx(mean @ mean, rel=1e-10)


@pytest.mark.parametrize("n", [300, pytest.param(cases(2000), marks=pytest.mark.second)])
@pytest.mark.parametrize(("length", "rows_over_scale"), [(0.4, 16), (0.2, 4)])
def test_the_interval_covers_the_truth_at_the_nominal_rate(length, rows_over_scale, n):
    """2,000 independent data sets of 1,024 rows in 32 chunks, ten parameters, equal noise in all directions.

    At a true coverage of 95.5 % (the jackknife is a little wide) 2,000 runs leave 93 to 97 % less than once in 800.
    """
    state = np.full(10, length / np.sqrt(10))
    inside = 0
    for seed in range(n):
        rig = FakeRig(n_params=10, n_examples=1024, h=1.0, s=1.0, seed=seed, centred=False)
        reading = noise_scale(rig, seed=seed, state=state)
        truth = rig.true_noise_scale(state)
        inside += reading.low <= truth <= reading.high
    assert 1024 / truth == pytest.approx(rows_over_scale, rel=0.05)
    assert 0.93 <= inside / n <= 0.97 or (n < 2000 and 0.92 <= inside / n <= 0.985)


def test_the_interval_covers_where_the_gradient_lies_along_the_noisiest_direction():
    """The hard case: one direction holds nearly all of the noise and all of the signal; 16 times the scale in rows."""
    rng = np.random.default_rng(0)
    noise = np.array([1.0] + [0.1] * 9)
    truth = np.sum(noise**2)  # the signal has length 1
    k, size = 32, round(16 * truth / 32)
    inside = 0
    for _ in range(2000):
        means = np.eye(10)[0] + rng.normal(size=(k, 10)) * noise / np.sqrt(size)
        (trace, square), left_out = trace_and_square(means, size)
        cov = jackknife(left_out)
        low, high = fieller(trace, square, cov[0, 0], cov[0, 1], cov[1, 1], k - 1)
        inside += low <= truth <= high
    assert 0.925 <= inside / 2000 <= 0.97  # at a true 94.5 % below 92.5 % once in 10,000


def _draws(n, k, size):
    """All ways (or all that differ) to draw k disjoint groups of `size` out of n, equally likely."""
    if k * size == n or size == 1:  # by symmetry unordered groups: every cut of every subset
        yield from _cuts(tuple(range(n)), k, size)
        return
    for chosen in combinations(range(n), k * size):
        yield from _cuts(chosen, k, size)


def _cuts(rows, k, size):
    if size == 1:
        yield from ([(row,) for row in group] for group in combinations(rows, k))
    elif k == 0:
        yield []
    else:
        head, rest = rows[0], rows[1:]  # the group that holds the first row, then the others
        for mates in combinations(rest, size - 1):
            left = tuple(row for row in rest if row not in mates)
            yield from ([(head, *mates), *others] for others in _cuts(left, k - 1, size))


def test_the_enumeration_of_draws_is_complete():
    slow = {frozenset(frozenset(order[i:i + 2]) for i in (0, 2)) for order in permutations(range(5), 4)}
    fast = [frozenset(map(frozenset, groups)) for groups in _draws(5, 2, 2)]
    assert len(fast) == len(slow)
    assert set(fast) == slow
