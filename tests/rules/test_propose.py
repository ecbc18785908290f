"""What is trained, so that the budget suffices and the comparison stays fair."""

import math

from hypothesis import given
from hypothesis import strategies as st

from epochal.rules.plan import propose as rule
from epochal.rules.plan.propose import (
    batch_sizes,
    first_epochs,
    patience_for,
    propose,
    propose_present,
    visiting_order,
    worth_a_look,
)
from epochal.rules.scaling import steps_per_epoch

SIZES = st.integers(1, 5000)


@given(SIZES, st.integers(2, 200_000), st.one_of(st.none(), st.integers(1, 200_000)))
def test_the_present_size_is_always_compared_and_no_other_is_beyond_rows_or_memory(present, n_train, largest):
    sizes = batch_sizes(present, n_train, largest)
    own = min(present, n_train)
    assert own in sizes
    assert list(sizes) == sorted(set(sizes))
    assert all(1 <= size <= min(n_train, largest or n_train) for size in sizes if size != own)


@given(SIZES, st.integers(64, 200_000))
def test_sizes_on_both_sides_of_the_present_one_are_compared_where_rows_allow(present, n_train):
    sizes, own = batch_sizes(present, n_train), min(present, n_train)
    assert min(sizes) < own or own < 16
    assert max(sizes) > own or own * 4 > n_train


def test_the_sizes_are_a_factor_of_four_apart_and_end_with_all_rows_where_those_are_few():
    assert batch_sizes(32, 1150) == (8, 32, 128, 512, 1150)
    assert batch_sizes(32, 100_000) == (8, 32, 128, 512, 2048, 8192, 32768)
    assert batch_sizes(32, 100) == (8, 32, 100)
    assert batch_sizes(500, 100) == (6, 25, 100)              # larger than the data: one batch, as in Keras
    assert batch_sizes(512, 10_000, largest=100) == (6, 25, 100, 512)


def test_a_present_setting_gets_epochs_enough_for_its_curve_to_turn():
    assert first_epochs(32, 1150) == 100
    assert first_epochs(32, 113) == 375
    assert first_epochs(500, 100) == 400                      # one update an epoch


@given(st.integers(1, 500), st.integers(2, 50_000), st.floats(1e-6, 0.1), st.floats(0.1, 1000))
def test_the_present_setting_takes_a_third_of_the_time_or_it_is_refused(present, n_train, step_seconds, seconds):
    an_epoch = steps_per_epoch(n_train, min(present, n_train)) * step_seconds
    if seconds / 3 < 4 * 3 * an_epoch * (1 - 1e-9):
        assert propose_present(present, n_train, lambda n: n * step_seconds, seconds) is None
        return
    if seconds / 3 < 4 * 3 * an_epoch * (1 + 1e-9):
        return                                                # on the very edge, rounding decides
    n_seeds, n_epochs = propose_present(present, n_train, lambda n: n * step_seconds, seconds)
    assert n_seeds >= 3
    assert 4 <= n_epochs <= first_epochs(present, n_train)
    assert n_seeds * n_epochs * an_epoch <= seconds / 3 * (1 + 1e-9)


def test_more_time_never_gives_fewer_seeds_for_the_present_setting():
    seeds = [propose_present(32, 1600, lambda n: n * 1e-3, seconds)[0] for seconds in (10, 20, 40, 60, 80, 150, 400, 1000)]
    assert seeds == sorted(seeds)
    assert (seeds[0], seeds[-3], seeds[-1]) == (3, 8, 24)


@given(st.sampled_from([8, 32, 128, 512]), st.floats(1e-6, 1e-2), st.floats(0.5, 1000), st.integers(10, 400), st.integers(3, 24),
       st.sampled_from([1, 8, 32]))
def test_a_sweep_fits_its_time_and_never_cuts_the_horizon(size, step_seconds, seconds, wanted, most_seeds, width):
    sweep = propose(size, 32, 1600, step_seconds, seconds, wanted, most_seeds, width)
    if sweep is None:
        return
    assert sweep.n_confirm <= most_seeds
    assert sweep.n_confirm >= 3
    assert sweep.n_rates >= 3
    assert sweep.n_epochs == round(wanted * rule.stretch(size, 32))
    cost = sweep.n_lanes(width) * sweep.n_epochs * steps_per_epoch(1600, size) * step_seconds
    assert cost <= seconds


@given(st.sampled_from([8, 32, 128, 512]), st.floats(1e-6, 1e-3), st.floats(0.5, 1000), st.integers(10, 400))
def test_many_seeds_are_for_trainings_that_take_little_of_the_time(size, step_seconds, seconds, wanted):
    sweep = propose(size, 32, 1600, step_seconds, seconds, wanted, 24)
    if sweep is not None and sweep.n_confirm > 8:
        cost = sweep.n_lanes() * sweep.n_epochs * steps_per_epoch(1600, size) * step_seconds
        assert cost <= 0.25 * seconds
        assert (sweep.n_rates, sweep.n_screen, sweep.n_compared) == (5, 3, 3)


def test_larger_batches_get_more_epochs_since_they_make_fewer_updates_but_smaller_ones_no_fewer():
    assert [rule.stretch(b, 32) for b in (8, 32, 128, 512, 2048)] == [1, 1, 2, 4, 4]
    assert propose(128, 32, 1600, 1e-5, 1000, 50).n_epochs == 100


def test_generosity_falls_with_the_time_and_an_unaffordable_size_is_left_out():
    lanes = [getattr(propose(128, 32, 1600, 1e-3, seconds, 50), "n_lanes", int)() for seconds in (1000, 50, 35, 25, 1)]
    assert lanes == sorted(lanes, reverse=True)
    assert lanes[-1] == 0 < lanes[-2]


@given(st.lists(SIZES, unique=True, min_size=1, max_size=8).map(sorted), st.data())
def test_sizes_are_visited_outwards_from_the_present_one_each_once(sizes, data):
    present = data.draw(st.sampled_from(sizes))
    order = visiting_order(tuple(sizes), present)
    assert sorted(order) == sizes
    assert order[0] == present
    for side in ([b for b in order if b > present], [b for b in order if b < present][::-1]):
        assert side == sorted(side)


def test_a_size_beyond_a_neighbour_that_was_far_slower_is_not_worth_a_look():
    at = {32: 1.0, 128: 2.1, 8: 1.9}
    assert not worth_a_look(512, 32, at)
    assert worth_a_look(2, 32, at)
    assert worth_a_look(512, 32, {32: 1.0, 128: 2.0})
    assert worth_a_look(128, 32, {32: 5.0})                   # a direct neighbour always is


def test_a_neighbour_that_never_arrived_ends_the_search_on_its_side_only():
    assert not worth_a_look(512, 32, {32: 1.0, 128: math.inf})
    assert worth_a_look(8, 32, {32: 1.0, 128: math.inf})
    assert worth_a_look(512, 32, {32: 1.0, 8: 9.0})


def test_the_search_does_not_stop_at_a_present_setting_that_is_itself_slow_or_never_arrives():
    assert worth_a_look(512, 32, {32: 9.0, 128: 1.0})
    assert worth_a_look(512, 32, {32: math.inf, 128: 1.0})
    assert worth_a_look(512, 32, {32: math.inf, 128: math.inf})
    assert worth_a_look(128, 32, {})


def test_patience_is_a_fifth_of_the_epochs_within_bounds():
    assert [patience_for(n) for n in (4, 25, 100, 200, 400)] == [5, 5, 20, 40, 50]


def test_a_sweep_counts_the_lanes_that_idle_beside_the_last():
    sweep = rule.Sweep(n_rates=3, n_screen=1, n_confirm=3, n_compared=2, n_epochs=50, patience=10)
    assert sweep.n_lanes() == (3 + 2) * 1 + 2 * 3
    assert sweep.n_lanes(8) == 24
    assert sweep.n_lanes(4) == 4 + 4 + 8


def test_a_comparison_needs_half_as_many_epochs_again_as_the_slowest_run_of_the_present_setting():
    assert rule.needed_epochs([6, 12, 3], 100) == 18
    assert rule.needed_epochs([6, 90], 100) == 100
