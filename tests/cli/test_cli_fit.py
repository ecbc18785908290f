"""`epochal fit` end to end: what is trained, what is said, and the one file that holds model and encoding."""

import errno
import os
import signal
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from cli.command import LONG, inside, start, strict

import epochal.services.fit as service
from epochal.tables import open_table
from epochal.tables.encoding import load_encoding

NUMBERS = ("--batch-size", 64, "--epochs", 2, "--learning-rate", 0.01)


@pytest.fixture(scope="module")
def fitted(rows, tmp_path_factory):
    """`(finished command, path of the model)` of two epochs on real data, in a folder whose name would be markup to Rich."""
    path = tmp_path_factory.mktemp("fitted") / "ä [b] [red]out" / "tumours.keras"
    return inside("fit", rows, "--target", "target", *NUMBERS, "--out", path), path


def test_a_fit_says_with_what_it_trains_and_how_good_it_is_on_the_test_rows(fitted):
    told, path = fitted
    said = " ".join(told.stdout.split())
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "batch size 64, learning rate 0.01, 2 epochs (as given); no early stopping." in said
    assert "Epoch 2/2" in said
    assert all(word in said for word in ("On the test rows, used for nothing else: ", "accuracy", "log loss", "95 % interval",
                                         "always the same answer"))
    assert f"Written: {path}" in said
    assert [file.name for file in path.parent.iterdir()] == ["tumours.keras"]


def test_the_file_is_a_model_to_keras_and_gives_the_loss_that_was_printed(fitted, rows):
    told, path = fitted
    table, model = open_table(rows, target="target"), keras.models.load_model(path)
    found = model.evaluate(table.x_test, table.y_test, verbose=0, return_dict=True)
    assert f"loss {found['loss']:.4g}" in told.stdout
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.01)
    assert int(model.optimizer.iterations.numpy()) == 2 * 2


def test_the_file_holds_the_encoding(fitted, rows):
    encoding = load_encoding(fitted[1])
    frame = pd.read_csv(rows)
    assert (encoding.kind, encoding.classes, encoding.target, encoding.outputs) == ("binary", ("0", "1"), "target", "probabilities")
    assert [column.name for column in encoding.encoder.columns] == list(frame.columns[:-1])
    assert encoding.trained_prior == ()


def test_machines_get_strict_json_alone_on_standard_output(rows, tmp_path):
    told = inside("fit", rows, "--target", "target", *NUMBERS, "--json", "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    answer = strict(told.stdout)
    assert (answer["batch_size"], answer["epochs"], answer["epochs_trained"], answer["learning_rate"]) == (64, 2, 2, 0.01)
    assert answer["resolved"]["engine"]
    assert set(answer["test"]) == {"loss", "accuracy"}
    assert answer["scores"]["rows"] == 40
    assert answer["scores"]["accuracy"] == pytest.approx(answer["test"]["accuracy"], abs=1e-6)
    assert answer["scores"]["log_loss"] == pytest.approx(answer["test"]["loss"], rel=1e-4)
    assert "Epoch 2/2" in told.stderr
    assert "Written: " in told.stderr


def test_a_target_of_numbers_is_judged_in_its_own_unit(tmp_path):
    told = inside("fit", "diabetes", "--epochs", 3, "--json", "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    answer, encoding = strict(told.stdout), load_encoding(tmp_path / "m.keras")
    assert (encoding.kind, encoding.target, encoding.outputs, encoding.prior) == ("regression", "target", "numbers", ())
    assert answer["scores"]["mean_absolute_error"] == pytest.approx(answer["test"]["mae"] * encoding.target_scale, rel=1e-4)
    table = open_table("diabetes")
    assert answer["scores"]["r_squared"] == pytest.approx(1 - answer["test"]["loss"] / table.y_test.var(), abs=1e-3)


@pytest.mark.second
def test_a_seed_makes_it_repeatable(rows, tmp_path):
    losses = []
    for seed in (1, 1, 2):
        told = inside("fit", rows, "--target", "target", *NUMBERS, "--seed", seed, "--engine", "fused", "--json", "--out",
                      tmp_path / "m.keras")
        losses.append(strict(told.stdout)["test"]["loss"])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.second
def test_options_reach_the_training_and_balanced_classes_are_remembered(tmp_path, asked):
    words = ("fit", "breast_cancer", "--epochs", 1, "--out", tmp_path / "m.keras")
    told = inside(*words, "--batches", "balanced", "--engine", "stepwise", "--checkpoint", tmp_path / "state")
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert (asked["batches"], asked["engine"], asked["checkpoint"]) == ("balanced", "stepwise", str(tmp_path / "state"))
    assert (asked["batch_size"], asked["learning_rate"], asked["class_weight"]) == (32, None, None)
    assert "Note: " in told.stdout
    assert "--correct-prior" in told.stdout
    balanced = load_encoding(tmp_path / "m.keras")
    assert balanced.trained_prior == (0.5, 0.5)

    told = inside(*words, "--class-weight", "balanced")
    shares = np.array(load_encoding(tmp_path / "m.keras").prior)
    weights = np.array([asked["class_weight"][code] for code in (0, 1)])
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert load_encoding(tmp_path / "m.keras").trained_prior == (0.5, 0.5)
    np.testing.assert_allclose(weights * shares, [0.5, 0.5])


def test_arrays_and_a_model_of_ones_own_do_and_logits_are_remembered(tmp_path):
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=draw.integers(0, 256, (90, 4, 4), dtype=np.uint8), y=np.arange(90) % 3)
    (tmp_path / "mine.py").write_text("""
import keras

def build():
    model = keras.Sequential([keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(3)], name="mine")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model.compile(keras.optimizers.SGD(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
""")
    told = inside("fit", tmp_path / "images.npz", "--model", f"{tmp_path}/mine.py:build", "--epochs", 1, "--out",
                  tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    encoding = load_encoding(tmp_path / "m.keras")
    assert (encoding.outputs, encoding.shape, encoding.eight_bits, encoding.classes) == ("logits", (4, 4), True, ("0", "1", "2"))
    assert "mine: batch size 32, the model's own learning rate, 1 epoch (as given; 32 is Keras' own batch size)" in told.stdout


def test_a_full_disk_leaves_the_old_model_and_no_trace(fitted, rows, tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    path.write_bytes(before := fitted[1].read_bytes())

    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(service.shutil, "copyfileobj", no_room)
    told = inside("fit", rows, "--target", "target", *NUMBERS, "--out", path)
    assert told.exit_code == 2, told.exception
    assert os.strerror(errno.ENOSPC) in told.stderr
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.second
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_keeps_its_model_beside_the_old_one(fitted, rows, tmp_path, how):
    path = tmp_path / "m.keras"
    path.write_bytes(before := fitted[1].read_bytes())
    process = start("fit", rows, "--target", "target", "--epochs", 100_000, "--out", path, folder=tmp_path)
    seen = ""
    for line in process.stdout:
        seen += line
        if line.startswith("Epoch 5/"):
            break
    os.killpg(process.pid, how)
    rest, failure = process.communicate(timeout=LONG)
    said = seen + rest
    assert process.returncode == 130, (said[-500:], failure)
    assert "Traceback" not in failure
    assert f"finished epochs is in {tmp_path / 'm.interrupted.keras'}. {path} is as it was." in said
    assert path.read_bytes() == before
    model = keras.models.load_model(tmp_path / "m.interrupted.keras")
    encoding = load_encoding(tmp_path / "m.interrupted.keras")
    assert int(model.optimizer.iterations.numpy()) >= 4 * 4
    assert encoding.target == "target"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.interrupted.keras", "m.keras"]


def test_an_interrupt_before_the_first_epoch_writes_nothing(rows, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "train", interrupt)
    told = inside("fit", rows, "--target", "target", *NUMBERS, "--checkpoint", "state", "--out", tmp_path / "m.keras")
    assert told.exit_code == 130
    assert "nothing is written. The same command continues from state." in told.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "said"), [
    ("--epochs 2 --out m.h5", ("--out", "'m.h5'", ".keras", "'m.keras'")),
    ("--epochs 2", ("Missing option", "--out")),
    ("--batch-size 32 --out m.keras", ("--epochs", "beside --batch-size", "--epochs 50")),
    ("--epochs 2 --goal best --out m.keras", ("--goal", "left out where the numbers are given")),
    ("--epochs 2 --budget 3s --out m.keras", ("--budget", "left out where the numbers are given")),
    ("--epochs 0 --out m.keras", ("--epochs", "x>=1")),
    ("--epochs 2 --learning-rate 0 --out m.keras", ("--learning-rate", "x>0")),
    ("--epochs 2 --engine warp --out m.keras", ("engine", "'warp'")),
    ("--epochs 2 --class-weight balanced --batches balanced --out m.keras", ("--class-weight", "left out beside")),
    ("--plan nix.json --out m.keras", ("--plan", "nix.json", "Check the name")),
    ("--plan {rows} --out m.keras", ("--plan", "JSON", "Measure again")),
    ("--epochs 2 --out {rows}/m.keras", ("--out", "Name another one")),
    ("--epochs 3 --learning-rate 1e30 --out m.keras", ("training", "a test loss of", "lower --learning-rate")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_refused_in_a_sentence_and_nothing_is_written(rows, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    told = inside("fit", rows, "--target", "target", *words.format(rows=rows).replace(" ü", "_ü").split())
    if "{rows}" in words:
        told = inside("fit", rows, "--target", "target", *(word.format(rows=rows) for word in words.split()))
    sentences = [line for line in told.stderr.splitlines() if line.startswith("Error: ")]
    assert told.exit_code == 2, (told.stderr, told.exception)
    assert len(sentences) == 1, told.stderr
    assert all(word in sentences[0] for word in said), sentences[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("body", "said"), [
    ("m = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7)]); m.compile('sgd', 'mse', metrics=['accuracy'])", None),
    ("m = keras.Sequential([keras.Input((9,)), keras.layers.Dense(1)]); m.compile('sgd', 'mse')", "must fit the data"),
    ("m = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])", "must be compiled"),
    ("m = Mine(4); m.compile('sgd', 'mse')", "one that Keras can save"),
    ("m = 7", "a function that returns a Keras model"),
], ids=["raw", "shape", "uncompiled", "unsaveable", "none"])
def test_a_model_that_cannot_be_used_is_refused_before_it_trains(rows, tmp_path, body, said):
    (tmp_path / "mine.py").write_text(f"""
import keras

class Mine(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.inner = keras.layers.Dense(1)

    def call(self, x):
        return self.inner(x)

def build():
    {body}
    return m
""")
    told = inside("fit", rows, "--target", "target", "--model", f"{tmp_path}/mine.py:build", "--epochs", 2, "--out",
                  tmp_path / "m.keras")
    assert ("Epoch 2/2" in told.stdout) == (said is None)
    if said is None:    # it trains on something, and is kept as what it is
        assert told.exit_code == 0, (told.stderr, told.exception)
        assert "neither probabilities nor one number" in told.stdout
        assert load_encoding(tmp_path / "m.keras").outputs == "raw"
    else:
        assert told.exit_code == 2, (told.stderr, told.exception)
        assert said in told.stderr
        assert not (tmp_path / "m.keras").exists()


def test_balance_is_refused_for_a_target_of_numbers(tmp_path):
    for words in (("--batches", "balanced"), ("--class-weight", "balanced")):
        told = inside("fit", "diabetes", "--epochs", 1, *words, "--out", tmp_path / "m.keras")
        assert told.exit_code == 2
        assert f"`{words[0]}` must be left out for a target of numbers" in told.stderr


def test_help_shows_examples_and_every_option():
    told = inside("fit", "--help")
    assert told.exit_code == 0
    assert "epochal fit customers.csv --target churned --plan plan.json --out churn.keras" in told.stdout
    assert all(f"--{name}" in told.stdout for name in (
        "target", "group", "time", "task", "model", "backend", "plan", "batch-size", "epochs", "learning-rate", "goal", "budget",
        "class-weight", "batches", "engine", "checkpoint", "seed", "out", "json"))
    assert "epochal fit customers.csv" in inside("--help").stdout


def test_the_file_is_a_whole_archive(fitted):
    with zipfile.ZipFile(fitted[1]) as archive:
        assert archive.testzip() is None
        assert {"config.json", "model.weights.h5", "epochal/encoding.json", "epochal/encoder.npz"} <= set(archive.namelist())
