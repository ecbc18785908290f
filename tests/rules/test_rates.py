"""Which learning rates are tried, and which of them are kept."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.worlds import at, curve, diverged

from epochal.rules.plan.learning_rates import MOST_RATES, STEP, beyond, grid, pick

OURS = 1e-3
RATES = st.floats(1e-6, 10)


def trials(losses, n_seeds=2, batch_size=64):
    """Trials of one batch size: `{rate: final loss}`, infinite where they diverge."""
    return [diverged(setting=at(batch_size, rate), seed=seed, stage="screen") if math.isinf(loss) else
            curve([9.0 + loss, 1.0 + loss, loss], setting=at(batch_size, rate), seed=seed, stage="screen")
            for rate, loss in losses.items() for seed in range(n_seeds)]


def widened(truth, first):
    """The rates tried when the truth is a function of the log rate, and one asks `beyond` until it is content."""
    tried = list(first)
    while new := beyond(trials({rate: truth(math.log(rate, STEP)) for rate in tried}), OURS):
        assert not set(new) & set(tried)
        tried += new
        assert len(tried) <= MOST_RATES + 2
    return tried


@given(RATES, st.integers(1, 7), RATES)
def test_the_grid_is_half_decades_apart_around_the_centre_on_the_lattice_of_the_users_rate(centre, n_rates, present):
    rates = grid(centre, n_rates, present)
    assert len(rates) == n_rates
    assert np.allclose(np.diff(np.log10(rates)), 0.5, atol=5e-4) or n_rates == 1
    places = [math.log(rate / present, STEP) for rate in rates]
    assert np.allclose(places, np.round(places), atol=1e-3)
    assert abs(math.log(rates[n_rates // 2] / centre, STEP)) <= 0.5 + 1e-3


@given(RATES, st.sampled_from([3, 4, 5]))
def test_the_users_own_rate_is_kept_to_the_last_digit(present, n_rates):
    assert present in grid(present * 1.3, n_rates, present)


@given(RATES, st.integers(3, 5), st.floats(1e-7, 10))
def test_no_first_guess_is_above_what_was_measured_to_be_the_highest(centre, n_rates, highest):
    rates = grid(centre, n_rates, OURS, highest)
    assert max(rates) <= highest * (1 + 1e-3)
    assert len(rates) == n_rates


@given(st.integers(-6, 6), st.sampled_from([3, 4, 5]))
def test_widening_ends_with_the_best_rate_inside_those_tried(best, n_rates):
    tried = widened(lambda place: abs(place - math.log(OURS, STEP) - best), grid(OURS, n_rates, OURS))
    assert len(tried) >= MOST_RATES or min(tried) < OURS * STEP**best * 1.01 < max(tried) * 1.01
    if abs(best) <= 3:
        assert min(tried) * 1.01 < OURS * STEP**best < max(tried) / 1.01


@pytest.mark.parametrize("cliff", [0, 1, 2])
def test_a_rate_that_diverged_counts_as_tried_on_the_far_side(cliff):
    """Lower loss the higher the rate, up to a cliff: the best rate is next to the cliff, and that is interior."""
    edge = math.log(OURS, STEP) + cliff + 0.5
    tried = widened(lambda place: math.inf if place > edge else 5 - 0.1 * place, grid(OURS, 3, OURS))
    picked = pick(trials({rate: math.inf if math.log(rate, STEP) > edge else 5 - 0.1 * math.log(rate, STEP) for rate in tried}),
                  0.01, 4.0)
    assert picked.interior
    assert picked.best == pytest.approx(OURS * STEP**cliff, rel=1e-3)
    assert max(tried) == pytest.approx(OURS * STEP ** (cliff + 1), rel=1e-3)   # one beyond the cliff, no more


def test_where_every_rate_diverged_lower_ones_are_tried_and_then_it_ends():
    tried = widened(lambda place: math.inf, grid(OURS, 3, OURS))
    assert len(tried) >= MOST_RATES
    assert max(tried) == pytest.approx(OURS * STEP, rel=1e-3)                  # never a higher one
    assert pick(trials(dict.fromkeys(tried, math.inf)), 0.01, 4.0) is None


def test_one_diverged_seed_disqualifies_a_rate():
    runs = trials({OURS: 0.5, 3e-3: 0.9})
    runs[0] = diverged(setting=runs[0].setting, seed=0, stage="screen")
    assert pick(runs, 0.1, 1.0).best == 3e-3


def test_an_interior_best_asks_for_nothing_and_no_trials_ask_for_nothing():
    assert beyond(trials({3e-4: 1.0, 1e-3: 0.5, 3e-3: 0.9}), OURS) == []
    assert beyond([], OURS) == []
    assert pick([], 0.1, 1.0) is None


def test_a_single_rate_is_at_both_edges():
    assert beyond(trials({OURS: 0.5}), OURS) == pytest.approx([OURS / STEP, OURS * STEP], rel=1e-3)


def test_the_pick_knows_the_best_the_soonest_and_the_plateau():
    def run(rate, losses):
        return [curve(losses, setting=at(64, rate), seed=seed, stage="screen") for seed in range(2)]

    runs = run(1e-4, [3.0, 2.5, 1.5]) + run(3e-4, [3.0, 1.2, 1.00]) + run(1e-3, [1.1, 1.05, 1.02]) + run(3e-3, [3.0, 1.4, 1.3])
    picked = pick(runs, margin=0.05, target=1.15)
    assert (picked.best, picked.soonest, picked.low, picked.high) == (3e-4, 1e-3, 3e-4, 1e-3)
    assert (picked.contenders, picked.interior, picked.n_rates) == ((3e-4, 1e-3, 3e-3), True, 4)


def test_a_rate_outside_the_margin_is_no_contender_for_being_soon():
    def run(rate, losses):
        return [curve(losses, setting=at(64, rate), seed=0, stage="screen")]

    runs = run(1e-3, [3.0, 2.0, 1.0]) + run(3e-3, [1.1, 1.1, 1.1])
    picked = pick(runs, margin=0.05, target=1.15)
    assert picked.soonest == picked.best == picked.high == 1e-3


def test_where_no_rate_reaches_the_target_the_soonest_is_the_best():
    assert pick(trials({1e-3: 1.0, 3e-3: 1.2}), 0.5, 0.1).soonest == 1e-3


def test_the_order_of_the_trials_does_not_matter_even_in_a_tie():
    runs = trials({3e-4: 1.0, 1e-3: 0.5, 3e-3: 0.5, 1e-2: 2.0})
    picks = set()
    for seed in range(20):
        random.Random(seed).shuffle(runs)
        picks.add((pick(runs, 0.01, 1.0), tuple(beyond(runs, OURS))))
    assert len(picks) == 1
