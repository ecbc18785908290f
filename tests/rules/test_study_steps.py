"""Updates to the target of a study, and what is known of its critical batch size."""

import math

import pytest
from rules.study_runs import NAMES, confirmed, design, run

from epochal.records import Contrast, Outcome, Setting, UpdatesToTarget, Verdict
from epochal.rules.study.updates_to_target import critical_batch_of, median_ranks, updates_in

SIZES = (32, 128, 512)


def contrast(size, quality=1.0, *, budget="epochs", rate=1e-3, verdict=Verdict.EQUIVALENT, n_seeds=3):
    return Contrast(budget=budget, setting=Setting(batch_size=size, learning_rate=rate), n_epochs=4, n_updates=200,
                    n_seeds=n_seeds, quality=quality, quality_low=None, quality_high=None, verdict=verdict, sentence="")


def falling(size, arrives, *, seed=0, rate=1e-3, n_epochs=40):
    """A run of 50 updates an epoch whose loss falls by 1 an epoch and is 1.01 after `arrives` updates."""
    start = 1.01 + arrives / 50
    return run([start - 1 - epoch for epoch in range(n_epochs)], batch_size=size, seed=seed, rate=rate)


def critical(curves, compared, **changed):
    return critical_batch_of(design(batch_sizes=SIZES, **changed), NAMES, curves, compared, 0.01)


def law(size, s_min=100.0, b_crit=200.0):
    return s_min * (1 + b_crit / size)


def _span(point):
    return point.updates, point.low, point.high


def test_an_exact_law_gives_back_its_critical_batch_size():
    found = critical([falling(b, law(b), seed=s) for b in SIZES for s in range(3)], [contrast(b) for b in SIZES])
    assert found.value == pytest.approx(200, rel=1e-3)
    assert found.detail("target") == pytest.approx(1.01)
    assert [(p.batch_size, p.updates) for p in found.points] == [(b, pytest.approx(law(b))) for b in SIZES]


def test_one_unlucky_seed_of_three_does_not_decide():
    curves = [falling(b, law(b), seed=s) for b in SIZES for s in range(2)] + [falling(b, 9999, seed=2) for b in SIZES]
    found = critical(curves, [contrast(b) for b in SIZES])
    assert found.value == pytest.approx(200, rel=1e-3)
    assert [(p.high, p.share_arrived) for p in found.points] == [(math.inf, pytest.approx(2 / 3))] * 3


def test_where_half_the_seeds_did_not_arrive_the_updates_they_made_are_the_bound_and_the_law_is_not_known():
    curves = [falling(b, law(b), seed=s) for b in SIZES[:2] for s in range(2)]
    curves += [falling(512, 100), falling(512, 9999, seed=1)]
    found = critical(curves, [contrast(b) for b in SIZES])
    assert found.outcome is Outcome.UNRESOLVED
    assert found.note == "2 batch sizes reached the target loss; it takes 3"
    assert found.points[-1] == UpdatesToTarget(batch_size=512, updates=2000.0, low=2000.0, high=math.inf, learning_rate=1e-3,
                                               share_arrived=0.5)


def test_a_median_within_the_first_epoch_is_known_as_at_most_that_epoch():
    sizes = (8, 32, 128, 512)  # by this law 42 updates at batch size 512, and an epoch has 50
    curves = [falling(b, law(b, s_min=30.0), seed=s) for b in sizes for s in range(3)]
    found = critical_batch_of(design(batch_sizes=sizes), NAMES, curves, [contrast(b) for b in sizes], 0.01)
    assert _span(found.points[-1]) == (50.0, 0.5, 50.0)
    assert found.value == pytest.approx(200, rel=1e-3)
    found = critical(curves[3:], [contrast(b) for b in SIZES])
    assert found.note.startswith("2 batch sizes reached the target loss, and 1 before the end of the first epoch")


@pytest.mark.parametrize(("arrivals", "point"), [((40, 120, 120), (120.0, 50.0, 120.0)), ((40, 40, 120), (50.0, 0.5, 120.0)),
                                                 ((40, 40, 120, 140), (120.0, 0.5, 140.0))])
def test_half_the_seeds_within_the_first_epoch_bound_the_median(arrivals, point):
    curves = [falling(32, updates, seed=s) for s, updates in enumerate(arrivals)]
    assert _span(critical(curves, [contrast(32)]).points[0]) == pytest.approx(point)


def test_of_two_arms_the_one_of_fewest_updates_counts_though_it_did_not_arrive():
    curves = [*(falling(32, 300, seed=s) for s in range(2)), *(falling(32, 999, seed=s, rate=0.1, n_epochs=4) for s in range(2))]
    both = [contrast(32), contrast(32, budget="steps", rate=0.1)]
    (point,) = critical(curves, both).points
    assert point == UpdatesToTarget(batch_size=32, updates=200.0, low=200.0, high=math.inf, learning_rate=0.1, share_arrived=0.0)
    slower = [*curves[:2], *(falling(32, 999, seed=s, rate=0.1) for s in range(2))]
    assert critical(slower, both).points[0].learning_rate == 1e-3


def test_the_tutorial_arm_and_a_diverged_one_take_no_part():
    curves = [falling(32, 300, seed=s) for s in range(2)] + [falling(32, 60, seed=s, rate=0.1) for s in range(2)]
    for other in ({"budget": "tutorial"}, {"verdict": Verdict.DIVERGED}):
        assert [p.learning_rate for p in critical(curves, [contrast(32), contrast(32, rate=0.1, **other)]).points] == [1e-3]


def test_without_a_reference_there_is_no_target():
    found = critical(confirmed({32: [1.0, 1.0]}), [contrast(32, quality=None, verdict=Verdict.DIVERGED)])
    assert (found.outcome, found.points) == (Outcome.UNRESOLVED, ())
    assert found.note == "the reference batch size diverged, so there is no target"


def test_updates_are_interpolated_within_the_epoch_and_the_first_epoch_counts_whole():
    curve = run([5.0, 3.0, 1.0])
    assert [updates_in(curve, design(), NAMES, target) for target in (9.0, 4.0, 1.0, 0.5)] == [50, 75, 150, None]


def test_a_metric_of_which_more_is_better_is_reached_from_below():
    up = design(metric="accuracy", larger_is_better=True)
    curve = run([5.0, 3.0, 1.0], accuracy=(0.2, 0.4, 0.8))
    assert [updates_in(curve, up, NAMES, target) for target in (0.1, 0.6, 0.9)] == [50, pytest.approx(125), None]


def test_values_that_are_not_numbers_are_no_arrival():
    curve = run([math.nan, 3.0, math.nan, 1.0])
    assert updates_in(curve, design(), NAMES, 3.5) == 100
    assert updates_in(curve, design(), NAMES, 0.5) is None


@pytest.mark.parametrize("n", range(6, 40))
def test_the_median_lies_between_its_ranks_with_95_percent_and_no_narrower_pair_has_that(n):
    low, high = median_ranks(n)
    outside = [2 * sum(math.comb(n, k) for k in range(place + 1)) / 2**n for place in (low, low + 1)]
    assert high == n - 1 - low
    assert outside[0] <= 0.05 < outside[1]
