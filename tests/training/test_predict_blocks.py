"""How `ep.predict` cuts rows into blocks, shrinks them where memory runs out, and compares what it did twice."""

import numpy as np
import pytest
from training.predicting import forward_of, run_out, same

from epochal.api import predict
from epochal.base.errors import MeasurementFailed, Unsupported
from epochal.rules.training.predict_size import Trial
from epochal.seam import forward
from epochal.training.feeds.cast import Rows
from epochal.training.predict.blocks import alike, closeness, cut

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_a_size_that_does_not_fit_is_halved(limit, model, x, monkeypatch):
    x = np.tile(x, (10, 1))
    theirs = model.predict(x, verbose=0)
    sizes = run_out(monkeypatch, model, limit)
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) > limit
    sizes.clear()
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) <= max(limit, 32)  # it is remembered, up to the rows done again to compare


def test_a_size_that_fitted_once_and_no_longer_does_is_halved(model, x, monkeypatch, cache):
    theirs = model.predict(x, verbose=0)
    predict(model, x, verbose=0)
    for sizes in forward_of(model).known.values():
        sizes.add(Trial(128, (1e-9,)))
    sizes = run_out(monkeypatch, model, 40)
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) == 128


def test_a_row_that_does_not_fit_is_no_reason_for_a_default(model, x, monkeypatch):
    run_out(monkeypatch, model, 0)
    with pytest.raises(MeasurementFailed, match="even one row"):
        predict(model, x, verbose=0)
    with pytest.raises(MemoryError):  # as under Keras
        predict(model, x, 32, verbose=0)


def test_other_errors_pass_through(model, x):
    with pytest.raises(ValueError, match="ncompatible|expected"):
        predict(model, x[:, :3], verbose=0)


def test_a_back_end_that_is_not_known_goes_through_keras_alone(model, x, monkeypatch):
    def unknown(model):
        raise Unsupported("Nobody knows it.")

    monkeypatch.setattr(forward, "_open", unknown)
    for size in ("auto", 50):
        assert same(predict(model, x, size, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("done", [0, 5])
@pytest.mark.parametrize("n", [6, 20, 40, 43])
def test_blocks_cover_every_row_once_and_are_full_where_they_must_be(filled, done, n):
    rows = Rows(n, np.arange(n), None, None)
    new = []
    for block in cut(rows, done, 10, filled=filled):
        assert len(block.data) == block.n_rows
        assert block.n_rows == 10 if filled else block.n_rows <= 10
        new += list(block.data[block.n_filled:])
    assert new == list(range(done, n))


def test_what_is_alike_differs_by_a_share_of_the_largest_number():
    a = np.array([1.0, -200.0, 3.0])
    assert alike(a, a, 0.0)
    for scale in (1.0, 1e-20):
        b = a + np.eye(3)[2]
        assert alike(a * scale, b * scale, 0.0051)
        assert not alike(a * scale, b * scale, 0.0049)
    assert alike(np.zeros(3), np.zeros(3), 0.0)


@pytest.mark.parametrize(("a", "b", "equal"), [
    (np.nan, np.nan, True), (np.nan, 1.0, False), (1.0, np.nan, False), (np.inf, np.inf, True), (np.inf, -np.inf, False),
    (np.inf, 1e9, False), (1e9, np.inf, False)])
def test_what_is_not_finite_must_be_so_on_both_sides(a, b, equal):
    assert alike(np.array([a, 1.0]), np.array([b, 1.0]), 1e-5) is equal
    assert alike(np.array([a]), np.array([b]), 1e-5) is equal


def test_whole_numbers_must_be_equal():
    assert alike(np.array([1, 2]), np.array([1, 2]), 0.9)
    assert not alike(np.array([1, 2]), np.array([1, 3]), 0.9)
    assert not alike(np.array([True]), np.array([False]), 0.9)


def test_half_precision_is_compared_by_its_own_rounding():
    assert closeness({"float32"}) == 1e-5
    assert closeness({"float32", "float16"}) == 2**-7
    assert closeness({"bfloat16"}) == 2**-4
