"""What `ep.predict` keeps for the next call, and for the next process."""

import gc
import json
import warnings
import weakref

import keras
import numpy as np
import pytest
from keras import layers
from training.predicting import BACKEND, N, forward_of, network, run_out, same, two_outputs

from epochal.api import predict

pytestmark = pytest.mark.usefixtures("cache")


class Traced(layers.Layer):
    """Counts how often Keras' Python code of it is run: on JAX and TensorFlow, once for each program."""

    n_calls = 0

    def call(self, x):
        self.n_calls += 1
        return x * 1.0


def test_the_second_call_compiles_and_measures_nothing(x, monkeypatch):
    traced = Traced()
    model = keras.Sequential([keras.Input((5,)), traced, layers.Dense(2)])
    for size in ("auto", 50, None):
        predict(model, x, size, verbose=0)
    known, n_calls = forward_of(model), traced.n_calls
    monkeypatch.setattr("epochal.training.predict.size._search", lambda *given: pytest.fail("measured again"))
    for size in ("auto", 50, None):
        predict(model, x, size, verbose=0)
    assert forward_of(model) is known
    assert traced.n_calls == n_calls or BACKEND == "torch"


def test_rows_that_were_shown_to_stand_alone_are_not_compared_again_while_weights_are_the_same(model, x, monkeypatch):
    if BACKEND != "jax":
        pytest.skip("only on JAX can be seen whether weights are the same")
    monkeypatch.setattr("epochal.training.predict.size.pick", lambda *given, **more: 256)
    for _ in range(2):
        predict(model, x, verbose=0)
    sizes = run_out(monkeypatch, model, 1000)
    predict(model, x, verbose=0)
    assert sizes == [256]
    model.set_weights(model.get_weights())
    predict(model, x, verbose=0)
    assert sizes == [256, 256, 256]


def test_other_weights_are_used_at_once_and_compile_nothing(x):
    traced = Traced()
    model = keras.Sequential([keras.Input((5,)), traced, layers.Dense(2)])
    model.compile("sgd", "mse")
    predict(model, x, verbose=0)
    for change in (lambda w: w + 1, lambda w: 2 * w, None):
        if change is None:
            model.fit(x, x[:, :2], verbose=0)
        else:
            model.set_weights([change(w) for w in model.get_weights()])
        theirs, n_calls = model.predict(x, verbose=0), traced.n_calls
        assert same(predict(model, x, verbose=0), theirs)
        assert traced.n_calls == n_calls or BACKEND == "torch"


def test_a_model_that_was_changed_and_compiled_is_not_predicted_by_its_past(model, x):
    before = predict(model, x, verbose=0)
    model.layers[0].activation = keras.activations.relu
    model.compile()
    after = predict(model, x, verbose=0)
    assert same(after, model.predict(x, verbose=0))
    assert np.abs(after - before).max() > 0.01


def test_layers_added_and_taken_away_are_noticed_without_compiling(model, x):
    predict(model, x, verbose=0)
    model.add(layers.Dense(4))
    assert predict(model, x, verbose=0).shape == (N, 4)
    model.pop()
    model.pop()
    assert predict(model, x, verbose=0).shape == (N, 8)


def test_run_eagerly_and_another_predict_step_are_noticed_without_compiling(model, x):
    first = predict(model, x, 50, verbose=0)
    seen, step = [], model.predict_step

    def spy(*given):
        seen.append(1)
        return step(*given)

    model.predict_step = spy
    model.run_eagerly = True
    assert same(predict(model, x, 50, verbose=0), first)
    assert len(seen) == 5  # every batch, not once for a trace


def test_a_model_can_go(x):
    model = network()
    predict(model, x, verbose=0)
    gone, inner = weakref.ref(model), weakref.ref(model.layers[0])
    del model
    gc.collect()
    assert gone() is None
    assert inner() is None


def test_a_size_is_remembered_by_the_next_process(model, x, cache, monkeypatch):
    predict(model, x, verbose=0)
    [path] = cache.iterdir()
    told = json.loads(path.read_text())
    assert [size for size, _ in told["trials"]][:1] == [32]
    assert told["searched"] == {"throughput": N}
    monkeypatch.setattr("epochal.training.predict.size._search", lambda *given: pytest.fail("measured again"))
    other = network()
    assert same(predict(other, x, verbose=0), other.predict(x, verbose=0))


def test_another_architecture_goal_or_shape_is_measured_anew(x, cache):
    def wider():
        return keras.Sequential([keras.Input((5,)), layers.Dense(9, "tanh"), layers.Dense(2)])

    def other_activation():
        return keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dense(2)])

    for n, make in enumerate((network, wider, other_activation, two_outputs), 1):
        predict(make(), x, verbose=0)
        assert len(list(cache.iterdir())) == n
    predict(network(), x.astype("int32"), verbose=0)
    assert len(list(cache.iterdir())) == 5
    predict(network(), x, verbose=0, goal="latency")
    kept = [json.loads(path.read_text()) for path in cache.iterdir()]
    assert sorted(len(told["searched"]) for told in kept) == [1, 1, 1, 1, 2]
    assert len(kept) == 5


WRITTEN = '{"format": 1, "searches": 1, "trials": %s, "searched": {"throughput": %s}}'


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"format": 1}', '{"format": 9, "trials": [], "searched": {}}',
                                    WRITTEN % ("[[32, [NaN]]]", 999), WRITTEN % ("[[32, []]]", 999), WRITTEN % ("[]", 999),
                                    WRITTEN % ("[[-3, [0.1]]]", 999), WRITTEN % ("[[32, [0.1]]]", '"many"'), "\udcff"])
def test_a_damaged_file_is_measured_anew_and_written_whole(damage, x, cache):
    predict(network(), x, verbose=0)
    [path] = cache.iterdir()
    sound = json.loads(path.read_text())
    path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of")
        model = network()
        assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
    again = json.loads(path.read_text())
    assert again["trials"][0][0] == sound["trials"][0][0] == 32
    assert again["searched"] == sound["searched"]


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_the_memory(x, cache, model):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))


def test_timings_that_look_disturbed_are_taken_again_but_not_for_ever(model, x, cache, monkeypatch):
    monkeypatch.setattr("epochal.training.predict.size.is_steady", lambda trials: False)
    for n in (1, 2, 3, 4, 5, 5, 5):
        assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
        [path] = cache.iterdir()
        told = json.loads(path.read_text())
        assert told["searches"] == n
        assert all(len(seconds) <= 8 for _, seconds in told["trials"])


def test_many_more_rows_are_measured_again(model, x, cache):
    predict(model, x[:100], verbose=0)
    [path] = cache.iterdir()
    few = json.loads(path.read_text())
    predict(model, np.tile(x, (20, 1)), verbose=0)
    many = json.loads(path.read_text())
    assert many["searched"]["throughput"] == 20 * N > 2 * few["searched"]["throughput"]
    assert len(many["trials"]) > len(few["trials"])
