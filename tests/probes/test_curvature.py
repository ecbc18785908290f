"""Curvature probes: what they say where they cannot measure, how they keep to their seconds, and what they tell a reader."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.base.errors import Unsupported, UsageError
from epochal.probes.curvature import ascent, sharpness, subset
from epochal.probes.measures import MEASURES
from epochal.records import Outcome, Setting, dump, load

SHARPNESS, PRECONDITIONED, SAM, KESKAR = MEASURES["sharpness"]
ALL = {probe.name: probe for probe in MEASURES["sharpness"]}


def small(**options):
    return FakeRig(**{"n_params": 8, "n_examples": 64, "s": 0.1} | options)


@pytest.mark.parametrize("name", ALL)
def test_each_has_its_name_words_price_and_survives_json(name):
    probe, rig = ALL[name], small(scales=np.ones(8) if name == "preconditioned_sharpness" else None)
    reading = probe(rig, seed=0, **probe.options(rig, None, 60.0))
    assert (reading.name, probe.price, reading.outcome) == (name, "normal", Outcome.OK)
    assert reading.low <= reading.value <= reading.high
    assert load(dump(reading)) == reading
    assert reading.means.endswith(".")
    assert "rescaled weights" in reading.does_not_mean


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_reads_the_same_and_the_rig_stays_as_it_was(name):
    rig = small(scales=np.ones(8) if name == "preconditioned_sharpness" else None)
    state = rig.fresh(5)
    first, second = (ALL[name](rig, seed=1) for _ in range(2))
    assert replace(first, cost=0) == replace(second, cost=0)
    np.testing.assert_array_equal(state, rig.fresh(5))


def test_an_optimizer_that_scales_nothing_has_no_preconditioned_sharpness():
    reading = PRECONDITIONED(small())
    assert reading.outcome is Outcome.UNSUPPORTED
    assert "see `sharpness`" in reading.note


def test_an_optimizer_that_is_not_known_has_no_limit():
    rig = small()
    rig.momentum = lambda: None
    assert PRECONDITIONED(rig).outcome is Outcome.UNSUPPORTED
    reading = SHARPNESS(rig)
    assert reading.known
    assert "limit" not in dict(reading.details)


def test_before_the_first_update_an_optimizer_scales_by_nothing():
    rig = small(scales=np.ones(8))
    rig.preconditioner = lambda state: None
    reading = PRECONDITIONED(rig, state=rig.fresh(0))
    assert reading.outcome is Outcome.UNRESOLVED
    assert "no update yet" in reading.note


def test_a_back_end_that_cannot_differentiate_twice_is_told():
    rig = small()

    def refuse(*_):
        raise Unsupported("cannot differentiate a layer twice")

    rig.curvature = refuse
    assert SHARPNESS(rig).outcome is Outcome.UNSUPPORTED
    assert "twice" in SHARPNESS(rig).note
    assert SAM(rig).known  # it needs slopes alone
    assert KESKAR(rig).known


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_finite_is_told(name):
    rig = small(scales=np.ones(8))
    rig.curvature = lambda state, rows, v: v * np.nan
    rig.loss = lambda state, rows: np.nan
    assert ALL[name](rig).outcome is Outcome.DIVERGED


def test_a_training_that_diverges_leaves_what_was_before_it():
    rig = small(h=3.0)
    rig.present = Setting(batch_size=32, learning_rate=5.0)
    rig.curvature = lambda state, rows, v: rig.h * v * (1.0 if np.abs(state).max() < 1e9 else np.inf)
    reading = SHARPNESS(rig, updates=60)
    assert reading.value == pytest.approx(3.0, rel=1e-3)
    assert [point.n_updates for point in reading.points] == [0, 6]


def test_one_row_tells_nothing():
    assert SHARPNESS(small(n_examples=1)).outcome is Outcome.UNRESOLVED


def test_a_slope_of_zero_leads_nowhere():
    rig = small(s=0.0)
    reading = SAM(rig, state=np.zeros(8))
    assert reading.outcome is Outcome.UNRESOLVED


@pytest.mark.parametrize(("probe", "argument"), [(SAM, "radius"), (SAM, "adaptive_radius"), (KESKAR, "size")])
@pytest.mark.parametrize("value", [0, -1, np.nan])
def test_distances_must_be_positive(probe, argument, value):
    with pytest.raises(UsageError, match=argument):
        probe(small(), **{argument: value})


@pytest.mark.parametrize(("h", "words"), [(30.0, "a smaller rate avoids that"), (20.0, "as far up as it goes"),
                                          (2.0, "curvature alone forbids only rates above 1")])
def test_the_sentence_is_by_the_limit_of_the_present_rate(h, words):
    rig = small(h=h)
    reading = SHARPNESS(rig, state=rig.fresh(0))  # the rate is 0.1
    assert words in reading.means


def test_a_loss_that_curves_nowhere_upward_sets_no_limit():
    rig = small(h=-1.0)
    reading = SHARPNESS(rig, state=rig.fresh(0))
    assert reading.value == pytest.approx(-1.0, rel=1e-3)
    assert "no limit" in reading.means


@pytest.fixture
def ticking(monkeypatch):
    """Every look at the clock finds it a second later."""
    clock = itertools.count()
    for module in (ascent, sharpness, subset):
        monkeypatch.setattr(module, "perf_counter", clock.__next__)


@pytest.mark.usefixtures("ticking")
def test_within_few_seconds_nothing_is_measured_and_the_note_says_why():
    rig = small()
    reading = SHARPNESS(rig, state=rig.fresh(0), seconds=10.0)  # a product takes a second
    assert reading.outcome is Outcome.UNRESOLVED
    assert "the budget does not allow 8 of them" in reading.note


@pytest.mark.usefixtures("ticking")
def test_a_search_that_time_ends_is_a_lower_bound():
    rig = FakeRig(n_params=300, n_examples=64, h=np.linspace(0.5, 1, 300), s=0.1)
    reading = SHARPNESS(rig, state=rig.fresh(0), seconds=40.0)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert 0.7 < reading.low <= 1
    assert reading.high == np.inf


@pytest.mark.usefixtures("ticking")
def test_a_search_in_the_box_that_time_ends_is_a_lower_bound():
    rig = small()
    rig.loss = lambda state, rows: float(np.sum(np.sin(np.arange(10, 18) * state)))
    rig.slope = lambda state, rows: np.arange(10, 18) * np.cos(np.arange(10, 18) * state)
    reading = KESKAR(rig, state=rig.fresh(0), size=0.1, seconds=4.0)
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == np.inf
    assert KESKAR(rig, state=rig.fresh(0), size=0.1, seconds=1e6).outcome is Outcome.OK


def test_later_looks_are_left_out_where_the_first_took_most_of_the_time(monkeypatch):
    rig, clock = small(), itertools.count()
    monkeypatch.setattr(sharpness, "perf_counter", clock.__next__)
    assert len(SHARPNESS(rig, seconds=1e6).points) == 4
    assert len(SHARPNESS(rig, seconds=6.0).points) < 4


def test_a_model_that_normalises_is_cut_into_its_own_batches():
    rig = small(n_examples=100)
    rig.task = replace(rig.task, normalises_over_batch=True)
    assert subset.Subset(rig, 0).parts.shape == (3, 32)
    assert "normalised over 32 rows at a time" in SHARPNESS(rig).note
