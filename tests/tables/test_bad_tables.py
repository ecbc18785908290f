"""Every file and option that makes no table is refused in words: the culprit, the value, the cure."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from epochal.base.errors import UsageError
from epochal.tables import open_table


def frame(n=60, **columns):
    rows = np.arange(n)
    return pd.DataFrame({"a": rows / 7, "b": np.array(list("uvw"))[rows % 3], "y": rows % 2, **columns})


def refusal(source, **options):
    with pytest.raises(UsageError) as refused:
        open_table(source, **options)
    message = str(refused.value)
    assert len(message) < 600, message
    assert "\n" not in message
    return message


def assert_names(message, *words):
    assert all(word in message for word in words), message


@pytest.mark.parametrize(("table", "options", "words"), [
    (frame(), {}, ("`target`", "None", "'a', 'b', 'y'")),
    (frame(price=1.5), {"target": "prise"}, ("`target`", "'prise'", "Did you mean 'price'?", "'a', 'b', 'y', 'price'")),
    (frame(), {"target": "zzz"}, ("`target`", "'zzz'", "The columns are 'a', 'b', 'y'.")),
    (frame(), {"target": "y", "groups": "shop"}, ("`groups`", "'shop'", "'a', 'b', 'y'")),
    (frame(), {"target": "y", "time": "when"}, ("`time`", "'when'", "'a', 'b', 'y'")),
    (frame(), {"target": "y", "groups": "b", "time": "a"}, ("`groups and time`", "('b', 'a')", "Leave one of them out")),
    (frame(), {"target": "y", "groups": "y"}, ("`groups`", "'y'", "another column than the target")),
    (frame(), {"target": "y", "time": "y"}, ("`time`", "'y'", "another column than the target")),
    (frame(), {"target": "y", "time": "b"}, ("`b`", "'u'", "2024-12-31")),
    (frame(), {"target": "y", "groups": "y2"}, ("`groups`", "'y2'", "Did you mean 'y'?")),
    (frame(y="yes"), {"target": "y"}, ("`y`", "'yes' in all 60 rows", "another column")),
    (frame(y=2.5), {"target": "y"}, ("`y`", "'2.5' in all 60 rows", "another column")),
    (frame(y=np.nan), {"target": "y"}, ("`y`", "60 missing values", "another column")),
    (frame(y=["a", "b"] * 29 + ["c", "c"]), {"target": "y"}, ("`y`", "2 rows of class 'c'", "merge")),
    (frame(y=[f"it was {i}" for i in range(60)]), {"target": "y"}, ("`y`", "60 different values", "another column")),
    (frame(49), {"target": "y"}, ("rows with a target", "49", "at least 50", "more rows")),
    (frame(y=[0.0, 1.0] * 24 + [np.nan] * 12), {"target": "y"}, ("rows with a target", "48", "more rows")),
    (frame(0), {"target": "y"}, ("rows with a target", "0", "more rows")),
    (frame(a=[np.inf] * 2 + [1.5] * 58), {"target": "y"}, ("`a`", "2 infinite values", "Drop those rows")),
    (frame(y=[-np.inf] + [1.5] * 59), {"target": "y"}, ("`y`", "1 infinite value", "Drop those rows")),
    (frame(a=1, b="u"), {"target": "y"}, ("`features`", "`a`, `b`", "constant in")),
    (frame()[["a", "y"]], {"target": "y", "groups": "a"}, ("`features`", "none", "besides the target")),
    (frame(g=["s", "t"] * 30), {"target": "y", "groups": "g"}, ("`g`", "2 groups", "finer")),
    (frame(y=["b"] * 50 + ["late"] * 10), {"target": "y", "time": "a"}, ("`y`", "'late'", "split another way")),
    (frame(y=[1.0] * 38 + list(np.arange(22) / 7 + 5)), {"target": "y", "time": "a"}, ("`y`", "1.0", "another target")),
], ids=lambda value: "-".join(value) if isinstance(value, tuple) else "")
def test_a_table_that_poses_no_task_is_refused(tmp_path, table, options, words):
    table.to_csv(tmp_path / "t.csv", index=False)
    assert_names(refusal(tmp_path / "t.csv", **options), *words)


@pytest.mark.parametrize(("name", "content", "words"), [
    ("empty.csv", b"", ("`source`", "empty.csv", "write the table again")),
    ("blank.csv", b"\n  \n\n", ("`source`", "blank.csv", "write the table again")),
    ("header.csv", b"a,b,y\n", ("rows with a target", "0", "more rows")),
    ("prose.txt", b"It was a dark night.\nIt rained.\n", ("`source`", "prose.txt", "dark night", "by commas")),
    ("one.csv", b"y\n" + b"1\n0\n" * 40, ("`source`", "one.csv", "'y'", "by commas")),
    ("junk.csv", bytes(range(256)) * 10, ("`source`", "junk.csv", "binary", "save the table as CSV")),
    ("nul.csv", b"a,b\0,y\n1,2,3\n", ("`source`", "nul.csv", "binary", "save the table as CSV")),
    ("page.csv", b"<!DOCTYPE html>\n<html><body>a,b,y</body></html>\n", ("`source`", "page.csv", "a web page", "raw")),
    ("notes.csv", b'[{"a": 1, "y": 0}, {"a": 2, "y": 1}]\n', ("`source`", "notes.csv", "JSON", "to_csv")),
    ("book.csv", b"PK\x03\x04abc,d\n", ("`source`", "book.csv", "Excel", "as CSV")),
    ("odd.csv", b"caf\x81,y\n1,2\n", ("`source`", "odd.csv", "--encoding", "save it again")),
    ("ragged.csv", b"a,b,y\n" + b"1,2,3\n" * 30 + b"1,2,3,4,5\n" + b"1,2,3\n" * 30,
     ("`source`", "ragged.csv", "line 32", "save it again")),
    ("shifted.csv", b"a,b,y\n" + b"1,2,3,4\n" * 60, ("`source`", "shifted.csv", "names 3 columns", "name every column")),
    ("headless.csv", b"1.5,2,0\n" + b"2.5,2,0\n" * 60, ("`target`", "'y'", "column_1", "column_3")),
    ("broken.csv.gz", gzip.compress(b"a,b,y\n" + b"1,2,3\n" * 60)[:-12], ("`source`", "broken.csv.gz", "save it again")),
    ("plain.csv.gz", b"a,b,y\n" + b"1,2,3\n" * 60, ("`source`", "plain.csv.gz", "save it again")),
    ("junk.parquet", b"hello" * 99, ("`source`", "junk.parquet", "Parquet file", "save it again")),
    ("empty.parquet", b"", ("`source`", "empty.parquet", "Parquet file", "save it again")),
    ("sheet.xlsx", b"PK", ("`source`", "sheet.xlsx", ".csv", "CSV or Parquet")),
    ("noending", b"a,b,y\n", ("`source`", "noending", ".csv", "CSV or Parquet")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_file_that_is_no_table_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert_names(refusal(tmp_path / name, target="y"), *words)


def test_a_damaged_parquet_file_is_refused(tmp_path):
    frame(600).to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[:len(content) // 2])
    (tmp_path / "holed.parquet").write_bytes(content[:10] + bytes(500) + content[510:])
    for name in ("cut.parquet", "holed.parquet"):
        assert_names(refusal(tmp_path / name, target="y"), "`source`", name, "Parquet file", "save it again")


def test_columns_of_one_name_in_a_parquet_file_are_refused(tmp_path):
    column = pa.array(np.arange(60) % 2)
    pa.parquet.write_table(pa.table([column] * 3, names=["a", "a", "y"]), tmp_path / "t.parquet")
    assert_names(refusal(tmp_path / "t.parquet", target="y"), "`columns`", "'a'", "rename or drop")


@pytest.mark.parametrize("values", [[[1, 2]] * 60, [b"x"] * 60, [{"k": 1}] * 60], ids=["lists", "bytes", "records"])
def test_a_column_of_nested_or_raw_values_is_refused(tmp_path, values):
    frame(raw=values).to_parquet(tmp_path / "t.parquet")
    assert_names(refusal(tmp_path / "t.parquet", target="y"), "`columns`", "'raw'", "such as", "drop or flatten it")


def test_a_date_cannot_be_the_target(tmp_path):
    frame(y=pd.date_range("2024-01-01", periods=60)).to_parquet(tmp_path / "t.parquet")
    assert_names(refusal(tmp_path / "t.parquet", target="y"), "`y`", "2024-01-01", "turn them into a number")


@pytest.mark.parametrize(("source", "words"), [
    ("digit", ("`source`", "'digit'", "digits, breast_cancer, wine, diabetes", "Did you mean 'digits'?")),
    ("/nowhere/at/all.csv", ("`source`", "'/nowhere/at/all.csv'", "current folder")),
    ([[1, 2]], ("`source`", "[[1, 2]]", "numpy.savez")),
])
def test_a_source_that_is_nowhere_is_refused(source, words):
    assert_names(refusal(source), *words)


def test_a_mistyped_file_name_is_answered_with_the_near_one(tmp_path):
    (tmp_path / "houses.csv").write_text("a,y\n")
    assert_names(refusal(tmp_path / "house.csv"), "house.csv", "Did you mean 'houses.csv'?")


def test_a_folder_is_refused(tmp_path):
    assert_names(refusal(tmp_path), "`source`", str(tmp_path), "Name the file inside it")


def test_built_in_data_have_columns_like_any_table():
    assert_names(refusal("wine", target="colour"), "`target`", "'colour'", "'alcohol'")
