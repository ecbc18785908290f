"""Rows are cut, nested and checked as Keras would take them."""

import numpy as np
import pytest

from epochal.base.errors import UsageError
from epochal.seam.rows import N_FOLDS, Data, Part, check, data_from_arguments, halves, leaves, over, with_folds, with_folds_by_group


def _part(n=21):
    return Part({"b": np.arange(n), "a": np.arange(n) * 2.0}, (np.arange(n) % 3,), None)


def test_leaves_come_in_keras_order_and_nothing_has_none():
    assert [leaf[1] for leaf in leaves(_part().x)] == [2.0, 1]
    assert leaves(None) == []
    assert len(leaves([_part().x, (_part().y, None)])) == 3


def test_over_keeps_the_nesting():
    doubled = over(lambda a: a * 2, _part().x)
    assert list(doubled) == ["b", "a"]
    np.testing.assert_array_equal(doubled["b"], np.arange(21) * 2)
    assert over(len, None) is None
    assert over(len, _part().y) == (21,)


def test_take_takes_the_same_rows_of_everything():
    taken = _part().take(np.array([4, 2]))
    np.testing.assert_array_equal(taken.x["b"], [4, 2])
    np.testing.assert_array_equal(taken.y[0], [1, 2])
    assert taken.n_rows == 2
    assert taken.weight is None


def test_halves_share_all_rows_with_each_class_split_evenly():
    part = _part()
    first, second = halves(part, seed=0, classes=part.y[0])
    assert abs(first.n_rows - second.n_rows) <= 1
    np.testing.assert_array_equal(np.sort(np.concatenate([first.x["b"], second.x["b"]])), np.arange(21))
    for kind in range(3):
        assert abs(np.sum(first.y[0] == kind) - np.sum(second.y[0] == kind)) <= 1


def test_halves_repeat_for_one_seed_and_differ_for_another():
    cut = [tuple(halves(_part(), seed=seed)[0].x["b"]) for seed in (0, 0, 1)]
    assert cut[0] == cut[1] != cut[2]


def test_one_row_cannot_be_halved():
    with pytest.raises(UsageError, match="`validation rows` must be at least 2; got 1"):
        halves(_part(1), seed=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    part = _part()
    part.x["a"][3] = bad
    with pytest.raises(UsageError, match="`x` of the training rows must be finite; got 1 values"):
        check(part, "the training rows")


def test_inputs_and_targets_of_other_lengths_are_refused():
    with pytest.raises(UsageError, match=r"must hold as many targets as inputs; got \[3, 4\] rows"):
        check(Part(np.zeros(3), np.zeros(4)), "the training rows")


@pytest.mark.parametrize("n", [10, 23, 24, 103, 500])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_folds_hold_out_every_row_once_as_many_in_each_with_each_class_by_its_share(n, kind):
    y = (np.arange(n) % 10 < 3).astype(int) if kind == "classes" else np.random.default_rng(0).normal(size=n)
    data = data_from_arguments(np.arange(n, dtype="float32")[:, None], y, seed=1)
    folds, n_held = data.folds.all, data.half_a.n_rows + data.half_b.n_rows
    assert len(folds) == N_FOLDS
    held = np.zeros(n, int)
    for fold in folds:
        assert list(map(len, fold)) == [data.train.n_rows, data.half_a.n_rows, data.half_b.n_rows]
        assert sorted(np.concatenate(fold)) == list(range(n))
        held[np.concatenate(fold[1:])] += 1
        if kind == "classes" and n >= 100:
            for half in fold[1:]:
                assert abs(data.folds.rows.y[half].sum() - 0.3 * n_held / 2) <= 1.5
    assert held.min() >= 1
    assert (held > 1).sum() <= N_FOLDS * n_held - n        # as many in each fold, though rows do not divide evenly
    np.testing.assert_array_equal(data.folds.rows.take(folds[0].train).x, data.train.x)
    np.testing.assert_array_equal(data.folds.rows.take(folds[0].half_b).y, data.half_b.y)


def test_folds_keep_nesting_and_weights_and_repeat_for_one_seed():
    x, weight = {"b": np.arange(40.0), "a": (np.arange(40) * 2.0,)}, np.arange(40) % 3 + 1.0
    data, again, other = (data_from_arguments(x, np.arange(40.0), sample_weight=weight, seed=seed) for seed in (0, 0, 1))
    rows = data.folds.rows
    np.testing.assert_array_equal(rows.x["a"][0], rows.x["b"] * 2)
    np.testing.assert_array_equal(rows.weight, rows.x["b"] % 3 + 1)
    np.testing.assert_array_equal(data.folds.weight, rows.weight)
    for fold, same in zip(data.folds.all, again.folds.all, strict=True):
        assert all(map(np.array_equal, fold, same))
    assert not np.array_equal(rows.x["b"][data.folds.all[1].half_a], other.folds.rows.x["b"][other.folds.all[1].half_a])


@pytest.mark.parametrize(("n", "n_own"), [(40, 40), (45, 7), (100, 25), (500, 125), (503, 90), (500, 12)])
def test_rows_that_the_user_holds_out_are_never_trained_on_and_stand_last_beside_training_rows_that_take_turns(n, n_own):
    x, y = np.arange(n, dtype="float32")[:, None], np.arange(n) % 4
    own = np.arange(n, n + n_own, dtype="float32")[:, None]
    data = data_from_arguments(x, y, validation_data=(own, np.arange(n_own) % 4), seed=3)
    folds = [data.folds.all[turn] for turn in data.folds.turns]
    assert len(folds) == N_FOLDS
    assert 0 not in data.folds.turns                # the user's own split
    numbers, judged = data.folds.rows.x[:, 0], np.zeros(n + n_own, int)
    np.testing.assert_array_equal(numbers[data.folds.all[0].train], x[:, 0])
    for fold in folds:
        assert list(map(len, fold)) == list(map(len, folds[0]))
        held = numbers[np.concatenate(fold[1:])].astype(int)
        assert len(set(held)) == len(held)
        assert set(numbers[fold.train].astype(int)) == set(range(n)) - set(held)        # no row of the user's
        judged[held] += 1
        for half in fold[1:]:
            theirs = numbers[half] >= n
            share = theirs.mean()
            assert share >= min(0.25, n_own / (n_own + n // 5)) - 1 / len(half)
            assert theirs[len(half) - round(share * len(half)):].all()                  # in the last places
            if n >= 500 and n_own >= 90:
                assert np.bincount(data.folds.rows.y[half[~theirs]], minlength=4).std() < 1.5
    assert judged[:n].max() == 1
    assert (judged[:n] == 0).sum() == n % N_FOLDS
    assert judged[n:].min() >= 1


def test_rows_of_another_kind_or_few_or_less_than_the_users_own_are_not_held_out_beside_them():
    x, y = np.arange(40.0, dtype="float32")[:, None], np.arange(40.0)
    assert data_from_arguments(x, y, validation_split=0.2).folds.turns == (1, 2, 3, 4, 5)
    assert data_from_arguments(x, y, validation_data=(x, y)).folds is not None
    more = np.tile(x, (2, 1)), np.tile(y, 2)
    for others in ((x.astype("int32"), y), (x, np.arange(40)), (np.tile(x, 2), y), ({"a": x}, y), more):
        assert data_from_arguments(x, y, validation_data=others).folds is None
    assert data_from_arguments(x[:39], y[:39], validation_data=(x, y)).folds is None
    assert data_from_arguments(x[:19], y[:19], validation_data=(x[:9], y[:9])).folds is None


@pytest.mark.parametrize("in_classes", [True, False])
def test_whole_groups_are_held_out_in_turn_with_as_many_rows_in_each_fold(in_classes):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), rng.integers(5, 16, 40))
    n, part = len(groups), Part(groups.astype("float32")[:, None], (rng.random(len(groups)) < 0.2).astype("float32")[:, None])
    data = Data("", "", part.take(np.arange(n - 80)), part.take(np.arange(n - 80, n - 40)), part.take(np.arange(n - 40, n)))
    folds = with_folds_by_group(data, groups, 0, in_classes=in_classes).folds
    assert folds.turns == (1, 2, 3, 4, 5)
    assert not folds.own
    held = [set(groups[np.concatenate(folds.all[turn][1:])]) for turn in folds.turns]
    for turn, theirs in zip(folds.turns, held, strict=True):
        fold = folds.all[turn]
        assert list(map(len, fold)) == list(map(len, folds.all[1]))
        assert len(np.unique(np.concatenate(fold))) == sum(map(len, fold)) > 0.9 * n
        assert not theirs & set(groups[fold.train])
        if in_classes:
            assert all(part.y[half].mean() == pytest.approx(part.y.mean(), abs=0.08) for half in fold[1:])
    assert set.union(*held) == set(range(40))
    assert sum(map(len, held)) == 40                       # each in one fold


def test_few_groups_or_very_unequal_ones_are_not_held_out_in_turn():
    part = _part(60)
    data = Data("", "", part.take(np.arange(40)), part.take(np.arange(40, 50)), part.take(np.arange(50, 60)))
    data = Data("", "", *(Part(p.x, p.y[0]) for p in (data.train, data.half_a, data.half_b)))
    assert with_folds_by_group(data, np.arange(60) % 2, 0, in_classes=True).folds is None
    assert with_folds_by_group(data, np.arange(60) % 3, 0, in_classes=True).folds.turns == (1, 2, 3)
    assert with_folds_by_group(data, np.minimum(np.arange(60), 5), 0, in_classes=True).folds is None


def test_training_rows_that_are_held_out_weigh_in_judging_as_the_users_own_do():
    x, y, weight = np.arange(50.0)[:, None], np.arange(50.0), np.full(50, 3.0)
    both = data_from_arguments(x, y, sample_weight=weight, validation_data=(x, y, 2 * weight)).folds
    np.testing.assert_array_equal(both.weight, both.rows.weight)
    np.testing.assert_array_equal(np.sort(both.weight), [3.0] * 50 + [6.0] * 50)
    training = data_from_arguments(x, y, sample_weight=weight, validation_data=(x, y)).folds
    assert training.weight is None
    np.testing.assert_array_equal(training.rows.weight[:50], weight)
    assert data_from_arguments(x, y, validation_data=(x, y, weight)).folds is None      # of no known weight beside theirs


def test_much_data_is_not_held_twice(monkeypatch):
    x = np.arange(400.0)[:, None].astype("float32")
    monkeypatch.setattr("epochal.seam.rows._MUCH", x.nbytes)
    assert data_from_arguments(x, x[:, 0]).folds is not None
    monkeypatch.setattr("epochal.seam.rows._MUCH", x.nbytes - 1)
    assert data_from_arguments(x, x[:, 0]).folds is None


def test_where_few_rows_train_there_are_fewer_folds():
    part = _part(12)
    few = with_folds(Data("few", "", part.take(np.arange(4)), part.take(np.arange(4, 8)), part.take(np.arange(8, 12))), 0)
    assert len(few.folds.all) == 1
    more = with_folds(Data("more", "", part.take(np.arange(8)), part.take(np.arange(8, 10)), part.take(np.arange(10, 12))), 0)
    assert len(more.folds.all) == 3


def test_very_many_groups_are_dealt_out_by_chance():
    n = 50_000
    x, groups = np.arange(n, dtype="float32")[:, None], np.arange(n) // 2
    part = Part(x, np.arange(n) % 2)
    data = Data("t", "binary", part.take(slice(0, 40_000)), part.take(slice(40_000, 45_000)), part.take(slice(45_000, n)))
    found = with_folds_by_group(data, groups, 0, in_classes=True)
    assert len(found.folds.turns) == N_FOLDS
    for turn in found.folds.turns:
        fold = found.folds.all[turn]
        assert not {*groups[fold.train]} & {*groups[fold.half_a], *groups[fold.half_b]}
        assert abs(len(fold.half_a) + len(fold.half_b) - n / N_FOLDS) < 300
