"""How rows are cut into parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.base.errors import UsageError
from epochal.tables import split


def parts_of(parts):
    return parts.train, parts.validation, parts.test


def assert_a_partition(parts, n):
    np.testing.assert_array_equal(np.sort(np.concatenate(parts_of(parts))), np.arange(n))


def test_parts_are_64_16_and_20_percent():
    parts = split.at_random(np.zeros(1000, int), seed=0)
    assert_a_partition(parts, 1000)
    assert [len(part) for part in parts_of(parts)] == [640, 160, 200]


def test_every_class_has_the_same_share_of_each_part():
    codes = np.repeat([0, 1, 2], [700, 250, 50])
    for part, share in zip(parts_of(split.at_random(codes, seed=0)), (0.64, 0.16, 0.20), strict=True):
        np.testing.assert_array_equal(np.bincount(codes[part]), [700 * share, 250 * share, 50 * share])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(3, 40), min_size=1, max_size=12), st.integers(0, 2**20))
def test_a_class_of_three_rows_or_more_stands_in_every_part(counts, seed):
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = split.at_random(codes, seed=seed)
    assert_a_partition(parts, len(codes))
    for part in parts_of(parts):
        assert set(codes[part]) == set(codes)


def test_one_seed_gives_one_split_and_another_seed_another():
    codes = np.zeros(200, int)
    first, again, other = (split.at_random(codes, seed=seed).train for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_are_drawn_from_all_over_the_file():
    """200 of 1,000 rows in the first half of the file: 100 expected, sd 6.3; outside 70 to 130 once in 500,000 seeds."""
    test = split.at_random(np.zeros(1000, int), seed=0).test
    assert 70 < (test < 500).sum() < 130


def test_the_files_own_test_rows_are_the_test_part():
    codes = np.repeat([0, 1, 0, 1], [80, 20, 10, 10])
    parts = split.at_random(codes, n_own_test=20, seed=0)
    assert_a_partition(parts, 120)
    assert parts.test.tolist() == list(range(100, 120))
    assert np.bincount(codes[parts.validation]).tolist() == [16, 4]


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.integers(1, 3), st.integers(0, 2**20))
def test_no_group_stands_in_two_parts(n_groups, n_classes, seed):
    stream = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), stream.integers(n_groups, size=100)])
    parts = split.by_group(pd.Series(groups, name="g"), stream.integers(n_classes, size=len(groups)), seed=seed)
    assert_a_partition(parts, len(groups))
    train, validation, test = (set(groups[part]) for part in parts_of(parts))
    assert train
    assert validation
    assert test
    assert len(train) + len(validation) + len(test) == len(train | validation | test)


def test_groups_of_unlike_size_and_class_still_give_every_part_its_share():
    """40 groups of 5 to 60 rows, each nearly of one class, as where one person gives many rows."""
    stream = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), stream.integers(5, 60, size=40))
    codes = (stream.random(len(groups)) < np.where(groups % 4 == 0, 0.9, 0.05)).astype(int)
    parts = split.by_group(pd.Series(groups, name="person"), codes, seed=0)
    for part, share in zip(parts_of(parts), (0.64, 0.16, 0.20), strict=True):
        assert abs(len(part) / len(codes) - share) < 0.03
        assert abs(codes[part].mean() - codes.mean()) < 0.05


def test_a_class_that_only_two_groups_hold_is_in_the_training_part():
    """The two hold exactly a fifth of the rows, so that by size alone both would be the test part."""
    groups = np.repeat(np.arange(6), [20, 20, 40, 40, 40, 40])
    codes = np.isin(np.arange(200), [0, 20]).astype(int)
    assert set(codes[split.by_group(pd.Series(groups, name="g"), codes, seed=0).train]) == {0, 1}


@pytest.mark.parametrize("moments", [
    np.random.default_rng(0).permutation(500),
    pd.Series(pd.date_range("2024-01-01", periods=500, freq="h")).sample(frac=1, random_state=0).to_numpy(),
    pd.Series(pd.date_range("2024-01-01", periods=500).strftime("%d/%m/%Y")).sample(frac=1, random_state=0).to_numpy(),
])
def test_the_earliest_rows_train_and_the_latest_test(moments):
    parts = split.by_time(pd.Series(moments, name="when"), np.zeros(500, int))
    assert_a_partition(parts, 500)
    assert [len(part) for part in parts_of(parts)] == [320, 80, 100]
    clock = moments if not isinstance(moments[0], str) else pd.to_datetime(moments, format="%d/%m/%Y").to_numpy()
    train, validation, test = (clock[part] for part in parts_of(parts))
    assert train.max() < validation.min()
    assert validation.max() < test.min()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=8), st.integers(0, 2**20))
def test_rows_of_one_moment_stay_together(counts, seed):
    years = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = split.by_time(pd.Series(years, name="year"), np.zeros(len(years), int))
    assert_a_partition(parts, len(years))
    train, validation, test = (years[part] for part in parts_of(parts))
    assert train.max() < validation.min()
    assert validation.max() < test.min()


def test_a_class_that_comes_only_late_is_told():
    parts = split.by_time(pd.Series(np.arange(100), name="t"), np.repeat([0, 1], [90, 10]))
    assert "The validation part lacks 1 of the classes." in parts.notes


@pytest.mark.parametrize(("cut", "column", "culprit", "cure"), [
    ("group", ["a", "b"] * 50, "2 groups", "finer column"),
    ("group", ["a", "b", "c", None] * 25, "25 missing values", "drop those rows"),
    ("time", [1, 2] * 50, "2 different moments", "finer column"),
    ("time", ["2024-01-01"] * 99 + ["soon"], "'soon'", "2024-12-31"),
    ("time", ["2024-01-01"] * 99 + ["2024-02-30"], "'2024-02-30'", "2024-12-31"),
    ("time", list("abcd") * 25, "'a'", "2024-12-31"),
    ("time", [1.0, np.nan, 3.0, 4.0] * 25, "25 missing values", "drop those rows"),
])
def test_a_column_that_cannot_cut_rows_is_refused(cut, column, culprit, cure):
    cuts = {"group": lambda column: split.by_group(column, np.zeros(100, int), seed=0),
            "time": lambda column: split.by_time(column, np.zeros(100, int))}
    with pytest.raises(UsageError) as refused:
        cuts[cut](pd.Series(column, name="col"))
    message = str(refused.value)
    assert message.startswith("`col` must be ")
    assert culprit in message
    assert cure in message
