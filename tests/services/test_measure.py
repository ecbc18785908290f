"""`epochal.measure`: what is asked for, in a process of its own, whose end is told in a reading while the rest goes on."""

import textwrap

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig

import epochal as ep
from epochal.base.errors import UsageError
from epochal.base.stop import Stop, Stopped
from epochal.probes.measures import ALL, MEASURES
from epochal.probes.probe import PRICES
from epochal.records import Outcome, read, save
from epochal.services import measure as service
from epochal.services.measure import MeasureRequest, asked_for, measure, measured
from epochal.services.source import ArraySource, TableSource

ROWS = np.random.default_rng(0).normal(size=(120, 4)).astype("float32")
TARGETS = (ROWS[:, 0] > 0).astype("int32")
LAYER = """
import os, time
import keras

@keras.saving.register_keras_serializable()
class Odd(keras.layers.Layer):
    def call(self, x):
        if x.shape[0] == {size}:
            {does}
        return x

def build():
    model = keras.Sequential([keras.Input((4,)), Odd(), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model
"""


def small():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Heard:
    """Progress that remembers what it was told."""

    def __init__(self, react=lambda sentence: None):
        self.said, self.steps, self._react = [], [], react

    def step(self, share, sentence, detail=""):
        self.steps.append(sentence)
        self._react(sentence)

    def say(self, sentence):
        self.said.append(sentence)

    start = answer = lambda self, anything: None

    def done(self):
        pass


@pytest.fixture
def odd_source(tmp_path, monkeypatch):
    """A table of 600 rows and a model of which one layer does something at one batch size, and there alone."""
    def source(does, size):
        monkeypatch.chdir(tmp_path)
        draw = np.random.default_rng(0)
        rows = draw.normal(size=(600, 4))
        lines = [",".join([*(f"{v:.4f}" for v in row), "yes" if row[0] > 0 else "no"]) for row in rows]
        (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d,y", *lines]))
        (tmp_path / "own.py").write_text(textwrap.dedent(LAYER).format(size=size, does=does))
        return TableSource(str(tmp_path / "t.csv"), target="y", model=f"{tmp_path / 'own.py'}:build")
    return source


def test_words_stand_for_readings_up_to_their_price():
    assert [probe.name for probe in asked_for(("noise_scale", "memory"), "thorough")][:1] == ["memory"]
    everything = [asked_for((ALL,), price) for price in PRICES]
    assert [probe.price for probe in everything[0]] == ["quick"] * len(everything[0])
    assert set(everything[0]) < set(everything[1]) <= set(everything[2])
    assert {probe for probes in MEASURES.values() for probe in probes} == set(everything[2])
    for word, probes in MEASURES.items():
        assert set(asked_for((word,), "quick")) <= set(probes)
        assert asked_for((word,), "quick"), word  # the cheapest, where none is quick


@pytest.mark.parametrize(("change", "said"), [
    ({"what": ("memori",)}, "`what` must be of all, memory,"), ({"price": "cheap"}, "`price`"), ({"budget": "soon"}, "`budget`"),
    ({"batch_size": 0}, "`batch_size`"), ({"learning_rate": -1.0}, "`learning_rate`"), ({"seed": -1}, "`seed`"),
])
def test_a_request_that_cannot_be_met_is_refused_before_anything_is_measured(change, said):
    with pytest.raises(UsageError, match=said):
        measure(MeasureRequest(**({"source": ArraySource(small, ROWS, TARGETS)} | change)))


def test_every_measurement_has_a_reading_and_says_what_it_means_or_why_it_is_not_known():
    kept = []
    found = measured(FakeRig(), asked_for((ALL,), "normal"), None, 60.0, 0, kept.append, lambda *_: None)
    names = [probe.name for probe in asked_for((ALL,), "normal")]
    assert sorted(reading.name for reading in found.readings if reading.name != "pace") == sorted(names)
    assert len(kept) == 1 + len(names)
    for reading in found.readings:
        if reading.known and reading.name != "pace":
            assert reading.means.endswith("."), reading.name
            assert reading.does_not_mean.endswith("."), reading.name
        elif not reading.known:
            assert reading.note, reading.name


def test_what_is_known_is_not_measured_again_and_what_has_no_time_is_left_out():
    rig = FakeRig()
    first = measured(rig, asked_for(("memory",), "quick"), None, 60.0, 0, lambda _: None, lambda *_: None)
    again = measured(rig, asked_for(("memory",), "quick"), first, 60.0, 0, lambda _: None, lambda *_: None)
    assert again == first
    late = measured(rig, asked_for(("memory", "noise_scale"), "quick"), first, 1e-9, 0, lambda _: None, lambda *_: None)
    assert late.get("memory") == first.get("memory")
    assert late.readings[-1].outcome is Outcome.SKIPPED
    assert measured(rig, asked_for(("noise_scale",), "quick"), late, 60.0, 0, lambda _: None, lambda *_: None).get("noise_scale")


@pytest.mark.second
def test_a_measurement_in_a_process_of_its_own_is_that_of_this_one():
    apart = ep.measure(small, ROWS, TARGETS, "noise_scale", "learning_rate", price="quick", seed=3, verbose=0)
    here = ep.measure(small, ROWS, TARGETS, "noise_scale", "learning_rate", price="quick", seed=3, isolated=False, verbose=0)
    assert apart.task == here.task
    for name in ("noise_scale", "critical_rate"):
        assert apart.get(name).value == pytest.approx(here.get(name).value, rel=1e-4), name


@pytest.mark.second
@pytest.mark.parametrize(("does", "said"), [
    ("os.kill(os.getpid(), 9)", "SIGKILL"), ("os.abort()", "SIGABRT"), ("raise ValueError('of my own')", "ValueError: of my own"),
    ("raise MemoryError", ""), ("time.sleep(1000)", "ended after"),
], ids=["killed", "aborts", "raises", "no memory", "hangs"])
def test_what_ends_a_measurement_is_told_and_the_others_go_on(odd_source, monkeypatch, does, said):
    if "sleep" in does:
        monkeypatch.setattr(service, "_SOONEST", 40.0)
        monkeypatch.setattr(service, "_HANGS", 0)
    heard = Heard()
    found = measure(MeasureRequest(odd_source(does, size=384), ("memory", "learning_rate"), "quick"), progress=heard)
    failed, other = found.readings[[r.name for r in found.readings].index("memory")], found.get("critical_rate")
    assert failed.outcome in (Outcome.FAILED, Outcome.OUT_OF_MEMORY)
    assert said in failed.note
    assert other is not None
    assert other.value > 0


@pytest.mark.second
def test_a_model_that_no_other_process_can_build_is_measured_here_and_that_is_said():
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((4,)), Own(), keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    heard = Heard()
    found = measure(MeasureRequest(ArraySource(model, ROWS, TARGETS), ("noise_scale",), "quick"), progress=heard)
    assert any("No other process can build this model" in sentence for sentence in heard.said)
    assert found.readings


@pytest.mark.second
def test_the_model_is_left_as_it_was_and_what_is_finished_is_kept(tmp_path):
    model = small()
    before = [w.copy() for w in model.get_weights()]
    stop, path = Stop(), tmp_path / "e.json"
    heard = Heard(lambda sentence: stop.set() if "noise" in sentence else None)
    request = MeasureRequest(ArraySource(model, ROWS, TARGETS), ("memory", "noise_scale"), "quick", out=path)
    with pytest.raises(Stopped) as stopped:
        measure(request, progress=heard, stop=stop)
    assert stopped.value.answer.get("memory") is not None
    assert not path.exists()
    kept = read(tmp_path / "e.json.unfinished")
    assert kept == stopped.value.answer
    found = measure(request)
    assert found.get("memory") == kept.get("memory")  # with all its seconds: not measured again
    assert read(path) == found
    assert not (tmp_path / "e.json.unfinished").exists()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.second
def test_a_training_with_measurements_in_between_is_the_one_without():
    def trained(measures):
        keras.utils.set_random_seed(7)
        model = small()
        model.fit(ROWS, TARGETS, epochs=2, verbose=0)
        if measures:
            ep.measure(model, ROWS, TARGETS, "noise_scale", "sharpness", "learning_rate", "accumulation", "predict", budget=30,
                       start="fresh", isolated=False, verbose=0)
        keras.utils.set_random_seed(8)
        history = model.fit(ROWS, TARGETS, epochs=2, verbose=0)
        return model.get_weights() + [np.array(v) for v in model.optimizer.variables], history.history

    (plain, before), (measured_too, after) = trained(False), trained(True)
    assert before == after
    for one, other in zip(plain, measured_too, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.second
def test_what_is_left_over_of_other_data_is_left_aside(tmp_path):
    save(measured(FakeRig(), (), None, 60.0, 0, lambda _: None, lambda *_: None), tmp_path / "e.json.unfinished")
    heard = Heard()
    found = measure(MeasureRequest(ArraySource(small, ROWS, TARGETS), ("noise_scale",), "quick", out=tmp_path / "e.json"),
                    progress=heard)
    assert found.get("noise_scale") is not None
    assert any("used if it is about the same" in sentence for sentence in heard.said)


@pytest.mark.second
def test_what_is_kept_of_other_data_is_refused_with_a_sentence(tmp_path):
    other = measured(FakeRig(), (), None, 60.0, 0, lambda _: None, lambda *_: None)
    with pytest.raises(UsageError, match="must be about the same model and data"):
        ep.measure(small, ROWS, TARGETS, "memory", price="quick", evidence=other, verbose=0)
