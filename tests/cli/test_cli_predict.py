"""`epochal predict` end to end: a saved model's answers for new rows, and what it says of rows unlike those it learned from."""

import errno
import os
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from cli.command import inside, run, strict

import epochal.services.predict as service
from epochal.tables.encoding import load_encoding
from epochal.tables.new_rows import apply

N = 160


def shops(n=N, seed=0):
    stream = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": stream.normal(50, 9, n), "town": stream.choice(["Ulm", "Bonn", "Köln"], n),
                          "open": stream.random(n) < 0.5, "since": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d")})
    signal = frame["size"] / 9 + 2 * (frame.town == "Ulm") + frame.open + stream.normal(0, 0.5, n)
    return frame.assign(good=np.where(signal > signal.quantile(0.8), "yes", "no"), kind=pd.cut(signal, 3, labels=list("abc")),
                        sales=1000 + 100 * signal)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with a table and a model for each of its targets, trained for a moment."""
    folder = tmp_path_factory.mktemp("shelf")
    features = shops()[["size", "town", "open", "since"]]
    features.to_csv(folder / "new.csv", index=False)
    for target in ("good", "kind", "sales"):
        features.assign(**{target: shops()[target]}).to_csv(folder / f"{target}.csv", index=False)
        told = inside("fit", folder / f"{target}.csv", "--target", target, "--epochs", 3, "--out", folder / f"{target}.keras",
                      *(["--batches", "balanced"] if target == "good" else []))
        assert told.exit_code == 0, (told.stderr, told.exception)
    return folder


def outputs(shelf, target, data="new.csv"):
    """What Keras says for the rows, as the model is trained on them."""
    rows = apply(load_encoding(shelf / f"{target}.keras"), shelf / data)
    return keras.models.load_model(shelf / f"{target}.keras").predict(rows.x, verbose=0)


def predicted(shelf, target, out, *words, data=None):
    told = inside("predict", shelf / f"{target}.keras", data or shelf / "new.csv", "--out", out, *words)
    assert told.exit_code == 0, (told.stderr, told.exception)
    return told, pd.read_parquet(out)


def test_two_classes_get_a_label_and_a_probability(shelf, tmp_path):
    told, frame = predicted(shelf, "good", tmp_path / "p.parquet")
    p = outputs(shelf, "good")[:, 0]
    assert list(frame.columns) == ["prediction", "probability_yes"]
    np.testing.assert_allclose(frame.probability_yes, p, atol=1e-5)
    assert (frame.prediction == np.where(frame.probability_yes > 0.5, "yes", "no")).all()
    assert f"Written: {tmp_path / 'p.parquet'} (160 rows; prediction, probability_yes)" in told.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_more_classes_get_a_probability_each(shelf, tmp_path):
    _, frame = predicted(shelf, "kind", tmp_path / "p.parquet")
    p = outputs(shelf, "kind")
    np.testing.assert_allclose(frame[["probability_a", "probability_b", "probability_c"]], p, atol=1e-5)
    assert frame.prediction.tolist() == np.array(["a", "b", "c"])[p.argmax(1)].tolist()


def test_a_number_is_in_the_unit_of_the_table(shelf, tmp_path):
    told, frame = predicted(shelf, "sales", tmp_path / "p.parquet", data=shelf / "sales.csv")
    truth = shops().sales
    np.testing.assert_allclose(frame.prediction, outputs(shelf, "sales")[:, 0] * truth.std() + truth.mean(), rtol=0.05)
    assert all(word in told.stdout for word in ("mean absolute error", "r squared", "always the same answer"))
    new = pd.read_csv(shelf / "sales.csv").assign(size=lambda rows: rows["size"] + 1e-3)  # rows that it has not trained on
    new.to_csv(tmp_path / "new.csv", index=False)
    told, frame = predicted(shelf, "sales", tmp_path / "p.parquet", data=tmp_path / "new.csv")
    assert f"{np.abs(frame.prediction - truth).mean():.3g}" in told.stdout.replace(",", "")


def test_rows_keep_their_order_and_their_answers_whatever_the_order_of_columns_and_the_batch_size(shelf, tmp_path):
    _, first = predicted(shelf, "good", tmp_path / "p.parquet")
    order = np.random.default_rng(1).permutation(N)
    frame = pd.read_csv(shelf / "new.csv")
    frame.loc[order, frame.columns[::-1]].to_csv(tmp_path / "turned.csv", index=False)
    for words in ((), ("--batch-size", 7), ("--goal", "latency")):
        _, second = predicted(shelf, "good", tmp_path / "q.parquet", *words, data=tmp_path / "turned.csv")
        np.testing.assert_allclose(second.probability_yes, first.probability_yes[order], atol=1e-5)


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_other_endings_hold_the_same(shelf, tmp_path, ending):
    _, frame = predicted(shelf, "good", tmp_path / "p.parquet")
    told = inside("predict", shelf / "good.keras", shelf / "new.csv", "--out", tmp_path / f"p{ending}")
    assert told.exit_code == 0, (told.stderr, told.exception)
    if ending == ".csv":
        held = pd.read_csv(tmp_path / "p.csv")
    else:
        with np.load(tmp_path / "p.npz") as file:
            held = dict(file)
    assert list(held["prediction"]) == frame.prediction.tolist()
    np.testing.assert_allclose(held["probability_yes"], frame.probability_yes, rtol=1e-12)


def test_what_is_unlike_training_is_said(shelf, tmp_path):
    frame = pd.read_csv(shelf / "new.csv")
    frame.loc[[0, 1], "town"] = ["Rom", "Wien"]
    frame.loc[2, "size"] = np.nan
    frame.assign(zip=1).to_csv(tmp_path / "odd.csv", index=False)
    told, answers = predicted(shelf, "good", tmp_path / "p.parquet", data=tmp_path / "odd.csv")
    _, plain = predicted(shelf, "good", tmp_path / "q.parquet")
    said = " ".join(told.stdout.split())
    assert "Not used, since the model was trained without: `zip`." in said
    assert "`town` holds 2 values that no training row has ('Rom', 'Wien'), in 2 rows" in said
    assert "`size` is missing in 1 row, but in no training row" in said
    np.testing.assert_allclose(answers.probability_yes[3:], plain.probability_yes[3:], atol=1e-5)


def test_machines_get_strict_json_alone_on_standard_output(shelf, tmp_path):
    told = inside("predict", shelf / "good.keras", shelf / "good.csv", "--json", "--out", tmp_path / "p.parquet")
    assert told.exit_code == 0, (told.stderr, told.exception)
    answer, frame = strict(told.stdout), pd.read_parquet(tmp_path / "p.parquet")
    assert (answer["rows"], answer["columns"]) == (N, list(frame.columns))
    weighed, seen = answer["notes"]
    assert weighed.startswith("The model was trained with the classes weighing alike")
    assert seen == "128 of these 160 rows were there when the model was trained: the scores are of the other 32."
    right = round(answer["scores"]["accuracy"] * 32)
    assert answer["scores"]["accuracy"] == pytest.approx(right / 32)
    assert right <= (frame.prediction == shops().good).sum()
    assert "Written: " in told.stderr
    told = inside("predict", shelf / "good.keras", shelf / "new.csv", "--json", "--out", tmp_path / "p.parquet")
    assert strict(told.stdout)["scores"] is None


def test_rows_that_the_model_has_trained_on_do_not_count_in_the_scores(shelf, tmp_path):
    told, frame = predicted(shelf, "sales", tmp_path / "p.parquet", "--json", data=shelf / "sales.csv")
    found = strict(told.stdout)
    assert (len(frame), found["rows"], found["scores"]["rows"]) == (160, 160, 32)  # a fifth were test rows
    assert "128 of these 160 rows were there when the model was trained: the scores are of the other 32." in found["notes"]
    trained = pd.read_csv(shelf / "sales.csv").iloc[:3]
    trained.assign(size=trained["size"] + 1).to_csv(tmp_path / "new.csv", index=False)  # as like as rows can be, and new
    again = strict(predicted(shelf, "sales", tmp_path / "q.parquet", "--json", data=tmp_path / "new.csv")[0].stdout)
    assert again["scores"]["rows"] == 3
    assert not any("when the model was trained" in note for note in again["notes"])


def test_the_prior_is_corrected_on_request(shelf, tmp_path):
    told, balanced = predicted(shelf, "good", tmp_path / "p.parquet")
    assert "--correct-prior turns them back" in " ".join((told.stdout + told.stderr).split())
    told, corrected = predicted(shelf, "good", tmp_path / "q.parquet", "--correct-prior")
    assert "turns them back" not in " ".join((told.stdout + told.stderr).split())
    share = load_encoding(shelf / "good.keras").prior[1]
    p = balanced.probability_yes
    np.testing.assert_allclose(corrected.probability_yes, p * share / (p * share + (1 - p) * (1 - share)), rtol=1e-6)
    assert share == pytest.approx(0.2, abs=0.02)


def test_arrays_and_a_model_saved_by_keras_alone_do(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    np.savez(tmp_path / "x.npz", x=x)
    told = inside("predict", tmp_path / "m.keras", tmp_path / "x.npz", "--out", tmp_path / "p.csv")
    assert told.exit_code == 0, (told.stderr, told.exception)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "p.csv")[["output_0", "output_1"]], model.predict(x, verbose=0), atol=1e-5)


@pytest.mark.second
def test_a_model_with_layers_of_ones_own_needs_the_function_that_built_it(shelf, tmp_path):
    (tmp_path / "mine.py").write_text(f"""
import keras

class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def build():
    inputs = keras.Input(({_n_features(shelf)},))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(Doubled()(inputs)))
    model.compile("sgd", "binary_crossentropy")
    return model
""")
    own = ("--model", f"{tmp_path}/mine.py:build")
    told = inside("fit", shelf / "good.csv", "--target", "good", *own, "--epochs", 1, "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    words = ("predict", tmp_path / "m.keras", shelf / "new.csv", "--out", tmp_path / "p.csv")
    told = inside(*words)
    assert told.exit_code == 2
    assert "one that Keras can load" in told.stderr
    assert "Pass --model FILE.py:FUNCTION" in told.stderr
    told = inside(*words, *own)
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert pd.read_csv(tmp_path / "p.csv").probability_yes.between(0, 1).all()


def _n_features(shelf):
    return load_encoding(shelf / "good.keras").shape[0]


def test_raw_outputs_are_written_as_they_are(shelf, tmp_path):
    (tmp_path / "mine.py").write_text(f"""
import keras

def build():
    model = keras.Sequential([keras.Input(({_n_features(shelf)},)), keras.layers.Dense(1, activation="tanh")])
    model.compile("sgd", "hinge")
    return model
""")
    told = inside("fit", shelf / "good.csv", "--target", "good", "--model", f"{tmp_path}/mine.py:build", "--epochs", 1, "--out",
                  tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    told = inside("predict", tmp_path / "m.keras", shelf / "new.csv", "--out", tmp_path / "p.csv")
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert list(pd.read_csv(tmp_path / "p.csv").columns) == ["output"]


def test_a_full_disk_leaves_the_old_predictions_and_no_trace(shelf, tmp_path, monkeypatch):
    (tmp_path / "p.parquet").write_text("old")

    def no_room(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(service, "write", no_room)
    told = inside("predict", shelf / "good.keras", shelf / "new.csv", "--out", tmp_path / "p.parquet")
    assert told.exit_code == 2, told.exception
    assert os.strerror(errno.ENOSPC) in told.stderr
    assert (tmp_path / "p.parquet").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


@pytest.fixture(scope="module")
def wrong(shelf):
    """Files that are wrong in one way each, beside the right ones."""
    frame = pd.read_csv(shelf / "new.csv")
    frame.iloc[:0].to_csv(shelf / "empty.csv", index=False)
    frame.drop(columns=["size", "open"]).to_csv(shelf / "short.csv", index=False)
    frame.assign(size="large").to_csv(shelf / "words.csv", index=False)
    frame.assign(since="rubbish").to_csv(shelf / "dates.csv", index=False)
    np.savez(shelf / "x.npz", x=np.zeros((5, 4), "float32"))
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(shelf / "bare.keras")
    (shelf / "torn.keras").write_bytes((shelf / "good.keras").read_bytes()[:5000])
    (shelf / "prose.keras").write_text("It was a dark night.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)]).save(shelf / "lambda.keras")
    return shelf


@pytest.mark.parametrize(("words", "said"), [
    ("good.keras short.csv --out p.parquet", ("`DATA`", "`size`, `open`", "every column")),
    ("good.keras empty.csv --out p.parquet", ("`DATA`", "with rows")),
    ("good.keras words.csv --out p.parquet", ("`size`", "'large' in row 1 and 159 more", "numbers, as in training")),
    ("good.keras dates.csv --out p.parquet", ("`since`", "'rubbish' in row 1", "%Y-%m-%d")),
    ("good.keras x.npz --out p.parquet", ("`DATA`", "columns that the model was trained on")),
    ("good.keras nix.csv --out p.parquet", ("nix.csv", "a file that exists")),
    ("good.keras new.csv --out p.txt", ("--out", ".parquet or .csv or .npz", "'p.parquet'")),
    ("good.keras new.csv --out {shelf}/new.csv", ("--out", "another file than DATA")),
    ("good.keras new.csv", ("Missing option", "--out")),
    ("good.keras new.csv --out p.csv --batch-size many", ("batch_size", "'many'")),
    ("good.keras new.csv --out p.csv --batch-size 0", ("batch_size", "0")),
    ("kind.keras new.csv --out p.csv --correct-prior", ("--correct-prior", "leave it out")),
    ("bare.keras new.csv --out p.csv", ("DATA", ".npz", "nothing says how columns")),
    ("bare.keras x.npz --out p.csv", ("DATA", "(None, 3)", "(2, 4)")),
    ("bare.keras x.npz --out p.csv --correct-prior", ("--correct-prior",)),
    ("torn.keras new.csv --out p.csv", ("a whole file that Keras", "torn.keras")),
    ("prose.keras new.csv --out p.csv", ("a whole file that Keras", "prose.keras")),
    ("lambda.keras x.npz --out p.csv", ("no code of its own", "--trust-model", "--model FILE.py:FUNCTION")),
    ("nix.keras new.csv --out p.csv", ("MODEL", "nix.keras", "Check the path")),
    ("new.csv new.csv --out p.csv", ("MODEL", "ends in .keras")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_refused_in_a_sentence_and_nothing_is_written(wrong, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    model, data, *rest = words.format(shelf=wrong).split()
    told = inside("predict", wrong / model, wrong / data, *rest)
    sentences = [line for line in told.stderr.splitlines() if line.startswith("Error: ")]
    assert told.exit_code == 2, (told.stderr, told.exception)
    assert len(sentences) == 1, told.stderr
    assert all(word in sentences[0] for word in said), sentences[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.second
def test_a_process_of_its_own_predicts_without_a_word_on_standard_error(shelf, tmp_path):
    process = run("predict", shelf / "good.keras", shelf / "new.csv", "--out", "p.parquet", folder=tmp_path)
    ours = [line for line in process.stderr.splitlines() if "epochal" in line or "Traceback" in line or "Warning" in line]
    assert (process.returncode, ours) == (0, [])
    assert len(pd.read_parquet(tmp_path / "p.parquet")) == N


def test_help_shows_examples_every_option_and_a_word_of_caution():
    told = inside("predict", "--help")
    assert told.exit_code == 0
    assert "epochal predict churn.keras new_customers.csv --out predictions.parquet" in told.stdout
    assert "No code in the file is run" in " ".join(told.stdout.split())
    assert all(f"--{name}" in told.stdout for name in ("out", "batch-size", "goal", "correct-prior", "model", "trust-model",
                                                       "backend", "json"))


def test_columns_that_name_the_rows_go_along(tmp_path):
    frame = shops()[["size", "town", "good"]]
    frame.insert(0, "shop_id", [f"S{i:04d}" for i in range(N)])
    frame.to_csv(tmp_path / "t.csv", index=False)
    told = inside("fit", tmp_path / "t.csv", "--target", "good", "--epochs", 1, "--out", tmp_path / "m.keras")
    assert "Left out: `shop_id`, an identifier" in told.stdout
    frame.iloc[:7].drop(columns="good").to_csv(tmp_path / "new.csv", index=False)
    told = inside("predict", tmp_path / "m.keras", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert told.exit_code == 0, (told.stderr, told.exception)
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == ["shop_id", "prediction", "probability_yes"]
    assert list(found.shop_id) == list(frame.shop_id[:7])
