"""Curvature and noise of Keras models by the probes: equal to the whole matrix where that is small, and nothing moves."""

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.rigs import BACKEND, BINDS, flat, rig_of

from epochal.probes.measures import MEASURES
from epochal.records import Outcome, dump, load
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import KerasRig

SHARPNESS, PRECONDITIONED, SAM, KESKAR = MEASURES["sharpness"]
SIMPLE, SCALED, ALONG = MEASURES["noise_scale"]
ROWS = np.arange(24)


def whole(rig, state, scales=None):
    """float64[n_params, n_params]: S H S, column by column."""
    s = np.ones(rig.n_params) if scales is None else scales
    return s[:, None] * np.stack([rig.curvature(state, ROWS, v) for v in np.eye(rig.n_params, dtype=np.float32)], 1) * s


def test_the_sharpness_is_the_largest_eigenvalue_of_the_whole_matrix():
    rig = rig_of("dense", BACKEND)
    state = rig.step(rig.fresh(0), ROWS, 0.01)[0]
    matrix = whole(rig, state)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-4)
    assert SHARPNESS(rig, state=state).value == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=2e-3)
    scaled = whole(rig, state, np.sqrt(rig.preconditioner(state).astype(float)))
    assert PRECONDITIONED(rig, state=state).value == pytest.approx(np.linalg.eigvalsh(scaled)[-1], rel=2e-3)


def test_rescaled_weights_of_a_keras_model_have_another_sharpness_at_the_same_loss():
    """The demonstration why sharpness is descriptive: the same function, in other weights. Dinh et al. 2017, arXiv:1703.04933."""
    x = np.linspace(-1, 1, 24, dtype="float32")[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, activation="relu", use_bias=False),
                              keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    rig = KerasRig(model, Data("line", "regression", Part(x, 2 * x), Part(x, x), Part(x, x)), BINDS[BACKEND])
    found = []
    for a in (1.0, 2.0, 10.0):
        w = np.array([1.0, -0.8, 0.7, -0.6, 1.0, -0.9, 0.8, -0.7]) * np.repeat([a, 1 / a], 4)
        state = rig.move(rig.fresh(0), w - rig.weights(rig.fresh(0)))
        at = SHARPNESS(rig, state=state)
        found.append((rig.loss(state, ROWS), at.detail("adaptive"), SAM(rig, state=state).detail("adaptive"), at.value))
    for other in found[1:]:
        np.testing.assert_allclose(other[:3], found[0][:3], rtol=5e-3)
    assert found[2][3] > 10 * found[0][3]


@pytest.mark.parametrize("kind", ["dropout", "momentum", pytest.param("batch_norm", marks=pytest.mark.second),
                                  pytest.param("mixed_bfloat16", marks=pytest.mark.second),
                                  pytest.param("embedding_recurrent", marks=pytest.mark.second),
                                  pytest.param("small_cnn", marks=pytest.mark.second),
                                  pytest.param("frozen", marks=pytest.mark.second),
                                  pytest.param("two_inputs_two_outputs", marks=pytest.mark.second)])
def test_every_reading_is_made_or_says_why_not_and_nothing_moves(kind):
    rig = rig_of(kind, BACKEND)
    state = rig.fresh(0)
    before = [flat(group) for group in state]
    for probe in (SHARPNESS, PRECONDITIONED, SAM, KESKAR, SCALED, ALONG):
        reading = probe(rig, seed=0, updates=20)
        assert load(dump(reading)) == reading
        scales = kind != "momentum" or probe not in (PRECONDITIONED, SCALED)
        few = kind == "batch_norm" and probe in (SCALED, ALONG)  # chunks of 32 of 24 rows
        assert reading.outcome is not Outcome.DIVERGED
        assert reading.known or reading.note
        assert reading.known or not scales or few or probe in (SCALED, ALONG), reading
        assert not reading.known or (reading.means.endswith(".") and reading.does_not_mean.endswith("."))
    for group, was in zip(state, before, strict=True):
        np.testing.assert_array_equal(flat(group), was)


def test_a_model_that_normalises_is_measured_in_its_own_batches():
    model, data = zoo.source("batch_norm")
    rig = KerasRig(model, data, BINDS[BACKEND], now=(8, None))
    reading = SHARPNESS(rig, state=rig.fresh(0))
    assert "normalised over 8 rows at a time" in reading.note
    matrix = np.mean([[rig.curvature(rig.fresh(0), rows, v) for v in np.eye(rig.n_params, dtype=np.float32)]
                      for rows in np.split(np.random.default_rng(0).permutation(24), 3)], 0)
    assert 0.5 < reading.value / np.linalg.eigvalsh(matrix)[-1] < 2  # other rows are normalised together: only about
