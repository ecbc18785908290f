"""Gradient noise and critical rate keep to their seconds: fewer repeats first, and no measurement where even the fewest overrun."""

import importlib
import itertools

import pytest
from contracts.fake_rig import FakeRig

from epochal.probes import PROBES
from epochal.probes.agenda import due
from epochal.records import Evidence, Outcome


@pytest.fixture(params=["noise.chunks", "critical_rate"])
def probe(request, monkeypatch):
    """`(probe, rig)`; every look at the clock finds it a second later."""
    monkeypatch.setattr(importlib.import_module(f"epochal.probes.{request.param}"), "perf_counter", itertools.count().__next__)
    return PROBES["noise_scale" if request.param == "noise.chunks" else request.param], FakeRig()


def test_within_much_time_nothing_is_left_out(probe):
    measure, rig = probe
    assert measure(rig, seconds=1e6).repeats == measure(rig).repeats


def test_within_less_chunks_are_left_out(probe):
    measure, rig = probe
    if measure.name == "noise_scale":
        assert measure(rig, seconds=12.0).repeats == 13  # the first one compiles


def test_where_the_fewest_would_overrun_nothing_is_measured_and_the_note_says_why(probe):
    measure, rig = probe
    reading = measure(rig, seconds=3.0)
    assert reading.outcome is Outcome.UNRESOLVED
    assert "the budget does not allow" in reading.note


def test_each_gets_a_tenth_of_the_budget():
    for found in due(Evidence(), 60.0):
        if found.name in ("noise_scale", "critical_rate"):
            assert found.options(FakeRig(), Evidence(), 60.0) == {"seconds": 6.0}
