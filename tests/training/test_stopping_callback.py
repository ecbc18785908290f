"""The plan's callbacks work in a real Keras `fit`."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from report.report_plans import plan

from epochal.records import Choice, Stopping
from epochal.training.fit.callbacks import callbacks_for


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    return model


def test_the_callback_carries_every_argument_of_the_stopping():
    asked = Stopping(patience=3, monitor="loss", min_delta=0.25, restore_best_weights=False)
    (callback,) = callbacks_for(plan(stopping=asked))
    assert isinstance(callback, keras.callbacks.EarlyStopping)
    assert (callback.patience, callback.monitor, abs(callback.min_delta), callback.restore_best_weights) == (
        3, "loss", 0.25, False)


def test_two_fits_share_no_callback():
    made = plan()
    assert made.callbacks()[0] is not made.callbacks()[0]


def test_a_plan_goes_straight_into_fit_and_stops_a_model_that_learns_nothing(model):
    made = plan(batch_size=Choice(value=16, low=16, high=16, because=""), stopping=Stopping(patience=2),
                epochs=Choice(value=9, low=9, high=9, because=""))
    x, y = np.random.default_rng(0).normal(size=(2, 32, 3)).astype("float32")
    history = model.fit(x, y[:, :1], validation_data=(x, y[:, :1]), **made.fit_arguments(), callbacks=made.callbacks(),
                        verbose=0)
    assert len(history.history["val_loss"]) == 3  # the first epoch is the best, then two of patience
