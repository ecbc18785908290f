"""Batches of one shape become one chunk: bounded in bytes and in time, and read while others train."""

import itertools
import sqlite3
import time

import numpy as np
import pytest
from training.feed_probe import BACKEND, Trainee, feed_of, of_feed

from epochal.training.feeds.stacks import stacked

X, Y = np.random.default_rng(0).normal(size=(11, 3)), np.arange(11)
TENSORFLOW = BACKEND == "tensorflow"


class Clock:
    """Time as a test wants it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def widths(sizes, seconds=0.0, **options):
    clock = Clock()

    def source():
        for size in sizes:
            clock.now += seconds
            yield np.zeros((size, 2), "float32"), np.zeros(size, "float32"), None

    return [rows.shape for _, rows in stacked(source(), clock=clock, **options)]


def test_batches_of_one_shape_are_one_chunk():
    assert widths([4] * 9 + [3]) == [(9, 4), (1, 3)]
    assert widths([4, 4, 3, 3, 4]) == [(2, 4), (2, 3), (1, 4)]
    assert widths([]) == []


def test_a_chunk_is_bounded_in_bytes():
    assert widths([4] * 100, block_bytes=16 * 48) == [(16, 4)] * 6 + [(4, 4)]
    assert widths([4] * 100, n=100, block_bytes=16 * 48) == [(10, 4)] * 10  # all alike, where the number allows it
    assert widths([4] * 3, block_bytes=1) == [(1, 4)] * 3


def test_a_slow_source_hands_on_what_it_has_in_powers_of_two():
    shapes = widths([4] * 50, seconds=0.05, block_seconds=0.22)
    assert sum(n for n, _ in shapes) == 50
    assert {n for n, _ in shapes} <= {1, 2, 4, 8, 16}
    assert max(n for n, _ in shapes) >= 4


def test_the_first_chunk_of_a_slow_generator_comes_soon():
    def slow():
        for _ in range(50):
            time.sleep(0.02)
            yield X[:3], Y[:3]

    feed, start = feed_of(slow(), steps_per_epoch=40), time.perf_counter()
    next(iter(feed.epoch(Trainee())))
    assert time.perf_counter() - start < 0.7  # of 0.8 s that the epoch takes
    feed.close()


@pytest.mark.skipif(not TENSORFLOW, reason="Keras reads batches in another thread on TensorFlow alone")
def test_batches_are_read_while_others_train():
    read = []

    def numbered():
        for i in itertools.count():
            read.append(i)
            yield X[: 3 + i % 2], Y[: 3 + i % 2]  # each of another shape than the one before

    chunks = feed_of(numbered(), steps_per_epoch=6).epoch(Trainee())
    next(chunks)
    deadline = time.monotonic() + 10
    while max(read) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert max(read) >= 2
    chunks.close()


@pytest.mark.skipif(TENSORFLOW, reason="Keras on TensorFlow reads batches in another thread, too")
def test_batches_are_read_where_fit_was_called():
    connection = sqlite3.connect(":memory:")  # may be used by one thread alone
    rows = ((X[:3], np.full(3, connection.execute("select 1").fetchone()[0])) for _ in range(4))
    assert len(of_feed(x=rows, steps_per_epoch=4, epochs=1)[0][0]) == 4
