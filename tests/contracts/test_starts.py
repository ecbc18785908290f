"""Where trainings that are compared begin: with what a model has learnt before, where it was trained, else newly drawn."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import epochal
from epochal.base.errors import UsageError
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

RNG = np.random.default_rng(3)
X = RNG.normal(size=(80, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int32")


def network(*first, rate=0.1):
    model = keras.Sequential([keras.Input((4,)), *first, layers.Dense(6, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


def trained(*first, epochs=2, **options):
    keras.utils.set_random_seed(5)
    model = network(*first, **options)
    model.fit(X, Y, epochs=epochs, verbose=0)
    return model


def rig_of(model, start="auto"):
    return open_rig(model, data_from_arguments(X, Y), start=start)


def weights(rig, seed):
    return np.asarray(rig.weights(rig.fresh(seed)))


def flat(variables):
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(v)).ravel() for v in variables])


@pytest.mark.parametrize("first", [(), (layers.BatchNormalization,), (layers.Dropout,)], ids=["dense", "batch-norm", "dropout"])
def test_a_new_model_is_drawn_for_each_seed(first):
    rig = rig_of(network(*(kind(0.3) if kind is layers.Dropout else kind() for kind in first)))
    assert not rig.task.trained_before
    assert not np.array_equal(weights(rig, 1), weights(rig, 2))


def test_initializers_with_seeds_of_their_own_are_no_training():
    model = network(layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed=1)))
    assert not rig_of(model).task.trained_before


def test_an_adapted_normalization_is_no_training():
    normalization = layers.Normalization()
    normalization.adapt(X)
    assert not rig_of(network(normalization)).task.trained_before


def test_a_model_that_was_trained_is_where_every_seed_starts():
    model = trained(layers.BatchNormalization())
    before = flat(model.variables)
    rig = rig_of(model)
    assert rig.task.trained_before
    for seed in (1, 2):
        np.testing.assert_array_equal(weights(rig, seed), flat(model.trainable_variables))
        np.testing.assert_allclose(flat(rig.fresh(seed).fixed)[:8], flat(model.non_trainable_variables)[:8])
    np.testing.assert_array_equal(flat(model.variables), before)
    np.testing.assert_allclose(np.mean(rig.evaluate(rig.fresh(1))[:2, 0]), rig_loss(model), rtol=1e-4)


def rig_loss(model):
    """The loss of the model itself on the rows that are held out."""
    data = data_from_arguments(X, Y)
    return np.mean([model.evaluate(half.x, half.y, verbose=0) for half in (data.half_a, data.half_b)])


def test_weights_that_were_loaded_show_by_what_would_be_constants():
    loaded = network()
    loaded.set_weights(trained().get_weights())
    assert not loaded.optimizer.built or not int(loaded.optimizer.iterations)
    rig = rig_of(loaded)
    assert rig.task.trained_before
    np.testing.assert_array_equal(weights(rig, 1), flat(loaded.trainable_variables))


def test_without_such_constants_the_steps_of_the_optimizer_show_it():
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    assert not rig_of(model).task.trained_before
    model.fit(X, Y, verbose=0)
    rig = rig_of(model)
    assert rig.task.trained_before
    np.testing.assert_array_equal(weights(rig, 1), weights(rig, 2))


def test_a_new_head_is_drawn_for_each_seed_on_what_was_learnt():
    base = trained(epochs=3).layers[0]
    model = keras.Sequential([keras.Input((4,)), base, layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    rig = rig_of(model)
    assert rig.task.trained_before
    first, second = weights(rig, 1), weights(rig, 2)
    np.testing.assert_array_equal(first[:30], flat(base.variables))
    np.testing.assert_array_equal(second[:30], flat(base.variables))
    assert not np.array_equal(first[30:], second[30:])


def test_lora_begins_from_the_kernels_under_it():
    model = trained(layers.Dense(8))
    model.layers[0].enable_lora(2)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    rig = rig_of(model)
    assert rig.task.trained_before
    np.testing.assert_allclose(np.mean(rig.evaluate(rig.fresh(1))[:2, 0]), rig_loss(model), rtol=1e-4)


def test_newly_drawn_where_that_is_asked_for():
    rig = rig_of(trained(), "fresh")
    assert not rig.task.trained_before
    assert not np.array_equal(weights(rig, 1), weights(rig, 2))


def test_from_here_where_that_is_asked_for_of_a_new_model():
    model = network()
    rig = rig_of(model, "here")
    np.testing.assert_array_equal(weights(rig, 1), flat(model.trainable_variables))
    np.testing.assert_array_equal(weights(rig, 2), flat(model.trainable_variables))


@pytest.mark.parametrize(("model", "start", "said"), [
    (network, "here", "`start` must be left out for a function"), (None, "yesterday", "`start` must be one of auto, here, fresh")])
def test_what_cannot_be_meant_is_refused(model, start, said):
    with pytest.raises(UsageError, match=said):
        rig_of(model or network(), start)


def test_a_plan_says_where_it_began_and_what_the_present_rate_destroys():
    model = trained(epochs=60)
    model.compile(keras.optimizers.SGD(30.0), "sparse_categorical_crossentropy")
    plan = epochal.plan(model, X, Y, budget=5.0 if keras.backend.backend() == "jax" else 20.0, verbose=0)
    assert plan.evidence.task.trained_before
    said = dict(plan.sentences())
    assert 'start="fresh"' in said["Start"]
    begun = "the first epoch takes" if plan.evidence.curves else r"the first \d+ updates? takes?"  # a race, on a slow machine
    assert re.match(f"at learning rate 30 {begun} validation loss from", said["Worse than before training"])
    assert "the model as you compiled it, with the weights it had learnt" in plan.code()
    fresh = epochal.plan(model, X, Y, budget=1.0, start="fresh", verbose=0)
    assert "the model as you compiled it, newly built" in fresh.code()
    assert not {"Start", "Worse than before training"} & set(dict(fresh.sentences()))


def test_evidence_about_newly_drawn_weights_goes_on_with_them_when_the_model_was_trained():
    keras.utils.set_random_seed(5)
    model = network()
    plan = epochal.plan(model, X, Y, budget=1.0, verbose=0)
    model.fit(X, Y, verbose=0)
    again = epochal.plan(model, X, Y, budget=1.0, evidence=plan, verbose=0)
    assert again.evidence.task == plan.evidence.task
    assert len(again.evidence.curves) >= len(plan.evidence.curves)
    with pytest.raises(UsageError, match="what differs: values it starts from"):
        epochal.plan(model, X, Y, budget=1.0, evidence=plan, start="here", verbose=0)
