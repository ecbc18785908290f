"""The odds of batches without a class: fixtures, every subset counted, epochs drawn; and what stratified batches take away."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from probes.class_rig import ClassRig
from tiers import cases

from epochal.probes.batches.rare_class import RARE_CLASS
from epochal.probes.batches.stratified_noise import STRATIFIED_NOISE
from epochal.rules.rare_class import empty_batches, empty_odds, missing_odds, smallest_batch


def by_inclusion_and_exclusion(counts, size):
    """The odds that a class is missing, as an exact fraction: 2^classes terms of both signs."""
    n, total = sum(counts), Fraction(0)
    for k in range(1, len(counts) + 1):
        for some in combinations(counts, k):
            total -= (-1) ** k * Fraction(comb(n - sum(some), size), comb(n, size))
    return total


@pytest.mark.parametrize(("size", "odds"), [(16, 0.851354), (32, 0.724616), (64, 0.524523), (128, 0.273973), (256, 0.0737974),
                                            (512, 0.00507911), (1024, 1.92126e-5)])
def test_the_odds_are_those_of_the_hypergeometric_distribution(size, odds):
    assert empty_odds(10_000, 100, size) == pytest.approx(odds, rel=2e-6)
    assert empty_odds(10_000, 100, size) == pytest.approx(float(Fraction(comb(9900, size), comb(10_000, size))), rel=1e-12)


@pytest.mark.parametrize(("risk", "size"), [(0.05, 294), (0.01, 448), (0.001, 665)])
def test_the_smallest_batch_is_that_of_the_fixture(risk, size):
    reading = RARE_CLASS(ClassRig((9900, 100)), risk=risk)
    assert reading.value == reading.low == reading.high == size
    assert empty_odds(10_000, 100, size) <= risk < empty_odds(10_000, 100, size - 1)


def test_three_of_ten_rows_miss_a_batch_of_four_once_in_six_times_and_three_classes_are_all_there_as_often_as_the_fixture_says():
    assert empty_odds(10, 3, 4) == pytest.approx(1 / 6, rel=1e-13)
    assert 1 - missing_odds((50, 45, 5), 16) == pytest.approx(0.5899234827, abs=1e-10)


def test_any_class_missing_is_inclusion_and_exclusion_to_ten_digits_also_where_it_is_tiny():
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(200):
        counts = tuple(int(n) for n in rng.choice([1, 2, 5, 30, 200], rng.integers(1, 7)))
        size = int(rng.integers(1, sum(counts) + 1))
        exact = by_inclusion_and_exclusion(counts, size)
        found = missing_odds(counts, size)
        worst = max(worst, abs(found - exact) / exact if exact else found)
    assert worst < 1e-10


def test_every_batch_of_every_order_is_counted():
    classes = np.array([0, 0, 0, 1, 1, 2])
    for size in range(1, 7):
        batches = [set(classes[list(rows)]) for rows in combinations(range(6), size)]
        assert empty_odds(6, 1, size) == pytest.approx(np.mean([2 not in batch for batch in batches]), abs=1e-14)
        assert missing_odds((3, 2, 1), size) == pytest.approx(np.mean([len(batch) < 3 for batch in batches]), abs=1e-14)


def test_the_mean_number_of_empty_batches_of_drawn_epochs_is_that_of_the_formula():
    """10,000 epochs of 103 rows, a short last batch among them: the mean is off by 4 standard errors once in 16,000."""
    rng = np.random.default_rng(0)
    places = np.argsort(rng.random((10_000, 103)), 1)[:, :3]  # where the three rare rows stand
    empty = 11 - np.array([len(set(row)) for row in (places // 10).tolist()])
    assert abs(empty.mean() - empty_batches(103, 3, 10)) < 4 * empty.std() / 100


def test_odds_fall_with_the_batch_and_lie_below_those_of_drawing_with_rows_put_back():
    odds = [empty_odds(1000, 7, size) for size in range(1, 1001)]
    assert all(np.diff(odds) <= 0)
    assert all(odd <= (1 - 7 / 1000) ** size * (1 + 1e-12) for size, odd in enumerate(odds, 1))
    assert smallest_batch(lambda size: empty_odds(1000, 1, size), 1e-6, 1000) == 1000
    assert smallest_batch(lambda size: 1.0, 0.05, 1000) is None


def world(share, n_classes=4, n_params=6, n=1024, seed=0, between=1.0):
    """Rows of classes in equal shares: tr(Σ within) = n_params, and the share of tr(Σ) that is between classes."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(share / (1 - share) * n_params) if share else 0.0
    centres = np.linalg.qr(rng.normal(size=(n_params, n_params)))[0][:n_classes]
    centres = centres - centres.mean(0)
    centres *= scale / np.sqrt((centres**2).sum(1).mean())
    classes = np.repeat(np.arange(n_classes), n // n_classes)
    return ClassRig.of_gradients(rng.normal(size=(n, n_params)) + centres[classes], classes)


def test_of_single_rows_the_reading_is_the_share_between_classes_exactly():
    """With as many chunks as rows a chunk is a row: then T is that of the rows, whichever order, and nothing can be dealt."""
    rig = world(0.5, n=256)
    gradients = np.array([rig.gradient(None, np.array([i])) for i in range(256)])
    reading = STRATIFIED_NOISE(rig, chunk=1, n_chunks=256)
    assert reading.detail("trace_plain") == pytest.approx(gradients.var(0, ddof=1).sum(), rel=1e-10)
    assert reading.detail("trace_stratified") == pytest.approx(reading.detail("trace_plain"), rel=1e-10)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_trace_of_dealt_chunks_is_on_average_that_within_classes(share):
    rig = world(share, n=256)
    gradients, classes = np.array([rig.gradient(None, np.array([i])) for i in range(256)]), rig.classes()
    within = np.mean([gradients[classes == c].var(0, ddof=1).sum() for c in range(4)])
    readings = [STRATIFIED_NOISE(rig, seed=seed) for seed in range(300)]  # 32 chunks of 8: two rows of each class
    for name, truth in (("trace_stratified", within), ("trace_plain", gradients.var(0, ddof=1).sum())):
        found = np.array([reading.detail(name) for reading in readings])
        assert abs(found.mean() - truth) < 4 * found.std() / np.sqrt(300)


@pytest.mark.parametrize("n", [300, pytest.param(cases(2000), marks=pytest.mark.second)])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_interval_covers_the_share_that_goes(share, n):
    """Independent data sets; without classes that differ, the lower end is above 0 in at most 5 % (a false positive)."""
    inside, positive, truth = 0, 0, 1 - (1 - share) * 1.0
    for seed in range(n):
        reading = STRATIFIED_NOISE(world(share, seed=seed), seed=seed)
        inside += reading.low <= truth <= reading.high
        positive += reading.low > 0
    print(share, inside / n, positive / n)
    assert 0.93 <= inside / n <= 0.97 or (n < 2000 and 0.92 <= inside / n <= 0.985)
    assert share or positive / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
