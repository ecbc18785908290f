"""Curves of the same training, from whoever kept them."""

import json
import math

import keras
import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.histories import history_of
from epochal.records import Curve, Setting

CURVES = {"loss": [1.0, 0.5, 0.25], "val_loss": [1.25, 0.75, 0.5], "accuracy": [0.5, 0.75, 0.875]}


def same(history):
    assert {name: list(values) for name, values in history.curves} == CURVES
    assert history.n_epochs == 3


def test_a_dictionary_of_lists_is_a_history():
    same(history_of(CURVES))


def test_arrays_of_numpy_are_taken_as_lists():
    same(history_of({name: np.array(values) for name, values in CURVES.items()}))


def test_json_of_the_dictionary_is_read(tmp_path):
    file = tmp_path / "history.json"
    file.write_text(json.dumps(CURVES))
    same(history_of(file))


def test_json_with_params_knows_the_plan(tmp_path):
    file = tmp_path / "history.json"
    file.write_text(json.dumps({"history": CURVES, "params": {"epochs": 10, "steps": 4}}))
    found = history_of(str(file))
    same(found)
    assert (found.known.planned_epochs, found.known.steps_per_epoch, found.n_updates) == (10, 4, 12)


@pytest.mark.parametrize("orient", ["rows", "columns"])
def test_json_as_pandas_writes_it_is_read(tmp_path, orient):
    rows = [dict(zip(CURVES, values, strict=True)) for values in zip(*CURVES.values(), strict=True)]
    columns = {name: {str(i): value for i, value in enumerate(values)} for name, values in CURVES.items()}
    file = tmp_path / "history.json"
    file.write_text(json.dumps(rows if orient == "rows" else columns))
    same(history_of(file))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_of_csvlogger_is_read_with_any_separator(tmp_path, separator):
    lines = [separator.join(["epoch", *CURVES])]
    lines += [separator.join(map(str, [i, *values])) for i, values in enumerate(zip(*CURVES.values(), strict=True))]
    file = tmp_path / "log.csv"
    file.write_text("\n".join(lines) + "\n")
    same(history_of(file))


def trained(tmp_path):
    keras.utils.set_random_seed(0)
    x, y = np.random.default_rng(0).normal(size=(64, 3)).astype("float32"), np.zeros(64, "float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization(momentum=0.9),
                              keras.layers.Dropout(0.25), keras.layers.Dense(1, kernel_regularizer="l2")])
    model.compile(keras.optimizers.SGD(0.0625), "mse")
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    return model.fit(x, y, batch_size=16, epochs=3, validation_split=0.25, verbose=0, callbacks=[log])


def test_the_object_of_fit_knows_its_model_and_its_updates(tmp_path):
    known = history_of(trained(tmp_path), batch_size=16).known
    assert (known.batch_norm, known.dropout, known.optimizer, known.learning_rate) == (pytest.approx(0.9), 0.25, "sgd", 0.0625)
    assert (known.steps_per_epoch, known.planned_epochs, known.updates_before, known.batch_size) == (3, 3, 0, 16)
    assert known.penalised


def test_what_csvlogger_wrote_holds_the_same_curves_as_the_object(tmp_path):
    history = trained(tmp_path)
    kept, read = history_of(history), history_of(tmp_path / "log.csv")
    assert dict(read.curves).keys() == dict(kept.curves).keys()
    assert all(np.allclose(read.curve(name), values) for name, values in kept.curves)


def test_updates_of_an_earlier_fit_are_counted(tmp_path):
    model = trained(tmp_path).model
    again = model.fit(np.zeros((48, 3), "float32"), np.zeros(48, "float32"), batch_size=16, epochs=2, verbose=0)
    assert history_of(again).known.updates_before == 9


def test_a_curve_of_epochals_own_is_a_history():
    curve = Curve(setting=Setting(batch_size=8, learning_rate=0.5), seed=3, stage="confirm", steps_per_epoch=7,
                  train_loss=(2.0, 1.0), half_a=(3.0, 1.0), half_b=(1.0, 1.0))
    found = history_of(curve)
    assert found.curve("val_loss") == (2.0, 1.0)
    assert (found.known.batch_size, found.n_updates) == (8, 14)


def test_learning_rates_are_kept_apart_from_the_curves():
    found = history_of(CURVES | {"learning_rate": [0.1, 0.1, 0.01]})
    same(found)
    assert found.rates == (0.1, 0.1, 0.01)


def test_an_epoch_without_validation_is_not_a_number():
    found = history_of({"loss": [1.0, 0.5], "val_loss": [None, 0.75]})
    assert math.isnan(found.curve("val_loss")[0])


@pytest.mark.parametrize(("content", "culprit"), [
    ("", "0 lines"), ("epoch,loss\n", "1 line"), ("epoch,loss\n0,1.0\n1\n", "line 3"), ("epoch,loss\n0,good\n1,bad\n", "'good'"),
    ('{"loss": [1, 2', "JSON"), ('{"loss": 3}', "'loss'"), ('{"loss": [1, 2], "val_loss": [1, 2, 3]}', "as many values"),
    ("[]", "list"), ('{"loss": []}', "at least one epoch"), ("{}", "at least one epoch")])
def test_a_bad_file_is_refused_with_a_sentence_that_names_the_culprit(tmp_path, content, culprit):
    file = tmp_path / "history.txt"
    file.write_text(content)
    with pytest.raises(UsageError, match="`history` must") as told:
        history_of(file)
    assert culprit in str(told.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"PK\x03\x04\xff\xfe\xfd")
    with pytest.raises(UsageError, match="CSVLogger"):
        history_of(file)


@pytest.mark.parametrize("thing", [3, None, [1, 2, 3], object()])
def test_what_holds_no_curves_is_refused(thing):
    with pytest.raises(UsageError, match="`history` must be"):
        history_of(thing)


def test_a_folder_without_curves_is_refused(tmp_path):
    with pytest.raises(UsageError, match="train/ and validation/"):
        history_of(tmp_path)


def write_events(folder, values, name="epoch_loss"):
    """As Keras' TensorBoard callback writes them: scalars as tensors, one file a part."""
    tensor = pytest.importorskip("tensorboard.util.tensor_util")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True)
    with (folder / "events.out.tfevents.1.host.v2").open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(file_version="brain.Event:2").SerializeToString())
        for step, value in enumerate(values):
            scalar = Summary.Value(tag=name, tensor=tensor.make_tensor_proto(np.float32(value)))
            records.write(Event(step=step, summary=Summary(value=[scalar])).SerializeToString())


def test_folders_of_tensorboard_are_read_as_one_training(tmp_path):
    write_events(tmp_path / "run" / "train", CURVES["loss"])
    write_events(tmp_path / "run" / "validation", CURVES["val_loss"])
    found = history_of(tmp_path / "run")
    assert found.curve("loss") == tuple(CURVES["loss"])
    assert found.curve("val_loss") == tuple(CURVES["val_loss"])
    assert history_of(tmp_path / "run" / "train") == found


def test_events_without_a_loss_are_refused(tmp_path):
    write_events(tmp_path / "train", [1.0], "epoch_something")
    with pytest.raises(UsageError, match="something"):
        history_of(tmp_path)


def test_the_folder_of_a_run_of_mlflow_is_read_without_mlflow(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "params").mkdir()
    (tmp_path / "meta.yaml").write_text("run_id: 1")
    for name, values in CURVES.items():
        (tmp_path / "metrics" / name).write_text("\n".join(f"17000{step} {value} {step}" for step, value in enumerate(values)))
    (tmp_path / "params" / "batch_size").write_text("64")
    (tmp_path / "params" / "epochs").write_text("none")
    found = history_of(tmp_path)
    same(found)
    assert (found.known.batch_size, found.known.planned_epochs) == (64, None)


def test_a_damaged_line_of_mlflow_is_named(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "meta.yaml").write_text("run_id: 1")
    (tmp_path / "metrics" / "loss").write_text("1 0.5 0\n1 half 1\n")
    with pytest.raises(UsageError, match="line 2"):
        history_of(tmp_path)


@pytest.mark.second
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy 2.1, caused by MLflow
def test_a_run_in_a_store_of_mlflow_is_read(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.create_run(client.create_experiment("one"))
    for name, values in CURVES.items():
        for step, value in enumerate(values):
            client.log_metric(run.info.run_id, name, value, step=step)
    client.log_param(run.info.run_id, "learning_rate", "0.5")
    for source in (uri, f"{uri}#{run.info.run_id}"):
        found = history_of(source)
        same(found)
        assert found.known.learning_rate == 0.5
    with pytest.raises(UsageError, match="nothing_there"):
        history_of(f"{uri}#nothing_there")
