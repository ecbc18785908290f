"""Ctrl-C during a training leaves a model that can be used."""

import os
import signal

import keras
import numpy as np
import pytest
from training.side_by_side import fit

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")


class PressesCtrlC(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_training_with_a_usable_model_and_the_history_so_far():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, X[:, :1], epochs=500, verbose=0, callbacks=[PressesCtrlC()])
    assert not np.allclose(model.get_weights()[0], before[0])
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert len(model.history.history["loss"]) == 3
