"""The memory probe, on devices whose limit is known."""

import pytest
from contracts.fake_rig import FakeRig

from epochal.base.errors import UsageError
from epochal.probes import PROBES
from epochal.records import Outcome

memory = PROBES["memory"]


class Counting(FakeRig):
    """A fake that remembers every size it was asked about."""

    def __init__(self, bend=lambda n: n, **options):
        super().__init__(**options)
        self.looked_at, self._bend = [], bend

    def peak_bytes(self, batch_size):
        self.looked_at.append(batch_size)
        return self._bend(super().peak_bytes(batch_size))


def test_all_rows_are_the_cap_and_one_look_tells():
    rig = Counting(memory=(1000, 2**30))
    reading = memory(rig)
    assert reading.value == reading.low == reading.high == rig.n_examples
    assert rig.looked_at == [rig.n_examples]


@pytest.mark.parametrize("capacity", [3_000, 77_777, 1_234_567, 4_000_000])
@pytest.mark.parametrize("bend", [lambda n: n, lambda n: 2_000 + n + n**2 // 10**7, lambda n: 1_500 + int(n**0.9)])
def test_the_largest_batch_under_the_limit_is_found_by_looking(capacity, bend):
    rig = Counting(bend, memory=(1_000, capacity))
    reading = memory(rig, precision=0.05)
    fits = [b for b in range(1, rig.n_examples + 1) if bend(1_000 * b) <= 0.9 * capacity]
    if not fits:
        assert reading.outcome is Outcome.OUT_OF_MEMORY
        return
    assert reading.low == reading.value <= fits[-1] <= reading.high
    assert fits[-1] <= reading.value * 1.05 + 1
    assert {reading.value} < set(rig.looked_at) or reading.value == rig.n_examples
    assert len(rig.looked_at) == len(set(rig.looked_at)) <= 12
    assert reading.detail("peak_bytes") == bend(1_000 * int(reading.value)) <= reading.detail("limit_bytes")


def test_a_straight_line_takes_four_looks():
    rig = Counting(memory=(1000, 1_234_567))
    memory(rig)
    assert len(rig.looked_at) == 4


@pytest.mark.parametrize(("capacity", "at_most", "value"), [
    (2_000_000, 500_000, 500), (2_000_000, 1_900_000, 1800), (None, 500_000, 500), (2_000_000, None, 1800)])
def test_less_than_the_device_has_may_be_asked_for(capacity, at_most, value):
    reading = memory(FakeRig(memory=(1000, capacity)), at_most=at_most, precision=1e-9)
    assert (reading.value, reading.outcome) == (value, Outcome.OK)


def test_headroom_is_kept_free():
    values = [memory(FakeRig(memory=(1000, 2_000_000)), headroom=h, precision=1e-9).value for h in (0.5, 0.9, 1.0)]
    assert values == [1000, 1800, 2000]


def test_a_device_that_does_not_tell_gives_unknown():
    for rig in (FakeRig(memory=(1000, None)), Counting(lambda _: None)):
        reading = memory(rig)
        assert reading.outcome is Outcome.UNKNOWN
        assert not reading.known


def test_one_example_too_large_is_said():
    assert memory(FakeRig(memory=(1000, 999))).outcome is Outcome.OUT_OF_MEMORY


def test_headroom_must_be_a_share():
    with pytest.raises(UsageError, match="`headroom` must be a share"):
        memory(FakeRig(), headroom=float("nan"))
