"""How the runs of a race stand: who is ahead on one half of the rows, and by how much the one ahead leads on the other."""

import math

import numpy as np
import pytest
from rules.race_runs import BOLDER, LARGER, PRESENT, evidence, raced, run, standings
from scipy.stats import t

from epochal.records import Mark, Outcome, Run, Setting
from epochal.records.clock import Seconds
from epochal.rules.race.standings import Standings

LARGEST = Setting(batch_size=512, learning_rate=1e-3)
T1 = 12.7062047   # Student's t at 95 %, 1 degree of freedom


def pairs(theirs, mine, setting=LARGER):
    """Fresh runs of the present setting and of another, one pair for each two of `{seconds: loss}`."""
    return [made for seed, (a, b) in enumerate(zip(theirs, mine, strict=True))
            for made in (run(PRESENT, a, seed=seed), run(setting, b, seed=seed))]


# the clock

def test_equal_seconds_are_as_many_updates_as_each_setting_makes_in_them():
    standing = standings()
    assert [standing.updates(s, 2.0) for s in (PRESENT, LARGER, LARGEST)] == [200, 100, 50]
    assert [standing.updates(LARGEST, seconds) for seconds in (0.001, 0.039, 0.0395, 0.08, 0.1)] == [0, 0, 1, 2, 2]   # whole ones
    assert standing.seconds_of(LARGER, 100) == pytest.approx(2.0)


def test_a_level_is_reached_by_a_run_that_made_all_its_updates_and_by_none_whose_first_takes_longer():
    long, short, slow = raced(PRESENT, {1.0: 0.5}), raced(LARGER, {0.98: 0.5}), raced(LARGEST, {0.04: 0.5})
    standing = standings(long, short, slow)
    assert [standing.reached(run, 1.0) for run in (long, short)] == [True, False]      # 100 updates of 100, 49 of 50
    assert standing.raced(LARGER, 1.0) is None
    assert [standing.reached(slow, seconds) for seconds in (0.02, 0.04)] == [False, True]   # an update takes 0.04 s
    assert not standing.reached(raced(PRESENT, {}), 1.0)


# who is ahead

def test_a_run_counts_with_half_b_at_the_mark_that_half_a_chooses():
    standing = standings(raced(PRESENT, {1: ([0.5, 0.5], [0.4, 0.6]), 2: ([0.6, 0.6], [0.1, 0.1])}))
    assert standing.raced(PRESENT, 2.0) == pytest.approx(0.5)          # half a has its lowest at one second; the lowest of b is 0.1
    assert standing.judged("race", PRESENT, 2.0) == pytest.approx(0.6)   # and the other way round


def test_what_comes_after_a_level_does_not_count_at_it():
    standing = standings(raced(PRESENT, {1: 0.5, 2: 0.3, 4: 0.1}))
    assert [standing.raced(PRESENT, seconds) for seconds in (1.0, 2.0, 4.0)] == [0.5, 0.3, 0.1]


def test_ranked_are_the_others_that_came_so_far_lowest_first():
    diverged = Setting(batch_size=512, learning_rate=1e-2)
    standing = standings(raced(PRESENT, {1: 0.5, 2: 0.4}), raced(LARGER, {1: 0.4, 2: 0.35}), raced(LARGEST, {1: 0.3}),
                         raced(diverged, {1: 0.1}, outcome=Outcome.DIVERGED))
    assert standing.racers() == [PRESENT, LARGER, LARGEST, diverged]
    assert standing.ranked(1.0) == [LARGEST, LARGER]
    assert standing.ranked(2.0) == [LARGER]
    assert standing.raced(diverged, 1.0) == math.inf
    assert [standing.diverged(s) for s in (LARGER, diverged)] == [False, True]


def test_of_two_alike_the_smaller_batch_is_first():
    assert standings(raced(PRESENT, {1: 0.5}), raced(LARGEST, {1: 0.4}), raced(LARGER, {1: 0.4})).ranked(1.0) == [LARGER, LARGEST]


def test_the_level_is_the_longest_that_the_present_setting_and_another_have_reached():
    standing = standings(raced(PRESENT, {1: 0.5, 2: 0.4, 4: 0.3}), raced(LARGER, {1: 0.4, 2: 0.35}))
    assert standing.level([1.0, 2.0, 4.0]) == 2.0
    assert standings(raced(PRESENT, {1: 0.5})).level([1.0]) is None


@pytest.mark.parametrize(("optimizer", "noises"), [("adam", (1.0, 3.162, 0.5, 0.25)), ("sgd", (1.0, 3.162, 0.25, 1 / 16))])
def test_the_noise_left_is_the_rate_over_that_of_the_rule(optimizer, noises):
    standing = standings(optimizer=optimizer)
    assert [standing.noise(s) for s in (PRESENT, BOLDER, LARGER, LARGEST)] == pytest.approx(noises)


def test_a_rate_a_decade_above_the_rule_leads_only_after_an_epoch_of_the_present_setting():
    boldest = Setting(batch_size=32, learning_rate=1e-2)
    standing = standings(raced(PRESENT, {1: 0.5, 2: 0.5}), raced(boldest, {1: 0.1, 2: 0.1}), raced(BOLDER, {1: 0.2, 2: 0.2}),
                         n_train=5000)                                # an epoch is 157 updates, 1.57 s
    assert standing.ranked(1.0) == [BOLDER]                            # half a decade may lead at once
    assert standing.ranked(2.0) == [boldest, BOLDER]
    assert [standing.may_lead(boldest, seconds) for seconds in (1.56, 1.57)] == [False, True]


def test_a_curve_has_turned_when_its_lowest_mark_lies_two_doublings_behind_and_the_rows_show_a_rise():
    def turned(losses, **options):
        return standings(raced(PRESENT, losses, **options)).turned(PRESENT)

    assert turned({1: 0.5, 2: 0.4, 8: 0.41})
    assert not turned({1: 0.5, 2: 0.4, 7.9: 0.41})
    assert not turned({1: 0.5, 2: 0.4, 8: 0.39})
    assert not turned({1: 0.5, 2: 0.4, 8: 0.41}, outcome=Outcome.DIVERGED)
    by_block = {1: ((0.4, 0.4), (0.4, 0.4)), 4: ((0.3, 0.6), (0.3, 0.6))}  # higher by 0.05, on two blocks of four only
    run = Run(setting=PRESENT, seed=1, stage="race", marks=tuple(
        Mark(n_updates=100 * n, half_a=a, half_b=b) for n, (a, b) in by_block.items()))
    assert not standings(run).turned(PRESENT)


def test_the_lowest_loss_of_a_setting_is_that_of_both_halves_at_any_mark():
    standing = standings(raced(LARGER, {1: ([0.4, 0.4], [0.2, 0.2]), 2: 0.5}), run(LARGER, {1: 0.35}))
    assert standing.lowest(LARGER) == pytest.approx(0.3)
    assert standing.lowest(LARGEST) == math.inf


def test_in_the_race_a_difference_has_an_interval_over_blocks_of_half_b():
    standing = standings(raced(PRESENT, {1: ([9, 9, 9], [0.5, 0.6, 0.7])}), raced(LARGER, {1: ([8, 8, 8], [0.4, 0.4, 0.4])}))
    mean, low, high = standing.raced_difference(LARGER, 1.0)           # -0.1, -0.2, -0.3
    assert (mean, high - mean, mean - low) == pytest.approx((-0.2, *[t.ppf(0.975, 2) * 0.1 / math.sqrt(3)] * 2))


# by how much one leads

def test_a_lead_in_loss_is_the_paired_difference_on_half_a():
    """Seeds differ by -0.10 and -0.14 (two blocks each, alike); half b, on which mine is far worse, has no say."""
    standing = standings(*pairs([{1: ([1.0, 1.0], [0.0, 0.0])}, {1: ([2.0, 2.0], [0.0, 0.0])}],
                                [{1: ([0.9, 0.9], [5.0, 5.0])}, {1: ([1.86, 1.86], [5.0, 5.0])}]))
    lead = standing.lead(LARGER, 1.0, 0.0)
    assert (lead.seconds, lead.n_seeds, lead.difference) == (1.0, 2, pytest.approx(-0.12))
    assert lead.high - lead.difference == pytest.approx(T1 * 0.02)     # deviation 0.02 √2, over √2
    assert lead.difference - lead.low == pytest.approx(T1 * 0.02)


THEIRS = {1: 1.0, 2: 0.8, 4: 0.6}


@pytest.mark.parametrize(("mine", "margin", "sooner"), [
    ({1: 0.8, 2: 0.6, 4: 0.5}, 0, 2.0),                  # has 0.6 after 2 s
    ({1: 0.8, 2: 0.55, 4: 0.5}, 0, 4 / 2**0.8),          # four fifths of the way from 1 to 2 s, in log seconds
    ({1: 0.8, 2: 0.55, 4: 0.7}, 0, 4 / 2**0.8),          # and keeps what it had
    ({1: 0.5, 2: 0.5, 4: 0.5}, 0, 4.0),                  # no earlier than its first mark
    ({1: 1.0, 2: 0.8, 4: 0.6}, 0, 1.0),
    ({1: 1.2, 2: 1.0, 4: 0.8}, 0, 0.5),                  # never has 0.6; the other has its 0.8 after 2 s
    ({1: 1.2, 2: 1.0, 4: 0.7}, 0, 2**1.5 / 4),           # half of the way from 2 to 4 s
    ({1: 0.8, 2: 0.6, 4: 0.5}, 0.05, 2.0),               # 0.65: three quarters of the way from 1 to 2 s, and from 2 to 4
    ({1: 0.8, 2: 0.55, 4: 0.5}, 0.1, 2**1.5 / 2**0.4),   # 0.7: two fifths from 1 to 2 s; the other half from 2 to 4
    ({1: 0.5, 2: 0.5, 4: 0.5}, 0.1, 2**1.5),             # at its first mark
    ({1: 1.2, 2: 1.0, 4: 0.8}, 0.05, 0.5),               # 0.85: three quarters from 2 to 4 s; the other from 1 to 2
    ({1: 1.2, 2: 1.0, 4: 0.7}, 0.1, 2 / 2 ** (5 / 3))])  # 0.8: two thirds from 2 to 4 s; the other after 2 s
def test_how_many_times_sooner_is_read_off_the_curves_of_both_a_margin_above_the_higher_end(mine, margin, sooner):
    """The log of the seconds grows as the loss falls, in a straight line between two marks."""
    lead = standings(*pairs([THEIRS] * 2, [mine] * 2)).lead(LARGER, 4.0, margin)
    assert (lead.sooner, lead.sooner_low, lead.sooner_high) == pytest.approx((sooner,) * 3)


def test_on_curves_that_are_flat_in_the_end_a_margin_leaves_of_chance_next_to_nothing():
    """A thousandth lower, which the present setting has 2 s later; 0.61 both have just before 2 s."""
    theirs, mine = {1: 1.0, 2: 0.601, 4: 0.6}, {1: 1.0, 2: 0.6, 4: 0.599}
    standing = standings(*pairs([theirs] * 2, [mine] * 2))
    assert standing.lead(LARGER, 4.0, 0.0).sooner == pytest.approx(2.0)
    assert standing.lead(LARGER, 4.0, 0.01).sooner == pytest.approx(2 ** (0.39 / 0.399 - 0.39 / 0.4))    # 1.002
    assert standing.lead(LARGER, 4.0, 0.5).sooner == 1.0               # both have it at their first mark


def test_a_lead_at_an_earlier_level_is_that_of_the_curves_up_to_there():
    standing = standings(*pairs([THEIRS] * 2, [{1: 0.8, 2: 0.7, 4: 0.6}] * 2))
    assert standing.lead(LARGER, 2.0, 0.0).sooner == pytest.approx(2.0)     # 0.8 after 1 s
    assert standing.lead(LARGER, 4.0, 0.0).sooner == pytest.approx(1.0)


def test_its_interval_is_over_seeds_and_in_another_batch_size_over_the_clock():
    twice, four_times = {1: 0.8, 2: 0.6, 4: 0.5}, {1: 0.6, 2: 0.5, 4: 0.4}
    runs = pairs([THEIRS] * 2, [twice, four_times])                    # logs: log 2 and 2 log 2
    over_seeds = T1 * math.log(2) / 2
    lead = standings(*runs).lead(LARGER, 4.0, 0.0)
    assert lead.sooner == pytest.approx(2**1.5)
    assert (lead.sooner_low, lead.sooner_high) == pytest.approx((2**1.5 * math.exp(-over_seeds), 2**1.5 * math.exp(over_seeds)))
    both = math.hypot(over_seeds, math.sqrt(2) * math.log(1.5))        # two sizes, each known to a factor of 1.5
    assert standings(*runs, spread=1.5).lead(LARGER, 4.0, 0.0).sooner_low == pytest.approx(2**1.5 * math.exp(-both))
    same = pairs([THEIRS] * 2, [twice] * 2, BOLDER)
    assert standings(*same, spread=1.5).lead(BOLDER, 4.0, 0.0).sooner_low == pytest.approx(2.0)   # one clock for both: no doubt


def test_the_clocks_doubt_is_of_each_side_by_itself():
    """Steps of 10 ms, maybe 10/1.3 or 10 × 1.1, and of 20 ms, maybe 20/1.2 or 20 × 1.5: what is 2 times sooner may be less by 1.5
    and 1.3, more by 1.2 and 1.1. Where its own steps may only be shorter, and the other's only longer, it is never less."""
    def lead(theirs, mine):
        known = {size: Seconds(value=value, low=value / faster, high=value * slower)
                 for size, value, (faster, slower) in ((32, 0.01, theirs), (128, 0.02, mine))}
        runs = pairs([THEIRS] * 2, [{1: 0.8, 2: 0.6, 4: 0.5}] * 2)
        return Standings(evidence(*runs), known.get).lead(LARGER, 4.0, 0.0)

    both = lead((1.3, 1.1), (1.2, 1.5))
    less, more = (math.exp(math.hypot(math.log(a), math.log(b))) for a, b in ((1.5, 1.3), (1.2, 1.1)))
    assert (both.sooner, both.sooner_low, both.sooner_high) == pytest.approx((2.0, 2 / less, 2 * more))
    above = lead((1, 1.1), (1.2, 1))
    assert (above.sooner_low, above.sooner_high) == pytest.approx((2.0, 2 * more))


def test_a_lead_needs_two_seeds_with_which_both_came_so_far():
    whole, short, diverged = {1: 0.5, 2: 0.4}, {1: 0.5}, run(LARGER, {1: 0.1, 2: 0.1}, seed=3, outcome=Outcome.DIVERGED)
    runs = [*pairs([whole, whole, short], [whole, short, whole]), run(PRESENT, whole, seed=3), diverged, run(LARGER, whole, seed=4)]
    standing = standings(*runs, raced(PRESENT, whole), raced(LARGER, whole))
    assert (standing.seeds(LARGER, 1.0), standing.seeds(LARGER, 2.0)) == ([0, 1, 2], [0])
    assert standing.lead(LARGER, 1.0, 0.0).n_seeds == 3
    assert standing.lead(LARGER, 2.0, 0.0) is None


def test_a_run_that_a_continued_race_began_is_not_compared_before_its_first_mark():
    """The present setting was looked at after 0.5 s in a shorter race; the other began when it went on, at 1 s."""
    late = {1: 0.5, 2: 0.4}
    standing = standings(raced(PRESENT, {0.5: 0.9} | late), raced(LARGER, late), *pairs([{0.5: 0.9} | late] * 2, [late] * 2))
    assert standing.raced(LARGER, 0.5) is None
    assert standing.lead(LARGER, 0.5, 0.0) is None
    assert (standing.raced(LARGER, 1.0), standing.lead(LARGER, 1.0, 0.0).difference) == (0.5, 0.0)


def test_a_setting_that_is_lucky_with_the_rows_of_half_b_leads_the_race_and_has_no_credit_for_it():
    """The rows that chose it have no say in its lead, neither in the loss nor in the time."""
    lucky = {seconds: ([loss] * 2, [loss / 2] * 2) for seconds, loss in THEIRS.items()}
    standing = standings(raced(PRESENT, THEIRS), raced(LARGEST, THEIRS), raced(LARGER, lucky), *pairs([THEIRS] * 3, [lucky] * 3))
    assert standing.ranked(4.0)[0] == LARGER
    lead = standing.lead(LARGER, 4.0, 0.0)
    assert (lead.difference, lead.low, lead.high) == (0.0, 0.0, 0.0)
    assert lead.sooner == pytest.approx(1.0)


def test_a_seed_that_was_lucky_in_the_race_has_no_say_in_the_lead():
    standing = standings(raced(PRESENT, {1: 0.5}), raced(LARGER, {1: 0.1}), *pairs([{1: 0.5}] * 2, [{1: 0.5}] * 2))
    assert standing.lead(LARGER, 1.0, 0.0).difference == 0.0


def test_losses_by_block_are_compared_block_by_block():
    """Blocks that are hard for all settings drop out of the difference."""
    hard = np.array([0.1, 5.0])
    lead = standings(*pairs([{1: (hard, hard)}] * 2, [{1: (hard - 0.05, hard)}] * 2)).lead(LARGER, 1.0, 0.0)
    assert (lead.low, lead.difference, lead.high) == pytest.approx((-0.05,) * 3)
