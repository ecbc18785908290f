"""Another installed back end is timed in a process of its own where that is repaid, once, and the user is told how to switch."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from seam.opening import opened as opened_trainee
from training.feed_probe import feed_of
from training.side_by_side import fit

from epochal.base.errors import UsageError
from epochal.base.isolated import Outcome
from epochal.seam.model.description import described
from epochal.training import remembered
from epochal.training.checkpoint.checkpoint import Checkpoint
from epochal.training.fit import other_back_ends
from epochal.training.fit.arguments import FitRequest
from epochal.training.fit.modes import Mode
from epochal.training.fit.other_back_ends import faster_back_end, seconds_a_batch

pytestmark = pytest.mark.filterwarnings("ignore:After:epochal.Advice")

X = np.ones((64, 6, 6, 1), np.float32)
Y = np.arange(64) % 3
ACTIVE = keras.backend.backend()
OTHER = "tensorflow" if ACTIVE != "tensorflow" else "jax"
LONG = Mode("stepwise", 0.01, "measured", True)


def network(*extra, loss="sparse_categorical_crossentropy", kind=keras.Sequential):
    model = kind([keras.Input((6, 6, 1)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(), keras.layers.Flatten(),
                  *extra, keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path / "epochal")


@pytest.fixture
def asked(monkeypatch):
    """What processes are asked, none of which is started: each answers with 2 ms a batch."""
    calls = []

    class Answers:
        outcome = Outcome(0.002)

        def __init__(self, seconds, environment):
            self.environment = environment

        def run(self, function, *arguments):
            calls.append((self.environment["KERAS_BACKEND"], function, arguments))
            return self.outcome

    monkeypatch.setattr(other_back_ends, "Isolated", Answers)
    monkeypatch.setattr(other_back_ends, "installed", lambda: (ACTIVE, OTHER))
    return calls, Answers


def faster(model, *, n_updates=10**6, mode=LONG):
    feed = feed_of(X, Y, batch_size=8)
    trainee = opened_trainee(model, feed.sample)
    return faster_back_end(FitRequest(model, X, Y), trainee, feed, mode, n_updates)


def test_a_much_faster_back_end_is_named_with_its_share_and_how_to_switch(asked):
    found = faster(network())
    title = {"tensorflow": "TensorFlow", "jax": "JAX"}[OTHER]
    assert str(found) == (f"On {title} an epoch of this model takes about 0.2 of the time here. "
                          f"To switch: set KERAS_BACKEND={OTHER} before starting Python.")
    assert (found.severity, found.kind) == ("note", "faster back end")
    assert dict(found.figures) == {"seconds a batch here": 0.01, f"seconds a batch on {title}": 0.002}


def test_it_is_measured_once_for_a_model(asked):
    assert faster(network()) == faster(network())
    assert [name for name, *_ in asked[0]] == [OTHER]


@pytest.mark.parametrize(("n_updates", "mode"), [(11_000, LONG), (None, LONG), (0, LONG), (10**6, Mode("stepwise", None, "asked"))])
def test_no_process_is_started_where_the_training_does_not_repay_it(asked, n_updates, mode):
    assert faster(network(), n_updates=n_updates, mode=mode) is None
    assert asked[0] == []


@pytest.mark.parametrize("outcome", [Outcome(0.0071), Outcome(float("nan")), Outcome(failure="raised", sentence="ValueError: no")],
                         ids=["hardly faster", "no number", "failed"])
def test_nothing_is_said_where_nothing_was_shown_to_be_much_faster(asked, outcome):
    asked[1].outcome = outcome
    assert faster(network()) is None
    assert len(asked[0]) == 1


class Own(keras.layers.Dense):
    pass


class OwnModel(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


@pytest.mark.parametrize("model", [lambda: network(Own(3)), lambda: network(loss=lambda y, p: p[:, 0]),
                                   lambda: network(keras.layers.Lambda(lambda x: x)), lambda: network(kind=OwnModel)],
                         ids=["layer", "loss", "lambda", "train step"])
def test_a_model_with_parts_of_the_users_own_starts_no_process(asked, model):
    assert faster(model()) is None
    assert asked[0] == []


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", keras.losses.sparse_categorical_crossentropy,
                                  keras.losses.SparseCategoricalCrossentropy()], ids=["name", "function", "object"])
def test_what_travels_is_enough_to_train_the_model(loss):
    description = described(network(loss=loss))
    assert 0 < seconds_a_batch(description, (X[:8], Y[:8], None)) < 10


@pytest.mark.needs(OTHER)
def test_another_back_end_is_timed_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(other_back_ends, "installed", lambda: (ACTIVE, OTHER))
    found = faster(network(), mode=Mode("stepwise", 1.0, "measured", True))
    assert found.cure.startswith(f"To switch: set KERAS_BACKEND={OTHER} ")
    assert 0 < dict(found.figures).popitem()[1] < 0.7


def test_another_back_end_cannot_be_asked_for_by_name():
    with pytest.raises(UsageError, match=f"`engine`.*got '{OTHER}', and Keras runs on {ACTIVE} here.*set KERAS_BACKEND={OTHER}"):
        fit(network(), X, Y, engine=OTHER, verbose=0)
    assert fit(network(), X, Y, engine=ACTIVE, verbose=0).params["backend"] == ACTIVE


def test_a_checkpoint_written_on_another_back_end_gets_a_sentence_and_one_on_this_continues(tmp_path, monkeypatch):
    write = Checkpoint.__call__
    for name in (ACTIVE, OTHER):
        def as_before(self, position, *, name=name, last=False):
            self._work = SimpleNamespace(trainee=SimpleNamespace(backend=name, store=self._work.trainee.store),
                                         modes=SimpleNamespace(mode=LONG, name="stepwise"))
            write(self, position, last=last)

        monkeypatch.setattr(Checkpoint, "__call__", as_before)
        fit(network(), X, Y, verbose=0, checkpoint=tmp_path / name)
    monkeypatch.setattr(Checkpoint, "__call__", write)
    history = fit(network(), X, Y, verbose=0, epochs=2, checkpoint=tmp_path / ACTIVE)
    assert (history.epoch, history.params["engine"], history.params["because"]) == ([0, 1], "stepwise", "as before")
    with pytest.raises(UsageError, match=f"was trained on {OTHER} in a process of its own.*Name another folder"):
        fit(network(), X, Y, verbose=0, epochs=2, checkpoint=tmp_path / OTHER)
