"""Rare classes: what the two readings say where there are none, of few rows, in little time; the numbers are judged in `truths`."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from contracts.rigs import BACKEND, rig_of
from probes.class_rig import ClassRig

from epochal.base.errors import UsageError
from epochal.base.seeds import stream
from epochal.probes.batches import stratified_noise as module
from epochal.probes.batches.rare_class import RARE_CLASS
from epochal.probes.batches.stratified_noise import STRATIFIED_NOISE
from epochal.probes.measures import MEASURES
from epochal.records import Outcome, Setting, dump, load


def test_the_present_batch_size_is_told_in_odds_and_in_batches_of_an_epoch():
    reading = RARE_CLASS(ClassRig((9900, 100)))
    details = dict(reading.details)
    assert (details["rarest"], details["rows"], details["batch_size"], details["batches"]) == (100, 10_000, 32, 313)
    assert details["odds"] == pytest.approx(0.724616, rel=1e-6)
    assert details["empty"] == pytest.approx(226.93, abs=0.01)
    assert details["odds_any"] == pytest.approx(details["odds"])  # there is but one other class, which is always there
    assert "With a batch size of 32, 72.5 % of the batches (227 of 313 in an epoch, on average) are without" in reading.means
    assert "from a batch size of 294 on at most 5 % are" in reading.means
    assert "learn the rare class worse" in reading.does_not_mean
    assert min(point.batch_size for point in reading.points if point.odds <= 0.05) == 294
    assert load(dump(reading)) == reading


def test_of_several_classes_all_must_be_there():
    reading = RARE_CLASS(ClassRig((500, 30, 30)))
    assert reading.detail("all_classes") > reading.value
    assert reading.detail("odds_any") > reading.detail("odds")


def test_odds_that_are_none_are_said_so_and_a_batch_of_all_rows_lacks_nothing():
    rig = ClassRig((50, 50))
    rig.present = Setting(batch_size=64, learning_rate=0.1)
    assert "practically no batch is without" in RARE_CLASS(rig).means
    rig.present = Setting(batch_size=1000, learning_rate=0.1)
    assert (RARE_CLASS(rig).detail("odds"), RARE_CLASS(rig).detail("batch_size")) == (0, 100)


def test_one_row_of_a_class_needs_nearly_all_rows_in_a_batch():
    assert RARE_CLASS(ClassRig((99, 1))).value == 95


def test_very_many_classes_are_told_without_the_odds_of_any():
    reading = RARE_CLASS(ClassRig((3,) * 201))
    assert "odds_any" not in dict(reading.details)
    assert all(point.odds_any is None for point in reading.points)


def test_without_classes_there_is_nothing_to_lack():
    for probe in (RARE_CLASS, STRATIFIED_NOISE):
        assert probe(FakeRig()).outcome is Outcome.UNSUPPORTED
        assert probe(ClassRig((64,))).outcome is Outcome.UNSUPPORTED
        assert probe(rig_of("own_loss_and_metric", BACKEND)).outcome is Outcome.UNSUPPORTED
    for risk in (0, 1, np.nan):
        with pytest.raises(UsageError):
            RARE_CLASS(ClassRig((9, 1)), risk=risk)


def test_of_a_keras_model_the_counts_are_those_of_its_training_rows():
    rig = rig_of("dense", BACKEND)
    reading = RARE_CLASS(rig)
    assert (reading.detail("rarest"), reading.detail("rows"), reading.detail("classes")) == (rig.task.rarest, 24, 3)
    noise = STRATIFIED_NOISE(rig, chunk=3)
    assert noise.known
    assert noise.repeats == 8
    assert noise.detail("trace_plain") > 0


@pytest.mark.parametrize("counts", [(64, 64), (100, 20, 8), (97, 29, 2)])
def test_every_dealt_chunk_holds_each_class_in_its_share_give_or_take_a_row(counts):
    classes = np.repeat(np.arange(len(counts)), counts)
    for n_chunks, chunk in ((16, 8), (8, 13), (9, 11)):
        dealt = module._dealt(classes, n_chunks, chunk, stream(0, "dealt"))
        assert dealt.shape == (n_chunks, chunk)
        assert len(np.unique(dealt)) == dealt.size
        held = np.array([np.bincount(classes[rows], minlength=len(counts)) for rows in dealt])
        assert (abs(held - chunk * np.array(counts) / sum(counts)) < 1).all()


def test_chunks_and_rows_that_are_too_few_and_models_that_normalise():
    assert STRATIFIED_NOISE(ClassRig((4, 3))).outcome is Outcome.UNRESOLVED
    normalising = ClassRig((300, 300))
    normalising.task = replace(normalising.task, normalises_over_batch=True)
    assert STRATIFIED_NOISE(normalising).detail("chunk") == 32
    assert STRATIFIED_NOISE(normalising, chunk=8).outcome is Outcome.UNSUPPORTED
    with pytest.raises(UsageError):
        STRATIFIED_NOISE(ClassRig((40, 40)), n_chunks=7)
    assert STRATIFIED_NOISE(ClassRig((40, 40), s=0.0)).outcome is Outcome.UNRESOLVED
    assert STRATIFIED_NOISE(ClassRig((40, 40)), state=np.full(2, np.nan)).outcome is Outcome.DIVERGED


def test_classes_that_say_all_leave_no_noise_and_classes_that_say_nothing_leave_all():
    classes = np.repeat([0, 1], 128)
    all_of_it = STRATIFIED_NOISE(ClassRig.of_gradients(np.stack([classes, 1.0 - classes], 1), classes))
    assert all_of_it.value == pytest.approx(1)
    assert "less gradient noise" in all_of_it.means
    nothing = STRATIFIED_NOISE(ClassRig((128, 128)))
    assert nothing.low < 0 < nothing.high
    assert "not seen to have less" in nothing.means


def test_pairs_are_left_out_to_stay_inside_the_budget(monkeypatch):
    monkeypatch.setattr(module, "perf_counter", itertools.count().__next__)
    rig = ClassRig((512, 512))
    assert module.stratified_noise(rig, seconds=1e6).repeats == 32
    few = module.stratified_noise(rig, seconds=12.0)
    assert few.repeats == 13
    assert "19 of 32 pairs" in few.note
    assert "the budget does not allow" in module.stratified_noise(rig, seconds=3.0).note


def test_each_reading_has_a_word_a_price_and_two_sentences():
    for word, names in {"rare_class": ["rare_class", "stratified_noise"], "batch_norm": ["batch_norm_lag"],
                        "accumulation": ["accumulation"], "predict": ["prediction", "predict_invariance"]}.items():
        assert [probe.name for probe in MEASURES[word]] == names
    assert MEASURES["batch_norm"][0].price == MEASURES["rare_class"][1].price == "normal"
