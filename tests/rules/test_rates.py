"""The best rate from trainings at some rates, and its exponent: what is said of every shape of losses."""

import math

import numpy as np
import pytest

from epochal.rules.plan.learning_rates import grid, neighbour, outward
from epochal.rules.rates import Optimum, closer, exponent, means_of, optimum, rules_told

LATTICE = grid(1.0, 5, 1.0)  # 0.1 to 10


def parabola(rates, lowest, *, noise=0.0, n_seeds=5, seed=0, curvature=1.0):
    """Losses of seeds that are harder or easier than each other, along a parabola in log rate."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=n_seeds)
    return {rate: hard + curvature * math.log10(rate / lowest) ** 2 + noise * rng.normal(size=n_seeds) for rate in rates}


@pytest.mark.parametrize("lowest", [0.6, 1.0, 1.5])
def test_the_lowest_point_of_an_exact_parabola_is_found_exactly(lowest):
    found = optimum(parabola(LATTICE, lowest))
    assert found.rate == pytest.approx(lowest, rel=1e-9)
    assert found.low == pytest.approx(lowest, rel=1e-6)
    assert found.high == pytest.approx(lowest, rel=1e-6)
    assert found.is_vertex


def test_noise_makes_an_interval_around_it():
    found = optimum(parabola(LATTICE, 1.2, noise=0.02, seed=1))
    assert found.low < 1.2 < found.high < 1.5 * found.low
    assert sum(found.influences) == pytest.approx(0, abs=1e-12)


def test_rates_that_diverged_count_as_worse_and_are_in_no_parabola():
    losses = parabola(LATTICE, 0.9)
    losses[LATTICE[-1]][2] = math.inf
    assert optimum(losses).rate == pytest.approx(0.9, rel=1e-9)
    assert optimum({rate: np.full(3, math.inf) for rate in LATTICE}) is None


def test_next_to_a_wall_the_answer_lies_between_the_nearest_rates_shown_to_be_worse():
    losses = {rate: np.array([0.0, 0.1, 0.2]) - math.log10(rate) if rate <= 1 else np.full(3, math.inf) for rate in LATTICE}
    found = optimum(losses)
    assert not found.is_vertex
    assert (found.rate, found.low, found.high) == (1.0, LATTICE[1], LATTICE[3])


def test_where_seeds_tell_nothing_no_side_is_bounded():
    rng = np.random.default_rng(1)
    found = optimum({rate: rng.normal(size=3) for rate in LATTICE})
    assert found.low == 0 or math.isinf(found.high)


def test_a_wall_on_one_side_does_not_push_the_parabola_away():
    losses = parabola(LATTICE, 1.0)
    losses[LATTICE[3]] = losses[LATTICE[3]] + 50.0
    rate = optimum(losses).rate
    assert LATTICE[1] < rate < LATTICE[3]


def test_a_best_rate_at_an_edge_asks_for_the_next_one_and_divergence_for_lower_ones():
    scores = means_of(parabola(LATTICE, 100.0))
    assert outward(scores, 1.0) == [neighbour(10.0, 1.0, 1)]
    assert outward(means_of(parabola(LATTICE, 1e-3)), 1.0) == [neighbour(0.1, 1.0, -1)]
    assert outward({rate: math.inf for rate in LATTICE}, 1.0) == [neighbour(0.1, 1.0, -1), neighbour(0.1, 1.0, -2)]
    assert outward(means_of(parabola(LATTICE, 1.0)), 1.0) == []


def test_closer_rates_are_tried_once_and_again_only_where_a_parabola_does_not_fit():
    losses = parabola(LATTICE, 1.0)
    first = closer(losses, 0)
    assert first == [0.5623, 1.778]
    losses |= parabola(first, 1.0)
    assert closer(losses, 1) == []
    walled = {rate: np.array([0.0, 0.1, 0.2]) - math.log10(rate) if rate <= 1 else np.full(3, math.inf) for rate in LATTICE}
    rounds = []
    while more := closer(walled, len(rounds)):
        rounds.append(more)
        walled |= {rate: np.array([0.0, 0.1, 0.2]) - math.log10(rate) if rate <= 1.2 else np.full(3, math.inf) for rate in more}
    assert len(rounds) == 3
    assert optimum(walled).high / optimum(walled).low < 1.8


def test_an_exponent_is_the_slope_and_bends_where_it_changes():
    sizes = [8, 32, 128]
    straight = [Optimum(size**0.5, size**0.5, size**0.5, (0.0,) * 5) for size in sizes]
    found = exponent(sizes, straight)
    assert found[:3] == pytest.approx((0.5, 0.5, 0.5))
    assert not found.bends
    bent = [Optimum(rate, rate, rate, (0.01, -0.01, 0.0)) for rate in (1.0, 4.0, 5.0)]
    found = exponent(sizes, bent)
    assert found.bends
    assert [round(value, 3) for value, _, _ in found.between] == [1.0, 0.161]


def test_what_moves_a_seed_at_every_batch_size_alike_does_not_move_the_exponent():
    together = [Optimum(1.0, 0.5, 2.0, (0.1, -0.1, 0.05, -0.05))] * 3
    assert exponent([8, 32, 128], together).high == pytest.approx(0, abs=1e-12)
    apart = [*together[:2], together[0]._replace(influences=(-0.1, 0.1, -0.05, 0.05))]
    assert exponent([8, 32, 128], apart).high > 0.05


def test_an_optimum_without_a_parabola_brings_all_of_its_interval():
    loose = Optimum(1.0, 0.1, 10.0)
    found = exponent([8, 32, 128], [loose, loose, loose])
    assert found.high == pytest.approx(1 / math.log10(16) * 2)  # a decade at either end of a span of log10(16), each way
    assert not found.bends


@pytest.mark.parametrize(("low", "high", "words"), [
    (0.3, 0.6, "the square-root rule fits; the same rate at every batch size and the linear rule do not"),
    (0.9, 1.2, "the linear rule fits; the same rate at every batch size and the square-root rule do not"),
    (-0.1, 0.1, "the same rate at every batch size fits; the square-root rule and the linear rule do not"),
    (0.4, 1.1, "whether the square-root rule or the linear rule fits cannot be told; the same rate at every batch size does not"),
    (-1, 2, "which of the usual rules fits cannot be told"),
    (0.6, 0.9, "none of the usual rules fits")])
def test_which_rules_fit_is_said(low, high, words):
    assert rules_told(low, high) == words
