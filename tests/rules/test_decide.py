"""The recommendation: a pure function of the evidence, and what it takes to change a user's setting."""

import random
import re
from dataclasses import replace

import pytest
from rules.worlds import MARGIN, PRESENT, T0, C, Truth, at, clock, evidence, hyperbola

from epochal.base.errors import MeasurementFailed, UsageError
from epochal.records import Outcome, Reading, Verdict, dump, load
from epochal.rules.plan.decide import GOALS, decide

SMALL, LARGE, HOT = at(8), at(128), at(32, 1e-2)
RIVALS = {PRESENT: Truth(), SMALL: Truth(steps=1200), LARGE: Truth(steps=400), HOT: Truth(excess=20 * MARGIN)}
LIVELY = {"shared": 0.05, "wobble": 0.002}


def lively(truths, **options):
    """The same settings with noise of their own, a fifth of the margin."""
    return evidence({s: t._replace(private=MARGIN / 5) for s, t in truths.items()}, **LIVELY | options)


def verdicts(plan):
    return {arm.setting: arm.verdict for arm in plan.arms}


def chosen(plan):
    return plan.batch_size.value, plan.learning_rate.value


@pytest.mark.parametrize("goal", GOALS)
def test_the_same_evidence_gives_the_same_plan_also_from_the_file(goal):
    known = lively(RIVALS)
    assert decide(known, goal=goal) == decide(load(dump(known)), goal=goal)
    assert decide(known, goal=goal).evidence == known


@pytest.mark.parametrize("goal", GOALS)
def test_the_order_in_which_things_were_measured_does_not_matter(goal):
    known = lively(RIVALS, seed=3)
    plan = decide(known, goal=goal)
    for seed in range(5):
        mixed = random.Random(seed)
        other = decide(replace(known, curves=tuple(mixed.sample(known.curves, len(known.curves))),
                               readings=tuple(mixed.sample(known.readings, len(known.readings)))), goal=goal)
        assert [str(choice) for choice in (other.batch_size, other.learning_rate, other.epochs, other.predict_batch_size)] == [
            str(choice) for choice in (plan.batch_size, plan.learning_rate, plan.epochs, plan.predict_batch_size)]
        assert (other.headline, other.binding, other.unresolved, other.stopping) == (
            plan.headline, plan.binding, plan.unresolved, plan.stopping)
        assert verdicts(other) == verdicts(plan)


def test_of_two_readings_of_one_name_the_later_trustworthy_one_counts():
    known = evidence(RIVALS)
    plan = decide(known.add(clock(1e-4, 1e-4)))
    assert plan.derived[1].value == pytest.approx(decide(evidence(RIVALS, throughput=clock(1e-4, 1e-4))).derived[1].value)
    failed = Reading(name="throughput", outcome=Outcome.UNRESOLVED)
    assert decide(known.add(failed)).derived == decide(known).derived


def test_the_present_setting_stands_where_nothing_is_shown_to_pay():
    plan = decide(lively({PRESENT: Truth(), LARGE: Truth(steps=640), SMALL: Truth(steps=2400)}))
    assert chosen(plan) == (32, 1e-3)
    assert plan.headline.startswith("Keep yours (batch size 32")
    assert verdicts(plan)[PRESENT] is Verdict.REFERENCE


def test_a_setting_of_equal_quality_that_is_shown_faster_replaces_the_present_one():
    plan = decide(lively(RIVALS))       # 400 steps of 1.56 ms against 600 of 1.39 ms
    assert chosen(plan) == (128, 1e-3)
    assert verdicts(plan)[LARGE] is Verdict.NOT_WORSE
    assert "sooner" in plan.headline
    assert len(plan.headline) <= 200                            # two lines


def test_equal_quality_alone_is_no_reason_to_change():
    plan = decide(lively({PRESENT: Truth(), LARGE: Truth(steps=900)}))
    assert verdicts(plan)[LARGE] is Verdict.NOT_WORSE
    assert chosen(plan) == (32, 1e-3)


def test_less_than_a_tenth_of_the_time_saved_is_no_reason_to_change():
    seconds = 600 * (T0 + 32 * C)
    for share, size in ((0.94, 32), (0.85, 128)):
        plan = decide(evidence({PRESENT: Truth(), LARGE: Truth(steps=share * seconds / (T0 + 128 * C))}))
        assert plan.batch_size.value == size


def test_a_time_saved_that_the_seeds_or_the_clock_do_not_show_is_no_reason_to_change():
    shown = {PRESENT: Truth(), LARGE: Truth(steps=400)}
    assert chosen(decide(evidence(shown)))[0] == 128
    assert chosen(decide(evidence(shown, throughput=clock(T0, C, spread=2.0))))[0] == 32
    noisy = {s: t._replace(private=MARGIN / 2) for s, t in shown.items()}
    assert chosen(decide(evidence(noisy, seed=2, n_seeds=3)))[0] == 32


def test_a_faster_setting_that_is_worse_is_not_taken():
    plan = decide(lively({PRESENT: Truth(steps=1200), LARGE: Truth(excess=2 * MARGIN, steps=100)}))
    assert verdicts(plan)[LARGE] is Verdict.WORSE
    assert chosen(plan) == (32, 1e-3)


def test_a_faster_setting_of_unresolved_quality_is_not_taken_but_named():
    truths = {PRESENT: Truth(steps=2400), at(128, 3e-3): Truth(steps=100, private=3 * MARGIN)}
    plan = decide(evidence(truths, seed=4))
    assert verdicts(plan)[at(128, 3e-3)] is Verdict.UNDECIDED
    assert chosen(plan) == (32, 1e-3)


def test_a_clearly_better_setting_is_the_reference_and_the_answer():
    truths = {PRESENT: Truth(excess=5 * MARGIN), LARGE: Truth(), SMALL: Truth(excess=5 * MARGIN)}
    for goal in ("fastest", "best"):
        plan = decide(lively(truths), goal=goal)
        assert chosen(plan) == (128, 1e-3)
        assert verdicts(plan) == {PRESENT: Verdict.WORSE, LARGE: Verdict.REFERENCE, SMALL: Verdict.WORSE}
        assert "more validation loss" in plan.headline


def test_better_by_less_than_the_margin_is_no_reason_to_give_up_speed_but_it_is_the_best():
    truths = {PRESENT: Truth(excess=0.5 * MARGIN, private=MARGIN / 20), SMALL: Truth(steps=3000, private=MARGIN / 20)}
    known = evidence(truths)
    assert chosen(decide(known)) == (32, 1e-3)
    best = decide(known, goal="best")
    assert chosen(best) == (8, 1e-3)
    assert "shown better" in best.headline
    assert "less than the margin" in best.headline


def test_better_by_less_than_the_margin_and_no_faster_is_no_reason_to_change():
    truths = {PRESENT: Truth(excess=0.5 * MARGIN, private=MARGIN / 20), HOT: Truth(private=MARGIN / 20)}
    plan = decide(evidence(truths))
    assert verdicts(plan) == {PRESENT: Verdict.REFERENCE, HOT: Verdict.BETTER}
    assert chosen(plan) == (32, 1e-3)


def test_better_by_less_than_the_margin_stands_in_the_way_of_no_faster_setting():
    """As on 24,000 payments: a small batch was better by two thirds of the margin, took twice as long, and was recommended."""
    truths = {PRESENT: Truth(excess=0.8 * MARGIN, private=MARGIN / 3), SMALL: Truth(steps=9000, private=MARGIN / 3),
              LARGE: Truth(excess=0.8 * MARGIN, steps=300, private=MARGIN / 3)}
    plan = decide(evidence(truths))
    assert chosen(plan) == (128, 1e-3)
    assert chosen(decide(plan.evidence, goal="best")) == (8, 1e-3)


def test_a_better_setting_that_takes_longer_is_told_and_taken_where_quality_is_the_goal():
    truths = {PRESENT: Truth(excess=5 * MARGIN), SMALL: Truth(steps=9000), LARGE: Truth(excess=5 * MARGIN, steps=300)}
    plan = decide(lively(truths))
    assert chosen(plan) == (128, 1e-3)
    told = [sentence for sentence in plan.unresolved if sentence.startswith("whether time or quality matters more: batch size 8")]
    assert len(told) == 1
    assert "times as long to the same loss; `--goal best` takes it" in told[0]
    assert chosen(decide(plan.evidence, goal="best")) == (8, 1e-3)
    sooner = decide(lively(truths | {SMALL: Truth(steps=20)}))
    assert chosen(sooner) == (8, 1e-3)
    assert not any("whether time or quality" in sentence for sentence in sooner.unresolved)


def test_each_goal_finds_the_setting_made_for_it():
    quick, thrifty, small, best = at(512), at(16), at(8, 3e-3), at(128, 3e-3)
    known = lively({
        PRESENT: Truth(steps=2000), best: Truth(excess=-0.4 * MARGIN, steps=2600), quick: Truth(steps=300),
        thrifty: Truth(steps=1500), small: Truth(steps=9000)}, wobble=0.0)
    assert {goal: at(*chosen(decide(known, goal=goal))) for goal in GOALS} == {
        "fastest": quick, "frugal": thrifty, "smallest": small, "best": best}


def test_frugal_counts_the_rows_of_short_last_batches_as_they_are():
    """1,024 of 1,600 rows: two updates see 1,600 examples, not 2,048."""
    known = lively({PRESENT: Truth(steps=1000), at(1024): Truth(steps=34)}, wobble=0.0)
    plan = decide(known, goal="frugal")
    assert plan.batch_size.value == 1024
    share = float(re.search(r"with ([0-9.]+) times the examples", plan.headline)[1])
    assert 0.82 < share < 0.89                      # about 34 · 800 = 27,200 of 32,000; 1.09 if it were miscounted


def test_a_batch_beyond_the_rows_costs_what_all_rows_cost():
    known = evidence({at(4096): Truth(steps=100), at(1600): Truth(steps=100)}, present=at(4096))
    for goal in GOALS:
        plan = decide(known, goal=goal)
        assert plan.batch_size.value == 4096        # the same training under another name is not faster, smaller or better
        assert plan.binding == "rows: one batch holds all 1,600 training rows"
        assert plan.batch_size.low <= 4096 <= plan.batch_size.high
        assert plan.predict_batch_size.low <= plan.predict_batch_size.value <= plan.predict_batch_size.high


def test_a_present_setting_that_diverges_is_replaced_and_told_so():
    for goal in GOALS:
        plan = decide(lively({PRESENT: Truth(diverges=True), LARGE: Truth(), SMALL: Truth(excess=9 * MARGIN)}), goal=goal)
        assert plan.headline.startswith("Yours diverges")
        assert chosen(plan) == (128, 1e-3)
        assert verdicts(plan)[PRESENT] is Verdict.DIVERGED


def test_one_diverged_run_of_the_present_setting_counts_as_diverging():
    known = lively({PRESENT: Truth(), LARGE: Truth(steps=900)})
    mine = [c for c in known.curves if c.stage == "present"]
    broken = replace(mine[0], outcome=Outcome.DIVERGED, half_a=mine[0].half_a[:3], half_b=mine[0].half_b[:3])
    plan = decide(replace(known, curves=tuple(broken if c is mine[0] else c for c in known.curves)))
    assert plan.headline.startswith("Yours diverges")


def test_a_rival_that_diverges_is_no_answer_and_does_not_disturb():
    calm = {PRESENT: Truth(), LARGE: Truth(steps=400)}
    plan = decide(evidence(calm | {at(128, 1.0): Truth(diverges=True)}))
    assert chosen(plan) == chosen(decide(evidence(calm)))
    assert verdicts(plan)[at(128, 1.0)] is Verdict.DIVERGED


@pytest.mark.parametrize("goal", GOALS)
def test_where_everything_diverges_there_is_no_plan(goal):
    with pytest.raises(MeasurementFailed, match="every setting diverged"):
        decide(evidence({PRESENT: Truth(diverges=True), LARGE: Truth(diverges=True)}), goal=goal)


def test_without_a_rival_the_present_setting_stands_untested():
    plan = decide(evidence({PRESENT: Truth()}, n_screen=0))
    assert (plan.batch_size.value, plan.learning_rate.value) == (PRESENT.batch_size, PRESENT.learning_rate)
    assert "no other setting could be compared" in plan.headline
    assert "no other setting could be compared" in plan.headline


def test_without_the_present_setting_or_the_untrained_loss_yours_is_kept_and_without_a_clock_there_is_no_plan():
    def less(**missing):
        known = evidence({PRESENT: Truth(), LARGE: Truth()}, **missing)
        yield replace(known, curves=tuple(c for c in known.curves if c.stage != "present"))
        yield evidence({PRESENT: Truth(), LARGE: Truth()}, untrained_loss=None, **missing)

    for timed, untimed in zip(less(), less(throughput=None), strict=True):
        assert decide(timed).headline.startswith("Keep yours (batch size 32, learning rate 0.001) for now")
        with pytest.raises(MeasurementFailed, match="Cannot recommend .* longer budget"):
            decide(untimed)


def test_an_unknown_goal_names_the_goals():
    with pytest.raises(UsageError, match=r"`goal` must be one of fastest, best, frugal, smallest; got 'quickest'\. Pass goal="):
        decide(evidence(RIVALS), goal="quickest")


def test_seeds_that_differ_far_more_than_settings_do_not_hide_a_difference():
    """Paired over seeds: the seeds' own luck is 25 margins, the difference is 2, its own noise a tenth."""
    truths = {PRESENT: Truth(excess=2 * MARGIN, private=MARGIN / 10), LARGE: Truth(private=MARGIN / 10)}
    plan = decide(evidence(truths, shared=25 * MARGIN, n_seeds=4), goal="best")
    assert chosen(plan) == (128, 1e-3)


def test_the_time_optimal_batch_and_its_band_come_back_from_the_trainings():
    sizes = (8, 32, 128, 512, 1600)
    truths = {at(b): Truth(steps=hyperbola(250, 200, b)) for b in sizes}
    plan = decide(evidence(truths))
    critical, optimal = plan.derived
    assert critical.value == pytest.approx(200, rel=0.05)        # curves are interpolated between epochs
    assert optimal.value == pytest.approx(392.6, rel=0.03)
    assert plan.batch_size.value == 512                          # 392.6 lies between 128 and 512; 512 is inside the band
    assert optimal.low <= 512 <= optimal.high
    assert (plan.batch_size.low, plan.batch_size.high) == (pytest.approx(optimal.low, abs=1), pytest.approx(optimal.high, abs=1))


def test_a_size_that_did_not_arrive_counts_with_the_most_updates_that_a_run_of_it_made():
    sizes = (8, 32, 128, 512)
    truths = {at(b): Truth(steps=hyperbola(250, 200, b), excess=3 * MARGIN * (b == 512)) for b in sizes}
    known = evidence(truths, n_epochs=20)
    late = [c for c in known.of("confirm") if c.setting.batch_size == 512]
    short = [replace(c, half_a=c.half_a[:9], half_b=c.half_b[:9], train_loss=c.train_loss[:9]) for c in late[1:]]
    known = replace(known, curves=tuple(c for c in known.curves if c not in late[1:]) + tuple(short))
    assert {p.batch_size: p.updates for p in decide(known).derived[0].points}[512] == late[0].n_epochs * 4


def test_a_faster_setting_that_is_as_good_on_average_is_named_though_it_is_not_shown():
    def noisy(excess, noise):
        return evidence({PRESENT: Truth(private=noise * MARGIN), LARGE: Truth(steps=300, excess=excess * MARGIN,
                                                                              private=noise * MARGIN)})

    plan, behind = decide(noisy(0, 1)), decide(noisy(0, 2))
    assert (chosen(plan), chosen(behind)) == ((32, 1e-3), (32, 1e-3))
    assert verdicts(plan)[LARGE] is verdicts(behind)[LARGE] is Verdict.UNDECIDED
    assert re.match(r"Keep yours \(32 at 0\.001\), or try 128 at 0\.001: the same loss \S+ times sooner; whether it ends as good "
                    r"is not shown \(difference \S+ \(\S+ to \S+\)\)\.$", plan.headline)
    assert "or try" not in decide(plan.evidence, goal="best").headline
    assert "or try" not in behind.headline         # by these seeds it is worse by more than the margin


def test_with_other_numbers_of_seeds_losses_are_as_far_apart_as_the_paired_difference_says():
    known = lively(RIVALS, shared=0.5)
    few = sorted({curve.seed for curve in known.of("present")})[:4]
    fewer = replace(known, curves=tuple(c for c in known.curves if c.setting == PRESENT or c.seed in few))
    arms = {arm.setting: arm for arm in decide(fewer).arms}
    assert (arms[PRESENT].n_seeds, arms[LARGE].n_seeds) == (8, 4)
    for setting in (LARGE, SMALL, HOT):
        assert arms[setting].quality - arms[PRESENT].quality == pytest.approx(arms[setting].difference)
    assert arms[PRESENT].quality == pytest.approx({arm.setting: arm for arm in decide(known).arms}[PRESENT].quality)
