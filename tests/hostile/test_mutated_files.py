"""Plans, study folders, checkpoints, `.keras` files and tables, damaged at random: an answer or a sentence each, no traceback."""

import gzip
import io
import pathlib
import sqlite3
from contextlib import closing

import keras
import numpy as np
import pandas as pd
import pytest
from cli.command import inside
from hostile.mutate import choice, of_bytes, of_npz, of_text_of_json, of_zip
from old_files import make
from tiers import cases

import epochal
from epochal.base.errors import EpochalError
from epochal.experiments.folder.folder import FILE, StudyFolder, read_folder
from epochal.rules.plan.decide import decide
from epochal.tables import open_table
from epochal.tables.encoding import load_encoding
from epochal.tables.new_rows import apply

OLD = pathlib.Path(make.__file__).parent


def sentence(action):
    """Whether `action` ended well; what it may raise is a refusal with a sentence, and nothing else."""
    try:
        action()
    except EpochalError as error:
        said = str(error)
    else:
        return True
    assert said.strip()
    assert "Traceback" not in said
    return False


def used(plan):
    """What anyone does with a plan: look at it, take its numbers, decide once more."""
    assert str(plan)
    if isinstance(plan, epochal.Plan):
        plan.fit_arguments(), plan.callbacks(), plan.code(), plan._repr_html_()
        decide(plan.evidence)


@pytest.fixture(scope="module")
def a_plan():
    return gzip.decompress((OLD / "plan.json.gz").read_bytes())


@pytest.mark.parametrize("case", range(cases(8)))
def test_a_mutated_plan(case, a_plan, tmp_path):
    path = tmp_path / "plan.json"
    path.write_bytes(of_text_of_json(a_plan, np.random.default_rng(case)))
    sentence(lambda: used(epochal.load(path)))


@pytest.mark.parametrize("case", range(cases(8)))
def test_a_mutated_study_folder(case, tmp_path):
    stream, path = np.random.default_rng(case), tmp_path / FILE
    path.write_bytes((OLD / "study" / FILE).read_bytes())
    if stream.random() < 0.5:
        path.write_bytes(of_bytes(path.read_bytes(), stream))
    else:
        _change_a_row(path, stream)

    def read():
        design, task, machine, readings, curves = read_folder(tmp_path)
        assert all(map(str, (design, task, machine, *readings, *curves.values())))

    def go_on():
        with StudyFolder(tmp_path) as folder:
            for name in folder.blocks():
                folder.block(name), folder.provenance(name), folder.reading(name)

    sentence(read)
    sentence(go_on)


def _change_a_row(path, stream):
    with closing(sqlite3.connect(path)) as file:
        table, column = choice(stream, [("about", "document"), ("curve", "document"), ("reading", "document"), ("block", "name"),
                                        ("block", "provenance"), ("block", "seconds"), ("about", "name")])
        rows = file.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        if not rows:
            return
        row, value = choice(stream, rows)
        odd = [b"\xff\x00", "\ud7ff", -5, 1e300, "", "{}", "x" * 10_000]
        changed = of_text_of_json(value.encode(), stream).decode("utf-8", "replace") if column == "document" and (
            stream.random() < 0.7) else choice(stream, odd)
        file.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))
        if stream.random() < 0.1:
            file.execute(choice(stream, ["CREATE TRIGGER t AFTER INSERT ON block BEGIN DELETE FROM curve; END",
                                         "DROP TABLE reading", "ALTER TABLE block ADD COLUMN more", "CREATE VIEW v AS SELECT 1"]))
        file.commit()


@pytest.mark.parametrize("case", range(cases(4)))
@pytest.mark.filterwarnings("ignore")  # Keras' own, of what a callback is said to have learnt
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the checkpoint was written on JAX")
def test_a_mutated_checkpoint(case, tmp_path):
    stream = np.random.default_rng(case)
    whole = (OLD / "checkpoint" / "training.npz").read_bytes()
    (tmp_path / "training.npz").write_bytes(
        _of_about(whole, stream) if stream.random() < 0.5 else of_npz(whole, stream))
    sentence(lambda: make.training(tmp_path, 4))


def _of_about(data, stream):
    """The same arrays, and other words about them."""
    with np.load(io.BytesIO(data)) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["about"] = np.frombuffer(of_text_of_json(arrays["about"].tobytes(), stream), np.uint8)
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A table with a column of every kind, and the file that was fitted on it."""
    folder, stream, n = tmp_path_factory.mktemp("model"), np.random.default_rng(0), 120
    pd.DataFrame({
        "height": stream.normal(size=n), "smokes": stream.random(n) < 0.5, "town": stream.choice(["Ulm", "Bonn", "Köln"], n),
        "born": pd.date_range("1980-01-01", periods=n, freq="31D").strftime("%d.%m.%Y"),
        "says": [f"{stream.choice(list('abcdefgh'))}{i % 60} and more" for i in range(n)],
        "well": stream.choice(["no", "yes"], n)}).to_csv(folder / "people.csv", index=False)
    told = inside("fit", folder / "people.csv", "--target", "well", "--epochs", 1, "--out", folder / "model.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    return folder


@pytest.mark.second
@pytest.mark.parametrize("case", range(cases(6)))
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_keras_file(case, model, tmp_path):
    stream, path = np.random.default_rng(case), tmp_path / "model.keras"
    inner = {"epochal/encoding.json": of_text_of_json, "config.json": of_text_of_json, "epochal/encoder.npz": of_npz}
    path.write_bytes(of_zip((model / "model.keras").read_bytes(), stream, inner))
    told = inside("predict", path, model / "people.csv", "--out", tmp_path / "p.csv", "--batch-size", 64)
    assert told.exit_code in (0, 2), told.exception
    assert told.exit_code == 0 or "Error: " in told.stderr


def test_mutated_arrays_of_an_encoder_never_pass_as_others(model, tmp_path):
    for case in range(cases(10)):
        path, stream = tmp_path / "model.keras", np.random.default_rng(case)
        path.write_bytes(of_zip((model / "model.keras").read_bytes(), stream, {"epochal/encoder.npz": of_npz}))
        sentence(lambda path=path: apply(load_encoding(path), model / "people.csv"))


@pytest.mark.parametrize("case", range(cases(8)))
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".npz"])
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_table(case, ending, model, tmp_path):
    stream, path, frame = np.random.default_rng(case), tmp_path / f"people{ending}", pd.read_csv(model / "people.csv")
    if ending == ".npz":
        np.savez_compressed(path, x=frame[["height", "smokes"]].to_numpy("float32"), y=(frame.well == "yes").to_numpy(int))
    elif ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    path.write_bytes((of_npz if ending == ".npz" else of_bytes)(path.read_bytes(), stream))
    sentence(lambda: open_table(path, target=None if ending == ".npz" else "well"))
    sentence(lambda: apply(load_encoding(model / "model.keras"), path))
