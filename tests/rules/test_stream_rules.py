"""Faded means, batch sizes compared on the same rows, and lag: against the plain way of computing them."""

import numpy as np
import pytest

from epochal.rules.stream.compare import FEWEST, MOST, add_block, compared
from epochal.rules.stream.fading import MOST_POINTS, Faded, faded, thinned
from epochal.rules.stream.lag import rows_waited, seconds_waited


@pytest.mark.parametrize("fading", [0.9, 0.999, 1.0])
def test_a_faded_mean_is_what_the_recurrence_says_to_the_last_digit_however_values_are_cut(fading):
    values = np.random.default_rng(0).gamma(1, size=1000)
    whole, totals, plains = faded(Faded(fading), values)
    in_parts = Faded(fading)
    for part in np.split(values, [1, 7, 500, 998]):
        in_parts, *_ = faded(in_parts, part)
    assert in_parts == whole
    s = b = 0.0
    for value, total in zip(values, totals, strict=True):
        s, b = value + fading * s, 1 + fading * b
        assert total == pytest.approx(s, rel=1e-12)
    assert whole.mean == pytest.approx(s / b, rel=1e-10)
    assert whole.overall == pytest.approx(values.mean())
    assert plains[-1] == pytest.approx(values.sum())


def test_before_the_first_value_a_mean_is_no_number():
    assert np.isnan(Faded(0.9).mean)
    assert np.isnan(Faded(0.9).overall)
    assert faded(Faded(0.9), [])[0] == Faded(0.9)


def test_the_curve_of_a_stream_without_end_stays_short_and_evenly_spaced():
    points, every = (), 32
    for row in range(32, 10**6, 32):
        if row % every == 0:
            points, every = thinned((*points, row), every)
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS
    assert set(np.diff(points)) == {every}


def test_a_batch_size_that_is_better_in_every_block_is_told_and_noise_is_not():
    rng = np.random.default_rng(1)
    shared = rng.normal(size=64)
    means = np.array([shared, shared - 0.1 + 0.01 * rng.normal(size=64), shared + 0.1 * rng.normal(size=64)])
    less, noise = compared(means)
    assert less[3] == "less"
    assert less[1] < -0.1 < less[2] < 0
    assert noise[3] == "not told apart"


def test_in_null_worlds_with_neighbours_that_are_alike_at_most_one_family_in_ten_is_wrong():
    """Blocks with a correlation of 0.5 of neighbours, two comparisons at 5 % together: the chance of more than 60 of 400 is below
    0.001 where 10 % are wrong."""
    wrong = 0
    for seed in range(400):
        noise = np.random.default_rng(seed).normal(size=(3, 65))
        wrong += any(told != "not told apart" for *_, told in compared(noise[:, 1:] + noise[:, :-1]))
    assert wrong <= 60


def test_too_few_blocks_or_a_loss_that_is_no_number_tell_nothing():
    assert compared(np.zeros((2, FEWEST - 1)))[0] == (None, None, None, "not told apart")
    means = np.ones((2, FEWEST))
    means[1, 3] = np.nan
    assert compared(means)[0] == (None, None, None, "not told apart")


def test_blocks_merge_in_pairs_and_keep_their_mean():
    means, rng = np.zeros((2, 0)), np.random.default_rng(0)
    blocks = rng.normal(size=(MOST, 2))
    for block in blocks:
        means, merged = add_block(means, block)
    assert merged
    assert means.shape == (2, MOST // 2)
    assert means.mean(axis=1) == pytest.approx(blocks.mean(axis=0))


def test_a_row_waits_for_half_a_batch_and_forever_where_rows_come_too_fast():
    assert [rows_waited(size) for size in (1, 32)] == [0, 15.5]
    assert seconds_waited(11, 10, 0.01) == pytest.approx(0.5 + 0.11)
    assert seconds_waited(1, 100, 0.01) == float("inf")
