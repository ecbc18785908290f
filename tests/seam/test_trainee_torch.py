"""The trainee of PyTorch beyond the contract: rows are copied, PyTorch's own random stream, flags as Keras leaves them."""

import os

import keras
import numpy as np
import pytest
from seam import trainee_zoo as zoo
from seam.trainee_contract import assert_same, everything, full_batches, made

from epochal.seam.rows import over
from epochal.seam.trainee import build

if os.environ["KERAS_BACKEND"] != "torch":
    pytest.skip("this process is not for Keras on PyTorch", allow_module_level=True)

import torch

from epochal.seam.trainee.torch import bind


def test_a_layer_that_works_in_place_does_not_write_into_the_users_data():
    model, x, y = classified(keras.layers.TorchModuleWrapper(torch.nn.ReLU(inplace=True)))
    before, trainee = x.copy(), bind(model)
    trainee.train(trainee.put((x, y, None)), full_batches(16), "stepwise")
    np.testing.assert_array_equal(x, before)
    assert (before < 0).any()


def test_a_module_is_told_when_it_trains():
    class Listens(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            seen.append((self.training, self.dense.training))
            return self.dense(x)

    seen = []
    model, x, y = classified(model=Listens())
    trainee = bind(model)
    data, rows = trainee.put((x, y, None)), full_batches(16)
    model.train()
    seen.clear()
    trainee.test(data, rows[:1], "stepwise")
    trainee.train(data, rows, "stepwise")
    trainee.test(data, rows[:1], "stepwise")
    assert seen == [(False, False), (True, True), (True, True), (False, False)]
    with pytest.raises(TypeError):
        trainee.train(None, rows, "stepwise")
    assert not model.training


def test_judging_needs_no_gradients():
    seen = []
    model, x, y = classified(keras.layers.TorchModuleWrapper(torch.nn.Identity()))
    model.layers[0].module.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    trainee = bind(model)
    trainee.test(trainee.put((x, y, None)), full_batches(16), "stepwise")
    assert seen == [False, False]


@pytest.mark.parametrize(("array", "dtype"), [
    (np.arange(6, dtype="uint16"), torch.int32), (np.arange(6, dtype="uint32"), torch.int64), (np.arange(6) > 2, torch.bool),
    (np.arange(6.0)[::-1], torch.float64), (np.arange(6, dtype="uint8"), torch.uint8)])
def test_arrays_of_every_type_and_order_get_there(array, dtype):
    array.flags.writeable = False  # as those of a file that is mapped to memory are
    held = bind(classified(keras.layers.ReLU())[0]).put((array, None, None))[0]
    assert held.dtype == dtype
    np.testing.assert_array_equal(held.numpy().astype(float), array.astype(float))


def test_a_step_that_the_user_wants_compiled_is_compiled(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda step: compiled.append(step) or step)
    model, train, _ = made(zoo.dense)
    model.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=True)
    build(model, tuple(over(lambda a: a[:8], tree) for tree in train))
    other, _, _ = made(zoo.dense)
    build(other, tuple(over(lambda a: a[:8], tree) for tree in train))
    for trainee in (bind(model), bind(other)):
        trainee.train(trainee.put(train), full_batches(zoo.N), "stepwise")
    assert len(compiled) == 2  # to train, and to judge
    assert_same(everything(model), everything(other), 0)


def classified(layer=None, model=None):
    keras.utils.set_random_seed(7)
    model = model or keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    _, x, y = zoo.dense()
    x, y = x[:16].copy(), y[:16].copy()
    model(x[:1].copy())
    build(model, (x[:8], y[:8], None))
    return model, x, y
