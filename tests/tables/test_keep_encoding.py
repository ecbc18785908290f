"""What is kept with a model, in the model's own file."""

import json
import pickle
import zipfile
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.tables import encoding, open_table
from epochal.tables.encoding import class_shares, encoding_of, load_encoding


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A table with a column of every kind."""
    stream, n = np.random.default_rng(0), 120
    path = tmp_path_factory.mktemp("people") / "people.csv"
    pd.DataFrame({
        "height": stream.normal(size=n), "smokes": stream.random(n) < 0.5, "town": stream.choice(["Ulm", "Bonn", "Köln"], n),
        "born": pd.date_range("1980-01-01", periods=n, freq="31D").strftime("%d.%m.%Y"),
        "says": [f"{stream.choice(list('abcdefgh'))}{i % 60} and more" for i in range(n)],
        "same": 1, "shop": np.arange(n) % 12, "well": stream.choice(["no", "yes"], n, p=[0.75, 0.25]),
    }).to_csv(path, index=False)
    return open_table(path, target="well", groups="shop")


@pytest.fixture
def saved(tmp_path):
    """A zip archive, as far as this room is concerned a saved model."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    return path


def rewritten(path, **members):
    """The same archive with some members replaced."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()} | {k.replace("__", "/"): v for k, v in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)


def document(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("epochal/encoding.json"))


def test_an_encoding_comes_back_as_it_was(people, saved):
    given = encoding_of(people, target="well", split_columns=["shop"], outputs="probabilities", prior=class_shares(people),
                        trained_prior=(0.5, 0.5))
    encoding.save_encoding(given, saved)
    back = load_encoding(saved)
    apart = ("encoder", "rows")
    assert [getattr(back, f.name) for f in fields(back) if f.name not in apart] == \
        [getattr(given, f.name) for f in fields(given) if f.name not in apart]
    assert set(encoding.fingerprints(np.concatenate([people.x_train, people.x_validation]))) == set(back.rows)
    assert not np.isin(encoding.fingerprints(people.x_test), back.rows).any()
    assert [(column.name, column.kind) for column in back.encoder.columns] == [
        ("height", "number"), ("smokes", "truth"), ("town", "category"), ("born", "date"), ("says", "text")]
    assert back.encoder.columns == people.encoder.columns
    assert (back.encoder.left_out, back.split_columns, back.shape) == (("same",), ("shop",), people.x_train.shape[1:])
    assert back.prior == pytest.approx((1 - people.y_train.mean(), people.y_train.mean()), abs=1e-6)
    frame = pd.DataFrame({"height": [0.3], "smokes": [True], "town": ["Ulm"], "born": ["01.02.1990"], "says": ["a1 and more"]})
    np.testing.assert_array_equal(back.encoder.transform(frame), people.encoder.transform(frame))
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert archive.read("config.json") == b"{}"


def test_a_file_of_the_version_before_is_read(people, saved):
    encoding.save_encoding(encoding_of(people, target="well", outputs="probabilities"), saved)
    older = document(saved)
    for name in ("target_decimal", "target_measure", "identifiers", "files", "words", "text_column"):
        del older[name]
    for column in older["columns"]:
        for name in ("decimal", "measure", "blanks"):
            del column[name]
    back = load_encoding(rewritten_as(saved, older | {"epochal_encoding": 2}))
    assert (back.target_decimal, back.identifiers, back.files) == (".", (), "")
    assert [column.name for column in back.encoder.columns] == [column.name for column in people.encoder.columns]


def rewritten_as(path, changed):
    rewritten(path, **{"epochal__encoding.json": json.dumps(changed).encode()})
    return path


def test_arrays_and_numbers_are_kept_too(tmp_path, saved):
    np.savez(tmp_path / "images.npz", x=np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8), y=np.arange(60) / 7)
    table = open_table(tmp_path / "images.npz")
    encoding.save_encoding(encoding_of(table, target="y"), saved)
    back = load_encoding(saved)
    assert (back.encoder, back.shape, back.eight_bits, back.prior) == (None, (4, 4), True, ())
    assert (back.target_mean, back.target_scale) == (table.target_mean, table.target_scale)


def test_a_model_saved_by_others_has_none(saved):
    assert load_encoding(saved) is None


def test_no_pickle_is_in_the_file(people, saved):
    encoding.save_encoding(encoding_of(people, target="well"), saved)
    with zipfile.ZipFile(saved) as archive:
        assert sorted(archive.namelist()) == ["config.json", "epochal/encoder.npz", "epochal/encoding.json", "epochal/rows.npz"]
        with np.load(archive.open("epochal/encoder.npz"), allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "fi" for name in arrays.files)


@pytest.mark.parametrize(("damage", "said"), [
    ({"epochal__encoding.json": b"{"}, "a whole file"),
    ({"epochal__encoding.json": b"[" * 100_000}, "a whole file"),
    ({"epochal__encoding.json": b"[]"}, "a file without code in it"),
    ({"epochal__encoding.json": b'{"epochal_encoding": 4}'}, "`epochal_encoding` must be 3; got 4. Upgrade the package"),
    ({"epochal__encoding.json": b'{"epochal_encoding": 2, "kind": "binary"}'}, "a whole file"),
    ({"epochal__encoder.npz": b"PK"}, "a whole file"),
], ids=["torn", "deep", "list", "future", "short", "no arrays"])
def test_a_damaged_encoding_is_refused(people, saved, damage, said):
    encoding.save_encoding(encoding_of(people, target="well"), saved)
    rewritten(saved, **damage)
    with pytest.raises(UsageError, match=said):
        load_encoding(saved)


def test_a_file_of_an_earlier_version_is_refused_with_how_to_make_it_anew(saved):
    rewritten(saved, **{"epochal__encoding.json": b'{"epochal_encoding": 1, "kind": "binary"}',
                        "epochal__encoding.pickle": pickle.dumps(print)})
    with pytest.raises(UsageError, match=r"can run code when they are read\. Make it anew: epochal fit DATA --out MODEL\.keras"):
        load_encoding(saved)


@pytest.mark.parametrize("data", [b"", b"not an archive", b"PK\x03\x04 half of one"])
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "model.keras").write_bytes(data)
    with pytest.raises(UsageError, match="must be a whole file that Keras and epochal fit wrote"):
        load_encoding(tmp_path / "model.keras")


def _written(people, saved, column=None, arrays=None, **changes):
    """A file whose encoding says something else: of one of its columns, of its arrays, or of the target."""
    encoding.save_encoding(encoding_of(people, target="well", outputs="probabilities", prior=class_shares(people)), saved)
    held = document(saved) | changes
    if column is not None:
        name, field, value = column
        next(one for one in held["columns"] if one["name"] == name)[field] = value
    with zipfile.ZipFile(saved) as archive, np.load(archive.open("epochal/encoder.npz")) as kept:
        found = {name: kept[name] for name in kept.files} | (arrays or {})
    with (saved.parent / "encoder.npz").open("wb") as file:
        np.savez(file, **{name: array for name, array in found.items() if array is not None})
    rewritten(saved, **{"epochal__encoding.json": json.dumps(held).encode(),
                        "epochal__encoder.npz": (saved.parent / "encoder.npz").read_bytes()})
    return saved


STRANGE = [
    {"kind": "ternary"}, {"classes": ["no"]}, {"classes": ["no", "no"]}, {"classes": "no"}, {"classes": [1, 2]}, {"target": 3},
    {"target_scale": 0.0}, {"target_scale": "inf"}, {"target_mean": "nan"}, {"target_mean": 10**400}, {"shape": [3]},
    {"shape": []}, {"shape": [10**30]}, {"shape": [[4]]}, {"eight_bits": 0}, {"outputs": "numbers"}, {"outputs": "words"},
    {"prior": [0.5]}, {"prior": [2.0, -1.0]}, {"trained_prior": [0.9, 0.9]}, {"columns": []}, {"columns": None}, {"left_out": 3},
    {"extra": 1}, {"column": ("height", "kind", "picture")}, {"column": ("height", "name", "smokes")},
    {"column": ("height", "place", 4)}, {"column": ("height", "code", "eval")}, {"column": ("town", "values", ["Ulm", "Ulm"])},
    {"column": ("town", "values", [])}, {"column": ("town", "values", ["Ulm"])}, {"column": ("town", "values", [None])},
    {"column": ("town", "kind", "text")}, {"column": ("says", "kind", "category")}, {"column": ("born", "unit", "years")},
    {"column": ("born", "form", "%Y" * 60)}, {"column": ("born", "form", "%Q")}, {"column": ("born", "form", "%d%d")},
    {"column": ("born", "zone", "../../etc/passwd")}, {"column": ("born", "zone", "dateutil//etc/localtime")},
    {"column": ("born", "zone", "Mars/Olympus")}, {"column": ("born", "hours", "yes")},
    {"arrays": {"median": np.zeros(3)}}, {"arrays": {"median": None}}, {"arrays": {"divisor": None}},
    {"arrays": {"more": np.zeros(3)}}, {"arrays": {"idf/4": None}}, {"arrays": {"idf/4": np.zeros(1)}},
    {"arrays": {"scale/4": np.float64(0)}}, {"arrays": {"scale/4": np.float64(np.nan)}}, {"arrays": {"components/4": np.zeros(3)}},
    {"arrays": {"width/4": np.int64(3)}}, {"arrays": {"marked": np.array([-1])}}, {"arrays": {"marked": np.array([10**9])}},
    {"arrays": {"marked": np.array([0.5])}}, {"arrays": {"center": np.array(["a"])}}, {"arrays": {"factor": np.array(b"x" * 9)}},
]


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_an_encoding_whose_parts_do_not_fit_together_is_refused(people, saved, strange):
    with pytest.raises(UsageError, match="Make it anew|make it anew"):
        load_encoding(_written(people, saved, **strange))
