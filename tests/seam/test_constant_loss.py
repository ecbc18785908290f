"""The loss of the best constant answer, against a plain computation of it."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import Data, Part

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(90, 3)).astype("float32")


def constant_loss(y, units, loss, weight=None, **compiled):
    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        model.compile("sgd", loss, **compiled)
        return model

    cut = [Part(X[rows], y[rows], None if weight is None else weight[rows]) for rows in np.split(np.arange(90), [50, 70])]
    return open_rig(build, Data("constant", "", *cut)).task.constant_loss


def test_of_two_classes_it_is_the_log_loss_of_their_shares_among_the_training_rows():
    y = (DRAW.random(90) < 0.2).astype("float32")[:, None]
    share = y[:50].mean()
    expected = -np.mean(np.where(y[50:] == 1, np.log(share), np.log(1 - share)))
    assert constant_loss(y, 1, keras.losses.BinaryCrossentropy(from_logits=True)) == pytest.approx(expected, rel=1e-6)


def test_of_more_classes_likewise_whether_as_codes_or_as_one_hot_rows():
    y = DRAW.choice(3, 90, p=[0.6, 0.3, 0.1])
    shares = np.bincount(y[:50]) / 50
    expected = -np.mean(np.log(shares[y[50:]]))
    assert constant_loss(y, 3, keras.losses.SparseCategoricalCrossentropy(from_logits=True)) == pytest.approx(expected, rel=1e-6)
    one_hot = np.eye(3, dtype="float32")[y]
    assert constant_loss(one_hot, 3, keras.losses.CategoricalCrossentropy(from_logits=True)) == pytest.approx(expected, rel=1e-6)


def test_of_numbers_it_is_the_error_of_the_training_mean_or_median():
    y = DRAW.exponential(size=90).astype("float32")
    assert constant_loss(y, 1, "mse") == pytest.approx(np.mean((y[50:] - y[:50].mean()) ** 2), rel=1e-5)
    assert constant_loss(y, 1, "mae") == pytest.approx(np.mean(np.abs(y[50:] - np.median(y[:50]))), rel=1e-5)


def test_a_loss_that_does_not_allow_to_tell_has_none():
    y = DRAW.exponential(size=90).astype("float32")
    assert constant_loss(y, 1, "huber") is None
    assert constant_loss(y, 1, "mse", weight=np.ones(90, "float32")) is None


def test_a_loss_that_is_not_what_its_name_says_has_none():
    y = (DRAW.random(90) < 0.2).astype("float32")[:, None]
    for settings in ({"label_smoothing": 0.1}, {"reduction": "sum"}):
        assert constant_loss(y, 1, keras.losses.BinaryCrossentropy(from_logits=True, **settings)) is None
    assert constant_loss(y, 1, keras.losses.BinaryCrossentropy(from_logits=True), loss_weights=10.0) is None


def test_weights_of_the_training_rows_have_no_part_in_it():
    y = DRAW.exponential(size=90).astype("float32")
    cut = [Part(X[rows], y[rows], weight) for rows, weight in zip(np.split(np.arange(90), [50, 70]), (np.ones(50), None, None),
                                                                  strict=True)]
    rig = open_rig(network(1, "mse"), Data("constant", "", *cut))
    assert rig.task.constant_loss == constant_loss(y, 1, "mse")


def network(units, loss, *metrics, head=None):
    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation=head, kernel_regularizer="l2")])
        model.compile("sgd", loss, metrics=list(metrics))
        return model

    return build


def figures(y, build, weight=None):
    cut = [Part(X[rows], y[rows], None if weight is None else weight[rows]) for rows in np.split(np.arange(90), [50, 70])]
    return open_rig(build, Data("constant", "", *cut)).constant()


def test_the_metrics_of_a_constant_answer_are_those_of_the_mean_and_the_median():
    y = DRAW.exponential(size=90).astype("float32")
    found, held = figures(y, network(1, "huber", "mae", "mse")), y[50:]  # Keras gives them by name
    middles = [y[:50].mean(), np.median(y[:50])]
    np.testing.assert_allclose(found[:, 1], [np.mean(np.abs(held - m)) for m in middles], rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], [np.mean((held - m) ** 2) for m in middles], rtol=1e-5)
    doubled = figures(y, network(1, "mse", "mse"), weight=np.full(90, 2, "float32"))
    np.testing.assert_allclose(doubled[:, 0], 2 * found[:, 2], rtol=1e-5)   # the loss is weighed, the metric is not
    np.testing.assert_allclose(doubled[:, 1], found[:, 2], rtol=1e-5)


@pytest.mark.parametrize("logits", [False, True])
def test_the_metrics_of_classes_are_those_of_their_shares(logits):
    two = (DRAW.random(90) < 0.2).astype("float32")
    binary = keras.losses.BinaryCrossentropy(from_logits=logits)
    (found,) = figures(two, network(1, binary, "accuracy", head=None if logits else "sigmoid"))
    share = two[:50].mean()
    loss = -np.mean(np.where(two[50:] == 1, np.log(share), np.log(1 - share)))
    assert found == pytest.approx([loss, 1 - two[50:].mean()], rel=1e-4)
    three = DRAW.choice(3, 90, p=[0.6, 0.3, 0.1])
    categorical = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    (found,) = figures(three, network(3, categorical, "accuracy", head=None if logits else "softmax"))
    shares = np.bincount(three[:50], minlength=3) / 50
    assert found == pytest.approx([-np.mean(np.log(shares[three[50:]])), np.mean(three[50:] == shares.argmax())], rel=1e-4)


def test_where_outputs_and_targets_do_not_go_together_there_is_no_constant_answer():
    rows = DRAW.normal(size=(90, 2, 3)).astype("float32")

    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6), keras.layers.Reshape((2, 3))])
        model.compile("sgd", "mse")
        return model

    assert figures(rows, build) is None
