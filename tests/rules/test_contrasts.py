"""The comparison of a study: paired, adjusted, and in words."""

import dataclasses
import math

import numpy as np
import pytest
from rules.study_runs import confirmed, design, run, trained, trials

from epochal.base.errors import UsageError
from epochal.base.pairs import equivalence, paired_p
from epochal.base.stats import holm, paired_difference
from epochal.records import BUDGETS, TunedRate, Verdict
from epochal.rules.study.contrasts import contrasts, declared_margin, verdict_from

SEEDS = np.random.default_rng(3).normal(size=8)   # what all arms of a seed share
ALONE = 0.001 * np.random.default_rng(4).normal(size=8)


def rate(batch_size, value=1e-3, budget="epochs", interior=True):
    return TunedRate(budget=budget, batch_size=batch_size, value=value, vertex=value, low=value, high=value, interior=interior,
                     n_rates=5, n_trials=15)


def compared(curves, of=None, *, rates=None, margin=0.01, n_test=0, fit_seconds=None, horizons=None):
    of = of or design(batch_sizes=tuple(sorted({c.setting.batch_size for c in curves})))
    rates = [rate(size, budget=budget) for size in of.batch_sizes for budget in of.equal] if rates is None else rates
    horizons = horizons or {(budget, size): of.epochs for budget in of.equal for size in of.batch_sizes}
    return contrasts(trained(of, curves, rates, horizons, margin, n_test=n_test, fit_seconds=fit_seconds or {}))


def arm(shift, alone=ALONE):
    return (1 + SEEDS + shift + alone).tolist()


def the_other(shift, alone=ALONE, **options):
    """The contrast of 1,024 with 32, whose runs are the seed's luck alone."""
    return compared(confirmed({32: arm(0, 0 * ALONE), 1024: arm(shift, alone)}), **options)[1]


def test_the_figures_are_those_of_the_paired_tests_adjusted_over_the_arms():
    losses = {32: arm(0, 0 * ALONE), 64: arm(0.001), 128: arm(-0.0008, -ALONE), 256: arm(0.01, 2 * ALONE)}
    found = {c.setting.batch_size: c for c in compared(confirmed(losses), margin=0.003)}
    adjusted = holm([paired_p(losses[size], losses[32]) for size in (64, 128, 256)])
    for size, p in zip((64, 128, 256), adjusted, strict=True):
        c = found[size]
        assert c.p_value == pytest.approx(p)
        assert c.p_equivalent == pytest.approx(equivalence(losses[size], losses[32], 0.003))
        assert (c.difference, c.low, c.high) == pytest.approx(paired_difference(losses[size], losses[32]))
        assert c.quality == pytest.approx(np.mean(losses[size]))
        assert c.superiority == np.mean(np.array(losses[size]) < losses[32])
        assert c.n_seeds == 8
    assert found[32].verdict is Verdict.REFERENCE
    assert found[32].difference is found[32].p_value is found[32].n_enough is None
    assert found[32].sentence == ""


def test_a_seeds_luck_that_all_arms_share_hides_no_difference():
    assert the_other(0.02).verdict is Verdict.WORSE            # the luck is a hundred times as large
    assert the_other(-0.02).verdict is Verdict.BETTER
    assert the_other(0.0).verdict is Verdict.EQUIVALENT


def test_a_difference_beyond_chance_within_the_margin_is_equivalent_and_says_so():
    c = the_other(0.004, alone=ALONE - ALONE.mean())
    assert c.p_value < 0.001
    assert c.verdict is Verdict.EQUIVALENT
    assert c.sentence.startswith("Batch size 1,024 is equivalent to 32 at equal epochs: +0.004 (")
    assert c.sentence.endswith("larger than chance explains, but within the margin of 0.01 set beforehand.")


def test_a_difference_beyond_chance_whose_interval_leaves_the_margin_is_a_difference():
    c = the_other(0.0095, margin=0.0103, alone=np.array([1, -1, 1, -1, 1, -1, 1, -1]) * 1e-3)
    assert c.p_equivalent <= 0.05                              # as the 90 % interval is within
    assert c.low > 0
    assert c.high > 0.0103
    assert c.verdict is Verdict.WORSE
    assert "though maybe by too little to matter (less than 0.0103)" in c.sentence


def test_what_is_neither_says_how_many_seeds_would_be_enough():
    wide = 20 * ALONE - np.mean(20 * ALONE)
    c = the_other(0.003, alone=wide)
    assert c.verdict is Verdict.UNDECIDED
    assert c.n_enough > 8
    assert f"about {c.n_enough:,} seeds would decide" in c.sentence
    never = the_other(0.0, alone=wide, margin=1e-5)
    assert never.verdict is Verdict.UNDECIDED
    assert never.n_enough is None
    assert "more than 1,000 seeds would be needed" in never.sentence


def test_the_sentence_of_an_equivalence_is_the_one_a_reader_is_promised():
    c = the_other(0.0006, alone=7 * (ALONE - ALONE.mean()))
    assert c.sentence == (f"Batch size 1,024 is equivalent to 32 at equal epochs: +0.0006 ({c.low:+.2g} to {c.high:+.2g}) in loss, "
                          "within the margin of 0.01 set beforehand.")


def test_where_more_is_better_a_larger_value_is_the_better_one():
    of = design(metric="accuracy", larger_is_better=True, epochs=1)
    curves = [run([1.0], batch_size=size, seed=seed, accuracy=[0.5 + 0.01 * luck + (0.05 + alone) * (size == 1024)])
              for size in (32, 1024) for seed, (luck, alone) in enumerate(zip(SEEDS, ALONE, strict=True))]
    c = compared(curves, of)[1]
    assert c.verdict is Verdict.BETTER
    assert c.superiority == 1.0
    assert c.difference == pytest.approx(0.05, abs=0.002)


def test_an_arm_with_a_run_that_diverged_is_called_so_and_the_others_are_still_compared():
    losses = {32: arm(0, 0 * ALONE), 64: arm(0.02), 1024: [*arm(0)[:7], math.inf]}
    _, worse, gone = compared(confirmed(losses))
    assert worse.verdict is Verdict.WORSE
    assert gone.verdict is Verdict.DIVERGED
    assert gone.quality is gone.difference is gone.p_value is gone.selection_bias is None
    assert "diverged at equal epochs, in 1 training with fresh seeds" in gone.sentence


def test_an_arm_that_diverged_is_no_comparison_that_the_others_are_adjusted_for():
    luck = 15 * (ALONE - ALONE.mean())
    losses = {32: arm(0, 0 * ALONE), 64: arm(0.006, luck)}
    alone = compared(confirmed(losses))[1]
    beside = compared(confirmed(losses | {1024: [math.inf] * 8}))[1]
    assert (beside.p_value, beside.detectable, beside.n_enough, beside.sentence) == (
        alone.p_value, alone.detectable, alone.n_enough, alone.sentence)


def test_an_interval_without_zero_that_tells_nothing_among_several_comparisons_says_why():
    luck = 8 * (ALONE - ALONE.mean())
    few = {32: arm(0, 0 * ALONE), 64: arm(0.008, luck)}
    assert compared(confirmed(few))[1].verdict is Verdict.WORSE
    found = compared(confirmed(few | {size: arm(0, 20 * luck) for size in (128, 256, 512)}))[1]
    assert found.verdict is Verdict.UNDECIDED
    assert found.low > 0
    assert (f"over 8 seeds, p = {found.p_value:.2g}, adjusted for 4 comparisons, 0.01 would matter; "
            "if the observed difference holds, about") in found.sentence


def test_where_the_reference_diverged_nothing_can_be_compared():
    reference, other = compared(confirmed({32: [*arm(0)[:7], math.inf], 1024: arm(0)}))
    assert reference.verdict is Verdict.DIVERGED
    assert other.verdict is Verdict.UNDECIDED
    assert other.quality is not None
    assert other.difference is None
    assert other.sentence == "Batch size 1,024 cannot be compared with 32 at equal epochs: 32 diverged."


def test_a_size_at_which_every_rate_diverged_has_no_rate_and_says_so():
    curves = confirmed({32: arm(0)}) + trials({1e-3: math.inf, 1e-4: math.inf}, batch_size=1024)
    c = compared(curves, rates=[rate(32)])[1]
    assert c.verdict is Verdict.DIVERGED
    assert c.setting.learning_rate == 1e-4
    assert "diverged at equal epochs, at every learning rate tried, down to 0.0001" in c.sentence


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_pairs_compare_nothing(n):
    curves = confirmed({32: arm(0)[:max(n, 1)], 1024: arm(0)[:n]})
    c = compared(curves, design())[1]
    assert c.verdict is Verdict.UNDECIDED
    assert c.n_seeds == n
    assert c.difference is None
    assert f"only {n} pair" in c.sentence


def test_only_seeds_that_both_have_are_paired():
    curves = [c for c in confirmed({32: arm(0, 0 * ALONE), 1024: arm(0.02)}) if (c.setting.batch_size, c.seed) != (32, 0)]
    c = compared(curves)[1]
    assert c.n_seeds == 7
    assert c.difference == pytest.approx(0.02 + ALONE[1:].mean())


def test_a_rate_not_known_to_be_tuned_is_named_in_the_verdict_of_whoever_it_touches():
    curves = confirmed({32: arm(0, 0 * ALONE), 64: arm(0.02), 1024: arm(0.02)})
    _, mine, edge = compared(curves, rates=[rate(32), rate(64), rate(1024, interior=False)])
    assert edge.sentence.endswith("; a better learning rate for 1,024 may lie outside the rates tried.")
    assert "better learning rate" not in mine.sentence
    _, mine, edge = compared(curves, rates=[rate(32, interior=False), rate(64), rate(1024, interior=False)])
    assert "a better learning rate for 32 may lie" in mine.sentence
    assert "a better learning rate for 32 and 1,024 may lie" in edge.sentence


def test_each_budget_has_its_own_horizon_rate_and_adjustment():
    of = design(batch_sizes=(32, 1024), equal=BUDGETS)
    rates = [rate(32, budget=budget) for budget in BUDGETS]
    rates += [rate(1024, value, budget) for value, budget in ((1e-3, "epochs"), (1e-2, "steps"), (1e-3, "time"))]
    horizons = {(budget, 32): 4 for budget in BUDGETS} | {("epochs", 1024): 4, ("steps", 1024): 6, ("time", 1024): 2}
    curves = confirmed({32: arm(0), 1024: arm(1)}) + confirmed({1024: arm(0.0)}, rates={1024: 1e-2}, n_epochs=6)
    found = {c.budget: c for c in compared(curves, of, rates=rates, horizons=horizons, fit_seconds={1024: 0.5})
             if c.setting.batch_size == 1024}
    assert [(c.n_epochs, c.n_updates) for c in found.values()] == [(4, 8), (6, 12), (2, 4)]
    assert [c.difference for c in found.values()] == pytest.approx([1, 0, 3])    # a loss one higher for each epoch that is missing
    assert [c.seconds for c in found.values()] == [4.0, 6.0, 2.0]
    assert [c.setting.learning_rate for c in found.values()] == [1e-3, 1e-2, 1e-3]


def test_the_tutorials_way_takes_the_compiled_rate_equal_epochs_and_the_best_of_the_run():
    of = design(equal=("steps",), tutorial=True, epochs=3)
    curves = [run([3.0, b_low, 2.0], b=[3.0, 2.0, b_low], batch_size=size, seed=seed) for size, b_low in ((32, 1.0), (1024, 1.5))
              for seed in range(6)]
    found = compared(curves, of, rates=[rate(32, budget="steps"), rate(1024, budget="steps")],
                     horizons={("steps", 32): 3, ("steps", 1024): 3})
    assert [c.budget for c in found] == ["steps", "steps", "tutorial", "tutorial"]
    fair, naive = found[0], found[2]
    assert fair.quality == 2.0               # each half is at 2 where the other half is lowest
    assert naive.quality == 1.5
    assert fair.selection_bias == naive.selection_bias == pytest.approx(0.5)
    assert found[3].difference == pytest.approx(0.25)
    assert "as tutorials compare them" in found[3].sentence
    assert compared(curves, design(equal=("epochs",), epochs=3))[0].budget == "epochs"


def test_the_test_rows_are_compared_like_the_others_and_leave_a_floor_to_a_share_alone():
    def with_test(of):
        curves = [run([2.0, 1.0], batch_size=size, seed=seed, accuracy=[0.6, 0.8], test=(0.2, 0.7 + 0.1 * (size == 1024)))
                  for size in (32, 1024) for seed in range(4)]
        return compared(curves, of, n_test=400)

    reference, other = with_test(design(metric="accuracy", larger_is_better=True, epochs=2))
    assert (reference.test, other.test, other.test_difference) == pytest.approx((0.7, 0.8, 0.1))
    assert other.test_floor == pytest.approx(math.sqrt(0.8 * 0.2 / 400))
    assert reference.test_difference is None
    assert with_test(design(epochs=2))[1].test == pytest.approx(8.2)
    assert with_test(design(epochs=2))[1].test_floor is None
    assert the_other(0.0).test is the_other(0.0).test_floor is None


def test_two_seeds_with_the_very_same_gain_show_nothing():
    curves = confirmed({32: [1.0, 2.0], 1024: [0.5, 1.5]})
    assert compared(curves)[1].verdict is Verdict.UNDECIDED


def test_trials_and_shorter_runs_of_the_same_seed_have_no_part_in_it():
    curves = confirmed({32: arm(0, 0 * ALONE), 1024: arm(0.02)})
    once = compared(curves)
    more = [*(dataclasses.replace(c, stage="screen", half_a=(0.0,) * 4, half_b=(0.0,) * 4) for c in curves), *curves,
            *(dataclasses.replace(c, half_a=c.half_a[:1], half_b=c.half_b[:1]) for c in curves)]
    assert compared(more) == once


def test_the_smallest_difference_that_could_have_been_found_is_at_the_level_holm_grants():
    two = compared(confirmed({32: arm(0, 0 * ALONE), 64: arm(0), 1024: arm(0)}))[2]
    assert two.detectable > the_other(0).detectable > 0


@pytest.mark.parametrize("place", range(6))
def test_a_figure_that_is_no_number_shows_neither_difference_nor_equivalence(place):
    good = [0.02, 0.01, 0.03, 0.001, 0.9, 0.01]
    assert verdict_from(*good) is Verdict.WORSE
    spoilt = [*good[:place], math.nan, *good[place + 1:]]
    assert verdict_from(*spoilt) in ((Verdict.UNDECIDED,) if place in (0, 3) else (Verdict.WORSE,))
    alike = [0.0, -0.001, 0.001, 0.9, 0.001, 0.01]
    assert verdict_from(*alike) is Verdict.EQUIVALENT
    assert verdict_from(*alike[:4], math.nan, 0.01) is Verdict.UNDECIDED
    assert verdict_from(*[math.nan] * 6) is Verdict.UNDECIDED


def test_the_margin_is_the_designs_or_a_hundredth_of_what_training_gains():
    assert declared_margin(design(margin=0.3), None, []) == 0.3
    assert declared_margin(design(margin=None), 2.2, [0.9, 0.2, math.inf, math.nan]) == pytest.approx(0.02)
    accuracy = design(metric="accuracy", larger_is_better=True, margin=None)
    assert declared_margin(accuracy, 0.9, [0.95, 0.98, -math.inf]) == pytest.approx(0.0008)
    assert declared_margin(accuracy, 0.9, [0.5]) == declared_margin(accuracy, 0.9, []) == pytest.approx(0.009)   # nothing gained


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(bad):
    with pytest.raises(UsageError, match="margin"):
        declared_margin(design(margin=bad), 1.0, [0.5])


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_a_margin_that_cannot_be_known_must_be_stated(unknown):
    with pytest.raises(UsageError, match="Pass margin"):
        declared_margin(design(margin=None), unknown, [0.5])


def test_a_reference_that_is_not_compared_is_refused():
    with pytest.raises(UsageError, match="reference"):
        compared(confirmed({32: arm(0)}), design(reference=99))
