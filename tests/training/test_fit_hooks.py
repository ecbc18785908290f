"""What a user's own callback sees and may do under `ep.fit` is what it sees and may do under `model.fit`."""

import keras
import numpy as np
import pytest
from parity.same_fit import epochal_fit, numpy
from tiers import first_tier
from training.side_by_side import (
    N_BATCHES,
    N_VALIDATION_BATCHES,
    TOLERANCE,
    Interrupted,
    SpyOnBatches,
    SpyOnEpochs,
    SpyOnTraining,
    WeightsAtEnds,
    assert_same,
    assert_same_arrays,
    both,
    network,
    run_each,
)

K = keras.callbacks


# Hooks: which, when, with what.

@pytest.mark.parametrize("spy", first_tier(1, [SpyOnBatches, SpyOnEpochs, SpyOnTraining]))
@pytest.mark.parametrize("options", first_tier(1,
    [{}, {"validation_data": None}, {"validation_freq": 2, "epochs": 4, "initial_epoch": 1}]))
def test_every_hook_is_called_as_by_keras(spy, options):
    _, _, (mine,), (its,) = both(lambda: [spy()], **options)
    assert mine.calls == its.calls
    assert_same_numbers(mine, its)
    if spy is SpyOnBatches and not options:
        assert len(its.calls) == 2 + 3 * (2 + 2 * N_BATCHES + 2 + 2 * N_VALIDATION_BATCHES)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras refuses steps_per_execution on PyTorch")
@pytest.mark.parametrize("steps", first_tier(1, [3, 4, 7, 50]))
def test_batch_hooks_come_once_in_steps_per_execution(steps):
    _, _, (mine,), (its,) = both(lambda: [SpyOnBatches()], lambda: network(steps_per_execution=steps))
    assert mine.calls == its.calls
    assert_same_numbers(mine, its)


def test_several_callbacks_take_their_turns_in_the_order_given():
    def callbacks():
        turns = []
        return [Turn(turns, "a"), Turn(turns, "b"), SpyOnEpochs(), Turn(turns, "c")]

    _, _, mine, its = both(callbacks)
    assert mine[0].turns == its[0].turns == list("abc") * 3


def test_the_price_of_batch_hooks_is_printed_once(capsys):
    model, data = network()
    epochal_fit(model, **data, epochs=3, verbose=2, callbacks=[SpyOnTraining(), SpyOnEpochs(), K.LambdaCallback()])
    printed = capsys.readouterr().out
    assert "Epoch 3/3" in printed
    assert printed.count("SpyOnTraining") == 1
    assert "SpyOnEpochs" not in printed


# What a user's callback may do.

def test_a_callback_reads_the_weights_after_every_epoch():
    _, _, (mine,), (its,) = both(lambda: [WeightsAtEnds()])
    assert len(its.seen) == 3
    assert_same_arrays(mine.seen, its.seen)


def test_a_callback_reads_the_weights_after_every_batch():
    _, _, (mine,), (its,) = both(lambda: [WeightsAtBatches()])
    assert len(its.seen) == 3 * N_BATCHES
    assert_same_arrays(mine.seen, its.seen)


@pytest.mark.parametrize(("hook", "at"), first_tier(1, [
    ("on_train_batch_end", 4), ("on_epoch_end", 1), ("on_epoch_begin", 1), ("on_train_begin", None), ("on_test_end", None)]))
def test_a_callback_stops_the_training(hook, at):
    _, _, (mine, _), (its, _) = both(lambda: [SpyOnEpochs(), Stop(hook, at)], epochs=4)
    assert mine.calls == its.calls


@pytest.mark.parametrize("hook", first_tier(1,
    ["on_train_batch_begin", "on_epoch_begin", "on_epoch_end", "on_train_batch_end"]))
def test_a_callback_changes_the_learning_rate(hook):
    def slow(callback, index):
        callback.model.optimizer.learning_rate = 0.1 / (index + 1)

    changed, *_ = both(lambda: [Do(hook, slow)])
    assert abs(changed.history["loss"][1] - both()[0].history["loss"][1]) > 1e-4


@pytest.mark.parametrize("hook", first_tier(1, [
    "on_train_batch_end", "on_train_begin", "on_epoch_begin", "on_epoch_end", "on_test_begin", "on_train_end"]))
def test_a_callback_changes_the_weights(hook):
    def shrink(callback, index):
        callback.model.set_weights([0.7 * weight for weight in callback.model.get_weights()])

    changed, *_ = both(lambda: [Do(hook, shrink)])
    assert np.abs(changed.arrays["weights"][0] - both()[0].arrays["weights"][0]).max() > 1e-4


def test_a_callback_evaluates_and_predicts_after_every_epoch():
    seen = []

    def judge(callback, index):
        _, data = network()
        x, y = data["validation_data"]
        seen.append([callback.model.evaluate(x, y, verbose=0)[0], callback.model.predict(x, verbose=0).sum()])

    both(lambda: [Do("on_epoch_end", judge)])
    np.testing.assert_allclose(seen[:3], seen[3:], rtol=TOLERANCE)


def test_what_a_callback_adds_to_the_logs_of_an_epoch_is_in_the_history():
    ours, *_ = both(lambda: [AddsToLogs()])
    assert ours.history["twice"] == [2 * loss for loss in ours.history["loss"]]


@pytest.mark.parametrize(("hook", "at"), first_tier(1, [
    ("on_train_batch_end", 4), ("on_epoch_end", 1), ("on_epoch_begin", 1), ("on_test_begin", None)]))
def test_a_callback_that_raises_leaves_the_model_usable(hook, at):
    def interrupted(fit):
        def run(model, **options):
            with pytest.raises(Interrupted):
                fit(model, **options)
            first = model.history
            assert type(first) is K.History
            assert np.isfinite(model.predict(options["x"], verbose=0)).all()
            options["callbacks"] = None
            fit(model, **options)
            return model.history
        return run

    assert_same(*run_each(interrupted, lambda: [Do(hook, give_up, at)]))


def test_a_keyboard_interrupt_in_a_callback_leaves_the_weights_of_that_moment():
    def press(callback, index):
        raise KeyboardInterrupt

    def interrupted(fit):
        def run(model, **options):
            with pytest.raises(KeyboardInterrupt):
                fit(model, **options)
            return model.history
        return run

    ours, theirs = run_each(interrupted, lambda: [Do("on_epoch_end", press, 1)])
    assert_same(ours, theirs)
    assert int(ours.arrays["optimizer"][0]) == 2 * N_BATCHES


def give_up(callback, index):
    raise Interrupted


class WeightsAtBatches(K.Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([numpy(v) for v in self.model.variables])


class AddsToLogs(K.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["twice"] = 2 * logs["loss"]


class Turn(K.Callback):
    def __init__(self, turns, name):
        super().__init__()
        self.turns, self.name = turns, name

    def on_epoch_end(self, epoch, logs=None):
        self.turns.append(self.name)


def Do(hook, act, at=None):  # noqa: N802
    """A callback that acts in one hook, and overrides no other: `act(callback, index)`."""
    def with_index(self, index, logs=None):
        if at is None or index == at:
            act(self, index)

    def without(self, logs=None):
        act(self, None)

    takes_index = "epoch" in hook or "batch" in hook
    return type("Do", (K.Callback,), {hook: with_index if takes_index else without})()


def Stop(hook, at):  # noqa: N802
    def stop(callback, index):
        callback.model.stop_training = True
    return Do(hook, stop, at)


def assert_same_numbers(mine, its):
    for (hook, index, _), got, want in zip(its.calls, mine.numbers, its.numbers, strict=True):
        assert got == pytest.approx(want, rel=TOLERANCE), f"{hook} {index}"
