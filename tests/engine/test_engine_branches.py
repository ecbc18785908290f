"""Lanes that begin at a state that another training left, and parts of an epoch: branches of one training."""

import numpy as np
import pytest
from engine.rigs_of_jax import shared_springs
from engine.ways import way

from epochal.engine import Batches, Lane, measure_mode, train
from epochal.engine.lanes import order, rows_of

WAYS = pytest.mark.parametrize("how", [way("stepwise"), way("fused", 3), way("fused", 5)],
                               ids=lambda how: f"{how.mode} {how.width}")


@WAYS
def test_a_branch_is_what_the_steps_from_its_start_make_of_it(how):
    rig = shared_springs()
    start, _ = rig.step(rig.fresh(5), np.arange(4), 0.3)
    before = np.array(start.w)
    lanes = [Lane(seed, rate, start=start) for seed in (1, 2) for rate in (0.1, 0.4)]
    runs = train(rig, [*lanes, Lane(1, 0.1)], Batches(5, 2), how=how)
    for lane, run in zip(lanes, runs, strict=False):
        state = start
        for epoch in range(2):
            rows = order(lane.seed, epoch, rig.n_examples)
            for at in range(0, rig.n_examples, 5):
                state, _ = rig.step(state, rows[at : at + 5], lane.rates)
            np.testing.assert_allclose(run.figures[epoch], rig.evaluate(state), rtol=1e-5)
    assert not np.allclose(runs[0].figures, runs[4].figures)  # which begins where its seed says
    np.testing.assert_array_equal(start.w, before)  # and nothing was written over the start


@WAYS
def test_parts_of_an_epoch_one_after_the_other_are_the_epoch(how):
    rig = shared_springs()  # 23 rows: two parts of ten, and three rows that no part holds
    whole = train(rig, [Lane(3, 0.2)], Batches(5, 2, n_rows=20), how=how)[0]
    parts = train(rig, [Lane(3, 0.2)], Batches(5, 4, n_rows=10), how=how)[0]
    np.testing.assert_allclose(parts.figures[1::2], whole.figures, rtol=1e-5)
    assert len(parts.train_loss) == 4
    rows = np.concatenate([rows_of(rig, Lane(3, 0.2), part, 10) for part in range(4)])
    np.testing.assert_array_equal(rows, np.concatenate([order(3, 0, 23)[:20], order(3, 1, 23)[:20]]))


def test_more_rows_than_there_are_is_all_of_them():
    rig = shared_springs()
    assert Batches(5, 1, n_rows=100).steps_per_epoch(23) == 5
    runs = [train(rig, [Lane(3, 0.2)], Batches(5, 2, n_rows=n_rows), how=way("stepwise"))[0] for n_rows in (None, 100)]
    np.testing.assert_array_equal(runs[0].figures, runs[1].figures)


def test_the_way_of_training_is_measured_for_parts_as_well():
    how = measure_mode(shared_springs(), 5, 3, n_rows=10)
    run = train(shared_springs(), [Lane(3, 0.2)], Batches(5, 2, n_rows=10), how=how)[0]
    assert run.figures.shape[0] == 2
