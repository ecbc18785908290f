"""Which learning rate the trials choose, and which are tried next."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.study_runs import NAMES, design, run, trials

from epochal.base.errors import UsageError
from epochal.rules.plan.learning_rates import MOST_RATES, STEP, grid, neighbour
from epochal.rules.study.rate_search import dropped_neighbours, next_rates, refinements, survivors, tuned

DESIGN = design()
RATES = grid(1e-3, 5, 1e-3)


def found(losses, n_epochs=4, of=DESIGN, **options):
    return tuned(of, NAMES, trials(losses, **options), "epochs", n_epochs)


def bowl(centre, rates=RATES, bend=1.0):
    """Loss by rate: a parabola in log10(rate)."""
    return {rate: 1 + bend * math.log10(rate / centre) ** 2 for rate in rates}


@given(st.floats(-0.45, 0.45), st.floats(0.1, 3.0))
def test_the_lowest_point_of_a_parabola_is_found_and_the_nearest_tried_rate_is_taken(shift, bend):
    centre = 1e-3 * 10**shift
    chosen = found(bowl(centre, bend=bend))
    assert chosen.vertex == pytest.approx(centre, rel=1e-6)
    assert chosen.value == min(RATES, key=lambda rate: abs(math.log(rate / centre)))
    assert chosen.interior
    assert (chosen.n_rates, chosen.n_trials) == (5, 15)


def test_where_far_points_bend_the_parabola_away_they_are_left_out():
    losses = dict(zip(RATES, (1.04, 1.01, 1.0, 1.01, 9.0), strict=True))   # the last is about to diverge
    assert found(losses).vertex == pytest.approx(1e-3, rel=1e-3)
    losses[RATES[0]] = 1.4                                                      # and the first has hardly learnt
    assert found(losses).vertex == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(("losses", "best"), [((1.0, 1.1, 1.2, 1.3, 1.4), 0), ((1.4, 1.3, 1.2, 1.1, 1.0), 4)])
def test_a_best_rate_at_an_edge_is_not_interior_and_has_no_vertex(losses, best):
    chosen = found(dict(zip(RATES, losses, strict=True)))
    assert chosen.value == RATES[best]
    assert chosen.vertex is None
    assert not chosen.interior


def test_rates_that_diverged_count_as_tried_and_as_worse():
    losses = dict(zip(RATES, (1.2, 1.1, 1.0, math.inf, math.inf), strict=True))
    chosen = found(losses)
    assert chosen.value == RATES[2]
    assert chosen.interior
    assert chosen.vertex is None
    assert (chosen.n_rates, chosen.n_trials) == (5, 15)


def test_one_run_that_diverged_condemns_its_rate():
    runs = trials(bowl(1e-3))
    spoilt = [run([9.0], rate=1e-3, seed=1000, stage="screen", diverges=True) if c.setting.learning_rate == 1e-3 and c.seed == 1000
              else c for c in runs]
    assert tuned(DESIGN, NAMES, spoilt, "epochs", 4).value != 1e-3


def test_where_every_rate_diverged_there_is_none():
    assert found(dict.fromkeys(RATES, math.inf)) is None
    assert survivors(DESIGN, NAMES, trials(dict.fromkeys(RATES, math.inf)), 4) == ()
    assert dropped_neighbours(DESIGN, NAMES, trials(dict.fromkeys(RATES, math.inf)), 4) == ()


def test_the_plateau_is_what_one_standard_error_does_not_tell_from_the_best_and_takes_more_than_one_seed():
    below, above = RATES[1], RATES[3]
    others = [run(c.half_a[-2:], rate=c.setting.learning_rate, seed=c.seed, stage="screen") for c in trials(bowl(1e-3))
              if c.setting.learning_rate != above]

    def with_above(losses):
        close = [run([9.0, loss], rate=above, seed=1000 + i, stage="screen") for i, loss in enumerate(losses)]
        return tuned(DESIGN, NAMES, [*others, *close], "epochs", 2)

    assert with_above((0.9, 1.0, 1.2)).high == above           # 0.033 above the best, standard error 0.088
    assert with_above((1.0, 1.1, 1.25)).high == 1e-3           # 0.117 above, standard error 0.073, standard deviation 0.126
    assert with_above((0.9, 1.0, 1.2)).low == 1e-3 > below     # below, the mean is 0.25 above the best, without any spread
    one = tuned(DESIGN, NAMES, trials(dict.fromkeys(RATES, 1.0), n_seeds=1), "epochs", 4)
    assert one.low == one.high == one.value


def test_a_metric_of_which_more_is_better_is_tuned_upwards():
    def accurate(rate):
        return 0.9 - 0.1 * math.log10(rate / 1e-3) ** 2

    runs = [run([1.0], rate=rate, seed=seed, stage="screen", accuracy=[accurate(rate)]) for rate in RATES for seed in (1, 2)]
    chosen = tuned(design(metric="accuracy", larger_is_better=True), NAMES, runs, "epochs", 1)
    assert chosen.value == 1e-3
    assert chosen.vertex == pytest.approx(1e-3, rel=1e-6)


def test_runs_with_fresh_seeds_have_no_part_in_the_choice():
    fresh = [run([0.0] * 4, rate=RATES[0], seed=seed) for seed in range(3)]
    assert tuned(DESIGN, NAMES, [*fresh, *trials(bowl(1e-3))], "epochs", 4).value == 1e-3


def test_trials_of_two_batch_sizes_are_refused():
    with pytest.raises(UsageError, match="one batch size"):
        tuned(DESIGN, NAMES, trials(bowl(1e-3)) + trials(bowl(1e-3), batch_size=64), "epochs", 4)


def test_a_rate_dropped_by_halving_counts_as_worse_but_not_as_a_neighbour_known_to_be_worse():
    short, full = trials(dict.fromkeys(RATES, 0.5), n_epochs=1), trials(bowl(1e-3))

    def but_dropped(*places):
        dropped = {RATES[place] for place in places}
        return [long if long.setting.learning_rate not in dropped else brief for long, brief in zip(full, short, strict=True)]

    far, near = but_dropped(0, 4), but_dropped(0, 1)
    assert tuned(DESIGN, NAMES, far, "epochs", 4).interior
    assert dropped_neighbours(DESIGN, NAMES, far, 4) == ()
    assert tuned(DESIGN, NAMES, near, "epochs", 4).value == 1e-3
    assert not tuned(DESIGN, NAMES, near, "epochs", 4).interior
    assert dropped_neighbours(DESIGN, NAMES, near, 4) == (RATES[1],)
    trained = [*near, *(c for c in full if c.setting.learning_rate == RATES[1])]   # then both runs are there: the longer counts
    assert tuned(DESIGN, NAMES, trained, "epochs", 4).interior
    assert tuned(DESIGN, NAMES, trained, "epochs", 4).n_trials == 15


def test_the_better_half_survives_and_always_the_neighbours_of_the_best():
    losses = dict(zip(RATES, (1.0, 5.0, 2.0, 3.0, 4.0), strict=True))
    assert survivors(DESIGN, NAMES, trials(losses), 4) == (RATES[0], RATES[1], RATES[2], RATES[3])
    losses = dict(zip(RATES, (5.0, 4.0, 2.0, 1.0, math.inf), strict=True))
    assert survivors(DESIGN, NAMES, trials(losses), 4) == (RATES[1], RATES[2], RATES[3])


def widened(centres, first=RATES, present=1e-3, n_seeds=1):
    """Rates tried at each batch size when each size's loss is a parabola with its own centre; infinite below: all diverge."""
    tried = {size: list(first) for size in centres}
    while True:
        tuneds = {size: found(bowl(centre, tried[size]) if centre > 1e-7 else
                              {rate: math.inf if rate > 1e2 * centre else 1.0 for rate in tried[size]},
                              n_seeds=n_seeds, batch_size=size) for size, centre in centres.items()}
        more = next_rates({size: [one] for size, one in tuneds.items()}, tried, present)
        if not any(more.values()):
            return tried, tuneds
        for size in centres:
            assert len(set(more[size])) == len(more[size])
            assert not set(more[size]) & set(tried[size])
            tried[size] += more[size]


@given(st.lists(st.floats(-5.5, -0.5), min_size=1, max_size=4), st.integers(3, 5))
def test_every_batch_size_gets_as_many_trials_and_the_search_ends_inside_or_at_the_limit(logs, n_first):
    tried, tuneds = widened({32 * 2**i: 10**log for i, log in enumerate(logs)}, grid(1e-3, n_first, 1e-3))
    counts = {len(rates) for rates in tried.values()}
    assert len(counts) == 1
    assert counts.pop() <= MOST_RATES
    assert all(chosen.interior for chosen in tuneds.values()) or len(tried[32]) == MOST_RATES


def test_nothing_is_tried_where_every_best_is_interior():
    assert widened({32: 1e-3, 64: 2e-3}) == ({32: RATES, 64: RATES}, widened({32: 1e-3, 64: 2e-3})[1])


def test_where_one_size_goes_further_the_other_goes_outwards_too_so_that_the_spacing_is_the_same():
    tuneds = {32: [found(bowl(1.3e-3))], 1024: [found(bowl(1.0), batch_size=1024)]}
    more = next_rates(tuneds, {32: RATES, 1024: RATES}, 1e-3)
    assert more == {32: [neighbour(RATES[0], 1e-3, -1)], 1024: [neighbour(RATES[-1], 1e-3, 1)]}


def test_every_size_is_refined_alike_half_way_to_the_vertexs_side():
    up, down = found(bowl(1.3e-3)), found(bowl(0.8e-3), batch_size=64)
    more = refinements({32: [up], 64: [down]}, {32: RATES, 64: RATES}, 1e-3)
    assert more == {32: [pytest.approx(1e-3 * math.sqrt(STEP), rel=1e-3)], 64: [pytest.approx(1e-3 / math.sqrt(STEP), rel=1e-3)]}


def test_budgets_that_chose_other_rates_are_refined_each_and_sizes_with_one_get_as_many_trials():
    up, down = found(bowl(3e-3)), found(bowl(3e-4))
    more = refinements({32: [up, down], 64: [up, up]}, {32: RATES, 64: RATES}, 1e-3)
    assert len(more[32]) == len(more[64]) == 2
    assert not set(more[32] + more[64]) & set(RATES)


def test_nothing_is_refined_where_every_rate_of_a_size_diverged():
    assert refinements({32: [None], 64: [found(bowl(1e-3))]}, {32: RATES, 64: RATES}, 1e-3) == {32: [], 64: []}


@given(st.floats(-5.5, -0.5), st.floats(-5.5, -0.5), st.integers(3, 5))
def test_the_chosen_rates_of_two_sizes_have_the_same_spacing_around_them(one, other, n_first):
    """Else a difference between two arms that are the same would be one of grids."""
    tried, tuneds = widened({32: 10**one, 64: 10**other}, grid(1e-3, n_first, 1e-3))
    if not all(chosen.interior for chosen in tuneds.values()):
        return
    more = refinements({size: [one] for size, one in tuneds.items()}, tried, 1e-3)
    gaps = []
    for size, chosen in tuneds.items():
        rates = sorted(math.log10(rate) for rate in {*tried[size], *more[size]})
        place = min(range(len(rates)), key=lambda i, rates=rates, chosen=chosen: abs(rates[i] - math.log10(chosen.value)))
        gaps.append(sorted((rates[place] - rates[place - 1], rates[place + 1] - rates[place])))
    assert gaps[0] == pytest.approx(gaps[1], abs=0.01)


def test_where_every_rate_diverged_two_lower_ones_are_tried_and_the_others_get_two_as_well():
    more = next_rates({32: [None], 64: [found(bowl(1e-3))]}, {32: RATES, 64: RATES}, 1e-3)
    assert more[32] == [neighbour(RATES[0], 1e-3, -2), neighbour(RATES[0], 1e-3, -1)]
    assert len(more[64]) == 2


def test_budgets_that_disagree_send_the_search_both_ways():
    up, down = found(bowl(1.0)), found(bowl(1e-6))
    assert next_rates({32: [up, down]}, {32: RATES}, 1e-3) == {32: [neighbour(RATES[0], 1e-3, -1), neighbour(RATES[-1], 1e-3, 1)]}


def test_at_the_limit_nothing_more_is_tried():
    rates = grid(1e-3, MOST_RATES, 1e-3)
    tuneds = {32: [found(bowl(1e3, rates))], 64: [found(bowl(1e-3, rates))]}
    assert next_rates(tuneds, {32: rates, 64: rates}, 1e-3) == {32: [], 64: []}
