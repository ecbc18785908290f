"""Rows are read ahead, no further than so many; who waits for whom is measured; errors of reading are raised."""

import time
from typing import NamedTuple

import pytest

from epochal.base.stop import Stop, Stopped
from epochal.training.stream.feeder import _MOST, Feeder


class Some(NamedTuple):
    n_rows: int


def test_a_fast_source_waits_and_no_more_rows_lie_ready_than_there_is_room_for():
    feeder = Feeder(Some(4096) for _ in range(8))
    time.sleep(0.3)
    assert feeder.most_behind <= _MOST
    n = 0
    for chunks in feeder.batches():
        n += sum(chunk.n_rows for chunk in chunks)
        feeder.learned(sum(chunk.n_rows for chunk in chunks))
    assert n == 8 * 4096
    assert feeder.source_waited > 0.1


def test_a_slow_source_is_waited_for_and_never_waits():
    def source():
        for _ in range(3):
            time.sleep(0.1)
            yield Some(1)

    feeder = Feeder(source())
    assert sum(chunk.n_rows for chunks in feeder.batches() for chunk in chunks) == 3
    assert feeder.seconds_waiting > 0.2
    assert feeder.source_waited == 0


def test_what_reading_raises_is_raised_after_the_rows_before_it():
    def source():
        yield Some(2)
        raise ValueError("a broken pipe")

    found = []
    with pytest.raises(ValueError, match="a broken pipe"):
        found.extend(Feeder(source()).batches())
    assert [chunk for chunks in found for chunk in chunks] == [Some(2)]


def test_a_source_that_gives_nothing_does_not_keep_a_stop_from_ending_it():
    def source():
        yield Some(1)
        time.sleep(60)

    stop, feeder = Stop(), Feeder(source())
    begun = time.perf_counter()
    batches = feeder.batches(stop)
    assert [chunk for chunks in (next(batches), next(batches)) for chunk in chunks] == [Some(1)]
    stop.set()
    with pytest.raises(Stopped):
        next(batches)
    assert time.perf_counter() - begun < 5
