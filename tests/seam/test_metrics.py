"""Average precision as a Keras metric is scikit-learn's, whatever the batches, and lives in a compiled program of many lanes."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from tiers import first_tier

import epochal as ep
from epochal.seam.model.metrics import rare_class_metric


@pytest.mark.parametrize(("n", "share"), first_tier(1, [(400, 0.05), (50, 0.5), (2000, 0.01)]))
def test_it_is_that_of_scikit_learn_to_the_width_of_a_bin(n, share):
    rng = np.random.default_rng(n)
    y = (rng.random(n) < share).astype("float32")
    y[0] = 1
    scores = np.clip(np.round((0.3 * y + rng.random(n)) / 1.4 * 4096) / 4096, 0, 0.9999).astype("float32")  # ties are ties in both
    metric = ep.AveragePrecision()
    for rows in np.array_split(np.arange(n), 7):
        metric.update_state(y[rows, None], scores[rows, None])
    assert float(metric.result()) == pytest.approx(average_precision_score(y, scores), abs=1e-5)


def test_weights_count_as_that_many_rows():
    y, scores, weight = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.4, 0.1]), np.array([1.0, 3, 2, 1])
    weighed, repeated = ep.AveragePrecision(), ep.AveragePrecision()
    weighed.update_state(y, scores, sample_weight=weight)
    repeated.update_state(np.repeat(y, weight.astype(int)), np.repeat(scores, weight.astype(int)))
    assert float(weighed.result()) == pytest.approx(float(repeated.result()), abs=1e-6)
    assert float(weighed.result()) == pytest.approx((1 * 1 + 2 * 3 / 6) / 3, abs=1e-6)


def test_a_constant_answer_gets_the_share_of_positives_and_no_positives_give_nothing():
    metric = ep.AveragePrecision()
    metric.update_state(np.array([1.0, 0, 0, 0]), np.full(4, 0.3))
    assert float(metric.result()) == pytest.approx(0.25)
    metric.reset_state()
    metric.update_state(np.zeros(4), np.full(4, 0.3))
    assert float(metric.result()) == 0


def test_it_is_saved_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[ep.AveragePrecision(n_bins=64)])
    model.save(tmp_path / "m.keras")
    x, y = np.ones((4, 2), "float32"), np.array([1.0, 0, 1, 0])
    assert keras.models.load_model(tmp_path / "m.keras").evaluate(x, y, verbose=0, return_dict=True)["average_precision"] == \
        pytest.approx(0.5)


@pytest.mark.second
def test_a_study_judges_by_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype("float32")
    y = (x.sum(1) + rng.normal(size=200) > 2).astype("float32")

    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("adam", "binary_crossentropy", metrics=[ep.AveragePrecision()])
        return model

    found = ep.study(build, x, y, metric="val_average_precision", batch_sizes=(8, 32), learning_rates=(0.01, 0.1), equal="epochs",
                     epochs=4, seeds=3, trial_seeds=1, verbose=0)
    assert found.design.larger_is_better
    assert all(y.mean() < c.quality <= 1 for c in found.contrasts)


@pytest.mark.parametrize("precision", first_tier(1, [0.6, 0.3, 0.9]))
def test_recall_at_a_precision_is_that_of_keras_where_no_other_rows_are_given(precision):
    rng = np.random.default_rng(1)
    y = (rng.random(3000) < 0.2).astype("float32")
    scores = np.clip((0.35 * y + rng.random(3000)) / 1.4, 0, 0.9999).astype("float32")
    metric, keras_own = ep.RecallAtPrecision(precision, n_bins=500), keras.metrics.RecallAtPrecision(precision, num_thresholds=501)
    for rows in np.array_split(np.arange(3000), 4):
        metric.update_state(y[rows, None], scores[rows, None])
        keras_own.update_state(y[rows], scores[rows])
    assert metric.name == f"recall_at_precision_{precision:g}"
    assert 0 < float(metric.result()) == pytest.approx(float(keras_own.result()), abs=0.005)


def test_where_no_threshold_reaches_the_precision_nothing_is_found():
    metric = ep.RecallAtPrecision(0.9)
    metric.update_state(np.array([1.0, 0, 0, 1]), np.array([0.1, 0.9, 0.8, 0.2]))
    assert float(metric.result()) == 0
    metric.reset_state()
    metric.update_state(np.zeros(4), np.linspace(0, 1, 4))
    assert float(metric.result()) == 0


@pytest.mark.parametrize("precision", [0, -0.1, 1.2, "0.9", None])
def test_a_precision_that_is_no_share_is_refused(precision):
    with pytest.raises(ep.UsageError, match=r"precision.*more than 0 and at most 1"):
        ep.RecallAtPrecision(precision)


def test_recall_at_a_precision_is_known_by_its_name_and_saved_with_a_model(tmp_path):
    assert rare_class_metric("recall_at_precision_0.75").precision == 0.75
    assert [rare_class_metric(name) for name in ("loss", "recall", "recall_at_precision_high")] == [None] * 3
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[ep.RecallAtPrecision(0.4, n_bins=64)])
    model.save(tmp_path / "m.keras")
    x, y = np.ones((4, 2), "float32"), np.array([1.0, 0, 1, 0])
    found = keras.models.load_model(tmp_path / "m.keras").evaluate(x, y, verbose=0, return_dict=True)
    assert found["recall_at_precision_0.4"] == 1


def test_weights_that_are_very_small_count_as_much_against_each_other():
    y, scores, weight = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.4, 0.1]), np.array([1.0, 3, 2, 1])
    for metric in (ep.AveragePrecision(), ep.RecallAtPrecision(0.5)):
        metric.update_state(y, scores, sample_weight=weight)
        plain = float(metric.result())
        metric.reset_state()
        metric.update_state(y, scores, sample_weight=weight * 1e-10)
        assert 0 < plain == pytest.approx(float(metric.result()), rel=1e-5)


def test_many_rows_are_counted_in_half_precision_too():
    keras.config.set_floatx("float16")
    try:
        metric = ep.RecallAtPrecision(0.5)
        metric.update_state(np.ones(15_000, "float16"), np.full(15_000, 0.5, "float16"))
        assert float(np.sum(metric.positives)) == 15_000
    finally:
        keras.config.set_floatx("float32")
