"""The trainee of TensorFlow beyond the contract: what is traced when, what XLA may do, and what is refused."""

import os

import keras
import numpy as np
import pytest
from seam import trainee_zoo as zoo
from seam.trainee_contract import (
    METRICS,
    WEIGHTS,
    assert_same,
    curves,
    differences,
    everything,
    fitted,
    full_batches,
    made,
    trained,
)

from epochal.base.errors import Unsupported
from epochal.seam.rows import over
from epochal.seam.trainee import build, only_keras

if os.environ["KERAS_BACKEND"] != "tensorflow":
    pytest.skip("this process is not for Keras on TensorFlow", allow_module_level=True)

import tensorflow as tf

from epochal.seam.trainee import protocol, tensorflow_step
from epochal.seam.trainee.tensorflow import bind

EACH_MODE = pytest.mark.parametrize("mode", ["fused", "looped", "stepwise"])


@EACH_MODE
def test_neither_more_batches_nor_more_rows_are_traced_again(mode):
    model, trainee, data = opened(counting)
    for n in (40, 32, 24):
        trainee.reset_metrics()
        held = trainee.put(tuple(over(lambda a, n=n: a[:n], tree) for tree in data))
        for k in (2, 3, n // 8):
            trainee.train(held, full_batches(n)[:k], mode)
    assert model.traced == 1
    trainee.train(held, np.arange(20, dtype=np.int32).reshape(2, 10), mode)
    assert model.traced == 2


@EACH_MODE
def test_one_trace_serves_a_short_last_batch_too(mode):
    model, trainee, data = opened(counting)
    held = trainee.put(tuple(over(lambda a: a[:44], tree) for tree in data))
    for _ in range(2):
        trainee.reset_metrics()
        trainee.train(held, full_batches(44), mode)
        trainee.train(held, np.arange(40, 44, dtype=np.int32)[None], mode)
    assert model.traced == 1


def test_batches_and_sentences_of_any_length_are_not_traced_one_by_one():
    model, trainee, _ = opened(counting)
    for n in range(8, 14):
        x = np.zeros((n, 5), "float32")
        trainee.train(trainee.put((x, np.zeros(n, "int32"), None)), np.arange(n, dtype=np.int32)[None], "stepwise")
    assert model.traced == 1
    model, trainee, data = opened(counting)
    held = trainee.put(tuple(over(lambda a: a[:24], tree) for tree in data))
    for size in (8, 6, 4, 3, 2, 12):
        trainee.train(held, np.arange(24, dtype=np.int32).reshape(-1, size), "looped")
    assert model.traced == 3  # two as such, and one for all others
    _, trainee = compiled(keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(4, 3),
                                            keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]))
    for length in range(3, 9):
        batch = trainee.put((np.zeros((4, length), "int32"), np.zeros(4, "int32"), None))
        trainee.train(batch, np.arange(4, dtype=np.int32)[None], "looped")
    assert len(trainee._train._programs) == 2


def test_a_batch_size_is_compiled_by_xla_once_whatever_the_number_of_batches(monkeypatch):
    monkeypatch.setattr(protocol, "_LONGEST", 4)
    seen, build_fused = [], tensorflow_step.Step._build_fused

    def watched(*arguments):
        program = build_fused(*arguments)
        return lambda n, rows, *arrays: seen.append((int(n), *rows.shape)) or program(n, rows, *arrays)

    monkeypatch.setattr(tensorflow_step.Step, "_build_fused", watched)
    model, trainee, data = opened(zoo.dense)
    held = trainee.put(data)
    for k in (5, 4, 2):
        trainee.train(held, full_batches(40)[:k], "fused")
    assert seen == [(4, 4, 8), (1, 4, 8), (4, 4, 8), (2, 4, 8)]
    assert int(model.optimizer.iterations) == 11


def test_logs_of_the_models_own_are_those_of_the_last_batch():
    _, trainee, (x, y, _) = opened(zoo.own_train_step)
    rows = full_batches(zoo.N)
    for mode in trainee.modes:
        logs = trainee.numbers(trainee.train(trainee.put((x, y, None)), rows, mode))
        assert logs["seen"] == pytest.approx(x[rows[-1]].sum(), rel=1e-5)


def test_a_model_compiled_for_xla_is_trained_by_xla_and_draws_what_xla_draws():
    def built():
        model, train, _ = made(zoo.dropout)
        model.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=True)
        return model, train

    model, (x, y, _) = built()
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    theirs = everything(model)
    assert differences(theirs, fitted("dropout")[1])[WEIGHTS] > 1e-4  # or XLA did nothing
    for mode, tolerance in (("fused", 1e-6), ("looped", 0)):
        model, train = built()
        build(model, tuple(over(lambda a: a[:8], tree) for tree in train))
        assert_same(trained(model, bind(model), (train, None), mode), curves(history), tolerance)
        assert_same(everything(model), theirs, tolerance)


def test_a_layer_that_xla_cannot_compile_leaves_the_other_modes():
    layer = keras.layers.Dense(3)
    layer.supports_jit = False
    _, trainee = compiled(keras.Sequential([keras.Input((5,)), layer]))
    assert trainee.modes == ("looped", "stepwise")
    assert trainee.why_not == {"fused": f"The layer `{layer.name}` cannot be compiled by XLA."}


def test_a_model_under_a_strategy_is_left_to_keras():
    with tf.distribute.OneDeviceStrategy("cpu:0").scope():
        model = zoo.dense()[0]
    assert "a tf.distribute strategy" in only_keras(model)
    assert only_keras(zoo.dense()[0]) is None


def test_an_error_of_the_rows_themselves_is_not_said_to_be_one_of_xla():
    _, trainee, data = opened(zoo.dense)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)) as error:
        trainee.train(trainee.put(data), np.full((2, 8), 999, np.int32), "looped")
    assert not isinstance(error.value, Unsupported)


def test_lists_become_tuples_as_in_keras_own_data_set():
    _, trainee, _ = opened(zoo.dense)
    x, _, weight = trainee.put(([np.zeros(2), {"a": np.ones(2)}], np.zeros(2), None))
    assert type(x) is tuple
    assert x[1]["a"].dtype == "float64"
    assert weight is None


def test_a_whole_batch_in_parts_is_only_one_step_of_the_optimizer():
    model, trainee, data = opened(zoo.dense, 3)
    before = everything(model)
    trainee.train(trainee.put(data), full_batches(zoo.N), "looped")
    assert int(model.optimizer.iterations) == 5
    assert differences(everything(model), before)[METRICS] > 0


class Counting(keras.Sequential):
    """Counts how often Python runs its step, which is how often it is traced."""

    traced = 0

    def train_step(self, data):
        self.traced += 1
        return super().train_step(data)


def counting():
    model = Counting([keras.Input((5,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3)])
    _, x, y = zoo.dense()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, x, y


def opened(kind, micro_batch_size=None):
    model, data, _ = made(kind)
    build(model, tuple(over(lambda a: a[:8], tree) for tree in data))
    return model, bind(model, micro_batch_size), data


def compiled(model):
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    return model, bind(model)
