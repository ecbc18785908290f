"""Rows are cut, nested and checked as Keras would take them."""

import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.seam.rows import Part, check, halves, leaves, over


def _part(n=21):
    return Part({"b": np.arange(n), "a": np.arange(n) * 2.0}, (np.arange(n) % 3,), None)


def test_leaves_come_in_keras_order_and_nothing_has_none():
    assert [leaf[1] for leaf in leaves(_part().x)] == [2.0, 1]
    assert leaves(None) == []
    assert len(leaves([_part().x, (_part().y, None)])) == 3


def test_over_keeps_the_nesting():
    doubled = over(lambda a: a * 2, _part().x)
    assert list(doubled) == ["b", "a"]
    np.testing.assert_array_equal(doubled["b"], np.arange(21) * 2)
    assert over(len, None) is None
    assert over(len, _part().y) == (21,)


def test_take_takes_the_same_rows_of_everything():
    taken = _part().take(np.array([4, 2]))
    np.testing.assert_array_equal(taken.x["b"], [4, 2])
    np.testing.assert_array_equal(taken.y[0], [1, 2])
    assert taken.n_rows == 2
    assert taken.weight is None


def test_halves_share_all_rows_with_each_class_split_evenly():
    part = _part()
    first, second = halves(part, seed=0, classes=part.y[0])
    assert abs(first.n_rows - second.n_rows) <= 1
    np.testing.assert_array_equal(np.sort(np.concatenate([first.x["b"], second.x["b"]])), np.arange(21))
    for kind in range(3):
        assert abs(np.sum(first.y[0] == kind) - np.sum(second.y[0] == kind)) <= 1


def test_halves_repeat_for_one_seed_and_differ_for_another():
    cut = [tuple(halves(_part(), seed=seed)[0].x["b"]) for seed in (0, 0, 1)]
    assert cut[0] == cut[1] != cut[2]


def test_one_row_cannot_be_halved():
    with pytest.raises(UsageError, match="`validation rows` must be at least 2; got 1"):
        halves(_part(1), seed=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    part = _part()
    part.x["a"][3] = bad
    with pytest.raises(UsageError, match="`x` of the training rows must be finite; got 1 values"):
        check(part, "the training rows")


def test_inputs_and_targets_of_other_lengths_are_refused():
    with pytest.raises(UsageError, match=r"must hold as many targets as inputs; got \[3, 4\] rows"):
        check(Part(np.zeros(3), np.zeros(4)), "the training rows")
