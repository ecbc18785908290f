"""The probes of learning rate and critical batch size on real Keras models, on the back end of this process."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.rigs import BACKEND, BINDS, rig_of
from tiers import first_tier

from epochal.engine import Batches, Lane, train
from epochal.engine.lanes import order
from epochal.probes.branches.critical_batch import BRANCHED_BATCH, Known
from epochal.probes.rates.best_rate import BEST_RATE
from epochal.probes.rates.range_test import RANGE_TEST
from epochal.records import Outcome
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import KerasRig


@pytest.fixture(scope="module")
def regression():
    """Linear regression by gradient descent, whose best rate follows from the rows' own Hessian."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(640, 4)).astype("float32")
    y = (x @ [1.0, -2.0, 0.5, 3.0])[:, None].astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    whole = Part(x, y, None)
    parts = [whole.take(np.arange(start, stop)) for start, stop in ((0, 512), (512, 576), (576, 640))]
    return KerasRig(model, Data("line", "regression", *parts), BINDS[BACKEND], (64, 0.05))


def test_the_range_test_and_the_best_rate_find_the_stable_rates_of_a_regression(regression):
    """The loss is the mean square, so the Hessian is about 2 and steps above 1 / (1 + 5 / 64) or so explode."""
    bracket = RANGE_TEST(regression, steps=(40, 80), repeats=1)
    assert bracket.outcome is Outcome.OK
    assert 1e-3 < bracket.low < 0.2
    assert 0.8 < bracket.high < 10
    found = BEST_RATE(regression, epochs=1, repeats=3)
    assert found.known
    assert 0.2 < found.value < 0.9
    assert bracket.low < found.value < bracket.high


def test_the_branches_of_a_regression_end_as_steps_from_the_same_state_do(regression):
    reading = BRANCHED_BATCH(regression, updates=2, least_updates=2, repeats=5, known=Known(largest=256))
    assert [point.batch_size for point in reading.points][:2] == [64, 128]
    assert reading.points[0].n_updates > reading.points[1].n_updates
    state, _ = regression.step(regression.fresh(0), np.arange(64), 0.05)
    before = regression.weights(state).copy()
    runs = train(regression, [Lane(seed, 0.05, start=state) for seed in (1, 2)], Batches(64, 1, 128))
    for seed, run in zip((1, 2), runs, strict=True):
        own = state
        for at in (0, 64):
            own, _ = regression.step(own, order(seed, 0, 512)[at : at + 64], 0.05)
        np.testing.assert_allclose(run.figures[-1], regression.evaluate(own), rtol=1e-4)
    np.testing.assert_array_equal(regression.weights(state), before)


@pytest.mark.parametrize("kind", first_tier(1, ["dropout_without_seed", "batch_norm", "small_cnn", "mixed_float16"]))
def test_every_kind_of_model_has_an_answer_or_a_reason(kind, monkeypatch):
    rig = rig_of(kind, BACKEND)
    monkeypatch.setattr(rig, "present", replace(rig.present, batch_size=4))  # it has 24 rows
    known = [RANGE_TEST(rig, steps=(20, 40), repeats=1), BEST_RATE(rig, epochs=2, repeats=3),
             BRANCHED_BATCH(rig, updates=2, least_updates=2, repeats=5)]
    for reading in known:
        assert reading.known or reading.note
        assert reading.outcome is not Outcome.FAILED
