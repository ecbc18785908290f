"""Names of files that no system takes, and names and labels in the data that would act where they are shown."""

import gzip
import json
import pathlib
import time

import numpy as np
import pandas as pd
import pytest
from cli.command import inside
from old_files import make

import epochal
from epochal.base.archives import Damaged, arrays_in, json_in
from epochal.tables import open_table
from epochal.tables.predictions import write

NO_FILES = ["a" * 5000, "~nobody-of-this-name/x", "a\0b", f"{'x/' * 3000}y"]


@pytest.mark.parametrize("name", NO_FILES, ids=["long", "no user", "zero", "deep"])
@pytest.mark.parametrize("words", [
    ("plan", "NAME.csv", "--target", "y", "--out", "{here}"), ("plan", "digits", "--out", "NAME"),
    ("plan", "digits", "--evidence", "NAME", "--out", "{here}"), ("fit", "digits", "--epochs", "1", "--out", "NAME.keras"),
    ("predict", "NAME.keras", "digits", "--out", "{here}/p.csv"), ("predict", "NAME", "digits", "--out", "NAME.csv"),
    ("study", "digits", "--folder", "NAME"), ("fit", "digits", "--plan", "NAME", "--out", "{here}/m.keras")], ids=" ".join)
def test_a_name_that_is_none_gets_a_sentence(words, name, tmp_path):
    told = inside(*(word.replace("NAME", name).replace("{here}", str(tmp_path)) for word in words))
    assert told.exit_code == 2, told.exception
    assert "got " in told.stderr
    assert len(told.stderr) < 700
    assert not list(tmp_path.iterdir())


def test_escape_codes_in_names_are_written_out_in_the_terminal(tmp_path):
    stream, name = np.random.default_rng(0), "a\x1b[2J\x1b[31mred"
    pd.DataFrame({name: stream.normal(size=90), "b\x9bm": 1, "y": stream.choice(["no\x07", "\u202eyes"], 90)}).to_csv(
        tmp_path / "t.csv", index=False)
    for words in (("fit", tmp_path / "t.csv", "--target", "y", "--epochs", 1, "--out", tmp_path / "m.keras"),
                  ("predict", tmp_path / "m.keras", tmp_path / "t.csv", "--out", tmp_path / "p.csv"),
                  ("fit", tmp_path / "t.csv", "--target", "a", "--epochs", 1, "--out", tmp_path / "m.keras")):
        told = inside(*words)
        assert told.exit_code == (2 if "a" in words else 0), (told.stderr, told.exception)
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(told.stdout + told.stderr)
    assert r"a\x1b[2J" in told.stderr


def test_labels_that_are_formulas_are_text_in_csv_and_stay_as_they_are_elsewhere(tmp_path):
    labels = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1", "-1.5", "+3e5", "plain"]
    columns = {"prediction": np.array(labels, object), "=x": np.arange(8.0)}
    for ending in (".csv", ".parquet"):
        with open(tmp_path / f"p{ending}", "wb") as file:
            write(columns, file, ending=ending)
    shown = pd.read_csv(tmp_path / "p.csv", dtype=str)
    assert shown.columns.tolist() == ["prediction", "'=x"]
    assert shown.prediction.tolist() == [*(f"'{label}" for label in labels[:5]), *labels[5:]]
    assert pd.read_parquet(tmp_path / "p.parquet").prediction.tolist() == labels


@pytest.mark.second
def test_a_table_of_many_columns_takes_a_time_that_grows_with_their_number(tmp_path):
    def seconds(n):
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, n)), columns=[f"c{i}" for i in range(n)])
        frame.assign(y=["a", "b"] * 30).to_csv(tmp_path / "wide.csv", index=False)
        start = time.perf_counter()
        open_table(tmp_path / "wide.csv", target="y")
        return time.perf_counter() - start

    few = min(seconds(500) for _ in range(2))
    assert seconds(4000) < 24 * few  # 8 times as many columns; their square would take 64 times as long


@pytest.mark.parametrize("text", ["[" * 10**6, "NaN", "Infinity", "1" * 10_000, '{"a": ' * 5000])
def test_json_without_bounds_is_refused(text):
    with pytest.raises(Damaged):
        json_in(text)


def test_archives_that_claim_too_much_are_refused_before_they_are_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros(10**6))
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10**6}))
    with pytest.raises(Damaged, match=r"it claims to hold 8,000,128 bytes, and 1,000,000 are free in memory"):
        arrays_in(tmp_path / "zeros.npz")


@pytest.mark.parametrize(("change", "said"), [
    (lambda curve: curve["half_a"].append(0.5), "as many epochs on both halves"),
    (lambda curve: curve["train_loss"].pop(), "as many epochs of every loss"),
    (lambda curve: curve["metrics"][0].pop(), "as many epochs of every metric"),
    (lambda curve: curve["half_a"].__setitem__(0, "inf"), "finite losses"),
    (lambda curve: curve.__setitem__("seed", 2**70), "expected int"),
    (lambda curve: curve["setting"].__setitem__("batch_size", 0), "a batch size and a learning rate"),
], ids=["half", "train", "metric", "infinite", "seed", "batch"])
def test_lists_that_belong_together_and_differ_in_length_are_refused_at_loading(change, said, tmp_path):
    document = json.loads(gzip.decompress((pathlib.Path(make.__file__).parent / "plan.json.gz").read_bytes()))
    curve = next(one for one in document["record"]["evidence"]["curves"] if one["train_loss"] and one["metrics"])
    change(curve)
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(epochal.UsageError, match=f"damaged .*{said}"):
        epochal.load(tmp_path / "plan.json")
