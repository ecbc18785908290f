"""`ep.fit` gives the numbers of `model.fit`: a zoo of models, rows in their given order, three epochs, a short last batch."""

from functools import lru_cache

import keras
import numpy as np
import pytest
from parity.fit_zoo import BATCH_SIZE, CASES, EPOCHS
from parity.same_fit import WEIGHTS, differences, epochal_fit, keras_fit, train
from tiers import first_tier

import epochal

BACKEND = keras.backend.backend()
IN_ORDER = {"batch_size": BATCH_SIZE, "epochs": EPOCHS, "shuffle": False}
FASTEST = {"jax": "fused", "tensorflow": "fused", "torch": "stepwise"}[BACKEND]  # PyTorch has no loop to compile
OTHERS = [engine for engine in {"jax": ["auto", "stepwise", "unrolled"], "tensorflow": ["auto", "looped"],
                                "torch": ["auto"]}[BACKEND] if engine != FASTEST]
NO_XLA = {  # on TensorFlow, what cannot be fused, and how the sentence says it
    "dropout": "draws random numbers", "subclassed": "draws random numbers", "embedding_lstm": "XLA cannot compile",
    "embedding_gru_masked": "XLA cannot compile"}


@lru_cache
def reference(name, **changed):
    return train(keras_fit, CASES[name].make, **IN_ORDER | changed)


@pytest.mark.parametrize("name", first_tier((
    "tutorial_mlp", "adamw_clipped_schedule", "accumulating", "cnn_batch_norm", "dropout", "two_inputs_two_outputs",
    "own_train_step", "sample_weights"), CASES))
def test_the_numbers_are_those_of_keras(name):
    engine = FASTEST
    if BACKEND == "tensorflow" and name in NO_XLA:
        with pytest.raises(epochal.Unsupported, match=NO_XLA[name]):
            train(epochal_fit, CASES[name].make, **IN_ORDER, engine=engine)
        engine = "auto"
    assert_same(train(epochal_fit, CASES[name].make, **IN_ORDER, engine=engine), reference(name), CASES[name].tolerance)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("name", first_tier(2, ["tutorial_mlp", "cnn_batch_norm", "own_logs", "subclassed"]))
def test_every_engine_gives_the_numbers_of_keras(name, engine):
    ours = train(epochal_fit, CASES[name].make, **IN_ORDER, engine=engine)
    assert_same(ours, reference(name), CASES[name].tolerance)
    assert engine in ("auto", ours.params["engine"])


@pytest.mark.parametrize(("name", "engine"), first_tier(1, [("dropout", "keras"), ("sgd_momentum", FASTEST)]))
def test_only_the_engine_of_that_name_is_keras_own_fit(name, engine, monkeypatch):
    used, fit = [], keras.Sequential.fit
    monkeypatch.setattr(keras.Sequential, "fit", lambda *arguments, **named: used.append(1) or fit(*arguments, **named))
    ours = train(epochal_fit, CASES[name].make, **IN_ORDER, engine=engine)
    assert len(used) == (engine == "keras")
    assert_same(ours, reference(name), 0 if engine == "keras" else CASES[name].tolerance)


@pytest.mark.skipif(BACKEND != "jax", reason="only on JAX does Keras shuffle with NumPy's stream, which a seed winds back")
@pytest.mark.parametrize(("name", "shuffle"), first_tier(
    1, [("dropout", "batch"), ("tutorial_mlp", True), ("subclassed", True)]))
def test_the_same_seed_shuffles_the_rows_as_keras_does(name, shuffle):
    theirs = reference(name, shuffle=shuffle)
    assert max(differences(theirs, reference(name)).values()) > 1e-3, "the order of rows made no difference"
    assert_same(train(epochal_fit, CASES[name].make, **IN_ORDER | {"shuffle": shuffle}), theirs, CASES[name].tolerance)


@pytest.mark.parametrize(("name", "shuffle"), first_tier(1, [("dropout", "batch"), ("dropout", True), ("sgd_momentum", "batch")]))
def test_so_it_does_on_pytorch_where_dropout_draws_from_the_stream_of_the_rows(name, shuffle):
    if BACKEND != "torch":
        pytest.skip("only on PyTorch does Keras draw both from one stream")
    assert_same(train(epochal_fit, CASES[name].make, **IN_ORDER | {"shuffle": shuffle}), reference(name, shuffle=shuffle), 0)


@pytest.mark.parametrize("name", first_tier(1, ["accumulating", "tutorial_mlp"]))
def test_a_second_fit_goes_on_where_the_first_ended(name):
    def twice(fit):
        def both(model, **options):
            first = fit(model, **options)
            second = fit(model, **options)
            assert first is not second
            return second
        return both

    theirs = train(twice(keras_fit), CASES[name].make, **IN_ORDER)
    assert max(differences(theirs, reference(name)).values()) > 1e-3
    assert_same(train(twice(epochal_fit), CASES[name].make, **IN_ORDER), theirs, CASES[name].tolerance)


def test_a_fit_of_keras_goes_on_after_ours_and_the_other_way_round():
    def then(first, second):
        def both(model, **options):
            first(model, **options)
            return second(model, **options)
        return both

    case = CASES["adamw_clipped_schedule"]
    theirs = train(then(keras_fit, keras_fit), case.make, **IN_ORDER)
    for order in (then(epochal_fit, keras_fit), then(keras_fit, epochal_fit)):
        assert_same(train(order, case.make, **IN_ORDER), theirs, case.tolerance)


@pytest.mark.parametrize("name", first_tier(1, ["dropout", "cnn_batch_norm"]))
def test_training_twice_alike_gives_the_same_to_the_last_bit(name):
    """What the tolerances allow for is another order of sums, never chance."""
    engine = "looped" if BACKEND == "tensorflow" else FASTEST
    first, second = (train(epochal_fit, CASES[name].make, **IN_ORDER, engine=engine) for _ in range(2))
    assert_same(first, second, 0)


# That the comparison itself can fail.

def other_seed(make):
    return train(keras_fit, make, **IN_ORDER, seed=12)


def last_batch_left_out(make):
    def without():
        model, data = make()
        weight = np.ones(len(data["x"]), "float32")
        weight[-(len(weight) % BATCH_SIZE):] = 0  # no gradient from the last batch, and the same number of steps
        return model, data | {"sample_weight": weight}
    return train(keras_fit, without, **IN_ORDER)


def rate_a_ten_thousandth_larger(make):
    def faster():
        model, data = make()
        model.optimizer.learning_rate = model.optimizer.learning_rate * 1.0001
        return model, data
    return train(keras_fit, faster, **IN_ORDER)


def other_dropout(make):
    def reseeded():
        model, data = make()
        state = model.layers[2].seed_generator.state
        state.assign(state + 1)
        return model, data
    return train(keras_fit, reseeded, **IN_ORDER)


def rows_in_another_order(make):
    return train(keras_fit, make, **IN_ORDER | {"shuffle": True})


@pytest.mark.parametrize(("name", "fault"), first_tier(2, [
    ("sgd_momentum", last_batch_left_out), ("sgd_momentum", rate_a_ten_thousandth_larger), ("sgd_momentum", other_seed),
    ("dropout", other_dropout), ("tutorial_mlp", rows_in_another_order), ("tutorial_mlp", last_batch_left_out)]))
def test_the_comparison_notices(name, fault):
    found = differences(fault(CASES[name].make), reference(name))
    assert found[WEIGHTS] > 3 * CASES[name].tolerance
    assert found["losses and metrics"] > 3 * CASES[name].tolerance


@pytest.mark.parametrize("changed", first_tier(1, [
    {"validation_data": None}, {"epochs": EPOCHS - 1}, {"batch_size": 2 * BATCH_SIZE}]))
def test_the_comparison_notices_another_shape_of_training(changed):
    with pytest.raises(AssertionError):
        differences(train(keras_fit, CASES["sgd_momentum"].make, **IN_ORDER | changed), reference("sgd_momentum"))


def assert_same(ours, theirs, tolerance):
    found = differences(ours, theirs)
    assert all(difference <= tolerance for difference in found.values()), f"{found}; {tolerance} is allowed"
