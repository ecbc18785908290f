"""What a race shows of the one ahead: whether a change is advised, and why not."""

import math
from dataclasses import replace

import pytest
from rules.race_runs import BOLDER, LARGER, PRESENT, UNTRAINED, evidence, raced, run, standings

from epochal.records import Outcome, Setting
from epochal.rules.margin import without_learning
from epochal.rules.race.judge import Why, judge, levels_of

THEIRS = {1.024: 1.0, 2.048: 0.8, 4.096: 0.6}            # at levels: 1 ms times powers of two
TWICE_AS_SOON = {1.024: 0.8, 2.048: 0.6, 4.096: 0.5}
LARGEST, SMALLER = Setting(batch_size=512, learning_rate=1e-3), Setting(batch_size=8, learning_rate=3.162e-4)
LOWER = Setting(batch_size=32, learning_rate=3.162e-4)


def judged(theirs, mine, *, setting=LARGER, others=(), **options):
    """The `Judgement` where both were raced, and trained with a fresh seed for each entry of `theirs` and `mine`."""
    fresh = [made for seed, (a, b) in enumerate(zip(theirs, mine, strict=True))
             for made in (run(PRESENT, a, seed=seed), run(setting, b, seed=seed))]
    return judge(standings(raced(PRESENT, theirs[0]), raced(setting, mine[0]), *others, *fresh, **options), UNTRAINED)


def shifted(losses, by):
    return {seconds: loss + by for seconds, loss in losses.items()}


def test_nothing_is_learnt_at_the_lower_of_the_untrained_loss_and_the_best_constant():
    assert without_learning(evidence()) == UNTRAINED == 2.0
    assert without_learning(evidence(constant_loss=0.7)) == 0.7
    assert without_learning(evidence(constant_loss=2.5)) == 2.0


def test_levels_are_the_marks_of_the_present_settings_runs_as_seconds_on_the_lattice():
    """102 and 205 updates of 10 ms are the levels of 1.024 and 2.048 s; another setting's marks make no level."""
    standing = standings(raced(PRESENT, {1.024: 1.0, 2.048: 0.9}), run(PRESENT, {4.096: 0.8}), raced(LARGER, {8.192: 0.5}))
    assert levels_of(standing) == pytest.approx([1.024, 2.048, 4.096])


def test_the_margin_is_a_hundredth_of_what_the_present_setting_gained_with_fresh_seeds():
    found = judged([THEIRS, shifted(THEIRS, 0.2)], [TWICE_AS_SOON] * 2)      # 0.6 and 0.8 on average 0.7
    assert found.margin == pytest.approx(0.01 * (2.0 - 0.7))


def test_where_the_present_setting_gained_nothing_it_is_a_hundredth_of_the_loss_of_knowing_nothing():
    assert judged([{1.024: 2.5}] * 2, [{1.024: 2.4}] * 2).margin == pytest.approx(0.02)


def test_a_lower_loss_beyond_chance_is_worth_a_change():
    found = judged([THEIRS] * 3, [shifted(TWICE_AS_SOON, by) for by in (0.0, 0.01, -0.01)])
    assert (found.change, found.why, found.ahead) == (True, Why.BETTER, LARGER)
    assert [lead.seconds for lead in found.leads] == pytest.approx([1.024, 2.048, 4.096])
    assert found.leads[-1].sooner == pytest.approx(2.0, rel=0.1)


def test_a_lower_loss_is_not_worth_a_change_where_it_comes_less_than_a_ninth_sooner():
    """A margin of 0.014 above 0.6 the present setting has 0.93 of the way from 2.048 to 4.096 s, in log seconds, and mine so many
    times sooner."""
    def ends(times):
        share = 0.93 - math.log2(times)                                      # of the same way
        return {1.024: 1.0, 2.048: 0.8, 4.096: 0.8 - 0.186 / share}

    found = [judged([THEIRS] * 2, [ends(times)] * 2, spread=1.02) for times in (1.13, 1.10)]
    assert [f.leads[-1].sooner for f in found] == pytest.approx([1.13, 1.10], rel=5e-3)   # whole updates
    assert [(f.change, f.why) for f in found] == [(True, Why.BETTER), (False, Why.UNDECIDED)]


def test_a_loss_that_is_lower_by_the_margin_whatever_the_clocks_doubt_is_enough_where_it_comes_no_later():
    """1.05 times sooner, and 0.016 lower in the end; the margin is 0.014. With any doubt of the clock of another batch size it is
    0.8 that is compared, of half the time."""
    mine = {1.024: 1.0, 2.048: 0.8, 4.096: 0.5837}
    lower, larger, doubtful = (judged([THEIRS] * 3, [mine] * 3, setting=setting, spread=spread)
                               for setting, spread in ((LOWER, 1.2), (LARGER, 1.0), (LARGER, 1.02)))
    assert (lower.why, lower.change, larger.why, doubtful.why) == (Why.BETTER, True, Why.BETTER, Why.UNDECIDED)
    theirs, far = {1.024: 1.0, 2.048: 0.56, 4.096: 0.56}, {1.024: 1.0, 2.048: 0.545, 4.096: 0.53}
    found = judged([theirs] * 3, [far] * 3, setting=LARGER, spread=1.3)
    assert (found.why, found.leads[-1].sooner_low < 1) == (Why.BETTER, True)
    assert lower.leads[-1].sooner == pytest.approx(1.05, rel=0.01)
    assert judged([THEIRS] * 3, [mine | {4.096: 0.59}] * 3, setting=LOWER).why is Why.UNDECIDED        # within the margin
    late = {1.024: 1.99, 2.048: 1.98, 4.096: 0.5837}                                                   # and all at once
    later = judged([{1.024: 1.0, 2.048: 0.605, 4.096: 0.6}] * 3, [late] * 3, setting=LOWER)
    assert (later.why, later.leads[-1].high < 0) == (Why.UNDECIDED, True)


def test_a_smaller_batch_must_hold_its_lead_from_one_level_to_the_next():
    one = judged([{1.024: 1.0}] * 3, [{0.512: 0.9, 1.024: 0.8}] * 3, setting=SMALLER)
    assert (one.why, one.change) == (Why.ONE_LEVEL, False)
    held = judged([THEIRS] * 3, [TWICE_AS_SOON] * 3, setting=SMALLER)
    assert (held.why, held.change) == (Why.BETTER, True)


@pytest.mark.parametrize(("spread", "why"), [(1.55, Why.BETTER), (1.7, Why.UNDECIDED)])
def test_a_lower_loss_is_not_worth_a_change_where_by_the_clocks_doubt_it_may_come_no_sooner(spread, why):
    """Twice as soon, and two batch sizes each known to a factor: 2 / 1.55^√2 = 1.08, and 2 / 1.7^√2 = 0.94."""
    found = judged([THEIRS] * 3, [TWICE_AS_SOON] * 3, spread=spread)
    assert (found.why, found.change) == (why, why is Why.BETTER)
    assert found.leads[-1].high < 0
    assert found.leads[-1].sooner_low == pytest.approx(2 / spread ** math.sqrt(2), rel=5e-3)     # whole updates


def test_a_lower_loss_on_curves_that_are_flat_in_the_end_is_not_worth_a_change():
    """With every seed a thousandth lower, which the present setting has 2 s later: within the margin both have it at one time."""
    found = judged([{1.024: 1.0, 2.048: 0.601, 4.096: 0.6}] * 3, [{1.024: 1.0, 2.048: 0.6, 4.096: 0.599}] * 3)
    assert (found.change, found.why) == (False, Why.UNDECIDED)
    assert found.leads[-1].high < 0
    assert found.leads[-1].sooner == pytest.approx(1.0, abs=0.01)


def test_no_worse_and_sooner_is_worth_a_change_where_both_are_shown():
    """It has 0.6 after 2 s, and half b keeps the mark at the end: differences of -0.006 and +0.004. With t = 12.7 for two seeds it
    may be 0.063, beyond the margin of 0.014, though it is lower on average; with t = 2.36 for eight 0.003."""
    def mine(by):
        return {1.024: 0.8, 2.048: ([0.6] * 2, [0.6] * 2), 4.096: ([0.6 + by] * 2, [0.5] * 2)}

    few = judged([THEIRS] * 2, [mine(-0.006), mine(0.004)])
    assert (few.change, few.why) == (False, Why.UNDECIDED)
    many = judged([THEIRS] * 8, [mine(-0.006), mine(0.004)] * 4)
    assert (many.change, many.why) == (True, Why.AS_GOOD_SOONER)
    assert many.leads[-1].low < 0 < many.leads[-1].high < many.margin
    assert many.leads[-1].sooner_low > 1.8


def test_no_worse_is_not_enough_where_it_is_not_shown_to_be_sooner():
    found = judged([THEIRS] * 8, [shifted(THEIRS, by) for by in (0.002, -0.002)] * 4)
    assert (found.change, found.why) == (False, Why.UNDECIDED)


def test_sooner_is_not_enough_where_it_may_be_worse_by_the_margin():
    """It had 0.615 after 2 s, and stays there on the rows that judge: the margin is 0.014."""
    mine = {1.024: 0.8, 2.048: ([0.615] * 2, [0.5] * 2), 4.096: ([0.615] * 2, [0.5] * 2)}
    found = judged([THEIRS] * 8, [mine] * 8)
    assert found.margin == pytest.approx(0.014)
    assert (found.change, found.why) == (False, Why.WORSE)


def test_a_setting_behind_beyond_chance_is_called_so():
    found = judged([THEIRS] * 3, [shifted(THEIRS, by) for by in (0.09, 0.1, 0.11)])
    assert (found.change, found.why, found.ahead) == (False, Why.WORSE, LARGER)


def test_seeds_that_disagree_decide_nothing():
    found = judged([THEIRS] * 3, [shifted(THEIRS, by) for by in (-0.3, 0.2, 0.0)])
    assert (found.change, found.why) == (False, Why.UNDECIDED)


def test_luck_with_the_rows_that_chose_is_no_reason_for_a_change():
    """On half b it has half the loss with every seed, on half a nothing."""
    lucky = {seconds: ([loss] * 2, [loss / 2] * 2) for seconds, loss in THEIRS.items()}
    found = judged([THEIRS] * 3, [lucky] * 3)
    assert (found.change, found.why, found.ahead) == (False, Why.UNDECIDED, LARGER)


def test_luck_of_the_seed_that_was_raced_is_no_reason_for_a_change():
    found = judged([THEIRS] * 3, [THEIRS] * 3, setting=LARGER, others=[raced(LARGEST, shifted(THEIRS, 0.5))])
    lucky = judge(standings(raced(PRESENT, THEIRS), raced(LARGER, shifted(THEIRS, -0.5)),
                            *[run(s, THEIRS, seed=seed) for seed in (1, 2, 3) for s in (PRESENT, LARGER)]), UNTRAINED)
    assert [(f.change, f.why) for f in (found, lucky)] == [(False, Why.UNDECIDED)] * 2


# who is compared

def test_the_present_setting_alone_or_an_other_without_fresh_seeds_changes_nothing():
    alone = judge(standings(raced(PRESENT, THEIRS)), UNTRAINED)
    assert (alone.change, alone.why, alone.ahead, alone.leads) == (False, Why.NOBODY, None, ())
    once = judge(standings(raced(PRESENT, THEIRS), raced(LARGEST, THEIRS), raced(LARGER, TWICE_AS_SOON)), UNTRAINED)
    assert (once.change, once.why, once.ahead, once.leads) == (False, Why.ONE_SEED, LARGER, ())


def test_the_one_that_was_repeated_is_compared_where_the_one_ahead_was_not():
    found = judged([THEIRS] * 3, [TWICE_AS_SOON] * 3, others=[raced(LARGEST, shifted(TWICE_AS_SOON, -0.1))])
    assert (found.change, found.ahead) == (True, LARGER)


def test_a_present_setting_that_diverges_is_left_for_the_lowest_of_those_that_do_not():
    gone = replace(raced(PRESENT, {1.024: 1.0}), outcome=Outcome.DIVERGED)
    found = judge(standings(gone, raced(LARGER, {1.024: 0.9}), raced(LARGEST, {1.024: 0.8}),
                            raced(BOLDER, {1.024: 0.1}, outcome=Outcome.DIVERGED)), UNTRAINED)
    assert (found.change, found.why, found.ahead, found.leads) == (True, Why.DIVERGES, LARGEST, ())


def test_where_all_diverge_nothing_is_advised():
    gone = [raced(setting, {1.024: 1.0}, outcome=Outcome.DIVERGED) for setting in (PRESENT, LARGER)]
    assert judge(standings(*gone), UNTRAINED)[:2] == (False, Why.NOT_AHEAD)


# the guard against high rates

LONG = {0.256: 1.8, 0.512: 1.7, 1.024: 1.6, 2.048: 1.5}      # 0.1 lower with every doubling


def fading(first, second):
    """A training that has what `LONG` has after 1.024 and 2.048 s, and what it has a margin above, so many times sooner: a mark
    each. The margin is 0.005, a twentieth of what a doubling brings."""
    a, b = 1.024 / first, 2.048 / second
    return {0.25: 1.75, a * 2**-0.05: 1.605, a: 1.6, b * 2**-0.05: 1.505, b: 1.5, 2.048: 1.49}


@pytest.mark.parametrize(("first", "second", "why"), [
    (2.0, 2.0, Why.BETTER), (2.0, 1.65, Why.BETTER), (1.2, 1.9, Why.BETTER),
    (2.0, 1.55, Why.SHRINKING), (1.5, 1.15, Why.SHRINKING)])
def test_with_more_noise_a_lead_must_keep_four_fifths_from_one_level_to_the_next(first, second, why):
    found = judged([LONG] * 3, [fading(first, second)] * 3, setting=BOLDER)
    assert [lead.sooner for lead in found.leads[-2:]] == pytest.approx([first, second], rel=0.02)
    assert (found.why, found.change) == (why, why is Why.BETTER)


def test_with_no_more_noise_than_the_present_setting_a_lead_may_shrink():
    assert judged([LONG] * 3, [fading(2.0, 1.2)] * 3, setting=LARGER)[:2] == (True, Why.BETTER)


def test_with_more_noise_a_lead_at_one_level_is_not_enough():
    theirs, mine = {1.024: 1.0}, {0.512: 0.9, 1.024: 0.8}
    assert judged([theirs] * 3, [mine] * 3, setting=BOLDER)[:2] == (False, Why.ONE_LEVEL)
    assert judged([theirs] * 3, [mine] * 3, setting=LARGER)[:2] == (True, Why.BETTER)


def test_a_lower_loss_at_the_only_mark_is_not_enough_since_nothing_says_how_much_sooner_it_came():
    assert judged([{1.024: 1.0}] * 3, [{1.024: 0.8}] * 3, spread=1.02)[:2] == (False, Why.UNDECIDED)


def test_plain_sgd_leaves_more_noise_at_a_batch_with_a_rate_above_the_linear_rule():
    """Four times the batch at half a decade more rate: 1.58 times the noise by √k, 0.79 times by k."""
    setting = Setting(batch_size=128, learning_rate=3.162e-3)
    assert judged([LONG] * 3, [fading(2.0, 1.2)] * 3, setting=setting, optimizer="adam").why is Why.SHRINKING
    assert judged([LONG] * 3, [fading(2.0, 1.2)] * 3, setting=setting, optimizer="sgd").why is Why.BETTER
