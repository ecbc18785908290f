"""The correction of probabilities for other class shares, against Bayes' rule worked out directly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, softmax
from scipy.stats import norm

from epochal.base.errors import UsageError
from epochal.rules.training.prior import corrected


def posterior(joint):
    """p(y | x) from a table p(x, y), [n_x, n_classes]."""
    return joint / joint.sum(1, keepdims=True)


def shares(k):
    return st.lists(st.floats(1e-4, 1), min_size=k, max_size=k).map(lambda w: np.array(w) / sum(w))


@settings(deadline=None, max_examples=200)
@given(st.data(), st.integers(2, 6), st.integers(0, 999))
def test_in_a_finite_world_the_corrected_probabilities_are_those_of_bayes(data, k, seed):
    rows_x_class = np.random.default_rng(seed).dirichlet(np.ones(7), size=k).T      # p(x | y)
    trained, true = data.draw(shares(k)), data.draw(shares(k))
    got = corrected(posterior(rows_x_class * trained), trained, true)
    assert got == pytest.approx(posterior(rows_x_class * true), rel=1e-9)


@pytest.mark.parametrize("true", [0.001, 0.3, 0.5, 0.99])
def test_with_two_gaussians_the_corrected_sigmoid_is_that_of_bayes(true):
    x = np.linspace(-6, 6, 101)
    zero, one = norm.pdf(x, 0, 1), norm.pdf(x, 1.5, 1)
    learnt = 0.5 * one / (0.5 * one + 0.5 * zero)
    expected = true * one / (true * one + (1 - true) * zero)
    for shape in ((101,), (101, 1)):
        got = corrected(learnt.reshape(shape), 0.5, true)
        assert got.shape == shape
        assert got.ravel() == pytest.approx(expected, rel=1e-12)
    assert corrected(learnt, [0.5, 0.5], [1 - true, true]) == pytest.approx(expected, rel=1e-12)
    assert corrected(np.stack([1 - learnt, learnt], 1), [0.5, 0.5], [1 - true, true])[:, 1] == pytest.approx(expected, rel=1e-12)


def test_the_mean_corrected_probability_is_the_true_share():
    """Total probability: over rows of the true world the posterior averages to the prior (numerical integration)."""
    x = np.linspace(-9, 12, 20_001)
    zero, one = norm.pdf(x, 0, 1), norm.pdf(x, 2, 1)
    learnt = one / (one + zero)
    density = 0.97 * zero + 0.03 * one
    mean = (corrected(learnt, 0.5, 0.03) * density).sum() * (x[1] - x[0])
    assert mean == pytest.approx(0.03, rel=1e-6)
    assert (learnt * density).sum() * (x[1] - x[0]) > 5 * 0.03 * ndtr(0)        # the uncorrected one does not


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(2, 5), st.integers(0, 999))
def test_there_and_back_is_where_it_began(data, k, seed):
    p = softmax(np.random.default_rng(seed).normal(size=(9, k)) * 3, axis=1)
    a, b = data.draw(shares(k)), data.draw(shares(k))
    assert corrected(corrected(p, a, b), b, a) == pytest.approx(p, rel=1e-9)
    if k == 2:
        assert corrected(corrected(p[:, 1], a[1], b[1]), b[1], a[1]) == pytest.approx(p[:, 1], rel=1e-9)
    assert corrected(p, a, a) == pytest.approx(p, rel=1e-12)
    assert corrected(p, a, b).sum(1) == pytest.approx(1)


def test_certainty_stays_certain():
    assert corrected(np.array([0.0, 1.0]), 0.5, 1e-9).tolist() == [0.0, 1.0]
    assert corrected(np.array([[0.0], [1.0]]), 1e-12, 0.5).tolist() == [[0.0], [1.0]]
    one_hot = np.eye(3)
    assert corrected(one_hot, [1e-9, 0.5, 0.5 - 1e-9], [0.5, 0.5 - 1e-9, 1e-9]).tolist() == one_hot.tolist()
    assert np.isfinite(corrected(np.array([5e-324, 1.0]), 1e-300, 1 - 1e-9)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_float_type_is_kept_and_its_rounding_forgiven(dtype):
    p = softmax(np.random.default_rng(0).normal(size=(50, 1000)), axis=1).astype(dtype)
    uniform = np.full(1000, 1e-3)
    assert corrected(p, uniform, uniform).dtype == dtype
    assert corrected(np.array([0.5], dtype), 0.5, 0.25).tolist() == [0.25]
    assert corrected(np.array([0, 1]), 0.5, 0.25).tolist() == [0.0, 1.0]


def test_no_rows_are_no_problem():
    assert corrected(np.zeros((0, 3)), [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]).shape == (0, 3)
    assert corrected(np.zeros(0), 0.5, 0.1).shape == (0,)


@pytest.mark.parametrize(("p", "trained", "true", "words"), [
    (np.array([0.2, 1.2]), 0.5, 0.1, r"`probabilities` must be between 0 and 1; got \[1.2\]. Pass what a sigmoid"),
    (np.array([0.2, np.nan]), 0.5, 0.1, r"between 0 and 1; got \[nan\]"),
    (np.array([-3.0]), 0.5, 0.1, "not logits"),
    (np.array([[0.9, 0.9, 0.1]]), [0.3, 0.3, 0.4], [0.3, 0.3, 0.4], r"rows that sum to 1; got \[1.9\]. Correct outputs"),
    (np.zeros((2, 2, 2)), 0.5, 0.1, r"of shape \[n\], \[n, 1\]"),
    (np.zeros((2, 0)), 0.5, 0.1, r"of shape \[n\]"),
    (np.array(0.5), 0.5, 0.1, r"of shape \[n\]"),
    (np.array(["a"]), 0.5, 0.1, "numbers"),
    (np.array([0.5]), [0.2, 0.3, 0.5], 0.1, r"`trained` must be one share for each of 2 classes; got \(3,\)"),
    (np.full((1, 3), 1 / 3), [0.2, 0.3, 0.5], 0.1, "`true` must be one share for each of 3"),
    (np.array([0.5]), 0.5, [0.2, 0.9], "`true` must be shares above 0 that sum to 1"),
    (np.array([0.5]), [30, 70], 0.5, "Divide the count"),
    (np.array([0.5]), 0.5, 1.0, "above 0"),
    (np.array([0.5]), float("nan"), 0.5, "`trained` must be shares above 0"),
    (np.array([0.5]), 0.0, 0.5, "`trained` must be shares above 0")])
def test_what_does_not_fit_is_refused(p, trained, true, words):
    with pytest.raises(UsageError, match=words):
        corrected(p, trained, true)
