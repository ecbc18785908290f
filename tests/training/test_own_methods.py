"""A class that overrides `fit`, `evaluate` or `predict` gets what its own method does with the data, as under `model.fit`."""

import keras
import numpy as np
import pytest
from keras import layers
from parity.same_fit import differences, epochal_fit, keras_fit, train

import epochal

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")


class InOrder(keras.Sequential):
    """As KerasHub's tasks do it: rows come in their order, twice as large."""

    def fit(self, x, y=None, batch_size=None, sample_weight=None, **others):
        return super().fit(2 * x, y, batch_size=batch_size, sample_weight=sample_weight, **others | {"shuffle": False})

    def predict(self, x, batch_size=None, **others):
        return super().predict(2 * x, batch_size, **others)


class Few(keras.Sequential):
    def fit(self, rows, targets):
        return {"rows": len(rows), "targets": len(targets)}


class Judged(keras.Sequential):
    def evaluate(self, *given, **named):
        return {"loss": 7.0, **{}}


class OwnLoop(keras.Sequential):
    def make_train_function(self, force=False):
        super().make_train_function(force)
        self.made = True


def made(kind, **compiled):
    model = kind([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", **compiled)
    return model


def both(kind, **options):
    return [train(fit, lambda: (made(kind), {"x": X, "y": Y}), epochs=2, batch_size=4, **options)
            for fit in (epochal_fit, keras_fit)]


@pytest.mark.parametrize(("kind", "options"), [(InOrder, {}), (InOrder, {"validation_data": (X, Y)}), (OwnLoop, {}),
                                               (Judged, {"validation_data": (X, Y)})])
def test_own_methods_are_called_and_it_is_said(kind, options):
    ours, theirs = both(kind, **options)
    assert set(differences(ours, theirs).values()) == {0.0}
    assert f"the class {kind.__name__} has its own" in ours.params["because"]


def test_an_own_fit_is_given_only_what_was_asked_for_and_its_answer_is_handed_on():
    assert epochal.fit(made(Few), X, Y, verbose="auto") == {"rows": 20, "targets": 20}


def test_an_own_evaluate_is_not_in_the_way_where_nothing_is_judged():
    assert "own" not in both(Judged)[0].params["because"]


@pytest.mark.parametrize("option", [{"engine": "stepwise"}, {"micro_batch_size": 2}, {"checkpoint": "kept"},
                                    {"batches": "balanced"}])
def test_what_only_we_do_is_refused_beside_an_own_fit(option):
    with pytest.raises(epochal.UsageError, match=f"`{next(iter(option))}` must be left out.*InOrder has its own `fit`"):
        epochal.fit(made(InOrder), X, Y, verbose=0, **option)


def test_an_own_predict_is_called():
    model = made(InOrder)
    np.testing.assert_array_equal(epochal.predict(model, X), model.predict(X))
    out = np.empty((20, 1), "float32")
    assert epochal.predict(model, X, out=out, verbose=0) is out
    np.testing.assert_array_equal(out, model.predict(X))
