"""Training many lanes: fused is stepwise, lanes do not touch each other, and every row is met once an epoch."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from engine.rigs_of_jax import Springs, shared_springs, springs
from engine.ways import way

from epochal.engine import Batches, Lane, train
from epochal.engine.lanes import finished, order
from epochal.records import Outcome
from epochal.seam.rows import Fold

STEPWISE = way("stepwise")


def fused(width):
    return way("fused", width)


def falling(n_steps):
    """A schedule that no two steps share."""
    return 0.3 / np.arange(1, n_steps + 1)


def same(a, b, **tolerance):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one.train_loss, other.train_loss, **tolerance)
        np.testing.assert_allclose(one.figures, other.figures, **tolerance)
        assert one.outcome is other.outcome


def equal(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.train_loss, other.train_loss)
        np.testing.assert_array_equal(one.figures, other.figures)
        assert one.outcome is other.outcome


LANES = [Lane(1, 0.1), Lane(2, 0.1), Lane(1, 0.5), Lane(3, falling)]


@pytest.mark.parametrize("batch_size", [4, 10, 22, 23, 100])   # of 23 rows: short last batches of 3, 3, 1; all rows; more than all
def test_fused_equals_stepwise(batch_size):
    rig, batches = shared_springs(), Batches(batch_size, 4)
    same(train(rig, LANES, batches, how=fused(4)), train(rig, LANES, batches, how=STEPWISE), rtol=1e-5, atol=1e-6)


def folded():
    """Springs of which 16 rows train, 4 validate in each half; two of three folds hold out others than the first does."""
    rig, everything = springs(24, noise=0.1), np.arange(24, dtype=np.int32)
    rig.n_examples = 16
    rig.folds = tuple(Fold(np.setdiff1d(everything, held), held[::2], held[1::2])
                      for held in (everything[16:], everything[:8], everything[8:16]))
    return rig


def test_a_lane_trains_on_the_rows_of_its_fold_and_is_judged_on_those_it_holds_out():
    rig, batches = folded(), Batches(5, 3)
    lanes = [Lane(1, 0.1, 0), Lane(1, 0.1, 2), Lane(2, 0.3, 1)]
    alone, together = train(rig, lanes, batches, how=STEPWISE), train(rig, lanes, batches, how=fused(4))
    same(alone, together, rtol=1e-5, atol=1e-6)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.blocks, other.blocks, rtol=1e-5)
        assert one.blocks.shape == (3, 2, 4)
    epochs = np.array_split(np.concatenate(rig.stepped), 9)     # an epoch of each lane in turn
    for i, rows in enumerate(epochs):
        assert sorted(rows) == list(rig.folds[lanes[i % 3].fold].train)
    first = rig.folds[2].train[order(1, 0, 16)]
    np.testing.assert_array_equal(epochs[1], first)


def test_folds_may_have_fewer_rows_than_the_users_split():
    rig, everything, batches = springs(24, noise=0.1), np.arange(24, dtype=np.int32), Batches(5, 2)
    rig.n_examples = 20
    rig.folds = tuple(Fold(np.setdiff1d(everything[:20], held), held[::2], held[1::2])
                      for held in (everything[20:], np.r_[everything[:8], 20, 21], np.r_[everything[8:16], 22, 23]))
    lanes = [Lane(1, 0.1, 1), Lane(2, 0.1, 2)]
    alone, together = train(rig, lanes, batches, how=STEPWISE), train(rig, lanes, batches, how=fused(2))
    same(alone, together, rtol=1e-5, atol=1e-6)
    epochs = np.array_split(np.concatenate(rig.stepped), 4)
    assert [sorted(rows) for rows in epochs] == [list(rig.folds[lane.fold].train) for lane in lanes] * 2
    assert alone[0].blocks.shape == (2, 2, 5)
    (whole,) = train(rig, [Lane(1, 0.1)], batches, how=fused(2))      # another program: all 20 rows
    same([whole], train(rig, [Lane(1, 0.1)], batches, how=STEPWISE), rtol=1e-5, atol=1e-6)
    assert whole.blocks.shape == (2, 2, 2)


@pytest.mark.parametrize("how", [fused(4), STEPWISE], ids=["fused", "stepwise"])
def test_a_lane_is_gradient_descent_over_its_own_order_at_its_own_rates(how):
    rig, n, size, epochs = springs(), 23, 10, 3
    (_, run) = train(rig, [Lane(9, 0.0), Lane(5, falling)], Batches(size, epochs), how=how)
    x, heights = np.float64(rig._x), np.float64(rig._heights)
    w, rates, means, judged = np.zeros(3), iter(falling(3 * epochs)), [], []
    for epoch in range(epochs):
        rows, losses = order(5, epoch, n), np.empty(n)
        for i in range(0, n, size):
            batch = rows[i : i + size]
            losses[i : i + size] = (heights[batch] + 0.5 * ((w - x[batch]) ** 2).sum(1)).mean()
            w = w - next(rates) * (w - x[batch]).mean(0)
        means.append(losses.mean())                                   # each row weighs the same, whatever batch it was in
        each = heights + 0.5 * ((w - x) ** 2).sum(1)
        judged.append([[each.mean(), w[0]], [each.max(), w[1]]])
    np.testing.assert_allclose(run.train_loss, means, rtol=1e-5)
    np.testing.assert_allclose(run.figures, judged, rtol=1e-4, atol=1e-6)
    assert run.figures.shape == (epochs, 2, 2)


@pytest.mark.parametrize("how", [fused(1), STEPWISE], ids=["fused", "stepwise"])
def test_a_short_last_batch_weighs_as_many_rows_as_it_has(how):
    """24 rows of loss 0 and one of 100, the last, alone in its batch: the mean is 4, the mean of batch means would be 25."""
    last = next(seed for seed in range(999) if order(seed, 0, 25)[-1] == 24)
    (run,) = train(Springs([0.0] * 24 + [100.0]), [Lane(last, 0.0)], Batches(8, 1), how=how)
    assert run.train_loss[0] == run.figures[0, 0, 0] == 4.0


@pytest.mark.parametrize("how", [fused(2), STEPWISE], ids=["fused", "stepwise"])
def test_a_rate_of_zero_moves_nothing(how):
    for run in train(springs(), [Lane(1, 0.0), Lane(2, 0.0)], Batches(7, 3), how=how):
        assert len(np.unique(run.figures[:, :, 0], axis=0)) == 1
        np.testing.assert_allclose(run.train_loss, run.figures[:, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(("n", "batch_size", "steps", "last"), [(1600, 32, 50, 32), (1600, 256, 7, 64), (1600, 1024, 2, 576),
                                                               (1600, 1600, 1, 1600), (10, 64, 1, 10)])
def test_an_epoch_has_as_many_steps_as_fit_makes_and_its_last_batch_is_short(n, batch_size, steps, last):
    rig = Springs(np.zeros(n))
    train(rig, [Lane(0, 0.1)], Batches(batch_size, 2), how=STEPWISE)
    assert [len(rows) for rows in rig.stepped] == ([batch_size] * (steps - 1) + [last]) * 2
    assert Batches(batch_size, 2).steps_per_epoch(n) == steps
    asked = []
    train(rig, [Lane(0, lambda n_steps: asked.append(n_steps) or np.zeros(n_steps))], Batches(batch_size, 2), how=fused(1))
    assert asked == [2 * steps]


def test_each_row_is_met_once_an_epoch_in_an_order_that_the_seed_alone_decides():
    met = {}
    for batch_size in (4, 9, 23, 50):
        rig = springs()
        train(rig, [Lane(3, 0.1)], Batches(batch_size, 3), how=STEPWISE)
        met[batch_size] = np.concatenate(rig.stepped)
    epochs = met[4].reshape(3, 23)
    assert all(np.array_equal(rows, met[4]) for rows in met.values())
    assert [sorted(epoch) for epoch in epochs] == [list(range(23))] * 3
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(order(3, 0, 23), order(4, 0, 23))


@pytest.mark.parametrize("how", [fused(4), STEPWISE], ids=["fused", "stepwise"])
def test_each_lane_draws_from_a_stream_of_its_own_seed(how):
    """All rows are alike, so that nothing but the stream tells the lanes apart."""
    rig = Springs(np.zeros(12), noise=1.0)
    one, other, again, quiet = train(rig, [Lane(1, 0.1), Lane(2, 0.1), Lane(1, 0.1), Lane(1, 0.0)], Batches(4, 3), how=how)
    assert (one.train_loss != other.train_loss).all()
    np.testing.assert_array_equal(one.train_loss, again.train_loss)
    assert (quiet.train_loss == 0).all()
    assert len(np.unique(np.diff(one.figures[:, 0, 1]))) > 1       # and the stream moves on from epoch to epoch


@pytest.mark.parametrize("how", [fused(3), STEPWISE], ids=["fused", "stepwise"])
def test_a_lane_that_diverges_ends_before_its_first_infinity_and_disturbs_no_other(how):
    rig, batches = shared_springs(), Batches(5, 6)
    calm, wild, slow = train(rig, [Lane(1, 0.1), Lane(2, 1e6), Lane(3, 0.2)], batches, how=how)
    assert wild.outcome is Outcome.DIVERGED
    assert len(wild.train_loss) == len(wild.figures) < 6
    assert np.isfinite(wild.train_loss).all()
    assert np.isfinite(wild.figures).all()
    equal([calm, slow], train(rig, [Lane(1, 0.1), Lane(3, 0.2)], batches, how=how))
    assert calm.outcome is slow.outcome is Outcome.OK
    assert len(calm.train_loss) == 6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["train", "half a", "half b", "test", "metric"])
def test_a_run_ends_before_the_first_loss_that_is_no_number_but_for_what_no_choice_may_see(bad, where):
    losses, figures = np.ones(5), np.ones((5, 3, 2))
    place = {"train": (losses, (3,)), "half a": (figures, (3, 0, 0)), "half b": (figures, (3, 1, 0)), "test": (figures, (3, 2, 0)),
             "metric": (figures, (3, 0, 1))}[where]
    place[0][place[1]] = bad
    run = finished(losses, figures, 1.0)
    if where in ("metric", "test"):                                # a metric may have no value, test rows end nothing
        assert (len(run.train_loss), run.outcome) == (5, Outcome.OK)
    else:
        assert (len(run.train_loss), len(run.figures), run.outcome) == (3, 3, Outcome.DIVERGED)
    assert run.train_loss.dtype == run.figures.dtype == np.float32


def test_a_narrow_last_group_gives_the_same_numbers_as_a_full_one():
    rig, batches, lanes = shared_springs(), Batches(6, 3), [Lane(seed, 0.1 * seed) for seed in range(7)]
    together = train(rig, lanes, batches, how=fused(4))            # four, then three and one of padding
    apart = [run for lane in lanes for run in train(rig, [lane, Lane(99, 0.3), Lane(98, 0.3), Lane(97, 0.3)], batches,
                                                    how=fused(4))[:1]]
    equal(together, apart)
    same(together, train(rig, lanes, batches, how=fused(3)), rtol=1e-5, atol=1e-6)


def test_runs_come_back_in_the_order_of_the_lanes():
    rates = [0.5, 0.1, 0.4, 0.2, 0.3]
    for how in (fused(2), STEPWISE):
        runs = train(Springs(np.zeros(8), np.ones((8, 3))), [Lane(0, rate) for rate in rates], Batches(8, 1), how=how)
        assert [round(float(run.figures[0, 0, 1]), 5) for run in runs] == rates   # one step from 0 towards 1


@pytest.mark.parametrize("how", [fused(2), STEPWISE], ids=["fused", "stepwise"])
def test_a_group_goes_on_as_long_as_it_is_told_to(how):
    seen = []

    def go_on(n_epochs, losses):
        assert losses.shape == (n_epochs, 3 if how is STEPWISE else 2 if len(seen) < 2 else 1, 2)
        seen.append((n_epochs, losses.copy()))
        return n_epochs < 2

    runs = train(springs(), [Lane(1, 0.1), Lane(2, 0.1), Lane(3, 0.1)], Batches(5, 9), how=how, go_on=go_on)
    assert [len(run.train_loss) for run in runs] == [2, 2, 2]
    assert [n for n, _ in seen] == ([1, 2] if how is STEPWISE else [1, 2, 1, 2])
    np.testing.assert_array_equal(seen[1][1][:, 0], runs[0].figures[:, :, 0])
    np.testing.assert_array_equal(seen[-1][1][:, -1], runs[2].figures[:, :, 0])
    assert all(run.outcome is Outcome.OK for run in runs)


def test_a_rig_that_no_program_may_contain_is_trained_step_by_step():
    rig = FakeRig(n_examples=20, n_params=4)
    (run,) = train(rig, [Lane(1, 0.1)], Batches(8, 3))
    state, losses = rig.fresh(1), []
    for epoch in range(3):
        rows, weighed = order(1, epoch, 20), 0.0
        for start in (0, 8, 16):
            state, loss = rig.step(state, rows[start : start + 8], 0.1)
            weighed += loss * len(rows[start : start + 8]) / 20
        losses.append(weighed)
    np.testing.assert_allclose(run.train_loss, losses, rtol=1e-6)
    np.testing.assert_allclose(run.figures[-1], rig.evaluate(state), rtol=1e-6)


def test_the_rig_keeps_nothing_of_a_training():
    rig, batches = shared_springs(), Batches(5, 2)
    first = train(rig, LANES, batches, how=fused(4))
    train(rig, [Lane(7, 3.0)] * 4, batches, how=fused(4))
    equal(first, train(rig, LANES, batches, how=fused(4)))


def test_lane_seconds_are_shares_of_the_time():
    runs = train(springs(), LANES, Batches(5, 2), how=fused(4))
    assert len({run.seconds for run in runs}) == 1
    assert 0 < runs[0].seconds < 5
