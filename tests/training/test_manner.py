"""What was measured for a model is remembered for it, for as long a training, on this machine."""

import keras
import numpy as np
import pytest

from epochal.seam.trainee import open_trainee
from epochal.training.feeds.sources import feed_of
from epochal.training.fit import manner as module
from epochal.training.fit import remembered
from epochal.training.fit.choose import Manner
from epochal.training.fit.remembered import Remembered

X = np.ones((64, 3), np.float32)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(remembered, "user_cache_path", lambda name: tmp_path / name)


def opened(*inner, batch_size=8):
    model = keras.Sequential([keras.Input((3,)), *inner, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    feed = feed_of(X, X[:, :1], batch_size=batch_size)
    return model, open_trainee(model, feed.sample)[0], feed


def memory(*inner, batch_size=8):
    model, trainee, feed = opened(*inner, batch_size=batch_size)
    return Remembered(model, trainee, feed.sample, batch_size)


def test_what_was_kept_is_recalled_for_a_training_of_half_the_length_and_not_for_a_shorter_one():
    memory().keep("jax", Manner("stepwise", 0.5, "tried", True), 1000)
    backend, manner = memory().recall(500)
    assert (backend, manner.mode, manner.step_seconds) == ("jax", "stepwise", 0.5)
    assert manner.because == "as measured before: tried"
    assert memory().recall(499) is None
    assert memory().recall(None) is None


def test_another_model_or_batch_size_has_a_memory_of_its_own():
    memory().keep("jax", Manner("stepwise", 0.5, "tried", True), 1000)
    assert memory(keras.layers.Dense(5)).recall(1000) is None
    assert memory(batch_size=16).recall(1000) is None


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"format": 99}', "[]"])
def test_a_damaged_memory_counts_as_none(text):
    kept = memory()
    kept.keep("jax", Manner("stepwise", 0.5, "tried", True), 1000)
    kept._path.write_text(text)
    assert memory().recall(1000) is None


def test_what_is_remembered_is_taken_without_a_trial(monkeypatch):
    model, trainee, feed = opened()
    Remembered(model, trainee, feed.sample, 8).keep("jax", Manner("stepwise", 0.5, "tried", True), 1000)
    monkeypatch.setattr(module, "choose", lambda *_: pytest.fail("tried again"))
    chosen, manner = module.fastest(model, trainee, feed, 2000, "auto")
    assert chosen is trainee
    assert manner.mode == "stepwise"


def test_convolutions_on_a_processor_stay_out_of_compiled_loops():
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    feed = feed_of(np.ones((16, 6, 6, 1), np.float32), np.ones((16, 1), np.float32), batch_size=8)
    trainee, _ = open_trainee(model, feed.sample)
    assert "fused" not in module._likely_best_first(model, trainee, feed)


def test_short_steps_begin_fused_and_long_ones_do_not():
    model, trainee, feed = opened()
    wide, its_trainee, its_feed = opened(keras.layers.Dense(4000), keras.layers.Dense(4000))
    if "looped" not in trainee.modes and "fused" in trainee.modes:
        assert module._likely_best_first(model, trainee, feed)[0] == "fused"
        assert module._likely_best_first(wide, its_trainee, its_feed)[0] == "stepwise"


def test_an_unknown_way_is_refused_by_name():
    model, trainee, feed = opened()
    with pytest.raises(ValueError, match="`engine`.*got 'looped'" if "looped" not in trainee.modes else "."):
        module.fastest(model, trainee, feed, 10, "looped" if "looped" not in trainee.modes else "unrolled")
