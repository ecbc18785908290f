"""What rigs tell of batches: the class of each row, predictions in batches of a size, and the moving statistics of batch-norm."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.rigs import BACKEND, BINDS, numpy, rig_of, user_model
from tiers import first_tier

from epochal.seam.identity.task import classes_by_row
from epochal.seam.rigs.keras_rig import KerasRig

ROWS = np.arange(16)
each_rig = pytest.mark.parametrize("bind", BINDS)


@each_rig
@pytest.mark.parametrize("kind", first_tier(3, ["dense", "batch_norm", "two_inputs_two_outputs", "embedding_recurrent",
                                                "subclassed"]))
def test_predictions_in_batches_are_those_of_keras(kind, bind):
    rig = rig_of(kind, bind)
    state, _ = rig.step(rig.fresh(0), ROWS, 0.1)
    model, data = user_model(kind, state), zoo.source(kind)[1]
    expected = keras.tree.flatten(model.predict(data.train.take(ROWS).x, batch_size=5, verbose=0))
    for size in (1, 5, 16, 99):
        found = rig.predicted(state, ROWS, size)
        assert len(found) == len(expected)
        for some, others in zip(found, expected, strict=True):
            assert some.shape == others.shape
            np.testing.assert_allclose(some, others, atol=1e-6)


@each_rig
def test_predicting_changes_no_state_and_dropout_has_no_part_in_it(bind):
    rig = rig_of("dropout", bind)
    state = rig.fresh(0)
    before = [numpy(v).tobytes() for group in state for v in group]
    other_stream = rig.fresh(1)._replace(weights=state.weights)
    np.testing.assert_array_equal(*(rig.predicted(one, ROWS, 16)[0] for one in (state, other_stream)))
    assert [numpy(v).tobytes() for group in state for v in group] == before


@each_rig
def test_moving_statistics_are_those_of_the_layers_and_can_be_set(bind):
    rig = rig_of("batch_norm", bind)
    state = rig.fresh(0)
    layer, = rig.moving_statistics(state)
    assert layer.momentum == 0.9
    np.testing.assert_array_equal(layer.mean, np.zeros(6))
    np.testing.assert_array_equal(layer.variance, np.ones(6))
    other = rig.with_moving_statistics(state, [(np.arange(6), np.full(6, 3.0))])
    np.testing.assert_array_equal(rig.moving_statistics(other)[0].mean, np.arange(6))
    np.testing.assert_array_equal(rig.moving_statistics(state)[0].variance, np.ones(6))
    assert not np.array_equal(rig.evaluate(other)[:, 0], rig.evaluate(state)[:, 0])
    np.testing.assert_array_equal(rig.weights(other), rig.weights(state))
    assert float(rig.step(other, ROWS, 0.1)[1]) == float(rig.step(state, ROWS, 0.1)[1])  # training does not use them
    assert rig_of("dense", bind).moving_statistics(rig_of("dense", bind).fresh(0)) == ()


@each_rig
def test_frozen_batch_norm_has_no_moving_statistics_and_one_inside_a_layer_of_the_users_own_has(bind):
    assert rig_of("frozen", bind).moving_statistics(rig_of("frozen", bind).fresh(0)) == ()
    rig = KerasRig(lambda: _with_own_block(), zoo.source("dense")[1], BINDS[bind])
    layer, = rig.moving_statistics(rig.fresh(0))
    assert layer.mean.shape == (4,)
    assert rig.task.normalises_over_batch


@each_rig
def test_the_statistics_of_identical_batches_follow_the_law(bind):
    """Oracle 5.10: the moving mean after n batches of mean 5 is 5 (1 - 0.99^n), the variance of no variance 0.99^n."""
    rig = KerasRig(*constant_inputs(5.0), BINDS[bind])
    state, at = rig.fresh(0), {1: 0.05, 10: 0.47809, 100: 3.16983}
    for n in range(1, 101):
        state, _ = rig.step(state, ROWS, 0.0)
        if n in at:
            layer, = rig.moving_statistics(state)
            np.testing.assert_allclose(layer.mean, 5 * (1 - 0.99**n), rtol=1e-5)
            np.testing.assert_allclose(layer.mean, at[n], atol=1e-5)
            np.testing.assert_allclose(layer.variance, 0.99**n, rtol=1e-5)


def test_classes_are_told_by_row_where_each_row_has_one():
    rig = rig_of("dense", BACKEND)
    labels = zoo.source("dense")[1].train.y
    np.testing.assert_array_equal(np.unique(labels)[rig.classes()], labels)
    assert np.bincount(rig.classes()).min() == rig.task.rarest
    assert rig_of("two_inputs_two_outputs", BACKEND).classes() is None
    assert rig_of("own_loss_and_metric", BACKEND).classes() is None
    np.testing.assert_array_equal(rig_of("one_number_out", BACKEND).classes(), zoo.source("one_number_out")[1].train.y)


@pytest.mark.parametrize(("y", "expected"), [
    ([3, 7, 7], [0, 1, 1]), ([[-1.0], [1.0]], [0, 1]), ([[0, 1, 0], [1, 0, 0]], [1, 0]), ([[4, 1], [2, 0]], None),
    ([[0.5, 0.5], [1, 0]], None), (np.zeros((2, 3, 2)), None), ([True, False], [1, 0])])
def test_codes_columns_and_one_hot_rows_are_classes_and_tokens_are_none(y, expected):
    found = classes_by_row(np.array(y))
    assert (found is None) if expected is None else (found.tolist() == expected)


def test_half_precision_rounds_more():
    assert rig_of("dense", BACKEND).rounding == 1e-5
    assert rig_of("mixed_float16", BACKEND).rounding > 1e-3


def constant_inputs(value):
    """A model whose first layer is batch-norm, and rows that are all alike."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data = zoo.classes()
    judged = {name: replace(getattr(data, name), x=getattr(data, name).x[:, :3]) for name in ("half_a", "half_b", "test")}
    return model, replace(data, train=replace(data.train, x=np.full((24, 3), value, "float32")), **judged)


class OwnBlock(keras.layers.Layer):
    """A layer, no model, that holds others."""

    def __init__(self):
        super().__init__()
        self.inner, self.norm = keras.layers.Dense(4), keras.layers.BatchNormalization()

    def call(self, x, training=False):
        return self.norm(self.inner(x), training=training)


def _with_own_block():
    model = keras.Sequential([keras.Input((5,)), OwnBlock(), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model
