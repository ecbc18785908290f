"""The probe of the largest batch by branches: what it trains, and what it says where it cannot tell."""

import math
from dataclasses import replace

import numpy as np
import pytest
from probes.exact_rigs import NoisyQuadratic

from epochal.base.errors import UsageError
from epochal.probes.branches import critical_batch as branching
from epochal.probes.branches.critical_batch import BRANCHED_BATCH, Known
from epochal.probes.measures import MEASURES
from epochal.records import BranchLoss, Evidence, Outcome, Reading, dump, load
from epochal.rules.branches import Branch, by_branches, implied_b_crit, verdicts
from epochal.rules.critical_batch import agreement


def quick(**options):
    return NoisyQuadratic(**{"n_params": 50, "n_examples": 1024, "batch_size": 4, "learning_rate": 0.3} | options)


def test_it_answers_to_critical_batch_and_survives_json():
    reading = BRANCHED_BATCH(quick(), seed=1)
    assert MEASURES["critical_batch"] == (BRANCHED_BATCH,)
    assert reading.known
    assert load(dump(reading)) == reading
    assert reading.low <= reading.value <= reading.high
    assert reading.means.endswith(".")
    assert "512 updates" in reading.note


def test_all_branches_see_the_same_examples_in_the_same_order_from_the_same_state(monkeypatch):
    calls, trained = [], branching.train

    def watched(rig, lanes, batches, **options):
        calls.append((lanes, batches))
        return trained(rig, lanes, batches, **options)

    monkeypatch.setattr(branching, "train", watched)
    BRANCHED_BATCH(quick(), updates=3, repeats=5)
    starts = {id(lane.start) for lanes, _ in calls for lane in lanes}
    assert len(starts) == 1
    sizes = {batches.batch_size for _, batches in calls}
    assert len(sizes) > 2
    assert {batches[1:] for _, batches in calls} == {calls[0][1][1:]}  # epochs and rows
    by_size = {}
    for lanes, batches in calls:
        by_size.setdefault(batches.batch_size, set()).update(lane.seed for lane in lanes)
    assert len({frozenset(seeds) for seeds in by_size.values()}) == 1
    choosing, judging = ({lane.seed for lane in calls[i][0]} for i in (0, -1))
    assert len(choosing) == 3
    assert len(judging) == 5
    assert not choosing & judging


@pytest.mark.parametrize(("n_examples", "least", "largest"), [(1000, 100, 16), (1000, 900, 64), (1000, 5000, 512), (64, 640, 64)])
def test_a_window_is_long_enough_and_has_a_middle(n_examples, least, largest):
    window = branching._window(8, n_examples=n_examples, least=least, largest=largest)
    rows = window.rows_per_epoch(n_examples)
    assert window.n_epochs % 2 == 0
    assert window.n_epochs * rows >= least
    assert rows == n_examples or rows % largest == 0


def test_at_newly_drawn_weights_it_says_so():
    assert "newly drawn weights" in BRANCHED_BATCH(quick(), updates=0).note


def test_too_few_rows_too_little_time_or_memory_are_said():
    assert "2 times" not in (note := BRANCHED_BATCH(quick(n_examples=6)).note)
    assert "twice the present size, 8, fits" in note
    assert "take longer than 1e-09 s" in BRANCHED_BATCH(quick(), seconds=1e-9).note
    assert BRANCHED_BATCH(quick(), known=Known(largest=4)).outcome is Outcome.UNRESOLVED

    class NoMemory(NoisyQuadratic):
        def step(self, state, rows, learning_rate):
            if len(rows) > self.most:
                raise MemoryError
            return super().step(state, rows, learning_rate)

    rig = NoMemory(n_params=5, n_examples=1024, batch_size=4)
    rig.most = 3
    assert BRANCHED_BATCH(rig).outcome is Outcome.OUT_OF_MEMORY
    rig.most = 8
    reading = BRANCHED_BATCH(rig)
    assert "no memory for a batch of 16" in reading.note
    assert [point.batch_size for point in reading.points] == [4, 8]


def test_a_training_that_diverges_before_the_branches_is_said():
    reading = BRANCHED_BATCH(quick(learning_rate=50.0), updates=400)
    assert reading.outcome is Outcome.DIVERGED


def test_batch_normalisation_is_flagged():
    rig = quick()
    rig.task = replace(rig.task, normalises_over_batch=True)
    assert "moving statistics" in BRANCHED_BATCH(rig).note


def test_the_rate_of_the_best_rate_reading_is_where_it_begins():
    known = Reading(name="best_rate", value=0.02, low=0.01, high=0.03, repeats=5)
    assert BRANCHED_BATCH.options(None, Evidence().add(known), 60)["known"].rate == 0.02
    unknown = replace(known, outcome=Outcome.UNRESOLVED)
    assert BRANCHED_BATCH.options(None, Evidence().add(unknown), 60)["known"].rate is None


def test_fewer_than_five_seeds_are_refused():
    with pytest.raises(UsageError, match="`repeats` must be a whole number, 5 or more; got 4"):
        BRANCHED_BATCH(quick(), repeats=4)


# the rule

def branch(size, shift, *, spread=0.01, n_seeds=6, half=None, seed=0):
    rng = np.random.default_rng([seed, size])
    ends = 1.0 + shift + spread * rng.normal(size=(n_seeds, 4))
    return Branch(size, 100, 0.1, ends, None if half is None else ends + half)


def test_the_sequence_stops_at_the_first_that_is_not_shown_not_worse():
    ends = {8: np.zeros((6, 4)), 16: np.full((6, 4), 0.5), 32: np.full((6, 4), 2.0), 64: np.zeros((6, 4))}
    found = verdicts(ends, 1.0)
    assert found.not_worse == 16
    assert found.worse == math.inf  # the largest is not worse, so the sequence from above stops at once
    del ends[64]
    assert verdicts(ends, 1.0)[:2] == (16, 32)


def test_a_branch_that_diverged_is_worse():
    ends = {8: np.zeros((6, 4)), 16: np.full((6, 4), np.inf)}
    assert verdicts(ends, 1.0)[:2] == (8, 16)
    reading = by_branches([branch(8, 0.0), Branch(16, 50, 0.1, np.full((6, 4), np.inf))], 2.0, 1000, "")
    assert (reading.outcome, reading.low, reading.high) == (Outcome.OK, 8, 16)
    assert reading.points[1].worse == math.inf


def test_each_outcome_of_branches():
    fine, worse = branch(16, 0.0, spread=1e-4), branch(32, 0.5, spread=1e-4)
    present = branch(8, 0.0, spread=1e-4)
    found = by_branches([present, fine, worse], 2.0, 1000, "no more rows")
    assert (found.outcome, found.low, found.high, found.value) == (Outcome.OK, 16, 32, 16)
    assert found.detail("margin") == pytest.approx(0.01, rel=1e-2)
    found = by_branches([present, fine], 2.0, 1000, "no more rows")
    assert (found.outcome, found.low, found.high) == (Outcome.LOWER_BOUND, 16, math.inf)
    assert "no more rows" in found.note
    found = by_branches([branch(8, 0.0, spread=0.3), branch(16, 0.0, spread=0.3)], 2.0, 1000, "")
    assert found.outcome is Outcome.UNRESOLVED
    assert "which shows neither" in found.note
    assert by_branches([present, fine], 0.5, 1000, "").outcome is Outcome.UNRESOLVED  # the loss rose
    assert isinstance(found.points[0], BranchLoss)


def test_the_law_that_a_branch_implies_is_the_law_that_made_it():
    """On an exponential curve: the branch of 64 is where (B_crit + 8) / (B_crit + 64) of the examples would bring the one of 8."""
    b_crit, decay = 200.0, 1.5

    def fall(examples):
        return 1 - math.exp(-decay * examples)

    lost = fall(1) - fall((b_crit + 8) / (b_crit + 64))
    low, high = implied_b_crit((64, lost, 0.9 * lost, 1.1 * lost), 8, fall(1), fall(0.5))
    assert implied_b_crit((64, lost, lost, lost), 8, fall(1), fall(0.5)) == pytest.approx((b_crit, b_crit))
    assert low < b_crit < high
    assert implied_b_crit((64, -0.1, -0.2, 0.01), 8, 1.0, 0.7)[1] == math.inf
    assert implied_b_crit((64, 0.1, 0.05, 0.2), 8, 1.0, 1.2) is None


def test_a_contradiction_with_steps_to_a_target_is_said_and_nothing_else():
    def branched(low, high):
        points = (BranchLoss(batch_size=8, learning_rate=0.1, n_updates=1, worse=0.0, low=0.0, high=0.0),)
        return Reading(name="branched_batch", details=(("law_low", low), ("law_high", high)), points=points)

    law = Reading(name="critical_batch", value=100.0, low=50.0, high=200.0, repeats=5)
    assert agreement(branched(60.0, 90.0), law) == ""
    assert "larger critical batch size, 300 to 400" in agreement(branched(300.0, 400.0), law)
    assert "smaller critical batch size, 10 to 40" in agreement(branched(10.0, 40.0), law)
    assert "at least 300" in agreement(branched(300.0, math.inf), law)
    assert agreement(None, law) == agreement(branched(300.0, 400.0), None) == ""
    assert agreement(branched(300.0, 400.0), replace(law, outcome=Outcome.UNRESOLVED)) == ""
