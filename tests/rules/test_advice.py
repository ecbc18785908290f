"""Warnings: said when their facts hold, silent when they do not, whole sentences either way; their arithmetic is Keras' own."""

import math
import re
import warnings

import keras
import numpy as np
import pytest
from rules.test_patience import keras_says

from epochal.rules.training import advice

NONSENSE = re.compile(r"\bnan\b|\binf\b|None|\b1 (rows|updates|epochs|blocks)\b|\.\.|  |\(\)|(?<![.\d])0 %")

FOUND = {
    "shift": lambda: advice.sorted_split(np.repeat([0, 1], [400, 400]), np.ones(200, int)),
    "shift of numbers": lambda: advice.sorted_split(np.linspace(0, 1, 800), np.linspace(1, 1.2, 200)),
    "shift of groups": lambda: advice.sorted_split(np.repeat(np.arange(40), 20), np.repeat([40, 41], 100)),
    "blocks": lambda: advice.sorted_split(np.tile(np.repeat([0, 1], 50), 8), np.repeat([0, 1], 100)),
    "one block": lambda: advice.sorted_split(np.repeat([0, 1], [72, 8]), np.repeat([1, 0], [2, 18])),
    "weights": lambda: advice.weights_as_rate({1: 20.0}, [950, 50], "SGD"),
    "light weights": lambda: advice.weights_as_rate({0: 0.1, 1: 0.1}, [1, 1], "sgd"),
    "stopping": lambda: advice.last_weights_kept(False, 5, "val_loss"),
    "stopping at once": lambda: advice.last_weights_kept(False, 0, "val_auc"),
    "batch": lambda: advice.batch_exceeds_data(512, 300),
    "batch of one": lambda: advice.batch_exceeds_data(32, 1),
    "before": lambda: advice.trained_before(1250),
    "once before": lambda: advice.trained_before(1),
    "cold": lambda: advice.cold_statistics(80, 0.99),
    "frozen": lambda: advice.cold_statistics(1, 1.0),
    "untrained": lambda: advice.cold_statistics(0, 0.0),
    "callback": lambda: advice.every_batch(["TerminateOnNaN"], 50),
    "callbacks": lambda: advice.every_batch(["A", "B", "C"], 1),
    "prior": lambda: advice.prior_shift([0.988, 0.012], [0.5, 0.5]),
    "prior of many": lambda: advice.prior_shift([0.7, 0.1, 0.1, 0.05, 0.03, 0.02], np.full(6, 1 / 6)),
    "prior of a tiny class": lambda: advice.prior_shift([1 - 1e-7, 1e-7], [0.5, 0.5]),
}

SAID = {name: lambda found=found: str(found()) for name, found in FOUND.items()}


@pytest.mark.parametrize("name", SAID)
def test_every_warning_is_of_whole_sentences_with_figures_and_without_nonsense(name):
    said = SAID[name]()
    assert said[0].isupper() or said[0] == "`"
    assert said.endswith(".")
    assert re.search(r"\d", said)
    assert not NONSENSE.search(said), said
    assert said.count("`") % 2 == 0
    assert len(re.findall(r"\. [A-Z]", said)) >= 1          # a finding, and what to do


@pytest.mark.parametrize("name", FOUND)
def test_a_warning_holds_its_figures_and_its_cure_apart_from_its_sentence(name):
    found = FOUND[name]()
    assert found.kind
    assert found.cure.endswith(".")
    assert found.sentence.endswith(".")
    assert all(math.isfinite(value) for _, value in found.figures)


def test_rows_in_order_are_told_with_their_figures():
    said = SAID["shift"]()
    for words in ("the last 200 rows before any shuffling", "target 0 has none of them and 400 (50 %) of the 800 training rows",
                  "less than once in 10,000 times", "Shuffle x and y together first, or pass `validation_data`."):
        assert words in said
    assert "target from 1" in SAID["shift of numbers"]()
    assert "target 40 has 100 (50 %) of them and none of the 800" in SAID["shift of groups"]()
    assert "the 500 rows with target 0 stand in 9 blocks instead of about 250" in SAID["blocks"]()
    assert "the 10 rows with target 1 stand in 1 block instead of about 9.1" in SAID["one block"]()
    rows = np.random.default_rng(0).permutation(np.repeat([0, 1], 500))
    assert advice.sorted_split(rows[:800], rows[800:]) is None
    assert advice.sorted_split(list(rows[:800]), list(rows[800:])) is None


def one_step(optimizer, class_weight=None):
    """How far one step of Keras' `fit` moves a weight, on 9 rows of class 0 and 1 of class 1 with the same gradient."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(optimizer=optimizer, loss=lambda y, p: p - 0 * y)
    model.fit(np.ones((10, 1)), np.array([0.0] * 9 + [1.0]), batch_size=10, class_weight=class_weight, verbose=0)
    return abs(float(model.get_weights()[0][0, 0]))


def test_the_factor_is_by_how_much_keras_steps_get_longer_and_adams_do_not():
    weights = {1: 31.0}                                                     # mean 4
    for optimizer in (lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.SGD(0.1, momentum=0.9)):
        assert one_step(optimizer(), weights) == pytest.approx(4 * one_step(optimizer()), rel=1e-5)
    adam = [one_step(keras.optimizers.Adam(0.1), w) for w in (None, weights)]
    assert adam[0] == pytest.approx(adam[1], rel=1e-5)
    assert "mean weight of 4," in str(advice.weights_as_rate(weights, [9, 1], keras.optimizers.SGD.__name__))
    assert advice.weights_as_rate(weights, [9, 1], keras.optimizers.Adam.__name__) is None


@pytest.mark.parametrize(("weights", "counts", "said"), [
    ({0: 1.09, 1: 1.09}, [5, 5], False), ({0: 1.11, 1: 1.11}, [5, 5], True), ({0: 0.91, 1: 0.91}, [5, 5], False),
    ({0: 0.89, 1: 0.89}, [5, 5], True), ({0: 10 / 18, 1: 5.0}, [9, 1], False), ({}, [9, 1], False), ({7: 100.0}, [9, 1], False),
    ({0: math.nan}, [9, 1], False), ({0: math.inf}, [9, 1], False), ({0: 0.0, 1: 0.0}, [9, 1], False)])
def test_only_a_mean_weight_that_is_off_from_one_is_told(weights, counts, said):
    assert (advice.weights_as_rate(weights, counts, "sgd") is not None) is said


@pytest.mark.parametrize("patience", [0, 1, 4])
def test_early_stopping_stops_so_many_epochs_after_the_best_as_is_said(patience):
    losses = [1.0, 0.8, 0.5] + [0.6] * 20
    best, last = keras_says(losses, patience)
    assert f"{last - best} epoch" in str(advice.last_weights_kept(False, patience, "val_loss"))
    assert advice.last_weights_kept(True, patience, "val_loss") is None


def test_a_batch_as_large_as_the_data_is_no_cause_for_alarm():
    assert advice.batch_exceeds_data(300, 300) is None
    assert advice.batch_exceeds_data(32, 300) is None
    assert "more than the 300 rows of the data" in SAID["batch"]()
    assert "at most 150" in SAID["batch"]()
    assert SAID["batch of one"]().endswith("Pass 1.")


def test_a_fresh_model_goes_without_a_word():
    assert advice.trained_before(0) is None
    assert advice.trained_before(np.int64(0)) is None
    assert "made 1,250 updates before" in str(advice.trained_before(np.int64(1250)))


@pytest.mark.parametrize(("n", "momentum"), [(5, 0.9), (20, 0.9), (80, 0.99)])
def test_the_share_is_what_keras_batch_norm_still_holds_of_its_beginning(n, momentum):
    layer = keras.layers.BatchNormalization(momentum=momentum)
    batch = np.full((4, 1), 3.0, "float32")
    for _ in range(n):
        layer(batch, training=True)
    left = float(layer.moving_variance[0])                     # a batch without variance: only the first 1 is left
    said = float(re.search(r"still ([\d.]+) %", str(advice.cold_statistics(n, momentum)))[1])
    assert said == pytest.approx(100 * left, rel=5e-3)             # three digits
    assert 3.0 - float(layer.moving_mean[0]) == pytest.approx(3.0 * left, rel=1e-3)


def test_statistics_are_warm_from_the_update_that_is_named():
    said = SAID["cold"]()
    assert "still 44.8 %" in said                              # 80 updates: 45 %
    n = int(re.search(r"([\d,]+) updates would leave 1 %", said)[1])
    assert advice.cold_statistics(n, 0.99) is None
    assert advice.cold_statistics(n - 1, 0.99) is not None
    assert said.endswith("`epochal.reestimate_batch_norm(model, x)` estimates them anew from the data.")
    assert advice.cold_statistics(1, 0.0) is None
    assert advice.cold_statistics(100, math.nan) is None
    assert "would leave" not in SAID["frozen"]()


def test_callbacks_that_look_at_every_batch_are_named():
    said = SAID["callback"]()
    assert said.startswith("`TerminateOnNaN` looks at every batch, so that training returns to Python after every step, "
                           "50 times an epoch.")
    assert SAID["callbacks"]().startswith("`A`, `B` and `C` look at every batch")
    assert "1 time an epoch" in SAID["callbacks"]()
    assert "after every step. Do" in str(advice.every_batch(["A"], None))  # of a source that does not know its length
    assert advice.every_batch([], 50) is None


def test_both_priors_are_told_and_of_many_classes_the_two_that_move_most():
    said = SAID["prior"]()
    assert "class 0 is 50 % of the batches, 98.8 % of the data; class 1 is 50 % of the batches, 1.2 % of the data" in said
    assert "`epochal.corrected(p, trained=…, true=…)` corrects them" in said
    many = SAID["prior of many"]()
    assert "class 0 is 16.7 %" in many
    assert "class 5 is 16.7 %" in many
    assert "class 1" not in many
    assert "over 99.9 % of the data" in SAID["prior of a tiny class"]()
    assert "under 0.001 % of the data" in SAID["prior of a tiny class"]()


def test_shares_that_hardly_move_go_without_a_word():
    assert advice.prior_shift([0.5, 0.5], [0.5, 0.5]) is None
    assert advice.prior_shift([0.49, 0.51], [0.5, 0.5]) is None
    assert advice.prior_shift([0.47, 0.53], [0.5, 0.5]) is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert advice.prior_shift([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]) is None      # a class that is nowhere
        assert advice.prior_shift([1.0, 0.0], [0.0, 1.0]) is None
