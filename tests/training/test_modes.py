"""What was measured for a model is remembered for it, for as long a training, on this machine."""

import keras
import numpy as np
import pytest
from seam.opening import opened as opened_trainee
from training.feed_probe import feed_of

from epochal.seam.convolutions.layers import can_be_products, has_convolutions
from epochal.training import remembered
from epochal.training.fit import modes
from epochal.training.fit.modes import Mode

X = np.ones((64, 3), np.float32)
BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path / "epochal")


def opened(*inner, batch_size=8):
    model = keras.Sequential([keras.Input((3,)), *inner, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    feed = feed_of(X, X[:, :1], batch_size=batch_size)
    return model, opened_trainee(model, feed.sample), feed


def memory(*inner, batch_size=8):
    return modes.memory_of(*opened(*inner, batch_size=batch_size))


def keep(memory):
    modes.keep(memory, BACKEND, Mode("stepwise", 0.5, "tried", True), 1000)


def recall(memory, n_updates=1000):
    return modes.recall(memory, BACKEND, n_updates)


def test_what_was_kept_is_recalled_for_a_training_of_half_the_length_and_not_for_a_shorter_one():
    keep(memory())
    mode = recall(memory(), 500)
    assert (mode.name, mode.step_seconds) == ("stepwise", 0.5)
    assert mode.because == "as measured before: tried"
    assert recall(memory(), 499) is None
    assert recall(memory(), None) is None


def test_another_model_or_batch_size_has_a_memory_of_its_own():
    keep(memory())
    assert recall(memory(keras.layers.Dense(5))) is None
    assert recall(memory(batch_size=16)) is None


def test_what_an_earlier_version_measured_for_another_back_end_counts_as_none():
    kept = memory()
    keep(kept)
    kept.path.write_text(kept.path.read_text().replace(f'"backend": "{BACKEND}"', '"backend": "elsewhere"'))
    assert recall(memory()) is None


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"format": 99}', "[]"])
def test_a_damaged_memory_counts_as_none(text):
    kept = memory()
    keep(kept)
    kept.path.write_text(text)
    assert recall(memory()) is None


def test_what_is_remembered_is_taken_from_the_first_batch_on():
    model, trainee, feed = opened()
    keep(modes.memory_of(model, trainee, feed))
    assert modes.modes_for(model, trainee, feed, 2000, "auto").mode.name == "stepwise"


def test_what_was_compared_in_a_training_is_remembered(monkeypatch):
    model, trainee, feed = opened()
    monkeypatch.setattr(modes, "_REPAID", 0)
    run = modes.modes_for(model, trainee, feed, 2000, "auto")
    if len(run._order) == 1:
        pytest.skip("this back end has one mode")
    data = trainee.put((X, X[:, :1], None))
    while run.most:
        run.train(data, np.arange(64, dtype=np.int32).reshape(8, 8)[: run.most])
    assert recall(modes.memory_of(model, trainee, feed), 2000).name == run.mode.name
    again = modes.modes_for(model, trainee, feed, 2000, "auto").mode
    assert again.because == f"as measured before: {run.mode.because}"


def test_a_callback_at_every_batch_leaves_nothing_for_a_loop():
    assert modes.modes_for(*opened(), 2000, "auto", every_batch=True).name == "stepwise"


def opened_cnn(**how):
    model = how.pop("kind", keras.Sequential)([keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten(),
                                               keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    feed = feed_of(np.ones((16, 6, 6, 1), np.float32), np.ones((16, 1), np.float32), batch_size=8)
    return model, opened_trainee(model, feed.sample), feed


def test_convolutions_on_a_processor_are_looped_where_they_can_be_products():
    model, trainee, feed = opened_cnn()
    order = modes.likely_best_first(model, trainee, feed)
    assert order == {"jax": ["fused", "stepwise"], "tensorflow": ["looped"], "torch": ["stepwise"]}[trainee.backend]
    every = modes.modes_for(model, trainee, feed, 2000, "auto", every_batch=True)
    assert every.name == "stepwise"
    assert (every.mode is None) == trainee.convolves_in_loops  # a loop of one batch may still pay: its gain is not that of a loop


class Inside(keras.layers.Layer):
    def __init__(self, size=3):
        super().__init__()
        self.parts = {"first": [keras.layers.TimeDistributed(keras.layers.Conv1D(2, size, padding="same"))]}

    def call(self, x):
        return self.parts["first"][0](x)


@pytest.mark.parametrize(("size", "found"), [(3, True), (300, False)])
def test_convolutions_are_found_inside_layers_of_ones_own_and_huge_kernels_stay(size, found):
    model = keras.Sequential([keras.Input((6, 6, 1)), Inside(size), keras.layers.Flatten(), keras.layers.Dense(1)])
    assert has_convolutions(model)
    assert can_be_products(model) == found


class OwnStep(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


def test_a_step_of_ones_own_keeps_its_convolutions_and_they_stay_out_of_compiled_loops():
    model, trainee, feed = opened_cnn(kind=OwnStep)
    assert not trainee.convolves_in_loops
    assert "fused" not in modes.likely_best_first(model, trainee, feed)


def test_short_steps_begin_fused_and_long_ones_do_not():
    model, trainee, feed = opened()
    wide, its_trainee, its_feed = opened(keras.layers.Dense(4000), keras.layers.Dense(4000))
    if "looped" not in trainee.modes and "fused" in trainee.modes:
        assert modes.likely_best_first(model, trainee, feed)[0] == "fused"
        assert modes.likely_best_first(wide, its_trainee, its_feed)[0] == "stepwise"


def test_an_unknown_mode_is_refused_by_name():
    model, trainee, feed = opened()
    with pytest.raises(ValueError, match="`engine`.*got 'looped'" if "looped" not in trainee.modes else "."):
        modes.modes_for(model, trainee, feed, 10, "looped" if "looped" not in trainee.modes else "unrolled")
