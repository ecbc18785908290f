"""Arrays from `.npz` files."""

import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.tables import open_table


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"
    return write


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_images_keep_their_shape_and_become_numbers_from_0_to_1(save):
    images = np.random.default_rng(0).integers(0, 256, size=(100, 28, 28), dtype=np.uint8)
    table = open_table(save(x=images, y=np.arange(100) % 10))
    assert (table.name, table.kind, table.classes) == ("data", "multiclass", tuple("0123456789"))
    assert table.x_train.shape == (60, 28, 28)
    assert table.x_train.dtype == np.float32
    assert table.x_train.max() == 1
    assert any("divided by 255" in note for note in table.notes)
    assert table.encoder is None
    assert table.feature_names == ()
    every = np.concatenate([table.x_train, table.x_validation, table.x_test])
    np.testing.assert_allclose(np.sort(every.sum((1, 2))), np.sort((images / 255).sum((1, 2))), rtol=1e-5)


def test_numbers_are_used_as_they_are(save):
    x = numbers(100, 3).astype(np.float32)
    table = open_table(save(x=x, y=x[:, :1]))
    assert table.kind == "regression"
    assert {*map(tuple, table.x_train)} < {*map(tuple, x)}
    np.testing.assert_allclose(table.y_train * table.target_scale + table.target_mean, table.x_train[:, :1], atol=1e-5)
    assert any("without scaling" in note for note in table.notes)


def test_eight_bit_zeros_and_ones_are_not_divided(save):
    table = open_table(save(x=np.eye(100, dtype=np.uint8), y=np.arange(100) % 2))
    assert table.x_train.max() == 1


def test_a_hundred_classes_of_images_are_classes(save):
    assert open_table(save(x=np.zeros((1000, 2, 2)), y=np.arange(1000) % 100)).kind == "multiclass"


def test_the_test_part_of_a_keras_file_is_the_test_part(save):
    table = open_table(save(x_train=numbers(100, 4), y_train=np.arange(100) % 2, x_test=numbers(30, 4) + 100,
                            y_test=np.arange(30) % 2))
    assert [len(x) for x in (table.x_train, table.x_validation, table.x_test)] == [80, 20, 30]
    assert table.x_test.min() > 50 > table.x_train.max()
    assert any("the data's own" in note for note in table.notes)


def test_training_arrays_alone_are_cut_into_three(save):
    table = open_table(save(x_train=numbers(100, 4), y_train=np.array(["a", "b"] * 50)))
    assert [len(x) for x in (table.x_train, table.x_validation, table.x_test)] == [64, 16, 20]
    assert table.classes == ("a", "b")


def test_rows_without_a_target_leave_with_their_x(save):
    y = np.arange(100) / 7
    x = np.repeat(y[:, None], 2, axis=1)
    y = np.where(np.arange(100) < 5, np.nan, y)
    table = open_table(save(x=x, y=y))
    assert "5 rows without a value of `y` left out." in table.notes
    np.testing.assert_allclose(table.y_train * table.target_scale + table.target_mean, table.x_train[:, :1], atol=1e-5)


@pytest.mark.parametrize(("arrays", "culprit", "value", "cure"), [
    ({"a": numbers(60, 2)}, "`source`", "with a.", "numpy.savez"),
    ({}, "`source`", "no array", "numpy.savez"),
    ({"x": numbers(60, 2), "y": numbers(61)}, "`y`", "61 rows", "one length"),
    ({"x": numbers(60), "y": numbers(60)}, "`x`", "(60,)", "reshape"),
    ({"x": numbers(60, 0), "y": numbers(60)}, "`x`", "(60, 0)", "reshape"),
    ({"x": np.full((60, 2), np.nan), "y": numbers(60)}, "`x`", "120 values", "Drop those rows"),
    ({"x": np.full((60, 2), 1e300), "y": numbers(60)}, "`x`", "120 values", "Drop those rows"),
    ({"x": np.full((60, 2), "a"), "y": numbers(60)}, "`x`", "<U1", "Convert"),
    ({"x": numbers(60, 2) * 1j, "y": numbers(60)}, "`x`", "complex128", "Convert"),
    ({"x": numbers(60, 2), "y": numbers(60, 3)}, "`y`", "(60, 3)", "argmax"),
    ({"x": numbers(60, 2), "y": np.array(["2024-01-01"] * 60, "datetime64[D]")}, "`y`", "datetime64", "Convert"),
    ({"x": numbers(60, 2), "y": np.full(60, np.nan)}, "`y`", "60 missing values", "another column"),
    ({"x": numbers(60, 2), "y": np.full(60, np.inf)}, "`y`", "60 infinite values", "Drop those rows"),
    ({"x": numbers(60, 2), "y": np.zeros(60, int)}, "`y`", "'0' in all 60 rows", "another"),
    ({"x": numbers(49, 2), "y": numbers(49)}, "rows with a target", "got 49", "more rows"),
    ({"x_train": numbers(60, 2), "y_train": numbers(60), "x_test": numbers(60, 3), "y_test": numbers(60)},
     "`x_test`", "(3,)", "one shape"),
    ({"x_train": numbers(40, 2), "y_train": numbers(40), "x_test": numbers(60, 2), "y_test": numbers(60)},
     "`x_train`", "40 rows", "from x_test"),
    ({"x_train": numbers(60, 2), "y_train": numbers(60), "x_test": numbers(60, 2), "y_test": np.full(60, np.nan)},
     "`y_test`", "no value", "alone"),
    ({"x_train": numbers(60, 2), "y_train": np.arange(60) % 2, "x_test": numbers(9, 2), "y_test": np.full(9, 2)},
     "`y`", "'2'", "No training row"),
])
def test_arrays_that_make_no_table_are_refused(save, arrays, culprit, value, cure):
    with pytest.raises(UsageError) as refused:
        open_table(save(**arrays))
    message = str(refused.value)
    assert all(words in message for words in (culprit, value, cure)), message


def test_python_objects_are_never_loaded(save):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    with pytest.raises(UsageError, match="may run code when loaded"):
        open_table(save(x=numbers(60, 2), y=np.array([Trap()] * 60, dtype=object)))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(50), bytes(range(256)) * 9])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"`source` must be an \.npz file .*; got 'broken\.npz' \(.*\)\. Save it by numpy\.savez"):
        open_table(tmp_path / "broken.npz")


def test_a_single_array_under_the_wrong_ending_is_refused(tmp_path):
    np.save(tmp_path / "one.npy", numbers(60, 2))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(UsageError, match="Save it by numpy"):
        open_table(tmp_path / "one.npz")


def test_a_damaged_array_within_a_whole_archive_is_refused(save):
    path = save(x=numbers(600, 2), y=numbers(600))
    content = bytearray(path.read_bytes())
    content[1000:1100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(UsageError, match="Save it by numpy"):
        open_table(path)


@pytest.mark.parametrize("option", ["target", "groups", "time"])
def test_options_for_columns_are_refused(save, option):
    with pytest.raises(UsageError, match=f"`{option}` must be left out for an .npz file; got 'a'. .*CSV or Parquet"):
        open_table(save(x=numbers(60, 2), y=numbers(60)), **{option: "a"})
