"""The loss of the best constant answer, against a plain computation of it."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from epochal.seam.open import open_rig
from epochal.seam.rows import Data, Part

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(90, 3)).astype("float32")


def constant_loss(y, units, loss, weight=None):
    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        model.compile("sgd", loss)
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
