"""Inputs that are special: sparse ones, lists, arrays that change meanwhile, sources with a state of their own, or that fail."""

import warnings

import keras
import numpy as np
import pandas
import pytest
import scipy.sparse
from keras import layers
from parity.same_fit import differences, epochal_fit, keras_fit, train
from tiers import first_tier

import epochal
from epochal.training.feeds import batches

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
X = np.where(RNG.random((26, 4)) > 0.5, RNG.normal(size=(26, 4)), 0.0).astype("float32")
Y = RNG.normal(size=(26, 1)).astype("float32")


def network(n_inputs=1, **built):
    inputs = [keras.Input((4,)) for _ in range(n_inputs)]
    model = keras.Model(inputs, layers.Add()([layers.Dense(1)(one) for one in [*inputs, inputs[0]]]))
    model.compile("sgd", "mse")
    return model


def unbuilt():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def trained_before():
    """A model of which nothing is left to build, so that Keras reads no batch for that."""
    model = network()
    model.fit(X, Y, verbose=0)
    return model


def both(data, make=network, **options):
    ours, theirs = [train(fit, lambda: (make(), {"epochs": 3, **data()}), **options) for fit in (epochal_fit, keras_fit)]
    assert max(differences(ours, theirs).values()) <= 1e-6
    return ours


@pytest.mark.parametrize("given", first_tier(1, [
    {"validation_split": 0.25}, {"validation_data": (X[:5], Y[:5])}, {"x": pandas.DataFrame(X), "validation_split": 0.25}]),
    ids=["split", "given", "split from a frame"])
def test_what_is_held_out_is_held_out_once_where_keras_trains(given, monkeypatch):
    monkeypatch.setattr(batches, "why_unknown", lambda shuffle: "it shuffles otherwise")
    ours = both(lambda: {"x": X, "y": Y, **given})
    assert "it shuffles otherwise" in ours.params["because"]


SPARSE = scipy.sparse.csr_matrix(X)
FEEDS_SPARSE = BACKEND != "torch"  # there Keras itself refuses them


@pytest.mark.skipif(not FEEDS_SPARSE, reason="Keras on PyTorch refuses sparse arrays")
@pytest.mark.parametrize(("given", "options"), first_tier(3, [
    ({"x": SPARSE, "y": Y}, {}), ({"x": [SPARSE, X], "y": Y}, {}), ({"x": X, "y": Y, "validation_data": (SPARSE, Y)}, {}),
    ({"x": SPARSE, "y": Y}, {"engine": "keras"}), ({"x": SPARSE, "y": Y, "validation_split": 0.25}, {})]))
def test_sparse_inputs_are_handed_to_keras(given, options):
    ours = both(lambda: given, lambda: network(len(given["x"]) if isinstance(given["x"], list) else 1), **options)
    assert ours.params["engine"] == "keras"
    assert "sparse" in ours.params["because"] or options


@pytest.mark.parametrize("y", [Y.tolist(), Y[:, 0].tolist()])
def test_lists_are_split_as_the_arrays_that_they_are(y):
    ours = train(epochal_fit, lambda: (network(), {"x": X.tolist(), "y": y, "validation_split": 0.25}))
    theirs = train(keras_fit, lambda: (network(), {"x": X, "y": np.array(y), "validation_split": 0.25}))
    assert max(differences(ours, theirs).values()) <= 1e-6


class Change(keras.callbacks.Callback):
    def __init__(self, x, by):
        super().__init__()
        self.x, self.by = x, by

    def on_epoch_end(self, epoch, logs=None):
        self.x += self.by


@pytest.mark.parametrize("by", [1.0, 0.0])
def test_of_arrays_that_are_changed_in_place_it_is_told_that_this_is_not_seen(by):
    x = X.copy()
    x[3] = np.nan if not by else x[3]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        epochal.fit(network(), x, Y, epochs=3, verbose=0, callbacks=[Change(x, by)])
    assert any("changed in place" in str(one.message) for one in caught) == bool(by)


class Augmenting(keras.utils.PyDataset):
    """Draws from a generator of its own, which it makes as an epoch begins, and remembers what was asked of it."""

    num_batches = 4

    def __init__(self, **options):
        super().__init__(**options)
        self.rng, self.n_epochs, self.asked = np.random.default_rng(7), 0, []
        if BACKEND == "tensorflow":
            self.shift = 0.0  # there Keras reads two items before it begins

    def on_epoch_begin(self):
        self.n_epochs += 1
        self.shift = self.rng.normal()
        self.asked.append("begin")

    def on_epoch_end(self):
        self.asked.append("end")

    def __getitem__(self, i):
        self.asked.append(i)
        rows = slice(6 * i, 6 * i + 6)
        return (X[rows] + self.shift + self.rng.normal(size=(6, 4))).astype("float32"), Y[rows]


class Curriculum(keras.callbacks.Callback):
    """Sets what the items depend on, before the first of them is read."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        self.data.rng = np.random.default_rng(epoch)


@pytest.mark.parametrize("curriculum", [False, True])
@pytest.mark.parametrize("make", [network, unbuilt, lambda: trained_before()])
@pytest.mark.parametrize("role", ["training", "validation"])
def test_each_item_is_read_as_often_as_by_keras_and_in_its_order(role, make, curriculum):
    made = []

    def data():
        made.append(Augmenting())
        told = {"callbacks": [Curriculum(made[-1])]} if curriculum else {}
        return told | ({"x": made[-1]} if role == "training" else {"x": X, "y": Y, "validation_data": made[-1]})

    both(data, make)
    assert made[0].asked == made[1].asked


def test_what_was_read_before_a_source_raises_is_trained():
    def failing():
        for i in range(0, 18, 6):
            yield X[i : i + 6], Y[i : i + 6]
        raise OSError("the disk is gone")

    model, other = network(), network()
    other.set_weights(model.get_weights())
    with pytest.raises(OSError, match="the disk is gone"):
        epochal.fit(model, failing(), verbose=0)
    other.fit(X[:18], Y[:18], batch_size=6, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
