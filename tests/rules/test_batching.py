"""Orders of an epoch's rows: what every batch must hold, and that nothing but chance decides the rest."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from epochal.base.errors import UsageError
from epochal.rules.training.batching import balanced, stratified

SEVERAL = st.lists(st.integers(1, 40), min_size=1, max_size=8)                   # rows of each class
MANY = st.lists(st.sampled_from([1, 1, 2, 3, 7, 60]), min_size=1, max_size=40)   # most classes rare
FEW = settings(deadline=None, max_examples=200)


def rows_of(counts, seed=0):
    """Codes with so many rows of each class, in random order."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


def table(order, classes, batch_size):
    """int[n_batches, n_classes]: how many rows of each class every batch holds, counted the slow way."""
    batches = [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
    return np.array([[int((classes[batch] == code).sum()) for code in range(classes.max() + 1)] for batch in batches])


@FEW
@example([2, 2, 2, 60], 55, 0)  # the short batch of 11 makes room for two rare classes: 52 of 55 rows are of the large one
@given(SEVERAL | MANY, st.integers(1, 70), st.integers(0, 9))
def test_a_stratified_epoch_holds_every_row_once_and_every_full_batch_its_share_of_each_class(counts, batch_size, seed):
    classes = rows_of(counts)
    order = stratified(classes, batch_size, np.random.default_rng(seed))
    assert order.dtype == np.int64
    assert sorted(order) == list(range(len(classes)))
    held, n, n_full = table(order, classes, batch_size), len(classes), len(classes) // batch_size
    n_batches = math.ceil(n / batch_size)
    wanted = [code for code, count in enumerate(counts) if count >= n_batches]
    size = n - n_full * batch_size
    floors = [size * count // n for count in counts]
    n_up = size - sum(floors)
    for b, row in enumerate(held):
        for code, count in enumerate(counts):
            n_here = batch_size if b < n_full else n % batch_size
            low, high = n_here * count // n, -(-n_here * count // n)
            repaired = max(0, sum(floors[c] == 0 for c in wanted) - n_up) if size else 0  # classes the short batch makes room for
            assert low - bool(repaired and b == n_full) * size <= row[code] <= high + (repaired if b < n_full else 0)
    for code in wanted:
        assert (held[:n_full, code] >= 1).all()
    if size:
        absent = [code for code in wanted if held[-1, code] == 0]
        assert not absent or held[-1].max() == 1    # missing only where nobody has a place to give


def test_a_rare_class_is_in_the_short_last_batch_too_where_its_rows_go_round():
    counts = [920, 22, 22, 22, 22]                  # 1,008 rows in 11 batches, the last of 8: 7.3 + 4 times 0.17 rows
    for seed in range(20):
        held = table(stratified(rows_of(counts), 100, np.random.default_rng(seed)), rows_of(counts), 100)
        assert (held >= 1).all()
        assert held[-1].tolist() == [4, 1, 1, 1, 1]
        assert held[:-1, 0].min() >= 91
        assert held[:-1, 0].max() <= 92
    tiny = table(stratified(rows_of([30, 30, 40]), 49, np.random.default_rng(0)), rows_of([30, 30, 40]), 49)
    assert sorted(tiny[-1]) == [0, 1, 1]            # 2 rows cannot hold 3 classes


def test_a_class_with_fewer_rows_than_batches_is_in_so_many_batches():
    classes = rows_of([95, 5])
    held = table(stratified(classes, 10, np.random.default_rng(1)), classes, 10)
    assert sorted(held[:, 1]) == [0] * 5 + [1] * 5


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_the_same_generator_gives_the_same_order_and_goes_on_to_another(make):
    classes = rows_of([50, 30, 21])
    for draw in (lambda rng: stratified(classes, 8, rng), lambda rng: balanced(classes, 8, 101, rng)):
        one, two = make(3), make(3)
        first = draw(one)
        assert (first == draw(two)).all()
        assert (first != draw(one)).any()


def test_every_row_is_as_likely_in_every_place():
    """Each row's place over 4,000 epochs, chi-square; fails by chance once in 10,000."""
    classes = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])
    rng = np.random.default_rng(0)
    places = np.zeros((10, 10))
    for _ in range(4000):
        places[stratified(classes, 5, rng), np.arange(10)] += 1
    assert stats.chisquare(places.ravel()).pvalue > 1e-4


def test_who_is_rounded_up_is_left_to_chance_in_proportion_to_the_share():
    """A short batch of 5 among 21 rows: 5/21 of each class on average. Each of 5 means fails by chance once in 10,000."""
    counts = np.array([9, 5, 4, 3])                 # in 2 batches of 16 and 5; every class must be in both, if it can
    rng = np.random.default_rng(0)
    classes = rows_of([12, 6, 1, 1, 1])             # 3 rare ones share 0.71 places, the others have 2.86 and 1.43
    last = np.array([table(stratified(classes, 16, rng), classes, 16)[-1] for _ in range(3000)])
    for code, count in enumerate([12, 6, 1, 1, 1]):
        share = 5 * count / 21
        sd = math.sqrt((share % 1) * (1 - share % 1) / 3000)
        assert abs(last[:, code].mean() - share) < 3.9 * sd
    classes = rows_of(counts)
    assert all((table(stratified(classes, 16, rng), classes, 16) >= 1).all() for _ in range(50))


def test_what_a_batch_holds_beyond_its_floor_is_independent_enough_to_meet_every_other_class():
    classes = rows_of([33] * 9)                     # 9 classes in batches of 4: every batch rounds 4 of them up
    rng = np.random.default_rng(0)
    together = np.zeros((9, 9))
    for _ in range(60):
        held = table(stratified(classes, 4, rng), classes, 4)
        together += held.T @ held
    off = together[~np.eye(9, dtype=bool)]
    assert off.min() > 0.8 * off.mean()
    assert off.max() < 1.2 * off.mean()


@FEW
@given(SEVERAL | MANY, st.integers(1, 70), st.integers(1, 200), st.integers(0, 9))
def test_a_balanced_epoch_has_every_class_equally_often_in_every_batch(counts, batch_size, n_rows, seed):
    classes = rows_of(counts)
    order = balanced(classes, batch_size, n_rows, np.random.default_rng(seed))
    assert order.dtype == np.int64
    assert order.shape == (n_rows,)
    held = table(order, classes, batch_size)
    assert (held.max(1) - held.min(1) <= 1).all()
    assert np.ptp(held.sum(0)) <= 1
    times = np.bincount(order, minlength=len(classes))
    for code in range(len(counts)):
        assert np.ptp(times[classes == code]) <= 1
    for batch in (order[i:i + batch_size] for i in range(0, n_rows, batch_size)):
        for code, count in enumerate(counts):
            used = np.bincount(batch[classes[batch] == code], minlength=1)
            assert used.max() <= -(-used.sum() // count)        # a row twice only where the class has too few


def test_a_row_comes_again_only_after_all_of_its_class():
    classes = rows_of([5, 300])
    order = balanced(classes, 16, 305, np.random.default_rng(0))
    mine = order[classes[order] == 0]
    assert len(mine) in (152, 153)
    assert all(len(set(mine[i:i + 5])) == 5 for i in range(len(mine) - 4))


def test_the_class_that_has_one_more_changes():
    classes = rows_of([200, 200, 200])
    rng = np.random.default_rng(0)
    held = table(balanced(classes, 32, 600, rng), classes, 32)
    assert {int(row.argmin()) for row in held[:-1]} == {0, 1, 2}    # 11, 11 and 10
    last = [table(balanced(classes, 32, 33, rng), classes, 32)[-1].argmax() for _ in range(60)]
    assert set(last) == {0, 1, 2}


def test_a_class_without_rows_has_no_part_in_it():
    classes = np.array([1, 1, 1, 3])
    assert sorted(stratified(classes, 2, np.random.default_rng(0))) == [0, 1, 2, 3]
    assert np.bincount(classes[balanced(classes, 4, 8, np.random.default_rng(0))]).tolist() == [0, 4, 0, 4]


def test_codes_may_be_of_any_whole_type():
    plain = np.array([1, 0, 0, 1, 1, 0, 0])
    for codes in (plain.astype(bool), plain.astype(np.uint8), plain - 5, plain * 10**12):
        assert (table(stratified(codes, 4, np.random.default_rng(0)), plain, 4).sum(1) == [4, 3]).all()
        assert np.bincount(plain[balanced(codes, 4, 8, np.random.default_rng(0))]).tolist() == [4, 4]
    many = np.arange(70_000) % 300                      # more codes than one byte counts
    assert (table(stratified(many, 35_000, np.random.default_rng(0)), many, 35_000) >= 116).all()


def test_batches_larger_than_the_data_and_of_one_row_are_orders_too():
    classes = rows_of([3, 2])
    for batch_size in (1, 5, 6, 100):
        assert sorted(stratified(classes, batch_size, np.random.default_rng(0))) == [0, 1, 2, 3, 4]
        assert len(balanced(classes, batch_size, 5, np.random.default_rng(0))) == 5


def test_a_hundred_thousand_rows_take_no_time():
    classes = np.random.default_rng(0).integers(0, 10, 100_000)

    def seconds(draw):
        start = time.perf_counter()
        draw()
        return time.perf_counter() - start

    rng = np.random.default_rng(0)
    assert min(seconds(lambda: stratified(classes, 32, rng)) for _ in range(5)) < 0.05
    assert min(seconds(lambda: balanced(classes, 32, len(classes), rng)) for _ in range(5)) < 0.05


def test_what_cannot_be_ordered_is_refused():
    rng = np.random.default_rng(0)
    for classes in (np.array([0.0, 1.0]), np.array([[0, 1]]), np.array([], int), np.array(["a"])):
        with pytest.raises(UsageError, match="one whole number a row.*return_inverse"):
            stratified(classes, 2, rng)
    with pytest.raises(UsageError, match="`batch_size` must be at least 1; got 0"):
        stratified(np.array([0]), 0, rng)
    with pytest.raises(UsageError, match="`n_rows` must be at least 1"):
        balanced(np.array([0]), 1, 0, rng)
