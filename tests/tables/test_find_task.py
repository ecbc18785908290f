"""Which task a target column poses."""

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.tables.target import find_task


@pytest.mark.parametrize(("values", "kind", "classes"), [
    (["no", "yes"] * 50, "binary", ("no", "yes")),
    ([True, False] * 50, "binary", ("False", "True")),
    ([7, 3] * 50, "binary", ("3", "7")),
    ([1.0, 0.0] * 50, "binary", ("0", "1")),
    ([0.5, 1.5] * 50, "binary", ("0.5", "1.5")),
    (list("cab") * 30, "multiclass", ("a", "b", "c")),
    ([10, 2, 1] * 30, "multiclass", ("1", "2", "10")),
    ([2.0, 0.0, 1.0] * 30, "multiclass", ("0", "1", "2")),
])
def test_few_values_that_repeat_are_classes(values, kind, classes):
    task = find_task(pd.Series(values), "t")
    assert (task.kind, task.classes) == (kind, classes)
    for value, code in zip(values[:3], task.codes, strict=False):
        assert type(value)(classes[code]) == value or str(value) == classes[code]


@pytest.mark.parametrize("values", [
    np.linspace(0, 1, 100),
    np.arange(100),
    np.arange(100.0),
    np.repeat([0.1, 0.2, 0.3], 30),
    np.arange(100) % 21,
    np.arange(99) % 10,
])
def test_fractions_and_many_whole_numbers_are_quantities(values):
    task = find_task(pd.Series(values), "t")
    assert task.kind == "regression"
    assert task.classes == ()
    np.testing.assert_array_equal(task.y[:, 0], values)
    assert not task.codes.any()


def test_twenty_whole_numbers_of_ten_rows_each_are_still_classes():
    assert find_task(pd.Series(np.arange(200) % 20), "t").kind == "multiclass"
    assert find_task(pd.Series(np.arange(210) % 21), "t").kind == "regression"
    assert find_task(pd.Series(np.arange(199) % 20), "t").kind == "regression"


def test_a_category_of_many_numbers_is_classes_in_the_order_of_its_categories():
    column = pd.Series(pd.Categorical(np.arange(120) % 30, categories=range(40)))
    task = find_task(column, "t")
    assert task.kind == "multiclass"
    assert task.classes == tuple(map(str, range(30)))


def test_targets_have_the_shapes_and_dtypes_of_their_task():
    binary = find_task(pd.Series(["a", "b"] * 50), "t").y
    several = find_task(pd.Series(["a", "b", "c"] * 50), "t").y
    number = find_task(pd.Series(np.linspace(0, 1, 90)), "t").y
    assert (binary.shape, binary.dtype) == ((100, 1), np.float32)
    assert (several.shape, several.dtype) == ((150,), np.int32)
    assert (number.shape, number.dtype) == ((90, 1), np.float64)
    assert binary[:4, 0].tolist() == [0, 1, 0, 1]


def test_the_note_names_the_target_and_the_task():
    assert find_task(pd.Series(["a", "b"] * 50), "sick").notes == ("Target `sick` has 2 classes: binary classification.",)


@pytest.mark.parametrize(("values", "culprit", "cure"), [
    (["a"] * 60, "'a' in all 60 rows", "another column"),
    ([1.5] * 60, "'1.5' in all 60 rows", "another column"),
    ([f"text {i}" for i in range(60)], "60 different values in 60 rows", "another column"),
    (["a"] * 30 + ["b"] * 28 + ["lone"] * 2, "2 rows of class 'lone'", "merge"),
    (["a"] * 30 + ["b"] * 28 + ["lone"], "1 row of class 'lone'", "merge"),
    ([0.5, np.inf, -np.inf] + [1.25] * 60, "2 infinite values", "Drop those rows"),
    ([1e300] + [1.25] * 60, "1 infinite value", "Drop those rows"),
    (pd.date_range("2024-01-01", periods=60), "2024-01-01", "number"),
])
def test_a_target_that_teaches_nothing_is_refused(values, culprit, cure):
    with pytest.raises(UsageError) as refused:
        find_task(pd.Series(values), "t")
    message = str(refused.value)
    assert message.startswith("`t` must be ")
    assert culprit in message
    assert cure in message
