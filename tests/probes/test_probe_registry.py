"""What all probes have in common."""

import inspect

import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes import PROBES
from epochal.records import Evidence, Reading, dump, load


@pytest.fixture(scope="module")
def readings():
    """Of those that start no process: what they read of a fake model is known."""
    return {name: probe(FakeRig(timing=FakeTiming(switches={"steps_per_execution": 16})), seed=3)
            for name, probe in PROBES.items() if name != "back_ends"}


def test_each_probe_reads_under_its_registered_name_and_holds_its_value(readings):
    for name, reading in readings.items():
        assert reading.name == name
        assert reading.known
        assert reading.low <= reading.value <= reading.high
        assert reading.cost > 0


def test_each_reading_survives_json(readings):
    assert {name: load(dump(reading)) for name, reading in readings.items()} == readings
    assert all(isinstance(reading, Reading) for reading in readings.values())


def test_each_probe_takes_the_rig_first_and_the_seed_by_name():
    for probe in PROBES.values():
        rig, *options = inspect.signature(probe.run).parameters.values()
        assert rig.name == "rig"
        assert all(option.kind is option.KEYWORD_ONLY for option in options)
        assert "seed" in {option.name for option in options}


def test_the_same_seed_reads_the_same():
    for name in ("noise_scale", "critical_rate"):
        first, second, other = (PROBES[name](FakeRig(), seed=seed) for seed in (1, 1, 2))
        assert first.value == second.value != other.value


def test_each_probe_says_what_it_measures_and_names_its_reading():
    rig = FakeRig()
    for name, probe in PROBES.items():
        assert all((probe.title, probe.what, probe.why))
        assert probe.cost(60, 0.9) > 0
        reading = probe(rig, seed=0, **probe.options(rig, Evidence(), 60))
        assert (probe.name, reading.name, reading.title) == (name, name, probe.title)
        assert reading.cost > 0
