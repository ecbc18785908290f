"""Whether rows are in random order: exact tails, a false-alarm rate that holds, and orders that must be seen."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tiers import cases, first_tier

from epochal.rules.training.row_order import FALSE_ALARM, Blocks, Shift, _log_tail, find_order


def found(rows, share=0.2, **options):
    """As `validation_split` cuts them."""
    cut = math.floor(len(rows) * (1 - share))
    return find_order(rows[:cut], rows[cut:], **options)


@settings(deadline=None, max_examples=cases(75))
@given(st.data(), st.integers(2, 400))
def test_the_tail_is_the_hypergeometric_one(data, n):
    marked, drawn = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    count = data.draw(st.integers(max(0, marked + drawn - n), min(marked, drawn)))
    exact = stats.hypergeom(n, marked, drawn)
    chance = exact.sf(count - 1) if count * n >= marked * drawn else exact.cdf(count)
    assert math.exp(_log_tail(count, n, marked, drawn)) == pytest.approx(chance, rel=1e-6, abs=1e-300)


def test_the_number_of_blocks_is_hypergeometric_by_counting_all_orders():
    for n, count in ((6, 3), (7, 2), (7, 5)):
        blocks = []
        for places in itertools.combinations(range(n), count):
            row = np.isin(np.arange(n), places)
            blocks.append(np.count_nonzero(np.diff(row.astype(int), prepend=0) == 1))
        for most in range(1, count):
            if most < count * (n - count + 1) / n:
                share = np.mean(np.array(blocks) <= most)
                assert math.exp(_log_tail(most, n, n - count + 1, count)) == pytest.approx(share)


WORLDS = {
    "two classes": lambda rng: rng.integers(0, 2, 60),
    "a rare class": lambda rng: (np.arange(300) < 3).astype(int),
    "one row of a class": lambda rng: (np.arange(90) < 1).astype(int),
    "twenty classes": lambda rng: rng.integers(0, 20, 200),
    "numbers": lambda rng: rng.lognormal(size=250),
    "mostly zero": lambda rng: np.maximum(rng.normal(size=400) - 1, 0),
    "few rows": lambda rng: rng.normal(size=12),
}


@pytest.mark.parametrize("world", first_tier(('numbers', 'few rows', 'one row of a class'), WORLDS))
def test_random_orders_raise_no_more_alarms_than_declared(world):
    """At a declared rate of 5 %, 400 orders: 36 alarms or more come by chance once in 1,000 if the rate is just kept."""
    rng = np.random.default_rng(0)
    rows = WORLDS[world](rng)
    alarms = sum(found(rng.permutation(rows), false_alarm=0.05) is not None for _ in range(400))
    assert alarms <= stats.binom.isf(1e-3, 400, 0.05)


@pytest.mark.second
def test_at_the_rate_in_use_thousands_of_random_orders_raise_no_alarm():
    """2,100 orders: three alarms or more come by chance once in 700, if the rate is just kept."""
    rng = np.random.default_rng(1)
    alarms = 0
    for world in WORLDS.values():
        rows = world(rng)
        alarms += sum(found(rng.permutation(rows)) is not None for _ in range(300))
    assert FALSE_ALARM == 1e-4
    assert alarms <= 2


def test_some_alarms_do_come_at_a_high_declared_rate():
    """The audit above could not fail if the tests never fired: at a declared 50 % some of 300 orders must."""
    rng = np.random.default_rng(0)
    rows = np.arange(400) % 2
    assert sum(found(rng.permutation(rows), false_alarm=0.5) is not None for _ in range(300)) > 15


def test_sorted_classes_are_seen_and_named():
    shift = found(np.repeat([0, 1, 2, 3], 250))
    assert shift == Shift("3", 50, 200)
    assert found(np.repeat([1, 0], [80, 320]), 0.25) == Shift("1", 80, 0)       # missing where they are held out
    names = np.repeat(["cat", "dog"], [120, 80])
    assert found(names) == Shift("dog", 40, 40)
    assert found(names.astype(object)) == Shift("dog", 40, 40)


def test_sorted_numbers_are_seen():
    rows = np.sort(np.random.default_rng(0).normal(size=1000))
    shift = found(rows)
    assert (shift.n_train, shift.n_held_out) == (0, 100)
    assert shift.label in {f"from {rows[i]:.4g} to {rows[i + 99]:.4g}" for i in (800, 900)}
    assert found(np.arange(1000)).label in ("from 800 to 899", "from 900 to 999")
    assert found(rows[::-1]) is not None


def test_rows_in_groups_are_seen_where_the_parts_are_alike():
    rng = np.random.default_rng(0)
    patients = np.repeat(rng.permutation(np.arange(40) % 2), 10)        # 40 patients, 10 rows each, ill or well
    cut = patients.copy()
    cut[320:] = np.repeat([0, 1, 0, 1, 0, 1, 0, 1], 10)                 # the same shares held out
    blocks = found(cut)
    assert isinstance(blocks, Blocks)
    assert blocks.n_rows == (cut == int(blocks.label)).sum()
    assert blocks.n_blocks == np.count_nonzero(np.diff((cut == int(blocks.label)).astype(int), prepend=0) == 1)
    mean = np.mean([np.count_nonzero(np.diff((rng.permutation(cut) == int(blocks.label)).astype(int), prepend=0) == 1)
                    for _ in range(2000)])
    assert blocks.n_expected == pytest.approx(mean, rel=0.01)


def test_blocks_are_called_so_exactly_where_their_chance_is_within_the_declared_rate():
    rows = np.repeat([0, 1, 0], [6, 4, 2])                              # 12 rows, cut into 9 and 3: equal shares
    chance = 9 / math.comb(12, 4)                                       # 9 places for one block of 4
    rate = chance * 2 * 3                                               # two classes, three tails each
    assert found(rows, 0.25, false_alarm=rate * 1.001) == Blocks("1", 4, 1, 3.0)
    assert found(rows, 0.25, false_alarm=rate * 0.999) is None


def test_a_drift_and_a_series_with_memory_are_seen():
    rng = np.random.default_rng(0)
    assert found(rng.normal(size=2000) + np.linspace(0, 2, 2000)) is not None
    walk = np.zeros(2000)
    for i in range(1, 2000):
        walk[i] = 0.9 * walk[i - 1] + rng.normal()
    assert found(walk) is not None


def test_alternating_and_stratified_orders_are_no_cause_for_alarm():
    assert found(np.arange(1000) % 2) is None
    assert found(np.arange(1000) % 10) is None
    assert found(np.tile(np.random.default_rng(0).permutation(500), 2).astype(float)) is None


def test_forty_sorted_rows_are_enough_and_ten_are_not():
    assert found(np.repeat([0, 1], 20)) is not None
    assert found(np.repeat([0, 1], 5)) is None


def test_one_hot_rows_count_as_their_class_and_wide_targets_by_their_mean():
    classes = np.repeat([0, 1, 2], 100)
    assert found(np.eye(3)[classes]) == found(classes) == Shift("2", 40, 60)
    assert found(classes[:, None]) == found(classes)
    assert found(np.eye(3)[np.random.default_rng(0).permutation(classes)]) is None
    images = np.random.default_rng(0).normal(size=(300, 2, 2)) + classes[:, None, None]
    assert found(images) == found(images.mean((1, 2)))
    assert found(images) is not None
    labels = np.eye(3)[classes]
    labels[0, :] = 1                                            # several labels a row: no classes, but counts
    assert isinstance(found(labels), type(found(labels.mean(1))))


def test_missing_values_are_a_category_of_their_own():
    rows = np.random.default_rng(0).normal(size=500)
    rows[400:] = np.nan
    shift = found(rows)
    assert (shift.n_train, shift.n_held_out) == (0, 100)
    assert shift.label == "nan"
    assert found(np.random.default_rng(1).permutation(rows)) is None


def test_nothing_is_said_of_nothing():
    assert find_order(np.zeros(5), np.zeros(0)) is None
    assert find_order(np.zeros(0), np.zeros(5)) is None
    assert found(np.zeros(1000)) is None
    assert found(np.arange(2)) is None
