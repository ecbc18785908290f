"""The warnings of `fit`: each where it is due, once, and nowhere else."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import epochal as ep

ROWS = np.random.default_rng(0)
X = ROWS.normal(size=(200, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def network(*inner, optimizer="adam"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *inner, layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer, "binary_crossentropy")
    return model


def said(model, x=X, y=Y, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ep.fit(model, x, y, verbose=0, **options)
    return [str(w.message) for w in caught if issubclass(w.category, ep.Advice)]


def test_a_plain_training_is_not_commented():
    assert said(network(), epochs=2, validation_split=0.2, batch_size=32, callbacks=[
        keras.callbacks.EarlyStopping(restore_best_weights=True)]) == []


def test_held_out_rows_unlike_the_others_are_named():
    order = np.argsort(Y)
    sentence, = said(network(), X[order], Y[order], validation_split=0.2)
    assert "last 40 rows" in sentence
    assert "Shuffle x and y together" in sentence


def test_class_weights_under_sgd_are_a_learning_rate_and_under_adam_not():
    sentence, = said(network(optimizer="sgd"), class_weight={0: 10.0, 1: 10.0})
    assert "mean weight of 10" in sentence
    assert said(network(), class_weight={0: 10.0, 1: 10.0}) == []
    assert said(network(optimizer=keras.optimizers.SGD(clipnorm=1.0)), class_weight={0: 10.0, 1: 10.0}) == []


def test_early_stopping_that_keeps_the_last_weights_is_named():
    sentence, = said(network(), callbacks=[keras.callbacks.EarlyStopping(monitor="loss", patience=3)])
    assert "restore_best_weights=True" in sentence


def test_a_batch_larger_than_the_data_is_named():
    sentence, = said(network(), batch_size=500)
    assert "200 rows" in sentence


def test_a_model_trained_before_is_named_once_and_not_where_it_is_meant():
    model = network()
    assert said(model) == []
    sentence, = said(model)
    assert "7 updates before" in sentence
    assert said(model) == []
    fresh = network()
    said(fresh)
    assert said(fresh, epochs=2, initial_epoch=1) == []


@pytest.mark.second
def test_cold_statistics_of_batch_norm_are_named_with_the_cure():
    sentence, = said(network(layers.BatchNormalization()), epochs=3)
    assert "21 updates" in sentence
    assert "reestimate_batch_norm" in sentence
    assert said(network(layers.BatchNormalization(momentum=0.5)), epochs=3) == []


def test_balanced_batches_say_both_priors_and_hand_them_on():
    model, rare = network(), np.r_[np.ones(20), np.zeros(180)].astype("float32")
    with pytest.warns(ep.Advice, match="class 1 is 50 % of the batches, 10 % of the data"):
        history = ep.fit(model, X, rare, batches="balanced", verbose=0)
    assert history.params["prior"] == [0.9, 0.1]
    assert history.params["trained_prior"] == [0.5, 0.5]


def test_a_warning_points_at_the_line_of_the_user():
    with pytest.warns(ep.Advice) as caught:
        ep.fit(network(), X, Y, batch_size=500, verbose=0)
    assert [w.filename for w in caught if w.category is ep.Advice] == [__file__]
