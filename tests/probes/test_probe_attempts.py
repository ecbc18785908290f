"""Batch sizes tried in processes of their own: closed in on, and whatever ends such a process is an outcome with a sentence."""

import math

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.base.isolated import Outcome as Ended
from epochal.probes.machine import attempts
from epochal.probes.machine.attempts import rise_there, tried_sizes
from epochal.probes.machine.memory import MEMORY, MEMORY_PREDICT, MEMORY_VALIDATION, memory, memory_predict, memory_validation
from epochal.records import Outcome, dump, load
from epochal.rules.training.memory_size import next_size
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

GB = 10**9
BASE = 0.3 * GB  # bytes that a process holds before it trains


class Silent(FakeRig):
    """A back end that does not tell the memory of a step."""

    def peak_bytes(self, batch_size):
        return None


def rig(kind=Silent, *, capacity=4 * GB, n_examples=100_000, description="described"):
    return kind(n_params=2, n_examples=n_examples, memory=(1000, capacity), description=description)


@pytest.fixture
def world(monkeypatch):
    """Processes that are not started, of a world in which a batch takes so many bytes; `spoil` says how one ends instead."""
    settings = {"shape": lambda b: 2e8 + 1e5 * b, "spoil": {}, "asked": [], "took": 1.0}

    class Simulated:
        def __init__(self, seconds, memory_bytes, environment):
            self.seconds, self.cap = seconds, memory_bytes
            assert environment["KERAS_BACKEND"] == "fake"

        def run(self, function, description, sample, counts, call, size, bounds, seconds):
            limit, most, refused, precision = bounds
            told, tried = [int(BASE)], []
            settings["asked"].append((call, size, counts))
            while size is not None:
                told.append((size,))
                for least, ended in settings["spoil"].items():
                    if size >= least:
                        return Ended(failure=ended[0], sentence=ended[1], told=tuple(told))
                held = settings["shape"](size)
                if self.cap is not None and BASE + held > self.cap:
                    return Ended(failure="out of memory", sentence="It needed more than 4 GiB of memory.", told=tuple(told))
                tried.append((size, round(held)))
                told.append((size, round(held)))
                size = next_size(tried, limit, most, refused=refused, precision=precision)
            return Ended("", told=tuple(told))

    monkeypatch.setattr(attempts, "Isolated", Simulated)
    return settings


@pytest.mark.parametrize("shape", [lambda b: 2e8 + 1e5 * b, lambda b: 1e8 + 1e5 * b + 1e4 * b**1.2, lambda b: max(1e9, 2e5 * b),
                                   lambda b: 2e5 * b])
@pytest.mark.parametrize("at_most", [GB, 3 * GB])
def test_the_largest_that_fits_was_tried_and_lies_close_to_the_limit(world, shape, at_most):
    world["shape"] = shape
    reading = memory(rig(capacity=20 * GB), at_most=at_most, seconds=60.0)
    right = next(b for b in range(200_000, 0, -1) if shape(b) <= at_most)
    assert reading.outcome is Outcome.OK
    assert reading.low == reading.value <= right <= reading.high
    assert right <= 1.12 * reading.value
    held = {point.batch_size: point.peak_bytes for point in reading.points}
    assert held[int(reading.value)] == reading.detail("peak_bytes") <= at_most < min(
        (n for n in held.values() if n > at_most), default=math.inf)
    assert load(dump(reading)) == reading


def test_a_process_that_is_ended_for_its_memory_bounds_the_next_one(world):
    """The first size needs more than there is: others begin below it."""
    world["shape"] = lambda b: 1e8 * b
    reading = memory(rig(), seconds=60.0)
    assert reading.value in (33.0, 34.0, 35.0)  # of 36, what 0.9 of 4 GB hold; 35.8 with the process itself
    world["asked"].clear()
    assert 33 <= memory(rig(), most=4000, seconds=60.0).value <= 35
    made = rig()
    made.present = type(made.present)(batch_size=1000, learning_rate=0.1)
    world["asked"].clear()
    assert 33 <= memory(made, seconds=60.0).value <= 35
    assert [size for _, size, _ in world["asked"]][:3] == [1000, 250, 62]


def test_beside_its_own_memory_a_process_may_not_reach_the_limit_and_that_is_said(world):
    reading = memory(rig(capacity=GB), seconds=60.0)  # 0.9 may be taken, 0.97 - 0.3 can be tried
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == math.inf
    assert 4000 < reading.value <= 4700
    assert "beside the 286 MiB of the process that tried it" in reading.note
    assert "at least" in MEMORY(rig(capacity=GB), seconds=60.0).means


def test_all_rows_in_one_batch_end_the_search(world):
    reading = memory(rig(n_examples=1000), seconds=60.0)
    assert (reading.value, reading.high, reading.outcome) == (1000, 1000, Outcome.OK)
    assert memory(rig(), most=500, seconds=60.0).outcome is Outcome.LOWER_BOUND


@pytest.mark.parametrize(("failure", "sentence"), [
    ("raised", "ValueError: no."), ("timed out", "It took longer than 9 s."), ("killed", "Its process was ended by SIGSEGV.")])
def test_what_else_ends_a_process_leaves_what_was_tried_and_its_sentence(world, failure, sentence):
    world["spoil"] = {100: (failure, sentence)}
    reading = memory(rig(), seconds=60.0)
    assert (reading.value, reading.outcome) == (32, Outcome.LOWER_BOUND)
    assert sentence in reading.note
    world["spoil"] = {1: (failure, sentence)}
    reading = memory(rig(), seconds=60.0)
    assert reading.outcome is Outcome.UNKNOWN
    assert not reading.known
    assert sentence in reading.note


def test_the_systems_own_kill_counts_as_no_memory(world):
    world["spoil"] = {1000: ("killed", "Its process was ended by SIGKILL, as the system does when memory runs out.")}
    reading = memory(rig(), seconds=60.0)
    assert 900 <= reading.value < 1000
    world["spoil"] = {1: ("killed", "Its process was ended by SIGKILL.")}
    assert memory(rig(), seconds=60.0).outcome is Outcome.OUT_OF_MEMORY


def test_nothing_is_tried_without_time_or_a_description(world):
    assert memory(rig(), seconds=0.0).outcome is Outcome.UNKNOWN
    reading = memory(rig(description=None), seconds=60.0)
    assert reading.outcome is Outcome.UNKNOWN
    assert "not Keras' own" in reading.note
    assert memory(rig(capacity=None), seconds=60.0).outcome is Outcome.UNKNOWN
    assert not world["asked"]


def test_a_training_confirms_what_the_compiled_program_says(world):
    world["shape"] = lambda b: 1e3 * b
    roomy = memory(rig(FakeRig, n_examples=4096), seconds=60.0)
    assert roomy.value == 4096
    assert roomy.detail("tried_bytes") == 4096e3
    assert "ran in a process of its own" in roomy.note


def test_a_training_that_takes_more_than_the_compiled_program_says_decides(world):
    world["shape"] = lambda b: 1e6 * b
    reading = memory(rig(FakeRig, capacity=20 * GB), at_most=GB, seconds=60.0)  # a step takes 1000 bytes an example
    assert 900 <= reading.value <= 1000
    assert "the compiled step alone would allow 100,000" in reading.note


def test_a_model_that_cannot_be_described_is_not_confirmed_and_that_is_said(world):
    reading = memory(rig(FakeRig, description=None), seconds=60.0)
    assert reading.value == 100_000
    assert "no training has confirmed it" in reading.note
    assert not world["asked"]


def test_validation_and_predict_are_tried_alike(world):
    judged, predicted = memory_validation(rig(), seconds=60.0), memory_predict(rig(), at_most=GB, seconds=60.0)
    assert judged.value == 2  # there are two validation rows
    assert 7000 <= predicted.value <= 8000
    assert [call for call, *_ in world["asked"]] == ["evaluate", "predict"]
    for probe in (MEMORY_VALIDATION, MEMORY_PREDICT):
        found = probe(rig(), seconds=60.0)
        assert found.name == probe.name
        assert found.means.endswith(".")
        assert "nothing about the batch size to train with" in found.does_not_mean


def test_time_that_is_over_ends_the_search(world, monkeypatch):
    times = iter([0.0, 0.0, 100.0])
    monkeypatch.setattr(attempts, "perf_counter", lambda: next(times))
    world["shape"] = lambda b: 1e8 + 1e5 * b + 1e4 * b**1.3
    found = tried_sizes(rig(), "fit", first=32, most=100_000, limit=3e9, free=4 * GB, seconds=60.0)
    assert found.why in ("the time for it was over", "")


def real(batch_norm=True, n=50):
    layers = keras.layers
    body = [layers.Dense(8), *[layers.BatchNormalization()] * batch_norm, layers.Dense(3)]
    model = keras.Sequential([keras.Input((5,)), *body])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, open_rig(*ArraySource(model, rng.normal(size=(n, 5)).astype("float32"), rng.integers(0, 3, n)).open(0))


@pytest.mark.parametrize("call", attempts.CALLS)
def test_what_runs_in_a_process_can_run_here(monkeypatch, call):
    told = []
    monkeypatch.setattr(attempts, "tell", told.append)
    _, made = real()
    why = rise_there(made.description(), made.sample(1), (made.n_examples, 7), call, 6, (1e12, 20, math.inf, 0.1), 1e3)
    assert why == ""
    assert isinstance(told[0], int)
    assert told[0] > 0
    assert [said[0] for said in told[1:]] == [6, 6, 20, 20]
    assert all(said[1] >= 0 for said in told[1:] if len(said) == 2)


def test_a_size_that_would_take_too_long_is_not_begun(monkeypatch):
    told = []
    monkeypatch.setattr(attempts, "tell", told.append)
    _, made = real()
    why = rise_there(made.description(), made.sample(1), (40, 7), "predict", 2, (1e12, 40, math.inf, 0.1), 0.0)
    assert "would have taken longer" in why
    assert [said[0] for said in told[1:]] == [2, 2]


@pytest.mark.second
def test_a_real_process_trains_and_the_users_model_is_as_it_was():
    model, made = real()
    before = [np.array(w) for w in model.get_weights()]
    reading = memory(made, seconds=120.0)
    assert reading.known, reading.note
    assert reading.value == made.n_examples
    assert reading.detail("tried_bytes") > 2**20
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
