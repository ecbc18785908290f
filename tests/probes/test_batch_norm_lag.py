"""Batch-norm's lag: what is left of the first statistics, the gap they make, its interval, and what mends it, in Keras too."""

import itertools

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from contracts.rigs import BACKEND, BINDS, numpy, rig_of
from contracts.test_batches_of_rigs import constant_inputs
from probes.norm_rig import NormRig
from tiers import cases

from epochal.base.errors import UsageError
from epochal.probes.batches import batch_norm as module
from epochal.probes.batches.batch_norm import BATCH_NORM_LAG, reestimated
from epochal.records import Outcome
from epochal.rules.moving_statistics import pooled, updates_to_warm, warm_momentum, weight_left
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import KerasRig


def test_the_gap_is_that_of_the_law_and_the_statistics_estimated_anew_have_none():
    rig = NormRig()
    reading = BATCH_NORM_LAG(rig, epochs=4)
    true = np.sum(rig.x.mean(0) ** 2)
    assert reading.detail("updates") == 12
    assert reading.detail("initial_weight") == pytest.approx(0.99**12)
    assert reading.value == pytest.approx(0.99**24 * true, rel=0.02)  # batches of 32 of 96 rows: nearly all of them alike
    assert reading.detail("reestimated") == pytest.approx(1)
    assert [point.n_updates for point in reading.points] == [3, 6, 12]
    assert reading.repeats == 30
    assert "89 % of what the moving statistics" in reading.means.replace("88.6", "89")
    assert "momentum=" in reading.means
    assert "overfits" in reading.does_not_mean


def test_a_momentum_that_has_warmed_up_leaves_no_gap():
    cold = BATCH_NORM_LAG(NormRig(), epochs=10)
    warm = BATCH_NORM_LAG(NormRig(momentum=cold.detail("warm_momentum")), epochs=10)
    assert cold.detail("warm_momentum") == pytest.approx(0.857)
    assert warm.detail("initial_weight") <= 0.01
    assert warm.value < 0.01 * cold.value


def test_batches_of_all_rows_give_the_mean_and_variance_of_all_rows():
    rig = NormRig()
    cut = np.array_split(np.random.default_rng(0).permutation(96), [10, 50, 51])
    layer, = rig.moving_statistics(reestimated(rig, rig.fresh(0), cut))
    np.testing.assert_allclose(layer.mean, rig.x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.variance, rig.x.var(0), rtol=1e-12)


def test_means_and_variances_of_parts_are_pooled_as_those_of_all_of_them():
    x, cut = np.random.default_rng(0).normal(size=(60, 4)), [slice(0, 7), slice(7, 50), slice(50, 60)]
    mean, variance = pooled([x[part].mean(0) for part in cut], [x[part].var(0) for part in cut], [7, 43, 10])
    np.testing.assert_allclose(mean, x.mean(0), atol=1e-14)
    np.testing.assert_allclose(variance, x.var(0), rtol=1e-13)


def test_the_arithmetic_of_momenta():
    assert weight_left(0.99, 450) == pytest.approx(0.0108, abs=1e-4)
    assert weight_left(1.0, 7) == 1
    for momentum in (0.5, 0.9, 0.99, 0.999):
        n = int(updates_to_warm(momentum))
        assert momentum**n <= 0.01 < momentum ** (n - 1)
    assert (updates_to_warm(1.0), updates_to_warm(0.0)) == (np.inf, 1)
    for n in (1, 2, 3, 10, 44, 80, 450, 10_000):
        assert 0.0098 < warm_momentum(n) ** n <= 0.01 + 1e-12 or n > 1000
        assert n < 44 or max(0.9, 1 - 10 / n) ** n <= 0.01  # the rule of thumb is warm from there on
    assert max(0.9, 1 - 10 / 43) ** 43 > 0.01
    with pytest.raises(UsageError):
        warm_momentum(0)


@pytest.mark.parametrize("n", [300, pytest.param(cases(2000), marks=pytest.mark.second)])
@pytest.mark.parametrize(("gap", "spread"), [(0.0, "normal"), (1.0, "normal"), (1.0, "exponential")])
def test_the_interval_covers_the_gap_of_all_rows_there_are_and_seldom_sees_one_that_is_none(gap, spread, n):
    inside, seen = 0, 0
    for seed in range(n):
        rng = np.random.default_rng(seed)
        costs = rng.normal(gap, 2, 120) if spread == "normal" else rng.exponential(gap, 120)
        rig = NormRig(costs=costs)
        reading = module.batch_norm_lag(rig, epochs=1, seed=seed)
        state = rig.fresh(seed)
        for j in range(3):
            state, _ = rig.step(state, module.order(seed, 0, 96)[32 * j : 32 * j + 32], 0.0)
        truth = gap * float(np.sum((state[1] - rig.x.mean(0)) ** 2))
        inside += reading.low <= truth <= reading.high
        seen += reading.low > 0 or reading.high < 0
    print(gap, spread, inside / n, seen / n)
    assert 0.93 <= inside / n <= 0.97 or (n < 2000 and 0.91 <= inside / n <= 0.985)
    assert gap or seen / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


def test_rows_in_an_order_of_their_own_do_not_narrow_or_widen_the_interval():
    """Blocks are drawn: with the costs sorted, blocks in their order would differ far more than by chance."""
    costs = np.random.default_rng(0).exponential(size=(2, 60))
    spans = [reading.high - reading.low for reading in (module.batch_norm_lag(NormRig(costs=some.ravel()), epochs=1)
                                                        for some in (costs, np.sort(costs, 1)))]
    drawn, sorted_ = (some.reshape(30, 4).mean(1).std() for some in (costs, np.sort(costs, 1)))
    assert spans[1] / spans[0] == pytest.approx(1, abs=0.4)
    assert sorted_ / drawn > 1.6


def test_what_cannot_be_measured_is_said():
    assert BATCH_NORM_LAG(FakeRig()).outcome is Outcome.UNSUPPORTED
    assert BATCH_NORM_LAG(NormRig(momentum=1.0)).outcome is Outcome.UNSUPPORTED
    assert BATCH_NORM_LAG(NormRig(n_validation=4, costs=np.ones(4))).outcome is Outcome.UNRESOLVED
    broken = NormRig(costs=np.full(120, np.nan))
    assert BATCH_NORM_LAG(broken).outcome is Outcome.DIVERGED
    with pytest.raises(UsageError):
        BATCH_NORM_LAG(NormRig(), epochs=0)


def test_epochs_are_left_out_to_stay_inside_the_budget(monkeypatch):
    monkeypatch.setattr(module, "perf_counter", itertools.count().__next__)
    few = module.batch_norm_lag(NormRig(), seconds=20.0)
    assert 1 < few.detail("updates") / 3 < 10
    assert "left out, to stay inside the budget" in few.note
    assert module.batch_norm_lag(NormRig(), seconds=1e6).detail("updates") == 30
    none = module.batch_norm_lag(NormRig(), seconds=1.0)
    assert none.outcome is Outcome.UNRESOLVED
    assert "the budget does not allow" in none.note


def test_of_a_keras_model_statistics_estimated_anew_are_those_of_the_rows():
    """The first layer is batch-norm: what is estimated anew is the mean and variance of the inputs, which no momentum rounds."""
    model, data = constant_inputs(5.0)
    rig = KerasRig(model, data, BINDS[BACKEND])
    layer, = rig.moving_statistics(reestimated(rig, rig.fresh(0), [np.arange(24)]))
    np.testing.assert_allclose(layer.mean, 5, rtol=1e-6)
    np.testing.assert_allclose(layer.variance, 0, atol=1e-6)
    x = np.random.default_rng(1).normal(3, 2, size=(24, 3)).astype("float32")
    rig = KerasRig(model, Data("made", "multiclass", Part(x, data.train.y), *data.parts), BINDS[BACKEND])
    layer, = rig.moving_statistics(reestimated(rig, rig.fresh(0), np.arange(24).reshape(3, 8)))
    np.testing.assert_allclose(layer.mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.variance, x.var(0), rtol=1e-5)


def test_a_keras_model_lags_and_with_the_momentum_that_is_offered_does_not():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 1, size=(600, 5)).astype("float32")
    y = ((x - 5) @ rng.normal(size=(5, 3))).argmax(1)
    parts = [Part(x[some], y[some]) for some in (slice(0, 200), slice(200, 400), slice(400, 600))]

    def gap(momentum):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), keras.layers.BatchNormalization(momentum=momentum), keras.layers.Dense(3)])
        model.compile(keras.optimizers.SGD(0.3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return BATCH_NORM_LAG(KerasRig(model, Data("made", "multiclass", *parts), BINDS[BACKEND]), epochs=4)

    lagging = gap(0.99)
    assert lagging.low > 0
    assert lagging.detail("updates") == 28
    assert lagging.detail("initial_weight") == pytest.approx(0.99**28)
    mended = gap(lagging.detail("warm_momentum"))
    assert abs(mended.value) < 0.1 * lagging.value


def test_the_rig_is_left_as_it_was():
    rig = rig_of("batch_norm", BACKEND)
    before = [numpy(v).tobytes() for group in rig.fresh(0) for v in group]
    reading = BATCH_NORM_LAG(rig, epochs=2)
    assert reading.known
    assert [numpy(v).tobytes() for group in rig.fresh(0) for v in group] == before
