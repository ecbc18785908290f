"""Every optimizer and schedule of Keras trains on the bench and in `fit` as under Keras, and seeds know nothing of one another."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.optimizers import ALONE, optimizers, schedules
from contracts.rigs import BACKEND, flat
from engine.ways import way
from keras import layers
from parity.same_fit import differences, epochal_fit, keras_fit, train
from tiers import first_tier

from epochal.engine import Batches, Lane
from epochal.engine import train as train_lanes
from epochal.experiments.blocks import schedule_of
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

OPTIMIZERS, N = optimizers(), 24
FIRST = [name for name in ("ScheduleFreeAdamW", "MultiOptimizer") if name in OPTIMIZERS]
X = np.random.default_rng(0).normal(size=(N, 5)).astype("float32")
Y = np.random.default_rng(1).normal(size=(N, 2)).astype("float32")
VALIDATION = (X[::2] + 1, Y[::2])


def model_of(optimizer):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4, activation="tanh", name="first"), layers.Dense(2, name="last")])
    model.compile(optimizer, "mse")
    return model


def rig_of(optimizer):
    return open_rig(model_of(optimizer), data_from_arguments(X, Y, validation_data=VALIDATION))


def test_all_of_keras_are_there():
    assert {"SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion", "Lamb",
            "Muon"} <= set(ALONE)


@pytest.mark.parametrize("name", first_tier(FIRST, OPTIMIZERS))
def test_what_one_seed_starts_from_is_nothing_to_another(name):
    """At a tiny rate every seed stays beside its own weights. Slots of one seed given to all bring them together in one step."""
    if name == "Ftrl":
        pytest.skip("its first step leaves nothing of the weights that it begins with, under Keras too")
    rig = rig_of(OPTIMIZERS[name]())
    for seed in (1, 2, 3):
        state = rig.fresh(seed)
        before = rig.weights(state)
        for _ in range(4):  # some optimizers wait for the second batch
            state, _ = rig.step(state, np.arange(8), 1e-6)
        assert np.abs(rig.weights(state) - before).max() < 1e-3 * np.abs(before - rig.weights(rig.fresh(seed + 1))).max()


@pytest.mark.parametrize("name", first_tier(FIRST, OPTIMIZERS))
def test_steps_of_any_seed_are_those_of_train_on_batch(name):
    """Also the optimizer's own variables: what begins as something of the weights begins as that of this seed's."""
    rig, model = rig_of(OPTIMIZERS[name]()), model_of(OPTIMIZERS[name]())
    state = rig.fresh(7)
    for variable, value in zip(model.trainable_variables, state.weights, strict=True):
        variable.assign(np.array(keras.ops.convert_to_numpy(value)))
    model.optimizer.build(model.trainable_variables)
    assert_near(flat(state.slots), flat(model.optimizer.variables))
    for i, rate in enumerate(rig.present_schedule(6)):
        rows = np.arange(8) + i
        state, loss = rig.step(state, rows, rate)
        model.reset_metrics()
        assert_near(float(loss), float(model.train_on_batch(X[rows], Y[rows])))
    assert_near(flat(state.weights), flat(model.trainable_variables))
    assert_near(flat(state.slots), flat(model.optimizer.variables))


@pytest.mark.parametrize("name", first_tier(FIRST[:1], OPTIMIZERS))
def test_the_fused_epoch_is_the_steps_one_by_one(name):
    if BACKEND != "jax":
        pytest.skip("only JAX compiles an epoch")
    rig = rig_of(OPTIMIZERS[name]())
    lanes = [Lane(1, rig.present.learning_rate), Lane(2, rig.present.learning_rate / 2)]
    for one, other in zip(*(train_lanes(rig, lanes, Batches(7, 2), how=how) for how in (way("fused", 2), way("stepwise"))),
                          strict=True):
        np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=2e-5)
        np.testing.assert_allclose(one.figures, other.figures, rtol=2e-5)


@pytest.mark.parametrize("name", first_tier(FIRST[:1], OPTIMIZERS))
def test_fit_trains_with_it_as_keras_does(name):
    """An average of the weights takes their place when `fit` ends, and not before: so Keras judges and saves."""
    def make():
        return model_of(OPTIMIZERS[name]()), {"x": X, "y": Y, "validation_data": VALIDATION, "batch_size": 7, "epochs": 3,
                                              "shuffle": False}

    found = differences(train(epochal_fit, make, engine="auto"), train(keras_fit, make))
    assert all(difference <= 1e-4 for difference in found.values()), found


@pytest.mark.parametrize("name", schedules())
def test_a_schedule_says_at_every_step_what_it_says_when_it_is_called(name):
    """From the first steps to the last of thousands: they are found many at a time."""
    schedule = schedules()[name]
    rig = rig_of(keras.optimizers.Adam(schedule))
    found, looked = rig.present_schedule(5000), [0, 1, 4, 5, 6, 9, 10, 11, 12, 13, 39, 40, 41, 49, 50, 51, 4095, 4096, 4999]
    expected = [float(schedule(keras.ops.convert_to_tensor(step))) for step in looked]
    np.testing.assert_allclose(found[looked], expected, rtol=1e-5, atol=1e-9)
    assert rig.present.schedule == type(schedule).__name__
    assert rig.present.learning_rate == pytest.approx(max(found), rel=1e-5)
    twice_as_fast = schedule_of(rig, replace(rig.present, batch_size=64))(100)
    np.testing.assert_allclose(twice_as_fast, found[:200:2], rtol=1e-6)


def test_a_schedule_is_compiled_once_for_however_many_steps_and_lanes(monkeypatch):
    calls = []

    class Counting(keras.optimizers.schedules.CosineDecay):
        def __call__(self, step):
            calls.append(step)
            return super().__call__(step)

    rig = rig_of(keras.optimizers.Adam(Counting(0.0, 1000, warmup_target=1e-3, warmup_steps=100)))
    rig.present_schedule(5000)
    before = len(calls)
    for _ in range(100):
        rig.present_schedule(5000)
    assert len(calls) == before
    if BACKEND != "torch":  # which runs eagerly
        assert before < 20


@pytest.mark.second
def test_two_sets_of_weights_are_told():
    notes = {name: " ".join(rig_of(OPTIMIZERS[name]()).task.notes) for name in [*FIRST[:1], "Adam, averaging", "Adam"]}
    if "ScheduleFreeAdamW" in notes:
        assert "judged and saved are those of the model, as Keras evaluates and saves them" in notes["ScheduleFreeAdamW"]
    assert "every epoch is judged by the weights that train" in notes["Adam, averaging"]
    assert "judged" not in notes["Adam"]


def assert_near(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6 * max(np.abs(theirs).max(initial=0), 1))
