"""Early stopping as a pure rule, against the real Keras callback."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rules.worlds import curve

from epochal.rules.patience import exhausted, replay
from epochal.rules.plan.quality import best_epoch, stopping_epoch, stopping_regret


class Stub:
    """A model as far as `EarlyStopping` looks at one: its weights are the epoch they come from."""

    def __init__(self):
        self.epoch, self.restored, self.stop_training = 0, None, False
        self.metrics = self._metrics = ()

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.restored = weights


def keras_says(losses, n_patience):
    """(epoch kept, epoch after which it stops), counted from 1, by the real callback."""
    callback = keras.callbacks.EarlyStopping("val_loss", 0.0, n_patience, mode="min", restore_best_weights=True)
    model = Stub()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        model.epoch = epoch + 1
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    callback.on_train_end()
    return model.restored, model.epoch


FEW_LEVELS = st.lists(st.integers(0, 6).map(lambda i: i / 4), min_size=1, max_size=25)  # quarters: ties, and no rounding


@settings(deadline=None, max_examples=200)
@given(FEW_LEVELS, st.integers(1, 6))
def test_every_run_is_stopped_and_kept_where_keras_does(losses, n_patience):
    assert replay(losses, n_patience) == keras_says(losses, n_patience)


@settings(deadline=None, max_examples=100)
@given(FEW_LEVELS, st.lists(st.sampled_from([math.nan, 0.5, 1.0, math.inf]), max_size=20), st.integers(1, 6))
def test_after_a_first_number_nan_is_treated_as_keras_treats_it(losses, later, n_patience):
    assert replay(losses[:1] + later, n_patience) == keras_says(losses[:1] + later, n_patience)


@settings(deadline=None, max_examples=100)
@given(FEW_LEVELS, st.integers(1, 6))
def test_a_recorded_run_is_replayed_as_keras_would_have_run_it(losses, n_patience):
    run = curve(losses)
    kept, last = keras_says(losses, n_patience)
    assert stopping_epoch(run, n_patience) == last
    assert stopping_regret(run, n_patience) == losses[kept - 1] - min(losses) >= 0
    assert stopping_regret(run, len(losses)) == 0
    assert best_epoch(run) == losses.index(min(losses)) + 1


def test_nan_is_no_improvement_and_is_not_remembered_as_the_best():
    assert replay([1.0, math.nan, 0.9, math.nan, math.nan, 0.1], 2) == (3, 5)
    assert replay([math.nan, 0.9], 2) == (2, 2)
    assert replay([math.nan, math.nan, 0.9], 2) == (0, 2)


def hopeful(losses_epochs_lanes, n_patience):
    """`exhausted` where so many epochs are left that any fall may still win."""
    return exhausted(np.asarray(losses_epochs_lanes), n_patience, 10**9)


@pytest.mark.parametrize("n_patience", [1, 3])
def test_a_group_is_exhausted_only_when_its_last_lane_is(n_patience):
    rng = np.random.default_rng(0)
    lanes = np.round(rng.normal(size=(12, 3)), 1) - np.linspace(0, [0, 1, 2], 12)
    for n in range(1, 13):
        each = [n - replay(lane, n)[0] >= n_patience for lane in lanes[:n].T]
        if all(each):
            assert hopeful(lanes[:n], n_patience)
        elif not each[-1]:              # the last lane is the lowest, so nothing is hopeless about it
            assert not hopeful(lanes[:n], n_patience)


def test_a_diverged_lane_keeps_no_group_alive_and_ends_none():
    nan_from_two = np.array([3.0, math.nan, math.nan, math.nan])
    falling, flat = np.array([3.0, 2, 1, 0.5]), np.array([1.0, 1, 1, 1])
    assert not hopeful(np.stack([nan_from_two, falling], 1), 2)
    assert hopeful(np.stack([nan_from_two, flat], 1), 2)
    assert hopeful(np.stack([nan_from_two, nan_from_two], 1)[:2], 5)
    assert hopeful([[1.0], [math.inf]], 5)
    assert not hopeful([[math.nan], [1.0]], 5)


def test_a_lane_too_far_behind_for_the_epochs_left_keeps_no_group_alive():
    done, slow = np.array([1.0, 1, 1, 1]), np.array([9.0, 8, 7, 6])   # one down an epoch: five more reach 1
    both = np.stack([done, slow], 1)
    assert not exhausted(both, 2, n_left=5)
    assert exhausted(both, 2, n_left=4)
    assert not exhausted(slow[:, None], 2, n_left=1)         # alone it is the best there is
    assert not exhausted(both[:2], 2, n_left=1)              # nothing is said before there is a slope to see
