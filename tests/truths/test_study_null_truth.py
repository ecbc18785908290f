"""Studies of arms whose true qualities are known: alike ones are called so, differences are found as often as promised."""

import functools

import numpy as np
import pytest
from rules.study_runs import NAMES, design, trained
from scipy.stats import binom

from epochal.base.pairs import ALPHA, detectable, equivalence
from epochal.records import Curve, Setting, Verdict
from epochal.rules.study.contrasts import contrasts
from epochal.rules.study.rate_search import tuned

SIZES, RATES, N_EPOCHS, N_SEEDS, N_TRIALS = (32, 256, 1024), (3e-4, 1e-3, 3e-3), 10, 8, 3
LUCK, ALONE, WOBBLE = 0.05, 0.01, 0.01   # deviations: of a seed, shared by all arms; of a run; of each half from epoch to epoch
DECIDED = (Verdict.BETTER, Verdict.WORSE)


def study(seed, *, shifts=(0.0, 0.0, 0.0), wobbles=(WOBBLE,) * 3, margin=1e-4, tutorial=False):
    """The contrasts of one made-up study, its rates chosen by trials among three that are truly alike.

    Args:
        shifts: what each batch size adds to the loss. wobbles: the noise from epoch to epoch of each.
    """
    rng = np.random.default_rng([seed, 2027])
    of = design(batch_sizes=SIZES, epochs=N_EPOCHS, tutorial=tutorial)
    screened = {size: _runs(rng, size, RATES, "screen", N_TRIALS, shift, wobble, rng.normal(size=N_TRIALS))
                for size, shift, wobble in zip(SIZES, shifts, wobbles, strict=True)}
    rates = [tuned(of, NAMES, curves, "epochs", N_EPOCHS) for curves in screened.values()]
    luck = rng.normal(size=N_SEEDS)
    fresh = [_runs(rng, size, {rate.value, 1e-3}, "confirm", N_SEEDS, shift, wobble, luck)
             for size, rate, shift, wobble in zip(SIZES, rates, shifts, wobbles, strict=True)]
    horizons = {("epochs", size): N_EPOCHS for size in SIZES}
    return contrasts(trained(of, [c for curves in fresh for c in curves], rates, horizons, margin))


def _runs(rng, size, rates, stage, n, shift, wobble, luck):
    level = 0.3 + shift + LUCK * luck[:, None, None]
    curves = []
    for rate in sorted(rates):
        halves = level + ALONE * rng.normal(size=(n, 1, 1)) + wobble * rng.normal(size=(n, 2, N_EPOCHS))
        curves += [Curve(setting=Setting(batch_size=size, learning_rate=rate), seed=seed, stage=stage, steps_per_epoch=50,
                         train_loss=(), half_a=tuple(a), half_b=tuple(b)) for seed, (a, b) in enumerate(halves.tolist())]
    return curves


def others(found, budget="epochs"):
    return [c for c in found if c.budget == budget and c.verdict is not Verdict.REFERENCE]


@functools.cache
def alike():
    """200 studies of three arms that do not differ."""
    return [study(seed) for seed in range(200)]


def spread():
    """Standard deviation of a paired difference between two arms, from the studies of arms that do not differ."""
    deviations = [(c.high - c.low) / 2 * np.sqrt(N_SEEDS) / 2.3646 for found in alike() for c in others(found)]
    return float(np.sqrt(np.mean(np.square(deviations))))


def most_by_chance(n, share=0.05, failure=1e-3):
    """What so many chances of this share stay below, but for this probability of failure."""
    return int(binom.isf(failure, n, share))


def test_of_200_studies_whose_arms_do_not_differ_at_most_one_in_twenty_says_that_any_does():
    wrong = sum(any(c.verdict in DECIDED for c in others(found)) for found in alike())
    assert wrong <= most_by_chance(200)          # 20: at a true share of 5 % fails in under 0.1 % of draws


def test_the_interval_of_a_difference_holds_the_truth_in_19_of_20_comparisons():
    held = sum(c.low <= 0 <= c.high for found in alike() for c in others(found)[:1])
    assert binom.ppf(5e-4, 200, 0.95) <= held <= binom.isf(5e-4, 200, 0.95)   # fails in 0.1 % of draws


def test_a_difference_of_the_size_called_detectable_is_found_in_four_of_five_studies():
    planted = detectable(spread(), N_SEEDS, alpha=ALPHA / 2)
    verdicts = [others(study(1000 + seed, shifts=(0.0, 0.0, planted)))[1].verdict for seed in range(300)]
    found = verdicts.count(Verdict.WORSE) / 300
    assert found == pytest.approx(0.8, abs=0.08)   # standard error 0.023: fails in about 0.1 % of draws
    assert Verdict.BETTER not in verdicts


def test_arms_that_differ_by_just_the_margin_are_called_equivalent_in_at_most_one_study_of_twenty():
    margin = 2.5 * spread()                        # wide enough for the tests to have their full 5 %
    wrong = sum(others(study(5000 + seed, shifts=(0.0, margin, 0.0), margin=margin))[0].verdict is Verdict.EQUIVALENT
                for seed in range(200))
    assert wrong <= most_by_chance(200)            # fails in under 0.1 % of draws


def test_the_equivalence_tests_use_up_their_twentieth_and_no_more():
    rng, margin, n_studies = np.random.default_rng(5), 2.5, 2000
    away = margin + rng.normal(size=(n_studies, N_SEEDS))
    wrong = sum(equivalence(row, np.zeros(N_SEEDS), margin) <= ALPHA for row in away)
    assert binom.ppf(5e-4, n_studies, 0.05) <= wrong <= binom.isf(5e-4, n_studies, 0.05)   # fails in 0.1 % of draws


def test_arms_that_are_alike_are_called_equivalent_where_the_margin_leaves_room():
    verdicts = [c.verdict for seed in range(60) for c in others(study(seed, margin=3 * spread()))]
    assert verdicts.count(Verdict.EQUIVALENT) > 0.95 * len(verdicts)   # 3 deviations are 8.5 standard errors away


def test_a_batch_size_that_is_only_noisier_wins_as_tutorials_compare_and_not_in_a_study():
    """The best of ten noisy epochs looks good: a noisy arm (a small batch, a high rate) is flattered."""
    found = [study(9000 + seed, wobbles=(WOBBLE, WOBBLE, 5 * WOBBLE), tutorial=True) for seed in range(100)]
    fooled = sum(others(each, "tutorial")[1].verdict is Verdict.BETTER for each in found)
    fair = sum(any(c.verdict in DECIDED for c in others(each)) for each in found)
    assert fooled > 80
    assert fair <= most_by_chance(100)             # 13: fails in under 0.1 % of draws
