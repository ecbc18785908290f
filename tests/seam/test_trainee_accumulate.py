"""How a batch is cut into micro-batches, and what of a model's configuration forbids it; on every back end."""

import keras
import pytest
from seam import trainee_zoo as zoo
from seam.trainee_contract import assert_same, everything, made
from tiers import first_tier

from epochal.base.errors import Unsupported, UsageError
from epochal.seam.rows import over
from epochal.seam.trainee import build
from epochal.seam.trainee.accumulate import Whole, check, part, record, refuse, rule, split, whole


@pytest.mark.parametrize(("n", "micro", "sizes"), [
    (32, 18, [18, 14]), (32, 8, [8, 8, 8, 8]), (5, 8, [5]), (7, 3, [3, 3, 1]), (1, 1, [1])])
def test_every_row_is_in_one_micro_batch(n, micro, sizes):
    assert split(n, micro) == sizes


@pytest.mark.parametrize("size", [0, -1, 2.5, None, "8"])
def test_a_micro_batch_is_a_number_of_rows(size):
    with pytest.raises(UsageError, match=r"`micro_batch_size` must be a whole number of rows, at least 1; got"):
        refuse(zoo.dense()[0], size)


@pytest.mark.parametrize(("reduction", "expected"), [
    ("sum_over_batch_size", "mean"), ("mean", "mean"), ("sum", "sum"), ("mean_with_sample_weight", "weighted")])
def test_the_rule_is_that_of_the_compiled_loss(reduction, expected):
    assert rule(zoo.dense(loss=keras.losses.MeanSquaredError(reduction=reduction))[0]) == expected


def test_several_outputs_are_only_put_together_by_means():
    model, *_ = zoo.two_inputs_two_outputs()
    assert rule(model) == "mean"
    model.compile("sgd", {"kind": "mse", "size": keras.losses.MeanSquaredError(reduction="sum")})
    with pytest.raises(Unsupported, match="reduces the rows of a batch by 'mean' and 'sum'"):
        rule(model)
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(Unsupported, match="by 'sum', which cannot be put together"):
        rule(model)


@pytest.mark.parametrize("kind", first_tier(1,
    ["sample_weights", "dense", "regularised_clipped_scheduled", "summed", "divided_by_weights",
                                  "two_inputs_two_outputs", "own_compute_loss"]))
def test_the_parts_add_up_to_the_loss_of_the_batch_and_so_does_the_metric(kind):
    model, batch = opened(zoo.SPLIT[kind])
    of = whole(model, batch)
    assert of.n_rows == 8
    _, all_of_it = part(model, batch, of, training=True)
    x, y, weight = batch
    y_pred = model(x, training=True)
    assert number(all_of_it) == pytest.approx(number(model.compute_loss(x, y, y_pred, weight, training=True)), rel=1e-6)
    model.reset_metrics()
    total, start = 0.0, 0
    for size in split(8, 3):
        piece = tuple(over(lambda a, rows=slice(start, start + size): a[rows], tree) for tree in batch)
        y_pred, loss = part(model, piece, of, training=True)
        logs = record(model, piece, y_pred, loss, of)
        total, start = total + number(loss), start + size
    assert total == pytest.approx(number(all_of_it), rel=1e-5)
    assert number(logs["loss"]) == pytest.approx(total, rel=1e-5)


def test_a_share_of_another_size_would_show():
    model, batch = opened(zoo.summed)
    right, wrong = (number(part(model, batch, Whole(n, None), training=True)[1]) for n in (8, 9))
    assert abs(wrong / right - 1) > 1e-4


def test_batch_norm_is_refused_unless_it_is_frozen():
    model, *_ = zoo.cnn_batch_norm()
    with pytest.raises(Unsupported, match=r"its mean and variance from each of them instead of the whole batch: another model"):
        refuse(model, 8)
    model.layers[1].trainable = False
    refuse(model, 8)


def test_moving_statistics_are_found_by_the_check_on_rows():
    model, batch = opened(zoo.cnn_batch_norm)
    with pytest.raises(Unsupported, match="Training changes"):
        check(model, batch)


def test_a_layer_with_a_state_is_refused():
    body = [keras.layers.LSTM(2, stateful=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input(batch_shape=(8, 3, 1)), *body])
    model.compile("sgd", "mse")
    with pytest.raises(Unsupported, match="carries a state from batch to batch"):
        refuse(model, 4)


@pytest.mark.parametrize("kind", first_tier(2, zoo.SPLIT))
def test_the_check_passes_what_can_be_split_and_leaves_no_trace(kind):
    model, batch = opened(zoo.SPLIT[kind])
    before = everything(model)
    check(model, batch)
    assert_same(everything(model), before, 0)


@pytest.mark.parametrize("n", first_tier(1, [2, 3, 8]))
def test_the_check_needs_two_rows(n):
    model, batch = opened(zoo.dense)
    check(model, tuple(over(lambda a: a[:n], tree) for tree in batch))
    model, batch = opened(zoo.root_of_a_mean)
    with pytest.raises(Unsupported, match="not put together from its rows"):
        check(model, tuple(over(lambda a: a[:n], tree) for tree in batch))


def opened(kind):
    """A built model, and its first batch on the device."""
    model, train, _ = made(kind)
    batch = tuple(over(lambda a: a[: zoo.BATCH_SIZE], tree) for tree in train)
    build(model, batch)
    return model, tuple(over(keras.ops.convert_to_tensor, tree) for tree in batch)


def number(tensor):
    return float(keras.ops.convert_to_numpy(tensor))
