"""Predictions by batch size: rounding where rows are predicted alone; seen, with the flips counted, where they meet."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.fake_rig import FakeRig
from contracts.rigs import BACKEND, BINDS, rig_of

from epochal.base.errors import UsageError
from epochal.probes.batches import predict_invariance as module
from epochal.probes.batches.predict_invariance import PREDICT_INVARIANCE
from epochal.records import Outcome
from epochal.seam.rigs.keras_rig import KerasRig


class Predicting(FakeRig):
    """Predicts what `of(rows of a batch)` is for each of its rows."""

    def __init__(self, of, kind="multiclass", **options):
        super().__init__(**{"n_examples": 40} | options)
        self._of, self.task = of, replace(self.task, kind=kind)

    def predicted(self, state, rows, batch_size):
        return [np.concatenate([self._of(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)])]


def test_rows_that_are_predicted_alone_are_the_same_in_every_batch():
    reading = PREDICT_INVARIANCE(FakeRig(n_examples=100))
    assert (reading.value, reading.detail("flips"), reading.detail("rows")) == (0, 0, 100)
    assert [point.batch_size for point in reading.points] == [32, 7, 1]
    assert "100 rows predicted in batches of 1, 7 and 32 and all at once differ by 0 of the largest prediction." in reading.means
    assert "no row changes" in PREDICT_INVARIANCE(Predicting(lambda rows: np.stack([rows, -rows], 1))).means


def test_the_difference_is_the_largest_over_rows_as_a_share_of_the_largest_prediction_and_flips_are_counted():
    def of(rows):
        first = np.where(rows < 3, 1.0, 9.0)  # three rows lie near the border
        return np.stack([first, np.full(len(rows), 1.5 - 2 * (len(rows) == 1))], 1)

    reading = PREDICT_INVARIANCE(Predicting(of))
    assert reading.value == pytest.approx(2 / 9)
    assert reading.detail("flips") == 3
    assert {point.batch_size: point.flips for point in reading.points} == {32: 0, 7: 0, 1: 3}
    assert "3 rows change their class" in reading.means
    assert "keep one for `predict`" in reading.means


@pytest.mark.parametrize(("shift", "flips"), [(0.0, 4), (5.0, 0)])
def test_one_output_is_a_probability_where_all_lie_between_0_and_1_and_else_a_logit(shift, flips):
    def of(rows):
        return (np.where(rows < 4, 0.49, 0.9) + 0.02 * (len(rows) < 7) + shift)[:, None]

    reading = PREDICT_INVARIANCE(Predicting(of, kind="binary", n_examples=40))
    assert reading.detail("flips") == flips
    logits = PREDICT_INVARIANCE(Predicting(lambda rows: np.where(rows < 4, -0.01, 3.0) + 0.02 * (len(rows) < 7), kind="binary"))
    assert logits.detail("flips") == 4


def test_what_cannot_be_told_is_said():
    assert PREDICT_INVARIANCE(Predicting(lambda rows: np.full((len(rows), 2), np.nan))).outcome is Outcome.DIVERGED
    assert PREDICT_INVARIANCE(FakeRig(n_examples=1)).outcome is Outcome.UNRESOLVED
    with pytest.raises(UsageError):
        PREDICT_INVARIANCE(FakeRig(), n_rows=0)

    def full(rows):
        raise MemoryError

    assert PREDICT_INVARIANCE(Predicting(full)).outcome is Outcome.OUT_OF_MEMORY
    lost = PREDICT_INVARIANCE(Predicting(lambda rows: np.full((len(rows), 2), np.nan if len(rows) == 1 else 1.0)))
    assert lost.value == np.inf


def test_sizes_are_left_out_to_stay_inside_the_budget(monkeypatch):
    monkeypatch.setattr(module, "perf_counter", itertools.count().__next__)
    reading = module.predict_invariance(FakeRig(n_examples=64), seconds=20.0)  # each try foresees 64 / rows tried
    assert [point.batch_size for point in reading.points] == [32, 7]
    assert "not tried, to stay inside the budget: batches of 1" in reading.note
    assert module.predict_invariance(FakeRig(n_examples=64), seconds=0.5).outcome is Outcome.UNRESOLVED


@pytest.mark.parametrize("kind", ["dense", "batch_norm", "two_inputs_two_outputs"])
def test_a_keras_model_predicts_each_row_alone(kind):
    rig = rig_of(kind, BACKEND)
    reading = PREDICT_INVARIANCE(rig)
    assert reading.value < 1e-6
    assert reading.detail("rounding") == 1e-5
    assert [point.batch_size for point in reading.points] == [7, 1]  # of 24 rows
    assert "for speed and memory alone" in reading.means


def test_a_keras_layer_that_looks_at_the_batch_is_seen():
    class Centred(keras.layers.Layer):
        def call(self, x):
            return x - keras.ops.mean(x, axis=0)

    def build():
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), Centred()])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model

    reading = PREDICT_INVARIANCE(KerasRig(build, zoo.source("dense")[1], BINDS[BACKEND]))
    assert reading.value > 0.1
    assert reading.detail("flips") > 0
    assert "Predictions depend on the batch size" in reading.means
