"""Rows of a Parquet file: types, classes, bounded pieces, and what is refused."""

import decimal
import functools
import os
import tempfile

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from epochal.base.errors import UsageError
from epochal.tables.parquet import rows as parquet
from epochal.tables.parquet.rows import ParquetRows


@pytest.fixture
def write(tmp_path):
    def write(columns, name="rows.parquet", **options):
        table = columns if isinstance(columns, pyarrow.Table) else pyarrow.table(columns)
        pyarrow.parquet.write_table(table, tmp_path / name, **options)
        return tmp_path / name

    return write


def whole(rows):
    (x, y, weight), = rows.pieces(rows.n_rows)
    return x, y, weight


FEATURES = {
    "float32": np.arange(6, dtype="float32"), "float64": np.arange(6) / 3, "float16": np.arange(6, dtype="float16"),
    "int8": np.arange(6, dtype="int8"), "int64": np.arange(6), "uint32": np.arange(6, dtype="uint32"),
    "bool": [True, False] * 3, "decimal": [decimal.Decimal(f"{n}.25") for n in range(6)],
}


@pytest.mark.parametrize("kind", FEATURES)
def test_numbers_of_any_type_become_float32(write, kind):
    x, _, weight = whole(ParquetRows(write({"a": FEATURES[kind], "y": np.arange(6.0)}), "y"))
    assert (x.dtype, x.shape, weight) == (np.float32, (6, 1), None)
    np.testing.assert_array_equal(x[:, 0], np.asarray(FEATURES[kind]).astype("float32"))


TARGETS = {
    "floats": (np.arange(6) / 4, "float32", np.arange(6)[:, None] / 4),
    "whole numbers": (np.arange(6), "int32", np.arange(6)[:, None]),
    "large whole numbers": (np.arange(6) * 2**40, "float32", np.arange(6)[:, None] * 2**40),
    "booleans": ([True, False] * 3, "float32", [[1], [0]] * 3),
    "two classes": (["no", "yes"] * 3, "float32", [[0], [1]] * 3), "three classes": (["c", "a", "b"] * 2, "int32", [2, 0, 1] * 2),
    "categories": (pd.Categorical(["c", "a", "b"] * 2), "int32", [2, 0, 1] * 2),
    "categories of numbers": (pyarrow.array([5, 7, 5, 7, 5, 9]).dictionary_encode(), "int32", [[5], [7], [5], [7], [5], [9]]),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_become_what_a_loss_expects(write, kind):
    target, dtype, expected = TARGETS[kind]
    rows = ParquetRows(write({"a": np.arange(6.0), "y": target}, row_group_size=2), "y")
    y = whole(rows)[1]
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.asarray(expected, dtype))
    letters = ("a", "b", "c")
    assert rows.classes == {"two classes": ("no", "yes"), "three classes": letters, "categories": letters}.get(kind, ())


def test_several_targets_and_chosen_features(write):
    path = write({"name": ["x"] * 4, "a": np.arange(4), "u": np.arange(4.0), "b": np.arange(4) * 10, "v": np.ones(4)})
    rows = ParquetRows(path, ["u", "v"], features=["b", "a"], weight=None)
    x, y, _ = whole(rows)
    assert x.tolist() == [[0, 0], [10, 1], [20, 2], [30, 3]]
    assert y.tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    assert (rows.feature_names, rows.n_features, rows.row_bytes) == (("b", "a"), 2, 16)


def test_names_with_dots_are_names(write):
    assert whole(ParquetRows(write({"a.b": np.arange(3), "a": np.arange(3) + 5, "y": np.arange(3.0)}), "y"))[0].tolist() == \
        [[0, 5], [1, 6], [2, 7]]


def test_another_file_keeps_columns_and_classes(write):
    train = ParquetRows(write({"a": np.arange(3), "b": np.arange(3) * 2, "y": ["p", "q", "r"]}), "y")
    other = train.like(write({"y": ["r", "q"], "b": [1, 2], "a": [3, 4]}, "other.parquet"))
    x, y, _ = whole(other)
    assert x.tolist() == [[3, 1], [4, 2]]
    assert y.tolist() == [2, 1]
    with pytest.raises(UsageError, match="'s'"):
        whole(train.like(write({"y": ["s", "q"], "b": [1, 2], "a": [3, 4]}, "another.parquet")))


@pytest.mark.parametrize("n", [1, 7, 100, 250, 1000, 2000])
@pytest.mark.parametrize("row_group_size", [64, 300, 5000])
@pytest.mark.parametrize("seed", [None, 3])
def test_pieces_are_full_and_hold_each_row_once(write, row_group_size, n, seed):
    path = write({"a": np.arange(1000), "w": np.arange(1000) / 2, "y": np.arange(1000.0)}, row_group_size=row_group_size)
    rng = None if seed is None else np.random.default_rng(seed)
    found = list(ParquetRows(path, "y", weight="w").pieces(n, rng))
    assert [len(x) for x, _, _ in found] == [n] * (1000 // n) + [1000 % n] * (1000 % n > 0)
    x, y, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
    np.testing.assert_array_equal(y[:, 0], x[:, 0])
    np.testing.assert_array_equal(weight, x[:, 0] / 2)
    np.testing.assert_array_equal(x[:, 0] if seed is None else np.sort(x[:, 0]), np.arange(1000))


def test_pieces_are_not_written_to_again(write):
    pieces = list(ParquetRows(write({"a": np.arange(100), "y": np.arange(100.0)}), "y").pieces(10))
    assert len({x.__array_interface__["data"][0] for x, _, _ in pieces}) == 10


@pytest.fixture
def wide(write):
    """A file of 23 columns, of which four are decoded at a time."""
    x = np.random.default_rng(0).normal(size=(500, 23)).astype("float32")
    columns = {f"x{i}": column for i, column in enumerate(x.T)} | {"w": x[:, 0] / 2, "y": np.where(x[:, 0] > 0, "up", "down")}
    return x, write(columns, row_group_size=130)


@pytest.mark.parametrize("n", [1, 60, 130, 499, 1000])
@pytest.mark.parametrize("seed", [None, 3])
def test_more_columns_than_are_decoded_at_a_time_are_the_same_rows(monkeypatch, wide, n, seed):
    x, path = wide
    monkeypatch.setattr(parquet, "_OPEN", 4)
    pieces = list(ParquetRows(path, "y", weight="w").pieces(n, None if seed is None else np.random.default_rng(seed)))
    assert [len(part[0]) for part in pieces] == [n] * (500 // n) + [500 % n] * (500 % n > 0)
    found, y, weight = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    order = slice(None) if seed is None else np.argsort(found[:, 0])
    np.testing.assert_array_equal(found[order], x if seed is None else x[np.argsort(x[:, 0])])
    np.testing.assert_array_equal(y[:, 0], found[:, 0] > 0)
    np.testing.assert_array_equal(weight, found[:, 0] / 2)


@pytest.mark.parametrize("most", [4, 100])
@pytest.mark.parametrize("n", [1, 129, 131, 500, 9999])
def test_the_head_is_the_first_rows(monkeypatch, wide, most, n):
    x, path = wide
    monkeypatch.setattr(parquet, "_OPEN", most)
    found, y, weight = ParquetRows(path, "y", weight="w").head(n)
    np.testing.assert_array_equal(found, x[:n])
    np.testing.assert_array_equal(y[:, 0], x[:n, 0] > 0)
    np.testing.assert_array_equal(weight, x[:n, 0] / 2)


def test_many_columns_leave_no_open_file_behind(monkeypatch, wide):
    monkeypatch.setattr(parquet, "_OPEN", 4)
    opened, real = [], tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: opened.append(real(**options)) or opened[-1])
    pieces = ParquetRows(wide[1], "y").pieces(100, np.random.default_rng(0))
    next(pieces)
    pieces.close()
    assert opened
    assert all(file.closed for file in opened)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
def test_a_full_disk_is_told(monkeypatch, wide):
    monkeypatch.setattr(parquet, "_OPEN", 4)
    monkeypatch.setattr(tempfile, "TemporaryFile", functools.partial(open, "/dev/full", "r+b"))
    with pytest.raises(UsageError, match=r"23 columns.*no room for .* GB.*TMPDIR"):
        whole(ParquetRows(wide[1], "y", features=[f"x{i}" for i in range(23)]))


NO_TABLES = [
    ({"a": [1.0, None, 3.0], "y": [1.0, 2.0, 3.0]}, "y", r"`a` must be known in every row; got 1 missing value"),
    ({"a": [1.0, 2.0], "y": [1.0, None]}, "y", "`y` must be known"),
    ({"a": [1.0, 2.0], "y": ["p", None]}, "y", "`y` must be known"),
    ({"colour": ["red", "blue"], "y": [1.0, 2.0]}, "y", "'colour'.*string"),
    ({"day": pd.to_datetime(["2024-01-01", "2024-01-02"]), "y": [1.0, 2.0]}, "y", "'day'.*timestamp"),
    ({"kind": pd.Categorical(["p", "q"]), "y": [1.0, 2.0]}, "y", "'kind'"),
    ({"a": [[1.0], [2.0]], "y": [1.0, 2.0]}, "y", "'a'.*list"),
    ({"a": [1.0, 2.0], "y": pd.to_datetime(["2024-01-01", "2024-01-02"])}, "y", "column of numbers, or of text"),
    ({"a": [1.0, 2.0], "y": [1.0, 2.0]}, "price", "`y` must be a column of rows.parquet; got 'price'.*'a', 'y'"),
    ({"a": [1.0, 2.0], "y": [1.0, 2.0]}, None, "the name of the column"),
    ({"y": [1.0, 2.0]}, "y", "at least one column"),
    ({"a": pyarrow.array([], "float32"), "y": pyarrow.array([], "float32")}, "y", "without rows"),
    ({"a": [1.0, 2.0], "y": ["p", "p"]}, "y", "two or more"),
    ({"a": np.arange(20_000), "y": [str(n) for n in range(20_000)]}, "y", "few classes"),
]


@pytest.mark.parametrize(("columns", "target", "said"), NO_TABLES)
def test_what_is_no_table_is_refused(write, columns, target, said):
    with pytest.raises(UsageError, match=said):
        ParquetRows(write(columns), target)


def test_missing_values_are_found_without_statistics_too(write):
    rows = ParquetRows(write({"a": [1.0, None, 3.0], "y": [1.0, 2.0, 3.0]}, write_statistics=False), "y")
    with pytest.raises(UsageError, match="`a` must be known"):
        whole(rows)


def test_files_that_are_none_are_refused(tmp_path):
    for name, text in (("empty.parquet", ""), ("text.parquet", "a,b\n1,2\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(UsageError, match="Parquet file"):
            ParquetRows(tmp_path / name, "y")
    with pytest.raises(UsageError, match="exists"):
        ParquetRows(tmp_path / "nowhere.parquet", "y")


@pytest.mark.parametrize("wrong", [{"features": ["a", "b"]}, {"features": ["y"]}, {"features": []}, {"weight": "w"}])
def test_names_that_are_not_there_are_refused(write, wrong):
    with pytest.raises(UsageError, match="`"):
        ParquetRows(write({"a": [1.0, 2.0], "y": [1.0, 2.0]}), "y", **wrong)


def test_names_that_occur_twice_are_refused(write):
    twice = pyarrow.Table.from_arrays([pyarrow.array([1.0])] * 3, names=["a", "a", "y"])
    with pytest.raises(UsageError, match="more than once"):
        ParquetRows(write(twice), "y")


def test_validation_has_its_own_target_and_weight(write):
    columns = {"a": np.arange(3), "y": np.arange(3) * 0.5, "w": np.arange(3) + 7.0}
    train = ParquetRows(write(columns), "y", weight="w")
    other = write({"a": np.arange(3), "w": np.ones(3), "v": np.arange(3) + 2.0, "z": np.arange(3) * 3}, "other.parquet")
    x, y, weight = whole(train.like(other, "z", weight="v"))
    assert (x.tolist(), y.tolist(), weight.tolist()) == ([[0], [1], [2]], [[0], [3], [6]], [2, 3, 4])
    assert whole(train.like(write(columns, "third.parquet")))[2] is None


@pytest.mark.parametrize(("named", "said"), [
    (("nowhere",), "`validation_data` must be a column of .*; got 'nowhere'"),
    (("y", "nothing"), "`validation_data` must be a column of .*; got 'nothing'"),
    ((["y", "b"],), "`validation_data` must be with 1 target, as in training"),
    (("kind",), "`validation_data` must be with a target of numbers, as in training; got 'kind'")])
def test_a_target_or_weight_that_does_not_fit_the_training_is_refused(write, named, said):
    path = write({"a": np.arange(4), "b": np.arange(4.0), "kind": ["p", "q"] * 2, "y": np.arange(4.0)})
    target, *weight = named
    with pytest.raises(UsageError, match=said):
        ParquetRows(path, "y", features=["a"]).like(path, target, weight=weight[0] if weight else None)
    with pytest.raises(UsageError, match="a target of text, as in training"):
        ParquetRows(path, "kind", features=["a"]).like(path, "y")


@pytest.mark.parametrize("index", [None, "customer"])
def test_the_index_of_a_pandas_frame_is_no_feature(tmp_path, index):
    frame = pd.DataFrame({"a": np.arange(6), "y": np.arange(6.0)})
    frame = frame[frame["a"] != 2].rename_axis(index)  # an index that must be written as a column
    frame.to_parquet(tmp_path / "a.parquet")
    name = index or "__index_level_0__"
    assert name in pyarrow.parquet.read_schema(tmp_path / "a.parquet").names
    assert ParquetRows(tmp_path / "a.parquet", "y").feature_names == ("a",)
    assert ParquetRows(tmp_path / "a.parquet", "y", features=["a", name]).feature_names == ("a", name)
    assert ParquetRows(tmp_path / "a.parquet", name).feature_names == ("a", "y")
    frame.reset_index(drop=True).to_parquet(tmp_path / "b.parquet")  # described in the file, and no column
    assert ParquetRows(tmp_path / "b.parquet", "y").feature_names == ("a",)


def test_a_damaged_page_is_told_with_the_name_of_the_file(write):
    path = write({"a": np.random.default_rng(0).normal(size=5000), "y": np.arange(5000.0)})
    rows, damaged = ParquetRows(path, "y"), bytearray(path.read_bytes())
    damaged[4:2000] = bytes(1996)
    path.write_bytes(damaged)
    for read in (lambda: rows.head(10), lambda: whole(rows)):
        with pytest.raises(UsageError, match="'rows.parquet', which cannot be read .* Write it again"):
            read()
