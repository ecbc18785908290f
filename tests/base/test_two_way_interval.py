"""The interval over seeds and blocks of rows: worked values, its limits, and how often it holds the truth."""

import numpy as np
import pytest
from scipy.stats import binom, t
from tiers import cases

from epochal.base.errors import UsageError
from epochal.base.stats import two_way_interval, two_way_p_lower


def test_a_worked_example():
    """Seeds' means are 0.5 and 3, with a standard error of 2.5 / 2; blocks' means 1, 2.5 and 1.75, with one of 0.75 / √3."""
    mean, low, high = two_way_interval([[0.0, 1.0, 0.5], [2.0, 4.0, 3.0]])
    assert mean == 1.75
    assert high - mean == pytest.approx(np.hypot(t.ppf(0.975, 1) * 1.25, t.ppf(0.975, 2) * 0.75 / np.sqrt(3)))
    assert mean - low == pytest.approx(high - mean)


def test_with_five_of_each_variances_add_and_so_do_degrees_of_freedom():
    table = np.random.default_rng(1).normal(size=(5, 6))
    mean, low, high = two_way_interval(table)
    seeds, blocks = (table.mean(axis).var(ddof=1) / table.shape[1 - axis] for axis in (1, 0))
    degrees = (seeds + blocks) ** 2 / (seeds**2 / 4 + blocks**2 / 5)
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, degrees) * np.sqrt(seeds + blocks))
    assert mean == pytest.approx(table.mean())


@pytest.mark.parametrize("shape", [(2, 8), (8, 8), (8, 1), (1, 8)])
def test_a_p_value_is_that_of_the_interval_that_ends_at_0(shape):
    table = np.random.default_rng(2).normal(size=shape)
    _, low, high = two_way_interval(table)
    assert two_way_p_lower(table - high) == pytest.approx(0.025)
    assert two_way_p_lower(table - low) == 1.0
    assert two_way_p_lower(np.full(shape, -1.0)) <= 1e-9
    assert two_way_p_lower([[-1.0]]) == 1.0


def test_figures_that_are_masked_count_nowhere():
    """Two seeds on two blocks of their own each: three means over blocks would be five with the masked ones."""
    table = np.ma.masked_invalid([[1.0, 2.0, np.nan], [np.nan, 4.0, 5.0]])
    mean, _, high = two_way_interval(table)
    over_seeds, over_blocks = np.std([1.5, 4.5], ddof=1) / np.sqrt(2), np.std([1.0, 3.0, 5.0], ddof=1) / np.sqrt(3)
    assert mean == 3.0
    assert high - mean == pytest.approx(np.hypot(t.ppf(0.975, 1) * over_seeds, t.ppf(0.975, 2) * over_blocks))


@pytest.mark.parametrize("table", [[[1.0, 2.0, 3.0]], [[1.0], [2.0], [3.0]]], ids=["one seed", "one block"])
def test_one_seed_is_judged_over_blocks_alone_and_one_block_over_seeds_alone(table):
    mean, low, high = two_way_interval(table)
    assert (mean, high - mean, mean - low) == pytest.approx((2.0, 4.302653 / np.sqrt(3), 4.302653 / np.sqrt(3)))  # t, 2 degrees


def test_without_any_spread_it_is_a_point_and_from_a_single_number_the_whole_line():
    assert two_way_interval([[0.5] * 4] * 3) == (0.5, 0.5, 0.5)
    assert two_way_interval([[0.5] * 4]) == (0.5, 0.5, 0.5)
    assert two_way_interval([[7.0]]) == (7.0, -np.inf, np.inf)


def test_spread_over_seeds_alone_is_students_interval_of_the_seeds():
    """Blocks that are alike add no variance, and take no degree of freedom from the seeds."""
    mean, low, high = two_way_interval(np.repeat([[1.0], [2.0], [3.0]], 5, axis=1))
    assert (mean, high - mean, mean - low) == pytest.approx((2.0, 4.302653 / np.sqrt(3), 4.302653 / np.sqrt(3)))


def test_seeds_and_blocks_can_change_places():
    table = np.random.default_rng(0).normal(size=(3, 7))
    assert two_way_interval(table) == pytest.approx(two_way_interval(table.T))


def test_what_is_no_table_is_refused_and_a_loss_that_is_not_a_number_is_not_hidden():
    for wrong in ([1.0, 2.0], [[]], 3.0):
        with pytest.raises(UsageError, match="`seeds_blocks` must be a table of at least one number"):
            two_way_interval(wrong)
    assert np.isnan(two_way_interval([[1.0, np.nan], [2.0, 3.0]])).all()


@pytest.mark.parametrize(("n_seeds", "of_seeds", "of_blocks", "of_both", "most"), [
    (3, 1.0, 0.0, 0.0, 0.95),      # Student's interval of three seeds
    (3, 0.0, 1.0, 0.0, 0.95),      # and of 16 blocks
    (2, 1.0, 1.0, 0.0, 0.98),
    (2, 1.0, 0.0, 1.0, 0.98),
    (3, 1.0, 1.0, 0.0, 0.98),
    (5, 1.0, 1.0, 0.0, 0.97),      # from here on degrees of freedom add up
    (5, 1.0, 0.0, 1.0, 0.98),
    (8, 1.0, 1.5, 0.0, 0.98),
    (24, 1.0, 1.0, 0.0, 0.97),
    (3, 0.3, 1.0, 1.0, 1.0),
    (3, 0.0, 0.0, 1.0, 1.0)])      # what one training makes of one block is counted twice: on the wide side
def test_it_holds_the_truth_at_least_as_often_as_it_says(n_seeds, of_seeds, of_blocks, of_both, most):
    """y = seed + block + both, each drawn anew; 16 blocks. Fails by chance in at most 1 of 1,000 draws."""
    rng, n = np.random.default_rng([n_seeds, 16]), cases(2000)
    seeds, blocks, both = (rng.normal(size=(n, *shape)) for shape in ((n_seeds, 1), (1, 16), (n_seeds, 16)))
    tables = of_seeds * seeds + of_blocks * blocks + of_both * both
    held = sum(low <= 0 <= high for _, low, high in map(two_way_interval, tables))
    assert binom.ppf(5e-4, n, 0.95) <= held <= binom.isf(5e-4, n, most)
