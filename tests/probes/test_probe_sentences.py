"""What readings say that they mean here, and what they do not: a sentence of each kind, from what was measured."""

import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes import PROBES
from epochal.probes.measures import MEASURES
from epochal.records import BackEndTime, Reading, SwitchTime

SWITCH = {"steps_per_execution": 16}


@pytest.mark.parametrize("name", ["memory", "throughput", "critical_rate", "compilation", "validation", "prediction", "switches"])
def test_each_known_reading_says_both_in_a_sentence(name):
    reading = PROBES[name](FakeRig(timing=FakeTiming(switches=SWITCH, saves={"steps_per_execution": 5e-4})), seed=3)
    assert reading.known
    for sentence in (reading.means, reading.does_not_mean):
        assert sentence[0].isupper() or sentence[0] == "`"
        assert sentence.endswith(".")
        assert "nan" not in sentence
        assert "None" not in sentence


def test_every_measure_has_sentences_and_a_price():
    for probes in MEASURES.values():
        for probe in probes:
            assert probe.price in ("quick", "normal", "thorough")


def test_memory_that_is_no_limit_is_said_as_that():
    assert "no limit" in PROBES["memory"](FakeRig(memory=(1000, 2**30))).means
    small = PROBES["memory"](FakeRig(memory=(1000, 2**20)))
    assert f"up to {small.value:,.0f} examples" in small.means
    assert f"micro_batch_size={small.value:.0f}" in small.means


def test_throughput_tells_whether_the_present_batch_is_beyond_the_knee():
    flat = PROBES["throughput"](FakeRig(timing=FakeTiming(step=1e-6, example=1e-4)))
    steep = PROBES["throughput"](FakeRig(timing=FakeTiming(step=1e-2, example=1e-6)))
    assert "hardly gets shorter" in flat.means
    assert "a larger batch makes an epoch shorter" in steep.means


def test_an_update_that_overshoots_at_the_present_rate_is_told_to_begin_lower():
    rig = FakeRig(h=2.0, s=0.1)  # stable below a rate of 1
    rig.present = type(rig.present)(batch_size=32, learning_rate=5.0)
    assert "begin lower" in PROBES["critical_rate"](rig).means
    rig.present = type(rig.present)(batch_size=32, learning_rate=0.001)
    assert "higher ones are worth trying" in PROBES["critical_rate"](rig).means


def times(seconds, low, high, backend="jax"):
    return BackEndTime(batch_size=32, backend=backend, seconds=seconds, low=low, high=high, compile_seconds=None)


@pytest.mark.parametrize(("value", "low", "high", "said"), [
    (2.0, 1.8, 2.2, "takes 0.5 of the time here"), (0.5, 0.4, 0.6, "No other installed back end is faster"),
    (1.0, 0.9, 1.1, "not told to be faster or slower")])
def test_another_back_end_is_faster_slower_or_undecided(value, low, high, said):
    reading = Reading(name="back_ends", value=value, low=low, high=high, repeats=5,
                      points=(times(1.0, 1.0, 1.0), times(1 / value, 1.0, 1.0, "torch")))
    assert said in PROBES["back_ends"].sentences(reading, FakeRig())[0]


@pytest.mark.parametrize(("low", "said"), [(1.5, "a larger batch saves less time"), (0.9, "not seen to end sooner")])
def test_a_switch_that_helps_takes_a_reason_for_larger_batches(low, said):
    point = SwitchTime(batch_size=32, steps_per_execution=1, jit_compile=False, seconds=1.0, sooner=1.0, low=1.0, high=1.0,
                       compile_seconds=1.0)
    tried = SwitchTime(batch_size=32, steps_per_execution=16, jit_compile=True, seconds=0.5, sooner=2.0, low=low, high=3.0,
                       compile_seconds=1.0)
    reading = Reading(name="switches", value=2.0, low=low, high=3.0, points=(point, tried))
    means = PROBES["switches"].sentences(reading, FakeRig())[0]
    assert said in means
    assert "`steps_per_execution=16` and `jit_compile=True`" in means
