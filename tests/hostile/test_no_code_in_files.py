"""Whatever a file of a stranger's holds, reading it runs no code: each of these files would write to a place if it did."""

import io
import json
import marshal
import os
import pathlib
import pickle
import sqlite3
import zipfile
from contextlib import closing

import keras
import numpy as np
import pandas as pd
import pytest
import skrub
from cli.command import inside
from old_files import make
from sklearn.pipeline import Pipeline

import epochal
from epochal.experiments.folder.folder import FILE, StudyFolder, read_folder
from epochal.tables import encoding, open_table
from epochal.tables.encoding import encoding_of

OLD = pathlib.Path(make.__file__).parent


class Runs:
    """Pickled, it is a call: who reads it, runs it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def place(tmp_path):
    """A file that no code writes; where it is there after a test, some code ran."""
    mark = tmp_path / "code-ran"
    yield mark
    assert not mark.exists()


@pytest.fixture
def model(tmp_path):
    """A table and a model of it, as `epochal fit` leaves them."""
    stream = np.random.default_rng(0)
    pd.DataFrame({"a": stream.normal(size=80), "b": stream.choice(["x", "y"], 80), "y": stream.choice(["no", "yes"], 80)}).to_csv(
        tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv", target="y")
    network = keras.Sequential([keras.Input(table.x_train.shape[1:]), keras.layers.Dense(1, "sigmoid")])
    network.save(tmp_path / "model.keras")
    encoding.save_encoding(encoding_of(table, target="y", outputs="probabilities"), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def rewrite(path, **members):
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for name, change in members.items():
        held[name] = change(held.get(name, b""))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)


def refused(model, *words):
    """`epochal predict` ends with a sentence."""
    told = inside("predict", model, model.parent / "t.csv", "--out", model.parent / "p.csv", *words)
    assert told.exit_code == 2, (told.stdout, told.exception)
    assert told.stderr.startswith("Error: ")
    return told.stderr


def evil_pipeline(place):
    """The encoder of the version before, with one step more: skrub's pipeline over data operations that end in `eval`."""
    steps = skrub.as_data_op(Pipeline).__init__.__globals__["__builtins__"]["eval"](f"open({str(place)!r}, 'w').close()")
    return pickle.dumps(Pipeline([("one more", steps.skb.make_learner())]), protocol=4)


def test_an_encoder_of_the_version_before_with_one_step_more(model, place):
    try:
        pickled = evil_pipeline(place)
    except (AttributeError, TypeError, KeyError, RuntimeError):  # another skrub; a plain call does as well
        pickled = pickle.dumps(Runs(f"touch {place}"))
    place.unlink(missing_ok=True)  # data operations preview
    rewrite(model, **{"epochal/encoding.json": lambda text: json.dumps(json.loads(text) | {"epochal_encoding": 1}).encode(),
                      "epochal/encoding.pickle": lambda _: pickled})
    assert "Make it anew: epochal fit DATA --out MODEL.keras" in refused(model)


def test_a_pickle_beside_the_encoding_of_today_is_never_looked_at(model, place):
    rewrite(model, **{"epochal/encoding.pickle": lambda _: pickle.dumps(Runs(f"touch {place}"))})
    told = inside("predict", model, model.parent / "t.csv", "--out", model.parent / "p.csv")
    assert told.exit_code == 0, told.stderr


def of_objects(command):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Runs(command)], dtype=object), allow_pickle=True)
    return file.getvalue()


def test_an_array_of_the_encoder_that_is_a_pickle(model, place):
    def changed(data):
        packed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
            for name in old.namelist():
                new.writestr(name, of_objects(f"touch {place}") if name == "median.npy" else old.read(name))
        return packed.getvalue()

    rewrite(model, **{"epochal/encoder.npz": changed})
    assert "Object arrays" in refused(model)


def with_layer(layer):
    def changed(text):
        config = json.loads(text)
        config["config"]["layers"].append(layer)
        return json.dumps(config).encode()
    return changed


def test_a_lambda_needs_trust_and_runs_with_it(model, place):
    code = marshal.dumps(compile(f"lambda x: (open({str(place)!r}, 'w').close(), x)[1]", "f", "eval").co_consts[0])
    network = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x, output_shape=(1,))])
    layer = keras.saving.serialize_keras_object(network.layers[-1])
    layer["config"]["function"]["config"]["code"] = __import__("codecs").encode(code, "base64").decode()
    rewrite(model, **{"config.json": with_layer(layer)})
    assert "Pass --trust-model if you trust the author" in refused(model)
    assert not place.exists()
    told = inside("predict", model, model.parent / "t.csv", "--out", model.parent / "p.csv", "--trust-model")
    assert told.exit_code == 0, told.stderr
    assert place.exists()  # so it was code indeed
    place.unlink()


@pytest.mark.parametrize("named", [("os", "system"), ("builtins", "exec"), ("subprocess", "getoutput"), ("keras.utils", "get_file"),
                                   ("keras.config", "enable_unsafe_deserialization"), ("skrub", "var")], ids=".".join)
def test_a_layer_whose_function_is_one_of_the_systems(named, model, place):
    module, name = named
    network = keras.Sequential([keras.Input((1,)), keras.layers.Activation("relu")])
    layer = keras.saving.serialize_keras_object(network.layers[-1])
    layer["config"]["activation"] = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    rewrite(model, **{"config.json": with_layer(layer)})
    assert "must be one that Keras can load" in refused(model)


def test_a_model_in_the_older_format_under_a_new_name(model, place):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.save(model.with_suffix(".h5"))
    model.write_bytes(model.with_suffix(".h5").read_bytes())
    assert "must be a whole file that Keras and epochal fit wrote" in refused(model)


def test_a_table_of_pickles(place, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", of_objects(f"touch {place}"))
        archive.writestr("y.npy", of_objects(f"touch {place}"))
    with pytest.raises(epochal.UsageError, match="Python objects, which may run code"):
        open_table(tmp_path / "t.npz")


@pytest.mark.parametrize("name", ["about", "weights/0", "more"])
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the checkpoint was written on JAX")
def test_a_checkpoint_of_pickles(name, place, tmp_path):
    path = tmp_path / "training.npz"
    path.write_bytes((OLD / "checkpoint" / "training.npz").read_bytes())
    rewrite(path, **{f"{name}.npy": lambda _: of_objects(f"touch {place}")})
    with pytest.raises(epochal.UsageError, match="Object arrays"):
        make.training(tmp_path, 4)


def test_a_checkpoint_that_replaces_a_method_of_a_callback(place, tmp_path):
    path = tmp_path / "training.npz"
    path.write_bytes((OLD / "checkpoint" / "training.npz").read_bytes())

    def changed(data):
        about = json.loads(data[data.index(b"\n") + 1 :])
        about["callbacks"][1]["dict"].append(["on_epoch_end", "os.system"])
        file = io.BytesIO()
        np.lib.format.write_array(file, np.frombuffer(json.dumps(about).encode(), np.uint8))
        return file.getvalue()

    rewrite(path, **{"about.npy": changed})
    with pytest.raises(epochal.UsageError, match="is a method of the callback"):
        make.training(tmp_path, 4)


def test_a_study_whose_file_has_a_trigger_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes((OLD / "study" / FILE).read_bytes())
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.execute("CREATE TRIGGER t AFTER INSERT ON block BEGIN DELETE FROM curve; END")
    for read in (read_folder, StudyFolder):
        with pytest.raises(epochal.UsageError, match="its tables are not those of a study"):
            read(tmp_path)
