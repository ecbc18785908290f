"""A rig whose frozen base is computed once says what one says that computes it at every update."""

import keras
import numpy as np
import pytest
from contracts.rig_contract import judged_on

import epochal
from epochal.engine import Batches, Lane, train
from epochal.seam.frozen import features
from epochal.seam.rigs.keras_rig import KerasRig, Once, bind_of_backend, open_rig
from epochal.seam.rows import data_from_arguments

IMAGE, TOLERANCE = (8, 8, 2), 1e-5


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch):
    monkeypatch.setattr(features, "_COPIED", np.inf)


def network(*, drops=True):
    x = keras.Input(IMAGE)
    y = keras.layers.Conv2D(64, 3, use_bias=False)(x)
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(y))
    base = keras.Model(x, keras.layers.GlobalAveragePooling2D()(y), name="base")
    base.trainable = False
    x = keras.Input(IMAGE)
    y = keras.layers.Dropout(0.3)(base(x)) if drops else base(x)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(n=60, **options):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(n, *IMAGE)).astype("float32"), rng.integers(0, 3, n)
    test = (x[:7] + 1, y[:7])
    return data_from_arguments(x, y, test_data=test, **options)


def rigs(model, rows):
    """One that computes the base once, and one that computes it at every update."""
    return open_rig(model, rows), KerasRig(model, rows, bind_of_backend())


def assert_same(a, b):
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.25}], ids=["folds", "own rows"])
def test_every_verb_says_the_same(options):
    keras.utils.set_random_seed(0)
    once, anew = rigs(network(), data(**options))
    assert once.skips
    assert not anew.skips
    assert once.task == anew.task
    states = [rig.fresh(3) for rig in (once, anew)]
    for mine, theirs in zip(*states, strict=True):
        assert [np.shape(a) for a in mine] == [np.shape(a) for a in theirs]
    state = anew.fresh(3)
    rows = np.arange(12)
    assert_same(once.gradient(state, rows), anew.gradient(state, rows))
    assert_same(once.loss(state, rows), anew.loss(state, rows))
    assert_same(judged_on(once, state, 1, np.arange(4)), judged_on(anew, state, 1, np.arange(4)))
    for fold in (0, *once.turns[1:2]):
        for mine, theirs in zip(once.judged(state, fold), anew.judged(state, fold), strict=True):
            assert_same(mine, theirs)
    for _ in range(3):
        (mine, loss), (theirs, other) = (rig.step(state, rows, 0.05) for rig in (once, anew))
        assert_same(loss, other)
        assert_same(once.weights(mine), anew.weights(theirs))
        state = theirs


def test_lanes_end_the_same():
    keras.utils.set_random_seed(0)
    found = []
    model, rows = network(), data()
    for rig in rigs(model, rows):
        seen = [(np.asarray(rig.weights(rig.fresh(seed))), train(rig, [Lane(seed, 0.05)], Batches(8, 3))[0]) for seed in (1, 2)]
        found.append(seen)
    for (start, mine), (other, theirs) in zip(*found, strict=True):
        assert_same(start, other)
        assert_same(mine.figures, theirs.figures)


def test_layers_that_are_frozen_and_not_pretrained_are_drawn_for_each_seed_where_a_function_builds_the_model():
    once, anew = rigs(network, data())
    assert not once.skips
    assert not anew.skips


def test_what_takes_too_long_is_computed_at_every_update():
    keras.utils.set_random_seed(0)
    assert not open_rig(network(), data(), once=Once(most_seconds=0.0)).skips


def test_memory_is_that_of_who_trains():
    if keras.backend.backend() != "jax":
        pytest.skip("only JAX tells the memory of a step")
    keras.utils.set_random_seed(0)
    model, rows = network(), data()
    whole, of_keras = KerasRig(model, rows, bind_of_backend()), open_rig(model, rows)
    ours = open_rig(model, rows, fit=lambda model, x, y, **options: None)
    assert of_keras.peak_bytes(16) == whole.peak_bytes(16)
    assert ours.peak_bytes(16) < whole.peak_bytes(16)


def test_who_trains_is_given_the_features_and_keras_the_rows():
    keras.utils.set_random_seed(0)
    given = []
    rig = open_rig(network(), data(), fit=lambda model, x, y, **options: given.append((x, options["features"])))
    rig.fit_seconds(8, 2)
    (x, (trained, held_out)), = given
    assert x.shape == (16, *IMAGE)
    assert [a.shape for a in trained] == [(16, 64)]
    assert [a.shape for a in held_out] == [(12, 64)]


def test_a_training_after_a_plan_finds_what_the_plan_computed():
    keras.utils.set_random_seed(0)
    model = network()
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, *IMAGE)).astype("float32"), rng.integers(0, 3, 60)
    before = [np.array(w) for w in model.get_weights()]
    plan = epochal.plan(model, x, y, validation_data=(x[:10], y[:10]), budget=1.0, trains_with="epochal", verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    history = epochal.fit(model, x, y, batch_size=plan.batch_size.value, epochs=2, verbose=0)
    assert history.params["frozen"]["seconds"] == 0
