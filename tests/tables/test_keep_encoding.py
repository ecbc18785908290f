"""What is kept with a model, in the model's own file."""

import json
import pickle
import zipfile
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.tables import encoding, open_table
from epochal.tables.encoding import class_shares, encoding_of, load_encoding
from epochal.tables.features import transform


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
    return open_table(path, target="well", group="shop")


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
    back, notes = load_encoding(saved)
    assert notes == ()
    assert [getattr(back, f.name) for f in fields(back) if f.name != "encoder"] == \
        [getattr(given, f.name) for f in fields(given) if f.name != "encoder"]
    assert back.columns == (("height", "number"), ("smokes", "truth"), ("town", "category"), ("born", "date"), ("says", "text"))
    assert (back.left_out, back.split_columns, back.shape) == (("same",), ("shop",), people.x_train.shape[1:])
    assert back.prior == pytest.approx((1 - people.y_train.mean(), people.y_train.mean()), abs=1e-6)
    frame = pd.DataFrame({"height": [0.3], "smokes": [True], "town": ["Ulm"], "born": ["01.02.1990"], "says": ["a1 and more"]})
    np.testing.assert_array_equal(transform(back.encoder, frame), transform(people.encoder, frame))
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert archive.read("config.json") == b"{}"


def test_arrays_and_numbers_are_kept_too(tmp_path, saved):
    np.savez(tmp_path / "images.npz", x=np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8), y=np.arange(60) / 7)
    table = open_table(tmp_path / "images.npz")
    encoding.save_encoding(encoding_of(table, target="y"), saved)
    back, _ = load_encoding(saved)
    assert (back.encoder, back.columns, back.shape, back.eight_bits, back.prior) == (None, (), (4, 4), True, ())
    assert (back.target_mean, back.target_scale) == (table.target_mean, table.target_scale)


def test_a_model_saved_by_others_has_none(saved):
    assert load_encoding(saved) == (None, ())


def test_other_versions_are_said_in_a_sentence(people, saved):
    encoding.save_encoding(replace(encoding_of(people, target="well"), versions=(("scikit-learn", "0.1"), ("skrub", "0.2"))), saved)
    _, [note] = load_encoding(saved)
    assert "scikit-learn 0.1 (here " in note
    assert "skrub 0.2 (here " in note
    assert "install" in note


@pytest.mark.parametrize(("damage", "said"), [
    ({"epochal__encoding.json": b"{"}, "JSON"),
    ({"epochal__encoding.json": b"[]"}, "`epochal_encoding` must be 1; got None. Upgrade the package"),
    ({"epochal__encoding.json": b'{"epochal_encoding": 2}'}, "`epochal_encoding` must be 1; got 2. Upgrade the package"),
    ({"epochal__encoding.json": b'{"epochal_encoding": 1, "kind": "binary"}'}, "encoding is damaged"),
    ({"epochal__encoding.pickle": b"\x80\x04N."}, "encoding is damaged"),
], ids=["torn", "list", "future", "short", "changed"])
def test_a_damaged_encoding_is_refused(people, saved, damage, said):
    encoding.save_encoding(encoding_of(people, target="well"), saved)
    rewritten(saved, **damage)
    with pytest.raises(UsageError, match=said):
        load_encoding(saved)


@pytest.mark.parametrize("data", [b"", b"not an archive", b"PK\x03\x04 half of one"])
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "model.keras").write_bytes(data)
    with pytest.raises(UsageError, match="must be a file that Keras saved"):
        load_encoding(tmp_path / "model.keras")


class _Runs:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def _by_name(module, name):
    """A pickle that looks a name up in a module, and calls what it finds with nothing."""
    return b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93)R."


@pytest.mark.parametrize("evil", [
    pickle.dumps(_Runs(print, "here"), 4), pickle.dumps(_Runs(eval, "1 + 1"), 4), pickle.dumps(_Runs(np.load, "x.npy"), 4),
    _by_name("sklearn.utils", "os.getcwd"), _by_name("sklearn.datasets", "load_digits"), _by_name("numpy", "memmap"),
    _by_name("sklearn.datasets._base", "Path"), _by_name("skrub._dataframe._common", "pd"), _by_name("os", "getcwd"),
], ids=["print", "eval", "load", "dotted", "function", "numpy", "borrowed", "module", "os"])
def test_a_pickle_of_anything_else_is_never_run(people, saved, evil, capsys):
    encoding.save_encoding(encoding_of(people, target="well"), saved)
    digest = document(saved) | {"digest": encoding._digest(evil)}
    rewritten(saved, **{"epochal__encoding.pickle": evil, "epochal__encoding.json": json.dumps(digest).encode()})
    with pytest.raises(UsageError, match="not written by epochal fit: do not use the file"):
        load_encoding(saved)
    assert capsys.readouterr().out == ""


def test_a_pickle_of_classes_that_are_gone_names_the_versions_to_install(people, saved):
    encoding.save_encoding(encoding_of(people, target="well"), saved)
    gone = _by_name("sklearn.gone", "Gone")
    held = document(saved) | {"digest": encoding._digest(gone), "versions": [["scikit-learn", "0.1"]]}
    rewritten(saved, **{"epochal__encoding.pickle": gone, "epochal__encoding.json": json.dumps(held).encode()})
    with pytest.raises(UsageError, match=r"written with scikit-learn 0\.1: install these"):
        load_encoding(saved)
