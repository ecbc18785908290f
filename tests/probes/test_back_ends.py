"""Other installed back ends of Keras: what is timed there, what is said where they fail, and that one is timed in truth."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.base.isolated import Outcome as Ended
from epochal.probes import back_ends as probe
from epochal.probes.back_ends import back_ends, seconds_there
from epochal.records import Outcome, dump, load
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

ACTIVE = keras.backend.backend()
OTHER = "tensorflow" if ACTIVE != "tensorflow" else "jax"
ALL = ("jax", "tensorflow", "torch")


@pytest.fixture
def asked(monkeypatch):
    """What processes are asked, none of which is started, and what each answers by its back end: a function, or an `Ended`."""
    calls, answers = [], dict.fromkeys(ALL, Ended(([4e-3, 6e-3, 5e-3], 3.0)))

    class Answers:
        def __init__(self, seconds, environment):
            self.seconds, self.name = seconds, environment["KERAS_BACKEND"]

        def run(self, function, *arguments):
            calls.append((self.name, self.seconds, function, arguments))
            return answers[self.name]

    monkeypatch.setattr(probe, "Isolated", Answers)
    monkeypatch.setattr(probe, "installed", lambda: ALL)
    return calls, answers


def rig(*, description="described"):
    made = FakeRig(description=description, timing=FakeTiming(step=0.01, example=0.0))
    made.machine = replace(made.machine, backend="tensorflow")
    return made


def test_the_fastest_other_is_compared_with_the_one_in_use_which_comes_first(asked):
    asked[1]["torch"] = Ended(([0.02] * 3, 1.0))
    reading = back_ends(rig(), size=100, compilation=2.0)
    assert reading.value == pytest.approx(2)
    assert (reading.low, reading.high) == (pytest.approx(0.01 / 6e-3), pytest.approx(0.01 / 4e-3))
    assert [point.backend for point in reading.points] == ["tensorflow", "jax", "torch"]
    assert [point.compile_seconds for point in reading.points] == [2.0, 3.0, 1.0]
    assert {point.batch_size for point in reading.points} == {100}
    assert [name for name, *_ in asked[0]] == ["jax", "torch"]
    assert load(dump(reading)) == reading


def test_the_same_rows_are_trained_on_here_and_there(asked):
    epochs = []

    class Listening(FakeRig):
        def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None):
            epochs.append(n_rows)
            return super().fit_seconds(batch_size, n_steps, switches, n_rows)

    made = Listening(description="described", n_examples=1010)
    back_ends(made, size=10)
    *_, (description, (x, y, weight), size, _) = asked[0][0]
    assert (description, len(x), len(y), weight, size) == ("described", 640, 640, None, 10)
    assert set(epochs) == {640}
    asked[0].clear()
    back_ends(made, size=300)
    *_, (_, (x, _, _), _, _) = asked[0][0]
    assert len(x) == 3 * 300 + 110  # the last batch of an epoch is compiled there as well


def test_few_bytes_go_to_a_process_but_one_batch_at_least(asked, monkeypatch):
    for most, n_rows in ((4000, 320), (1, 32)):  # a row has 12 bytes
        monkeypatch.setattr(probe, "_MOST_BYTES", most)
        back_ends(rig(), size=32)
        assert len(asked[0][-1][-1][1][0]) == n_rows


def test_one_that_fails_is_a_note_beside_those_that_do_not(asked):
    asked[1]["jax"] = Ended(failure="raised", sentence="ValueError: no.")
    reading = back_ends(rig(), size=32)
    assert reading.known
    assert [point.backend for point in reading.points] == ["tensorflow", "torch"]
    assert reading.note == "JAX was not timed: ValueError: no."


def test_where_no_other_could_be_timed_all_reasons_are_told(asked):
    answers = asked[1]
    answers |= {"jax": Ended(failure="timed out", sentence="It took longer than 9 s."), "torch": Ended(([0.1, -0.1, 0.1], 1.0))}
    reading = back_ends(rig(), size=32)
    assert reading.outcome is Outcome.UNRESOLVED
    assert "JAX was not timed: It took longer than 9 s." in reading.note
    assert "PyTorch was not timed: the machine was too busy" in reading.note


def test_no_process_is_started_on_a_busy_machine(asked):
    class Busy(FakeRig):
        def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None):
            return 1.0 / n_steps

    assert back_ends(Busy(description="described")).outcome is Outcome.UNRESOLVED
    assert not asked[0]


@pytest.mark.parametrize(("installed", "description"), [(("tensorflow",), "described"), (ALL, None)])
def test_nothing_is_timed_where_there_is_nothing_to_compare(asked, monkeypatch, installed, description):
    monkeypatch.setattr(probe, "installed", lambda: installed)
    assert back_ends(rig(description=description)).outcome is Outcome.UNSUPPORTED
    assert not asked[0]


def test_each_process_has_its_share_of_the_time_that_is_left(asked, monkeypatch):
    times = iter([0.0, 10.0, 40.0])
    monkeypatch.setattr(probe, "perf_counter", lambda: next(times))
    back_ends(rig(), seconds=60.0)
    assert [seconds for _, seconds, *_ in asked[0]] == [25.0, 20.0]


def model(**options):
    made = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization(),
                             keras.layers.Dense(3, activation="softmax")])
    made.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return made


def rig_of(made, n=70):
    rng = np.random.default_rng(0)
    return open_rig(*ArraySource(made, rng.normal(size=(n, 5)).astype("float32"), rng.integers(0, 3, n)).open(0))


def test_a_rig_gives_its_first_rows_and_none_but_those_it_has():
    made = rig_of(model())
    x, y, weight = made.sample(3)
    assert (x.shape, y.shape[0], weight) == ((3, 5), 3, None)
    assert len(made.sample(10**6)[0]) == made.n_examples


def test_a_model_that_runs_eagerly_is_not_described():
    assert rig_of(model()).description() is not None
    assert rig_of(model(run_eagerly=True)).description() is None


def test_what_is_timed_in_a_process_can_be_timed_here():
    made = rig_of(model())
    took, compilation = seconds_there(made.description(), made.sample(50), 8, 1.0)
    assert len(took) >= 3
    assert 0 < min(took) < 1
    assert compilation >= 0


@pytest.mark.needs(OTHER)
def test_another_back_end_is_timed_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(probe, "installed", lambda: (ACTIVE, OTHER))
    made = model()
    before = [np.array(w) for w in made.get_weights()]
    reading = back_ends(rig_of(made), size=8, seconds=120.0)
    assert reading.known, reading.note
    assert [point.backend for point in reading.points] == [ACTIVE, OTHER]
    assert all(point.seconds > 0 for point in reading.points)
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
