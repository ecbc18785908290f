"""A compiled metric that decides in the place of the loss: its score on every part, and in blocks of rows."""

import keras
import numpy as np
import pytest
from contracts.rigs import BACKEND, BINDS, numpy

from epochal.base.errors import UsageError
from epochal.seam.model.metrics import AveragePrecision, RecallAtPrecision
from epochal.seam.rigs.keras_rig import KerasRig
from epochal.seam.rows import data_from_arguments

N = 203  # rows: neither half has as many as its blocks together
each_rig = pytest.mark.parametrize("bind", BINDS)


def work():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 5)).astype("float32")
    return x, (x[:, 0] + 0.5 * rng.normal(size=N) > 0.4).astype("float32")


def build(metrics, loss="binary_crossentropy"):
    def model():
        network = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(4, activation="tanh"),
                                    keras.layers.Dense(1, activation="sigmoid")])
        network.compile("sgd", loss, metrics=metrics())
        return network
    return model


def rig_of(bind, metrics, decides, loss="binary_crossentropy"):
    x, y = work()
    data = data_from_arguments(x, y, sample_weight=None, validation_data=(x[:103], y[:103]), validation_split=0.0,
                               test_data=(x[50:90], y[50:90]), seed=0)
    return KerasRig(build(metrics, loss), data, BINDS[bind], decides=lambda names: decides), data


def trained(rig):
    state = rig.fresh(0)
    for _ in range(10):
        state, _ = rig.step(state, np.arange(64), 0.5)
    return state


@each_rig
def test_the_score_takes_the_place_of_the_loss_and_the_loss_that_of_the_metric(bind):
    plain, _ = rig_of(bind, lambda: ["mae", "accuracy"], None)
    decided, _ = rig_of(bind, lambda: ["mae", "accuracy"], ("accuracy", True))
    state = trained(plain)
    usual, figures = np.array(plain.evaluate(state)), decided.evaluate(state)
    place = 1 + plain.task.metrics.index("accuracy")
    usual[:, [0, place]] = usual[:, [place, 0]]
    usual[:, 0] = 1 - usual[:, 0]
    np.testing.assert_allclose(figures, usual, rtol=1e-6, atol=1e-6)
    assert decided.task.metrics == tuple("loss" if name == "accuracy" else name for name in plain.task.metrics)
    assert (decided.task.decides, decided.task.larger_is_better, plain.task.decides) == ("accuracy", True, "loss")
    assert decided.task.fingerprint != plain.task.fingerprint
    assert decided.task.difference(plain.task) == plain.task.difference(decided.task) == "what decides"


@each_rig
def test_the_blocks_of_a_mean_over_rows_are_the_means_over_their_rows(bind):
    rig, data = rig_of(bind, lambda: ["accuracy"], ("accuracy", True))
    state = trained(rig)
    _, blocks = rig.judged(state)
    part, size = data.half_a, data.half_a.n_rows // 4
    model = build(lambda: ["accuracy"])()
    for variable, value in zip(model.trainable_variables, state.weights, strict=True):
        variable.assign(numpy(value))
    right = (model.predict(part.x, verbose=0)[:, 0] > 0.5) == (part.y.reshape(-1) > 0.5)
    expected = [1 - right[i * size : (i + 1) * size].mean() for i in range(4)]
    np.testing.assert_allclose(blocks[0], expected, atol=1e-5)
    rows = [np.arange(i * size, (i + 1) * size) for i in range(4)]
    half_a, half_b, metrics = rig.judge(state, (rows, rows[:2]))
    np.testing.assert_allclose(half_a, expected, atol=1e-5)
    assert len(half_b) == 2
    assert len(metrics) == 1  # the loss


@each_rig
@pytest.mark.parametrize("metric", [lambda: keras.metrics.AUC(name="auc"), AveragePrecision,
                                    lambda: RecallAtPrecision(0.6, name="found")])
def test_blocks_of_a_metric_of_all_rows_have_its_value_as_their_mean_and_tell_what_a_block_adds(bind, metric):
    rig, data = rig_of(bind, lambda: [metric()], (metric().name, True))
    state = trained(rig)
    n, size = 4, data.half_b.n_rows // 4
    rows = [np.arange(i * size, (i + 1) * size) for i in range(n)]
    _, scores, _ = rig.judge(state, (rows, rows))
    whole = rig.judge(state, ([np.concatenate(rows)], [np.concatenate(rows)]))[1][0]
    others = [np.concatenate(rows[:i] + rows[i + 1:]) for i in range(n)]
    without = [rig.judge(state, ([np.concatenate(rows)], [block]))[1][0] for block in others]
    np.testing.assert_allclose(scores, [n * whole - (n - 1) * score for score in without], atol=2e-4)


@each_rig
def test_less_may_be_better_and_a_constant_answer_is_known(bind):
    rig, data = rig_of(bind, lambda: ["mae"], ("mae", False))
    state = trained(rig)
    assert rig.evaluate(state)[0, 0] == pytest.approx(rig_of(bind, lambda: ["mae"], None)[0].evaluate(state)[0, 1], rel=1e-6)
    share, held = data.train.y.mean(), np.concatenate([data.half_a.y, data.half_b.y])
    assert rig.task.constant_loss == pytest.approx(np.abs(held - share).mean(), rel=0.02)


@each_rig
def test_where_the_loss_is_no_number_the_score_is_none(bind):
    rig, _ = rig_of(bind, lambda: ["accuracy"], ("accuracy", True), "mse")
    state = rig.move(rig.fresh(0), np.full(rig.n_params, np.nan, np.float32))
    figures, blocks = rig.judged(state)
    assert np.isnan(figures[:, 0]).all()
    assert np.isnan(blocks).all()
    rows = [np.arange(10), np.arange(10, 20)]
    assert np.isnan(rig.judge(state, (rows, rows))[0]).all()


class Largest(keras.metrics.Metric):
    """The largest prediction: no sum over rows."""

    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.assign(keras.ops.maximum(self.seen, keras.ops.max(y_pred)))

    def result(self):
        return self.seen + 0.0


def test_a_metric_that_is_no_sum_over_rows_cannot_decide():
    with pytest.raises(UsageError, match="`metric` must be made of sums over rows, to decide by it; got 'largest'"):
        rig_of(BACKEND, lambda: [Largest()], ("largest", False))
