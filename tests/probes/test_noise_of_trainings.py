"""Noise scales of scaled gradients and over a training: where they cannot be measured, their seconds, and their words."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.probes.measures import MEASURES
from epochal.probes.noise import along, chunks
from epochal.records import Outcome, dump, load

SIMPLE, SCALED, ALONG = MEASURES["noise_scale"]


def small(**options):
    return FakeRig(**{"n_params": 10, "n_examples": 512, "s": 1.0, "scales": np.geomspace(0.1, 10, 10)} | options)


@pytest.mark.parametrize("probe", MEASURES["noise_scale"], ids=lambda probe: probe.name)
def test_each_has_its_name_its_words_and_survives_json(probe):
    rig = small(h=1.0)
    reading = probe(rig, seed=0)
    assert reading.name == probe.name
    assert reading.known
    assert load(dump(reading)) == reading
    assert reading.unit == "examples"
    assert reading.means.endswith(".")
    assert reading.does_not_mean.startswith("It is not the batch size to use")
    assert replace(probe(rig, seed=0), cost=0) == replace(reading, cost=0)


def test_scaled_alike_in_all_directions_it_is_the_simple_one():
    rig = small(scales=np.full(10, 42.0))
    state = rig.fresh(0)
    reading = SCALED(rig, state=state)
    assert reading.value == pytest.approx(reading.detail("simple"), rel=1e-9)


def test_an_optimizer_that_scales_nothing_or_is_not_known_has_none():
    rig = small(scales=None)
    assert SCALED(rig).outcome is Outcome.UNSUPPORTED
    rig.momentum = lambda: None
    assert SCALED(rig).outcome is Outcome.UNSUPPORTED


def test_before_the_first_update_there_is_none():
    rig = small()
    rig.preconditioner = lambda state: None
    assert SCALED(rig, state=rig.fresh(0)).outcome is Outcome.UNRESOLVED


@pytest.mark.parametrize("probe", [SCALED, ALONG], ids=lambda probe: probe.name)
def test_what_the_rows_or_the_model_do_not_allow_is_told(probe):
    assert probe(small(n_examples=7)).outcome is Outcome.UNRESOLVED
    rig = small()
    rig.task = replace(rig.task, normalises_over_batch=True)
    assert probe(rig, chunk=16).outcome is Outcome.UNSUPPORTED
    reading = probe(rig)
    assert reading.detail("chunk") == 32
    assert "present batch size" in reading.note
    rig.gradient = lambda state, rows, draw=0: np.full(10, np.nan)
    assert probe(rig).outcome is Outcome.DIVERGED


def test_moments_are_equally_far_apart_and_begin_at_the_start():
    reading = ALONG(small(h=0.1), updates=80)
    assert [moment.n_updates for moment in reading.points] == list(range(0, 81, 10))
    assert [moment.n_examples for moment in reading.points] == list(range(0, 81 * 32, 320))
    assert reading.detail("at_start") == reading.points[0].value
    assert reading.value < reading.points[-1].value  # as the gradient shrinks its noise stays


def test_it_is_a_ratio_of_means_and_not_a_mean_of_ratios():
    rig = small(h=np.full(10, 0.3))
    reading = ALONG(rig, updates=80)
    assert reading.value == pytest.approx(reading.detail("trace") / reading.detail("gradient_squared"))
    assert reading.value < 0.8 * np.mean([moment.value for moment in reading.points])


def test_a_training_that_diverges_leaves_what_was_before_it():
    rig = small()
    gradient = rig.gradient
    rig.gradient = lambda state, rows, draw=0: gradient(state, rows) if np.abs(state).max() < 1e3 else np.full(10, np.inf)
    rig.step = lambda state, rows, rate: (state * 1.2, 0.0)
    reading = ALONG(rig, updates=80)
    assert reading.known
    assert reading.points[-1].n_updates < 80
    assert "instead of 80" in reading.note


def test_within_little_time_there_are_fewer_moments_and_then_none(monkeypatch):
    monkeypatch.setattr(along, "perf_counter", itertools.count().__next__)
    rig = small()
    assert len(ALONG(rig, updates=80, seconds=1e6).points) == 9
    fewer = ALONG(rig, updates=80, seconds=8.0)
    assert 2 <= len(fewer.points) < 9
    assert "to stay inside the budget" in fewer.note
    assert ALONG(rig, updates=80, seconds=1.0).outcome is Outcome.UNRESOLVED


@pytest.mark.parametrize("probe", [SCALED, ALONG], ids=lambda probe: probe.name)
def test_gradients_that_take_too_long_are_not_measured(probe, monkeypatch):
    monkeypatch.setattr(chunks, "perf_counter", itertools.count().__next__)
    reading = probe(small(), updates=10, seconds=4.0)
    assert reading.outcome is Outcome.UNRESOLVED
    assert "the budget does not allow 8 of them" in reading.note


@pytest.mark.parametrize(("s", "words"), [(30.0, "mostly chance"), (0.3, "hardly moved"), (7.0, "partly chance")])
def test_the_sentence_is_by_the_present_batch_size(s, words):
    rig = small(s=s, n_examples=60_000)
    reading = SIMPLE(rig, state=np.full(10, 1.0))
    assert words in reading.means


def test_a_lower_bound_is_said_to_be_one():
    rig = small(s=1.0, h=1.0, centred=False)
    reading = SIMPLE(rig, state=np.full(10, 1e-5))
    assert reading.outcome is Outcome.LOWER_BOUND
    assert "or more" in reading.means or "do not tell" in reading.means
