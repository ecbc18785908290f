"""Rows held out by whole groups, or the latest of them."""

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.seam.apart import data_apart

N = 120
X, Y = np.arange(N, dtype="float32")[:, None], np.arange(N) % 2


def inside(part):
    return {*part.x[:, 0].astype(int)}


@pytest.mark.parametrize("y", [Y, np.eye(3)[np.arange(N) % 3], np.arange(N) / 7, Y[:, None]],
                         ids=["codes", "one-hot", "numbers", "column"])
def test_no_group_is_on_both_sides_in_any_fold(y):
    groups = np.array([f"g{i // 6}" for i in range(N)])
    data = data_apart(X, y, groups=groups, seed=1)
    train, held = inside(data.train), inside(data.half_a) | inside(data.half_b)
    assert len(train | held) == N
    assert not {i // 6 for i in train} & {i // 6 for i in held}
    assert 15 <= len(held) <= 35
    assert data.folds is not None
    rows = data.folds.rows.x[:, 0].astype(int)
    for turn in data.folds.turns:
        trained, *judged = ({i // 6 for i in rows[some]} for some in data.folds.all[turn])
        assert not trained & set.union(*judged)
    assert len(set.union(*({*rows[data.folds.all[turn].half_a]} | {*rows[data.folds.all[turn].half_b]}
                           for turn in data.folds.turns))) > 0.9 * N
    assert "whole groups of 20" in data.notes[0]


@pytest.mark.parametrize("make", [lambda days: days, lambda days: days.to_numpy(), lambda days: days.astype("int64") / 1e9,
                                  lambda days: list(days.strftime("%Y-%m-%d"))], ids=["pandas", "numpy", "numbers", "text"])
def test_the_latest_rows_are_held_out_and_never_trained_on(make):
    order = np.random.default_rng(0).permutation(N)
    days = pd.DatetimeIndex(pd.date_range("2024-01-01", periods=N // 2, freq="D").repeat(2))[order]
    data = data_apart(X, Y, time=make(days), seed=1)
    place = {int(x): day for x, day in zip(X[:, 0], days, strict=True)}
    held = [place[i] for i in inside(data.half_a) | inside(data.half_b)]
    assert max(place[i] for i in inside(data.train)) < min(held)
    assert len(held) == N // 5
    assert data.folds is None


def test_weights_and_test_rows_go_along():
    data = data_apart(X, Y, groups=np.arange(N) // 6, sample_weight=X[:, 0], test_data=(X[:9], Y[:9]), seed=0)
    np.testing.assert_array_equal(data.train.weight, data.train.x[:, 0])
    assert data.test.n_rows == 9


@pytest.mark.parametrize(("options", "said"), [
    ({"groups": np.arange(5)}, r"`groups` must be one value for each of the 120 rows; got \(5,\)"),
    ({"groups": np.zeros(N)}, "`groups` must be of at least 3 different values; got 1 different value"),
    ({"time": np.where(np.arange(N) == 3, np.nan, np.arange(N))}, "`time` must be known for every row; got 1 missing value"),
])
def test_what_does_not_tell_rows_apart_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        data_apart(X, Y, **options)
