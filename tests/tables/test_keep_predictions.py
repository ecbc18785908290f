"""From raw outputs to answers in the table's own words and units, to a file, and to how good they are."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from epochal.base.errors import UsageError
from epochal.tables.encoding import Encoding
from epochal.tables.predictions import answers, columns_of, meaning_of, raw_columns, write
from epochal.tables.score import advice_on, score_rows, scores


def encoding(kind, *classes, outputs="probabilities", mean=0.0, scale=1.0):
    return Encoding(kind=kind, classes=classes, target="y", target_mean=mean, target_scale=scale, split_columns=(),
                    shape=(3,), eight_bits=False, outputs=outputs, prior=(), trained_prior=(), encoder=None)


BINARY, MANY = encoding("binary", "no", "yes"), encoding("multiclass", "a", "b", "c")
NUMBERS = encoding("regression", outputs="numbers", mean=100.0, scale=10.0)


@pytest.mark.parametrize("outputs", [[[0.2], [0.9]], [0.2, 0.9], [[0.8, 0.2], [0.1, 0.9]]])
def test_two_classes_have_a_probability_and_a_label(outputs):
    columns = columns_of(answers(np.array(outputs, np.float32), BINARY), BINARY)
    assert list(columns) == ["prediction", "probability_yes"]
    assert columns["prediction"].tolist() == ["no", "yes"]
    np.testing.assert_allclose(columns["probability_yes"], [0.2, 0.9], atol=1e-7)


def test_more_classes_have_a_probability_each():
    columns = columns_of(answers(np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]), MANY), MANY)
    assert list(columns) == ["prediction", "probability_a", "probability_b", "probability_c"]
    assert columns["prediction"].tolist() == ["c", "a"]
    np.testing.assert_allclose(columns["probability_b"], [0.2, 0.3])


def test_logits_become_probabilities_however_large_they_are():
    logits = np.array([[0.0, np.log(3), -1e4], [1e4, 0, 0]])
    np.testing.assert_allclose(answers(logits, replace(MANY, outputs="logits")), [[0.25, 0.75, 0], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(answers(np.array([[np.log(3)], [-1e4]]), replace(BINARY, outputs="logits")), [[0.25, 0.75], [1, 0]],
                               atol=1e-12)


def test_numbers_are_in_the_unit_of_the_target():
    np.testing.assert_array_equal(answers(np.array([[0.0], [-2.5]], np.float32), NUMBERS), [100.0, 75.0])


@pytest.mark.parametrize(("outputs", "encoding"), [
    (np.array([[1.2], [0.1]]), BINARY), (np.array([[np.nan], [0.1]]), BINARY), (np.array([[0.5, 0.6, 0.2]]), MANY),
    (np.array([[0.5, 0.5]]), MANY), (np.array([[0.5, 0.5]]), NUMBERS), ({"a": np.zeros(2)}, NUMBERS), ([np.zeros(2)], BINARY)])
def test_outputs_that_answer_another_question_are_refused(outputs, encoding):
    with pytest.raises(UsageError, match="`model` must be one"):
        answers(outputs, encoding)


@pytest.mark.parametrize(("outputs", "kind", "n", "logits", "meaning"), [
    (np.full((4, 1), 0.5), "binary", 2, False, "probabilities"), (np.full((4, 3), 1 / 3), "multiclass", 3, False, "probabilities"),
    (np.full((4, 1), -0.5), "binary", 2, False, "raw"), (np.full((4, 1), -0.5), "binary", 2, True, "logits"),
    (np.full((4, 3), 0.5), "multiclass", 3, False, "raw"), (np.full((4, 2), 0.5), "multiclass", 3, True, "raw"),
    (np.full((4, 1), 7.0), "regression", 0, False, "numbers"), (np.full((4, 2), 7.0), "regression", 0, False, "raw"),
    ({"a": np.zeros((4, 1))}, "regression", 0, False, "raw"), (np.full((4, 1), np.nan), "binary", 2, False, "raw")])
def test_what_outputs_mean_is_told_from_a_few(outputs, kind, n, logits, meaning):
    assert meaning_of(outputs, kind, n, logits=logits) == meaning


@pytest.mark.parametrize(("classes", "labels"), [(("0", "1"), [0, 1]), (("-1", "2"), [-1, 2]), (("007", "1"), ["007", "1"]),
                                                 (("0.5", "1.5"), ["0.5", "1.5"]), (("False", "True"), ["False", "True"])])
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_files_hold_labels_as_the_table_has_them(tmp_path, classes, labels, ending):
    path, kind = tmp_path / f"out{ending}", encoding("binary", *classes)
    with open(path, "wb") as file:
        names = write(columns_of(answers(np.array([[0.25], [0.75]]), kind), kind), file, ending=ending)
    assert names == ["prediction", f"probability_{classes[1]}"]
    if ending == ".npz":
        with np.load(path, allow_pickle=False) as file:
            held = dict(file)
    else:
        held = pd.read_csv(path, dtype={"prediction": type(labels[0])}) if ending == ".csv" else pd.read_parquet(path)
    assert held["prediction"].tolist() == labels
    np.testing.assert_array_equal(held[names[1]], [0.25, 0.75])


def test_outputs_of_unknown_models_are_written_by_their_names():
    file, outputs = io.BytesIO(), {"a": np.zeros((2, 1)), "b": np.ones((2, 2))}
    assert write(raw_columns(outputs), file, ending=".csv") == ["a", "b_0", "b_1"]
    assert file.getvalue().decode().split() == ["a,b_0,b_1", "0.0,1.0,1.0", "0.0,1.0,1.0"]
    assert list(raw_columns([np.zeros(2), np.zeros(2)])) == ["output_0", "output_1"]
    with pytest.raises(UsageError, match=r"an \.npz file for outputs of many axes.*predictions\.npz"):
        write(raw_columns(np.zeros((2, 3, 4))), io.BytesIO(), ending=".parquet")
    write(raw_columns(np.zeros((2, 3, 4))), file := io.BytesIO(), ending=".npz")
    assert np.load(io.BytesIO(file.getvalue()))["output"].shape == (2, 3, 4)


def test_classes_are_judged_as_scikit_learn_judges_them():
    draw = np.random.default_rng(0)
    p, y = draw.dirichlet([1, 1, 1], 300), draw.integers(0, 3, 300)
    found = scores(p, y, MANY)
    assert found["rows"][0] == 300
    assert found["accuracy"][0] == pytest.approx(metrics.accuracy_score(y, p.argmax(1)))
    assert found["log_loss"][0] == pytest.approx(metrics.log_loss(y, p))
    shares = np.bincount(y) / 300
    assert found["accuracy"][3] == pytest.approx(shares.max())
    assert found["log_loss"][3] == pytest.approx(metrics.log_loss(y, np.tile(shares, (300, 1))))


def test_a_rare_class_is_judged_by_itself():
    draw = np.random.default_rng(0)
    y = (draw.random(800) < 0.05).astype(int)
    p = np.clip(0.04 + 0.3 * y * draw.random(800) + 0.02 * draw.normal(size=800), 0, 1)
    found = scores(np.column_stack([1 - p, p]), y, BINARY)
    value, low, high, constant = found["average_precision"]
    assert value == pytest.approx(metrics.average_precision_score(y, p))
    assert low < value < high
    assert constant == pytest.approx(y.mean())
    assert found["rare_class_found"][0] == 0
    assert "only 0 % of its rows" in advice_on(found)
    assert "average_precision" not in scores(np.column_stack([1 - p, p]), draw.integers(0, 2, 800), BINARY)
    assert advice_on(scores(np.column_stack([1 - p, p * 0 + 0.5]), y, BINARY)) == ""


def test_numbers_are_judged_as_scikit_learn_judges_them():
    draw = np.random.default_rng(0)
    y = draw.normal(50, 9, 200)
    values = y + draw.normal(0, 3, 200)
    found = scores(values, y, NUMBERS)
    assert found["mean_absolute_error"][0] == pytest.approx(metrics.mean_absolute_error(y, values))
    assert found["mean_absolute_error"][3] == pytest.approx(np.abs(y - np.median(y)).mean())
    assert found["r_squared"][0] == pytest.approx(metrics.r2_score(y, values))
    left_out = [metrics.r2_score(np.delete(y, i), np.delete(values, i)) for i in range(200)]
    half = 1.96 * np.sqrt(199 / 200 * ((np.array(left_out) - np.mean(left_out)) ** 2).sum())
    np.testing.assert_allclose(found["r_squared"][1:3], [found["r_squared"][0] - half, found["r_squared"][0] + half], rtol=1e-9)


def test_a_score_is_shown_with_and_without_rows_whose_answer_is_far_off():
    draw = np.random.default_rng(0)
    y = draw.normal(50, 9, 200)
    values, usual = y + draw.normal(0, 3, 200), scores(y[1:] + 1, y[1:], NUMBERS)
    assert "mean_absolute_error_without_far_rows" not in scores(values, y, NUMBERS)
    y[0] = 1e9
    found = scores(np.where(y > 1e8, 50, y + 1), y, NUMBERS)
    assert found["rows_without_far_rows"][0] == 199
    assert found["mean_absolute_error"][0] > 1e6
    assert found["mean_absolute_error_without_far_rows"] == usual["mean_absolute_error"]
    assert found["r_squared"][0] < 0.01 < 0.9 < found["r_squared_without_far_rows"][0]


def test_rows_whose_answer_is_unknown_are_left_out():
    assert scores(np.array([[0.2, 0.8]] * 3), np.array([1, -1, 1]), BINARY)["rows"][0] == 2
    assert scores(np.arange(3.0), np.array([0.0, np.nan, 2.0]), NUMBERS)["mean_absolute_error"][0] == 0
    assert scores(np.arange(1.0), np.array([np.nan]), NUMBERS) == {"rows": (0, None, None, None)}


@pytest.mark.parametrize(("n_right", "n"), [(0, 5), (36, 40), (400, 400)])
def test_the_interval_of_the_accuracy_is_wilsons(n_right, n):
    found = scores(np.tile([0.0, 1.0], (n, 1)), (np.arange(n) < n_right).astype(int), BINARY)["accuracy"]
    wilson = binomtest(n_right, n).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(found[:3], [n_right / n, wilson.low, wilson.high], atol=1e-6)


@pytest.mark.parametrize(("values", "y", "kind"), [
    (np.array([[0.2, 0.8]]), np.array([1]), BINARY), (np.array([[0.0, 1.0]] * 2), np.array([0, 0]), BINARY),
    (np.array([3.0]), np.array([4.0]), NUMBERS), (np.array([3.0, 4.0, 5.0]), np.array([4.0, 4.0, 4.0]), NUMBERS),
    (np.array([3.0, 4.0, 5.0]), np.array([4.0, 4.0, 5.0]), NUMBERS), (np.array([3.0]), np.array([np.nan]), NUMBERS)])
def test_few_rows_and_constant_answers_are_judged_without_a_complaint(values, y, kind):
    rows = list(score_rows(scores(values, y, kind)))
    assert all(len(row) == 4 for row in rows)
    assert not any("nan" in cell for row in rows for cell in row)


def test_an_r_squared_that_rests_on_one_row_has_no_interval():
    values, y = np.array([3.0, 4.0, 5.0]), np.array([4.0, 4.0, 5.0])
    assert scores(values, y, NUMBERS)["r_squared"][1:3] == (None, None)
    assert ("r squared", "-0.5", "not known", "0") in list(score_rows(scores(values, y, NUMBERS)))


def written(columns, path):
    with open(path, "wb") as file:
        names = write(columns, file, ending=path.suffix)
    if path.suffix == ".npz":
        with np.load(path) as found:
            return names, {name: found[name] for name in found.files}
    return names, {".csv": pd.read_csv, ".parquet": pd.read_parquet}[path.suffix](path)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".npz"])
def test_outputs_in_bfloat16_and_any_nesting_are_written_in_every_format(tmp_path, ending):
    half = np.array([[0.5], [1.25]], pytest.importorskip("ml_dtypes").bfloat16)
    names, found = written(raw_columns({"a": half, "file": half * 2, "b": [half, {"c": half}]}), tmp_path / f"p{ending}")
    assert names == list(found) == ["a", "file", "b_0", "b_1_c"]
    assert np.asarray(found["file"]).ravel().tolist() == [1.0, 2.5]
    assert np.asarray(found["b_1_c"]).dtype == (np.float64 if ending == ".csv" else np.float32)


def test_outputs_whose_names_meet_are_refused(tmp_path):
    a, b = np.ones((2, 2)), np.zeros((2, 1))
    with pytest.raises(UsageError, match="`--out` must be an .npz file for outputs of such names; got two columns named 'a_0'"):
        written(raw_columns({"a": a, "a_0": b}), tmp_path / "p.csv")
    assert written(raw_columns({"a": a, "a_0": b}), tmp_path / "p.npz")[0] == ["a", "a_0"]
    with pytest.raises(UsageError, match="`model` must be one with outputs of different names; got two outputs named 'a_0'"):
        raw_columns({"a": [a], "a_0": b})


@pytest.mark.parametrize(("classes", "kind"), [
    (("--5", "5"), "O"), (("²", "1"), "O"), (("1", "-"), "O"), (("", "1"), "O"), (("9" * 19, "1"), "O"), (("-3", "12"), "i"),
    ((str(2**63 - 1), str(-2**63)), "i"), (("007", "1"), "O")])
def test_labels_are_numbers_only_where_all_are_whole_numbers(classes, kind):
    found = columns_of(np.array([[0.1, 0.9], [0.8, 0.2]]), encoding("binary", *classes))["prediction"]
    assert found.dtype.kind == kind
    assert [str(label) for label in found] == [classes[1], classes[0]]
