"""`epochal.plan` as it is called from Python: what it shows, what it leaves untouched, and how it continues."""

import importlib
import json

import keras
import numpy as np
import pytest
from sklearn.datasets import load_wine

import epochal as ep
from epochal.api import display

service = importlib.import_module("epochal.services.plan")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where unfinished runs are kept, in place of the user's own folder."""
    monkeypatch.setattr(service, "cache_folder", lambda: tmp_path / "epochal")
    return tmp_path / "epochal" / "unfinished"


@pytest.fixture(scope="module")
def data():
    x, y = load_wine(return_X_y=True)
    return ((x - x.mean(0)) / x.std(0)).astype("float32"), y


def build():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Stop(Exception):
    """What a test raises where a user would press Ctrl-C."""


def test_class_weights_are_those_of_the_rows_to_train_on(data, monkeypatch):
    x, y = data
    asked = []

    def measure(rig, **options):
        asked.append(rig.task)
        raise Stop

    monkeypatch.setattr(service, "measure", measure)
    weights = np.where(y == 1, 9.0, 1.0).astype("float32")
    for how in ({}, {"class_weight": {1: 9.0}}, {"sample_weight": weights}):
        with pytest.raises(Stop):
            ep.plan(build(), x, y, validation_data=(x[:40], y[:40]), verbose=0, **how)
    plain, by_class, by_row = asked
    assert (plain.weighted, by_class.weighted, by_class.constant_loss) == (False, True, plain.constant_loss)
    assert plain.fingerprint != by_class.fingerprint == by_row.fingerprint


@pytest.fixture(scope="module")
def story(data, tmp_path_factory):
    """`(model before, model after, x before, x after, journal when stopped, what the next call showed, its plan)`."""
    folder, patch = tmp_path_factory.mktemp("cache"), pytest.MonkeyPatch()
    x, y = (array.copy() for array in data)
    model, shown = build(), []
    model.fit(x, y, epochs=1, verbose=0)      # so that the optimizer has slots that could be disturbed
    before = _state(model)

    class Shown(display.ProgressDisplay):
        stop_at = "measuring: your present setting"

        def step(self, share, sentence, detail=""):
            shown.append(sentence)
            if sentence == self.stop_at:
                raise Stop
            super().step(share, sentence, detail)

    with patch.context() as p:
        p.setattr(service, "cache_folder", lambda: folder / "epochal")
        p.setattr(display, "ProgressDisplay", Shown)
        with pytest.raises(Stop):
            ep.plan(model, x, y, budget=3, start="fresh", verbose=0)
        [journal] = (folder / "epochal" / "unfinished").iterdir()
        kept = json.loads(journal.read_text())["record"]["readings"]
        shown.clear()
        Shown.stop_at = None
        plan = ep.plan(model, x, y, budget=3, start="fresh", verbose=0)
        left = list((folder / "epochal" / "unfinished").iterdir())
    return before, _state(model), data, (x, y), kept, shown, plan, left


def test_model_optimizer_and_data_are_bit_for_bit_as_before(story):
    before, after, data, now, *_ = story
    assert len(before) == len(after)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(data, now, strict=True))


def test_a_call_after_one_that_was_stopped_measures_nothing_twice_and_cleans_up(story):
    *_, kept, shown, plan, left = story
    names = {reading["name"] for reading in kept}
    assert {"memory", "throughput", "untrained_loss"} <= names
    assert {f"measuring: {name.replace('_', ' ')}" for name in names}.isdisjoint(shown)
    assert [(r.name, r.cost) for r in plan.evidence.readings[:len(kept)]] == [(r["name"], r["cost"]) for r in kept]
    assert left == []


def test_its_answer_goes_straight_into_fit(story, data):
    plan = story[-2]
    model = build()
    model.optimizer.learning_rate = plan.learning_rate.value
    history = model.fit(*data, validation_split=0.2, **plan.fit_arguments(), callbacks=plan.callbacks(), verbose=0)
    assert len(history.history["loss"]) <= plan.epochs.value


@pytest.mark.second
def test_verbose_shows_progress_on_standard_error_alone_and_silence_is_silent(story, data, capsys):
    plan = story[-2]
    for verbose in (0, 1):
        ep.plan(build, *data, budget=1, evidence=plan, verbose=verbose)     # nothing is measured again
    quiet = capsys.readouterr()
    assert (quiet.out, quiet.err) == ("", "")
    ep.plan(build, data[0][:100], data[1][:100], budget=0.1, verbose=1)
    told = capsys.readouterr()
    assert told.out == ""
    assert {"measuring: memory", "measuring: throughput"} <= {line.split(" (")[0] for line in told.err.splitlines()}


@pytest.mark.parametrize(("options", "said"), [
    ({"goal": "quick"}, ("`goal`", "'quick'", "fastest")),
    ({"verbose": 2}, ("`verbose`", "2", "Pass 0")),
    ({"budget": -1}, ("`budget`", "-1", "positive")),
    ({"budget": "soon"}, ("`budget`", "'soon'", '"2 min"')),
    ({"evidence": "plan.json"}, ("`evidence`", "'str'", "epochal.load")),
    ({"validation_split": 1.5}, ("`validation_split`", "1.5", "0.2")),
    ({"validation_data": 3}, ("`validation_data`", "'int'", "Pass arrays")),
])
def test_what_cannot_be_used_is_refused_before_anything_is_measured(data, options, said):
    with pytest.raises(ep.UsageError) as refused:
        ep.plan(build, *data, **options)
    assert all(word in str(refused.value) for word in said), refused.value


def test_no_targets_and_no_model_are_refused(data):
    with pytest.raises(ep.UsageError, match="y"):
        ep.plan(build, data[0])
    with pytest.raises(ep.UsageError, match="compile"):
        ep.plan(lambda: keras.Sequential([keras.Input((13,)), keras.layers.Dense(3)]), *data)


def _state(model):
    return [np.array(variable) for variable in (*model.variables, *model.optimizer.variables)]
