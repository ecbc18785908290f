"""`ep.fit` gives the numbers of `model.fit` where a model trains in its own way, or callbacks reach into the training."""

import re
from functools import lru_cache

import keras
import numpy as np
import pytest
from keras import layers
from parity.fit_parts import three_classes
from parity.fit_zoo import BATCH_SIZE, LIKE_FLOAT32, classify, dense
from parity.own_zoo import OWN_CASES
from parity.same_fit import differences, epochal_fit, keras_fit, train
from tiers import first_tier

import epochal
from epochal.training import remembered
from epochal.training.fit import modes

BACKEND = keras.backend.backend()
IN_ORDER = {"batch_size": BATCH_SIZE, "epochs": 4, "shuffle": False}
ENGINES = {"jax": ["auto", "fused", "stepwise", "unrolled"], "tensorflow": ["auto", "looped", "stepwise", "fused"],
           "torch": ["auto", "stepwise"]}[BACKEND]
NO_XLA = {"gan", "vae", "of_the_back_end"}  # TensorFlow: they draw random numbers, or XLA cannot compile them


@pytest.fixture(autouse=True)
def every_mode_is_timed(monkeypatch, tmp_path):
    """Whatever it costs, so that `"auto"` goes from one mode to the other in these short trainings."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path / "epochal")
    for name, value in {"_FEW": 0, "_REPAID": 0, "_LONG_STEP": 9, "_FIRST": 1, "_TIMED": 2, "_MOST_STEPS": 3}.items():
        monkeypatch.setattr(modes, name, value)


@lru_cache
def reference(name):
    return train(keras_fit, OWN_CASES[name].make, **IN_ORDER)


@pytest.mark.parametrize("engine", first_tier(2, ENGINES))
@pytest.mark.parametrize("name", first_tier(("gan", "vae", "counter", "pairwise", "no_call", "of_the_back_end"), OWN_CASES))
def test_a_training_of_ones_own_gives_the_numbers_of_keras(name, engine):
    if BACKEND in OWN_CASES[name].not_on:
        pytest.skip(OWN_CASES[name].not_on[BACKEND])
    if engine == "fused" and BACKEND == "tensorflow" and name in NO_XLA:
        with pytest.raises(epochal.Unsupported, match="random numbers|XLA cannot compile"):
            train(epochal_fit, OWN_CASES[name].make, **IN_ORDER, engine=engine)
        return
    ours = train(epochal_fit, OWN_CASES[name].make, **IN_ORDER, engine=engine)
    assert_same(ours, reference(name), OWN_CASES[name].tolerance)
    if engine == "auto" and BACKEND != "torch" and name not in NO_XLA:
        assert len(re.findall(r" [µm]?s\b", ours.params["because"])) == 2, "no two modes were timed"


class Calls(keras.callbacks.Callback):
    """Calls a function of the model and the number of the epoch or batch in a hook."""

    def __init__(self, hook, do):
        super().__init__()
        setattr(self, hook, lambda *arguments, **_: do(self.model, *(a for a in arguments if isinstance(a, int))))


class Flagged(layers.Layer):
    """What it does hangs on an attribute that is no variable."""

    times = 1.0

    def call(self, x):
        return self.times * x


def flagged():
    return classify(keras.Sequential([keras.Input((5,)), Flagged(), layers.Dense(3)])), three_classes()


def momentum_off(model, *_):
    model.optimizer.momentum = 0.0


def clip(model, *_):
    model.optimizer.clipnorm = 1e-3


def flag(model, *_):
    model.layers[0].times = 3.0


def flag_later(model, n):
    model.layers[0].times = 1.0 + (n > 1)


def with_momentum():
    return dense(keras.optimizers.SGD(0.05, momentum=0.9)), three_classes()


@pytest.mark.parametrize("engine", first_tier(1, ENGINES))
@pytest.mark.parametrize(("make", "hook", "do"), first_tier(3, [
    (with_momentum, "on_train_begin", momentum_off), (flagged, "on_epoch_begin", flag_later),
    (flagged, "on_train_batch_begin", flag), (flagged, "on_train_begin", flag), (with_momentum, "on_epoch_begin", clip),
    (flagged, "on_test_begin", flag), (flagged, "on_epoch_end", flag_later)]))
def test_what_callbacks_set_holds_as_under_keras(make, hook, do, engine):
    if BACKEND == "jax" and hook == "on_train_batch_begin" and engine == "fused":
        pytest.skip("the hook is what asks for single steps")
    theirs = train(keras_fit, make, **IN_ORDER, callbacks=[Calls(hook, do)])
    ours = train(epochal_fit, make, **IN_ORDER, callbacks=[Calls(hook, do)], engine=engine)
    assert_same(ours, theirs, LIKE_FLOAT32)
    if hook != "on_test_begin":
        other = train(keras_fit, make, **IN_ORDER)
        assert BACKEND != "torch" or max(differences(other, theirs).values()) > 1e-3


METRIC = []  # that of the last model made: it is hidden inside one of Keras' own


class Added(keras.metrics.Metric):
    """Adds up what it is told, and nothing else."""

    def __init__(self):
        super().__init__(name="added")
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return self.total + 0.0


def adding():
    model, data = dense("sgd"), three_classes()
    METRIC[:] = [Added()]
    model.compile("sgd", model.loss, metrics=[*METRIC])
    return model, data


def add_one(*_):
    METRIC[0].total.assign(METRIC[0].total + 1)


def evaluate(model, n):
    if n == 6:  # the last of an epoch
        model.evaluate(np.ones((4, 5), "float32"), np.ones(4, "int32"), verbose=0)


@pytest.mark.parametrize("engine", first_tier(1, ENGINES))
@pytest.mark.parametrize(("hook", "do"), first_tier(2, [
    ("on_train_batch_end", add_one), ("on_train_batch_end", evaluate), ("on_test_batch_end", add_one),
    ("on_train_batch_begin", add_one), ("on_epoch_begin", add_one)]))
def test_metrics_that_callbacks_change_stand_in_the_history(hook, do, engine):
    theirs = train(keras_fit, adding, **IN_ORDER, callbacks=[Calls(hook, do)])
    ours = train(epochal_fit, adding, **IN_ORDER, callbacks=[Calls(hook, do)], engine=engine)
    assert_same(ours, theirs, LIKE_FLOAT32)
    assert do is evaluate or max(theirs.history["added"] + theirs.history["val_added"]) >= 1


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_callback_at_every_batch_and_a_source_of_unknown_length():
    def make():
        model, data = dense("adam"), three_classes()
        x, y = data["x"], data["y"]
        return model, {"x": ((x[i : i + 8], y[i : i + 8]) for _ in range(9) for i in range(0, 48, 8))}

    heard = {}
    for fit in (keras_fit, epochal_fit):
        seen = heard[fit] = []
        hook = Calls("on_train_batch_end", lambda model, n, seen=seen: seen.append(n))
        train(fit, make, epochs=1, shuffle=False, callbacks=[hook])
    assert heard[epochal_fit] == heard[keras_fit] == list(range(54))


@pytest.mark.parametrize("frozen_first", [True, False])
def test_what_is_frozen_or_thawed_without_compiling_counts_where_it_counts_under_keras(frozen_first):
    def outcome(fit):
        def both(model, **options):
            fit(model, **options)
            model.layers[0].trainable = frozen_first
            return fit(model, **options)

        def make():
            model, data = dense("adam"), three_classes()
            model.layers[0].trainable = not frozen_first
            return classify(model), data

        try:
            return train(both, make, **IN_ORDER)
        except (ValueError, KeyError) as error:
            return type(error)

    ours, theirs = outcome(epochal_fit), outcome(keras_fit)
    if isinstance(theirs, type):
        assert isinstance(ours, type)
    else:
        assert_same(ours, theirs, LIKE_FLOAT32)


def test_fits_with_more_and_more_rows_make_no_more_programs_than_keras():
    if BACKEND != "jax":
        pytest.skip("only JAX makes programs for numbers of rows")
    model, x, n = dense("adam"), np.ones((200, 5), "float32"), []
    step = type(model).train_step
    vars(model)["train_step"] = lambda *arguments: n.append(1) or step(model, *arguments)
    for n_rows in (128, 129, 135, 144, 130):
        for engine in ("fused", "stepwise"):
            epochal_fit(model, x=x[:n_rows], y=np.ones(n_rows, "int32"), batch_size=8, verbose=0, engine=engine)
    assert len(n) == 4  # of 8, 1, 7 and 2 rows


def test_a_model_compiled_without_an_optimizer_is_handed_to_keras():
    class Still(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.built = keras.Sequential([keras.Input((5,)), layers.Dense(1)]), True

        def train_step(self, *arguments):
            return {"mean": keras.ops.mean(arguments[-1][0])} if BACKEND != "jax" else (
                {"mean": keras.ops.mean(arguments[-1][0])}, arguments[0])

    model = Still()
    model.compile(optimizer=None)
    if BACKEND == "jax":
        pytest.skip("Keras on JAX does not train without an optimizer")
    history = epochal_fit(model, x=np.ones((8, 5), "float32"), y=np.ones((8, 1), "float32"), verbose=0)
    assert history.params["because"] == "the model is compiled without an optimizer"
    assert history.history["mean"] == [1.0]


def assert_same(ours, theirs, tolerance):
    found = differences(ours, theirs)
    assert all(difference <= tolerance for difference in found.values()), f"{found}; {tolerance} is allowed"
