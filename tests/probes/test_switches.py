"""Keras' switches that change how fast `fit` is: what is measured of them, and that they change no number."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes.switches import switches
from epochal.records import Outcome
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

BOTH = {"steps_per_execution": 16, "jit_compile": True}


def timed(jitter=0.0, offered=BOTH, seed=0, **options):
    return FakeRig(seed=seed, timing=FakeTiming(step=2e-3, example=1e-6, jitter=jitter, switches=offered, **options))


def test_the_fastest_way_is_found_and_each_is_kept():
    reading = switches(timed(saves={"steps_per_execution": 1e-3, "jit_compile": 0.5e-3}, compiles={"jit_compile": 7.0}),
                       size=100, compilation=1.0)
    assert reading.value == pytest.approx(2.1 / 0.6, rel=1e-3)
    assert [(p.steps_per_execution, p.jit_compile) for p in reading.points] == [(1, False), (16, False), (16, True)]
    assert [p.compile_seconds for p in reading.points] == [1.0, 1.0, 8.0]
    assert {p.batch_size for p in reading.points} == {100}


def test_a_switch_that_slows_is_not_kept_for_the_next():
    reading = switches(timed(saves={"steps_per_execution": -1e-3, "jit_compile": 1e-3}), size=100)
    assert [(p.steps_per_execution, p.jit_compile) for p in reading.points] == [(1, False), (16, False), (1, True)]
    assert reading.value == pytest.approx(2.1 / 1.1, rel=1e-3)


def test_the_least_and_the_most_of_five_turns_hold_the_truth_in_15_of_16_measurements():
    offered, saves = {"steps_per_execution": 16}, {"steps_per_execution": 1e-3}
    found = [switches(timed(jitter=0.02, seed=seed, offered=offered, saves=saves), size=100) for seed in range(100)]
    assert all(reading.low <= reading.value <= reading.high for reading in found)
    assert sum(reading.low <= 2.1 / 1.1 <= reading.high for reading in found) >= 84  # a true 94 % falls below it once in 10,000


def test_nothing_is_timed_where_there_is_no_switch():
    class Untimed(FakeRig):
        fit_seconds = compile_seconds = None

    assert switches(Untimed()).outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize("error", [NotImplementedError, MemoryError])
def test_a_switch_that_the_model_cannot_be_compiled_with_is_left_out(error):
    class Refusing(FakeRig):
        def compile_seconds(self, batch_size, switches=()):
            if dict(switches).get("jit_compile"):
                raise error
            return super().compile_seconds(batch_size, switches)

    timing = FakeTiming(step=2e-3, switches=BOTH, saves={"steps_per_execution": 1e-3})
    reading = switches(Refusing(timing=timing), size=100)
    assert [point.steps_per_execution for point in reading.points] == [1, 16]
    assert "`jit_compile` is not for this model" in reading.note
    alone = switches(Refusing(timing=replace(timing, switches={"jit_compile": True})), size=100)
    assert alone.outcome is Outcome.UNRESOLVED
    assert alone.note


def test_another_error_is_not_hidden():
    class Broken(FakeRig):
        def compile_seconds(self, batch_size, switches=()):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        switches(Broken(timing=FakeTiming(switches=BOTH)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the switch is TensorFlow's")
def test_an_operation_that_cannot_be_compiled_as_a_whole_refuses_the_switch():
    import tensorflow as tf

    @keras.saving.register_keras_serializable("tests")
    class Outside(keras.layers.Layer):
        def call(self, x):
            return tf.ensure_shape(tf.numpy_function(lambda rows: rows, [x], tf.float32), x.shape)

        def compute_output_shape(self, shape):
            return shape

    made = keras.Sequential([keras.Input((5,)), Outside(), keras.layers.Dense(3, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    rig = rig_of(made)
    assert rig.compile_seconds(8) > 0
    with pytest.raises(tf.errors.OpError) as error:
        rig.compile_seconds(8, (("jit_compile", True),))
    assert rig.refused(error.value)


def test_a_busy_machine_is_said():
    class Busy(FakeRig):
        def fit_seconds(self, batch_size, n_steps, switches=()):
            return 1.0 / n_steps

    assert switches(Busy(timing=FakeTiming(switches=BOTH))).outcome is Outcome.UNRESOLVED


def test_the_budget_ends_it():
    reading = switches(timed(), seconds=0.0)
    assert len(reading.points) == 2


def model(**options):
    made = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.3),
                             keras.layers.Dense(3, activation="softmax")])
    made.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return made


def rows(n=70):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)).astype("float32"), rng.integers(0, 3, n)


def rig_of(made):
    source = ArraySource(made, *rows())
    return open_rig(*source.open(0))


def test_what_the_model_is_compiled_with_is_not_offered():
    steps = {} if keras.backend.backend() == "torch" else {"steps_per_execution": 16}
    jit = {"jit_compile": True} if keras.backend.backend() == "tensorflow" else {}
    assert rig_of(model()).switches() == steps | jit
    if steps:
        assert rig_of(model(steps_per_execution=4)).switches() == jit


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras takes one step at a time on PyTorch")
def test_a_rig_times_them_and_leaves_the_model_as_it_is():
    made = model()
    before = [np.array(w) for w in made.get_weights()]
    reading = switches(rig_of(made), size=8)
    assert reading.points[1].steps_per_execution == 16
    assert all(point.seconds > 0 for point in reading.points) or reading.outcome is Outcome.UNRESOLVED
    assert made.steps_per_execution == 1
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras takes one step at a time on PyTorch")
@pytest.mark.parametrize("n", [64, 70])
def test_keras_makes_the_same_updates_with_steps_per_execution(n):
    x, y = rows(n)

    def trained(steps):
        keras.utils.set_random_seed(1)
        made = model(jit_compile=False)
        made.steps_per_execution = steps
        history = made.fit(x, y, validation_data=(x, y), batch_size=8, epochs=3, verbose=0)
        return made.get_weights(), history.history

    (weights, told), (others, theirs) = trained(1), trained(16)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    for name, values in told.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4)
