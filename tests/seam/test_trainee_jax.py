"""On JAX a model is opened, and data put on the device, without a program of its own for every shape."""

import logging

import keras
import numpy as np
import pytest
from seam.opening import opened as opened_trainee
from tiers import first_tier

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="what JAX compiles")

N = 83                        # rows, and widths that no other test has, so that none of these shapes was compiled before
X = np.ones((N, 29), np.float32)
BATCHES = np.arange(80, dtype=np.int32).reshape(8, 10)


def network(optimizer):
    model = keras.Sequential([keras.Input((29,)), keras.layers.Dense(31), keras.layers.Dense(37), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def compiled(caplog):
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Compiling ")]


def test_a_training_compiles_its_own_programs_and_no_other(caplog):
    model = network("adam")
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        trainee = opened_trainee(model, (X[:10], X[:10, :1], None))
        data = trainee.put((X, X[:, :1], None))
        trainee.reset_metrics()
        assert compiled(caplog) == []
        for _ in range(2):
            trainee.reset_metrics()
            trainee.train(data, BATCHES, "fused")
            trainee.reset_metrics()
            trainee.test(data, BATCHES, "fused")
            trainee.store()
            trainee.load()
    assert len(compiled(caplog)) == 2


@pytest.mark.parametrize("dtype", first_tier(1, ["float32", "bfloat16"]))
@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "Adafactor", "Ftrl", "LossScaleOptimizer"])
def test_the_variables_of_an_optimizer_are_those_that_keras_makes(name, dtype):
    def built(opens):
        inner = (keras.optimizers.Adam(),) if name == "LossScaleOptimizer" else ()
        optimizer = getattr(keras.optimizers, name)(*inner, use_ema=name == "SGD")
        keras.config.set_floatx(dtype)
        try:
            model = network(optimizer)
            if opens:
                opened_trainee(model, (X[:10], X[:10, :1], None))
            else:
                optimizer.build(model.trainable_variables)
        finally:
            keras.config.set_floatx("float32")
        return [(v.dtype, v.value.dtype, v.value.weak_type, v.shape, np.asarray(v.value).tobytes()) for v in optimizer.variables]

    assert built(opens=True) == built(opens=False)


def test_what_is_written_into_an_array_later_does_not_reach_the_device():
    memory = np.zeros(64 * 65, np.float32)
    start = -memory.ctypes.data % 64 // memory.itemsize  # from such a place JAX goes on using the memory that it is given
    rows = memory[start : start + 64 * 64].reshape(64, 64)
    trainee = opened_trainee(network("sgd"), (X[:10], X[:10, :1], None))
    (x, _, _) = trainee.put((rows, None, None))
    rows[:] = 1.0
    assert not np.asarray(x).any()


def test_metrics_begin_at_their_own_zeros_however_often_they_were_counted():
    trainee = opened_trainee(network("sgd"), (X[:10], X[:10, :1], None))
    data = trainee.put((X, X[:, :1] * 3, None))
    logs = []
    for _ in range(3):
        trainee.reset_metrics()
        logs.append(trainee.numbers(trainee.test(data, BATCHES, "fused")))
        trainee.store()
    assert logs[0] == logs[1] == logs[2]
    assert logs[0]["mae"] > 0


def convolutional():
    inner = keras.layers.Conv2D(3, 3), keras.layers.MaxPooling2D(), keras.layers.Flatten(), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((8, 8, 1)), *inner])
    model.compile("adam", "mse")
    x = np.ones((16, 8, 8, 1), np.float32)
    trainee = opened_trainee(model, (x, x[:, 0, 0], None))
    return trainee, trainee.put((x, x[:, 0, 0], None)), np.arange(16, dtype=np.int32).reshape(4, 4)


@pytest.mark.parametrize(("mode", "holds"), [("fused", False), ("stepwise", True), ("unrolled", True)])
def test_only_loops_are_without_convolutions_of_xlas(mode, holds):
    trainee, data, rows = convolutional()
    assert trainee.convolves_in_loops
    program = trainee._programs["train", mode]
    rows = {"fused": (data, rows, 4), "stepwise": ((data[0], data[1]),), "unrolled": (data, rows)}[mode]
    text = program.lower(trainee._state, *rows).as_text()
    assert ("stablehlo.convolution" in text) == holds
    assert ("reduce_window" in text) == holds
