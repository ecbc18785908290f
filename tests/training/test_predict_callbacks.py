"""Callbacks and the progress bar hear of `ep.predict` what they hear of Keras' own."""

import keras
import numpy as np
import pytest
from training.predicting import N, same

from epochal.api import predict

pytestmark = pytest.mark.usefixtures("cache")


def generator(x):
    return ((x[i:i + 30],) for i in range(0, len(x), 30))


class Spy(keras.callbacks.Callback):
    def __init__(self, last=None):
        super().__init__()
        self.heard, self.outputs, self.last = [], [], last

    def on_predict_begin(self, logs=None):
        self.heard.append("begin")

    def on_predict_batch_begin(self, batch, logs=None):
        self.heard.append(("in", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.heard.append(("out", batch))
        self.outputs.append(keras.tree.map_structure(keras.ops.convert_to_numpy, logs["outputs"]))
        if batch == self.last:
            self.model.stop_predicting = True

    def on_predict_end(self, logs=None):
        self.heard.append("end")


def test_callbacks_hear_what_they_hear_under_keras(model, x):
    ours, theirs = Spy(), Spy()
    predict(model, x, 30, verbose=0, callbacks=[ours])
    model.predict(x, batch_size=30, verbose=0, callbacks=[theirs])
    assert ours.heard == theirs.heard
    assert ours.params == theirs.params
    for a, b in zip(ours.outputs, theirs.outputs, strict=True):
        assert same(a, b)


@pytest.mark.parametrize("source", [lambda x: x, generator], ids=["array", "generator"])
def test_callbacks_hear_of_every_block_of_a_size_that_is_found(source, model, x):
    for _ in range(2):
        spy = Spy()
        told = predict(model, source(x), verbose=0, callbacks=spy)
        n = len(spy.outputs)
        assert spy.heard == ["begin", *(event for i in range(n) for event in (("in", i), ("out", i))), "end"]
        assert same(np.concatenate(spy.outputs), told)
        assert spy.params["steps"] in (n, None)


@pytest.mark.parametrize(("size", "rows"), [(30, 60), ("auto", None)])
def test_a_callback_may_stop_predicting(size, rows, model, x):
    spy = Spy(last=1)
    told = predict(model, x, size, verbose=0, callbacks=[spy])
    assert len(spy.outputs) == 2
    assert len(told) == sum(map(len, spy.outputs)) < N
    assert rows is None or len(told) == rows
    assert same(told, model.predict(x, verbose=0)[:len(told)])
    assert len(predict(model, x, size, verbose=0)) == N
    assert len(predict(model, generator(x), verbose=0, callbacks=[Spy(last=1)])) == 60


def test_a_list_of_callbacks_of_keras_is_used_as_it_is(model, x):
    spy = Spy()
    predict(model, x, 30, callbacks=keras.callbacks.CallbackList([spy], model=model))
    assert spy.heard[0] == "begin"
    assert len(spy.outputs) == 7


@pytest.mark.parametrize("size", ["auto", 30])
def test_the_progress_bar_is_that_of_keras(size, model, x, capsys):
    predict(model, x, size)
    shown = capsys.readouterr().out
    assert "/step" in shown
    assert "7/7" in shown or size == "auto"
    predict(model, x, size, verbose=0)
    assert capsys.readouterr().out == ""


def test_what_was_found_is_said_once_when_asked(model, x, capsys):
    predict(model, x, verbose=1)
    assert "predict: batch_size=" in capsys.readouterr().err
    predict(model, x, verbose=1)
    assert capsys.readouterr().err == ""
