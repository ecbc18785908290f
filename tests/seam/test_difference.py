"""The Hessian times a vector by differences, against Hessians that are known."""

import numpy as np
import pytest

from epochal.seam.rigs.verbs import curvature_by_differences


@pytest.fixture
def bowl():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(12, 12))
    return half @ half.T, rng.normal(size=12).astype(np.float32), rng.normal(size=12).astype(np.float32)


def _cut(v):
    return [v[:5], v[5:].reshape(7, 1)]


def _joined(parts):
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_of_a_quadratic_is_its_matrix_times_the_vector_at_any_scale(bowl, scale):
    matrix, w, v = bowl
    found = curvature_by_differences(lambda parts: _cut((matrix @ _joined(parts)).astype(np.float32)), _cut(w), _cut(scale * v))
    np.testing.assert_allclose(_joined(found), scale * matrix @ v, rtol=1e-3, atol=1e-3 * scale * np.abs(matrix @ v).max())
    assert [part.shape for part in found] == [(5,), (7, 1)]


def test_along_nothing_is_nothing(bowl):
    matrix, w, v = bowl
    assert not _joined(curvature_by_differences(lambda parts: _cut(matrix @ _joined(parts)), _cut(w), _cut(0 * v))).any()


def test_the_weights_are_left_as_they_are(bowl):
    matrix, w, v = bowl
    before = w.copy()
    curvature_by_differences(lambda parts: _cut(matrix @ _joined(parts)), _cut(w), _cut(v))
    np.testing.assert_array_equal(w, before)
