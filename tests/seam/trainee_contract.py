"""What every trainee owes: the numbers of Keras' own `fit`, whatever the mode, and an update that micro-batches leave as it is.

A test module subclasses `TraineeContract` under a name that begins with `Test` and says `bind`.
"""

from functools import lru_cache
from typing import ClassVar

import keras
import numpy as np
import pytest
from seam import trainee_zoo as zoo
from tiers import first_tier

from epochal.base.errors import Unsupported
from epochal.seam.rows import leaves, over
from epochal.seam.trainee import build, epoch_logs

EPOCHS = 2
MODES = ("fused", "unrolled", "looped", "stepwise")
WEIGHTS, OPTIMIZER, METRICS = "weights", "optimizer", "metrics"
OF_OUTPUTS = {"kind_loss", "size_loss", "val_kind_loss", "val_size_loss"}


class TraineeContract:
    """Attributes: bind: `(model, micro_batch_size) -> Trainee`. modes: what it offers for a model of the zoo.

    thorough: modes that are tried with every kind of model; the first one when empty.
    exact: modes that are Keras' own to the last bit. tolerance: of the others, as a share of the largest number compared.
    split_tolerance: of micro-batches, whose gradients are sums in another order; Adam's squares double what that changes.
    refuses: `{(mode, kind): sentence}` for what must be refused as it is first called.
    leaves_out: `{kind: reason}` why another number than that of `fit` is right.
    splits: whether there are micro-batches. weighs_outputs: whether `fit` weighs the losses of several outputs, in its logs, by
        the rows of a batch.
    """

    bind: object
    modes: tuple = ("stepwise",)
    thorough: tuple = ()
    exact: tuple = ()
    tolerance: float = 1e-5
    split_tolerance: float = 4e-6
    refuses: ClassVar = {}
    leaves_out: ClassVar = {}
    splits: bool = True
    weighs_outputs: bool = True

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("kind", first_tier(("two_inputs_two_outputs",), zoo.AS_FIT))
    def test_losses_metrics_and_variables_are_those_of_fit(self, kind, mode):
        self.offers(mode)
        if kind in self.leaves_out:
            pytest.skip(self.leaves_out[kind])
        if mode not in (self.thorough or self.modes[:1]) and kind not in zoo.FEW:
            pytest.skip("a few kinds are enough for what runs the same step")
        model, trainee, data = self.opened(zoo.AS_FIT[kind])
        if (mode, kind) in self.refuses:
            before = everything(model)
            with pytest.raises(Unsupported, match=self.refuses[mode, kind]):
                trained(model, trainee, data, mode)
            assert_same(before, everything(model), 0)
            return
        history, variables = fitted(kind)
        tolerance = 0 if mode in self.exact else self.tolerance
        logs = trained(model, trainee, data, mode)
        trainee.store()
        assert list(logs) == list(history)
        assert_same(logs, history, tolerance)
        assert_same(everything(model), variables, tolerance)

    @pytest.mark.parametrize("mode", MODES)
    def test_many_batches_in_a_call_are_as_many_calls(self, mode):
        self.offers(mode)
        ends = []
        for cuts in ((5,), (1, 4), (2, 1, 2)):
            model, trainee, data = self.opened(zoo.sample_weights)
            held, at = trainee.put(data[0]), 0
            for n in cuts:
                logs = trainee.train(held, full_batches(zoo.N)[at : at + n], mode)
                at += n
            numbers = trainee.numbers(logs)
            trainee.store()
            ends.append(everything(model) | {"logs": [numbers[name] for name in sorted(numbers)]})
        for end in ends[1:]:
            assert_same(end, ends[0], 0 if mode == "stepwise" else self.tolerance)

    def test_rows_say_which_of_the_data_make_a_batch(self):
        rows = np.random.default_rng(0).permutation(zoo.N)[:16].astype(np.int32).reshape(2, 8)
        model, trainee, (train, _) = self.opened(zoo.two_inputs_two_outputs)
        trainee.train(trainee.put(train), rows, "stepwise")
        trainee.store()
        other, same, _ = self.opened(zoo.two_inputs_two_outputs)
        picked = same.put(tuple(over(lambda a: a[rows.ravel()], tree) for tree in train))
        same.train(picked, np.arange(16, dtype=np.int32).reshape(2, 8), "stepwise")
        same.store()
        ours, theirs = everything(model), everything(other)
        del theirs[METRICS]  # on TensorFlow the losses of several outputs count by rows only where all batches are full
        assert_same(ours, theirs, 0)

    def test_judging_changes_metrics_alone(self):
        model, trainee, (train, judged) = self.opened(zoo.cnn_batch_norm)
        trainee.train(trainee.put(train), full_batches(zoo.N), "stepwise")
        trainee.store()
        before = everything(model)
        trainee.test(trainee.put(judged), full_batches(zoo.N_JUDGED), "stepwise")
        trainee.store()
        after = differences(everything(model), before)
        assert after.pop(METRICS) > 0
        assert after == {WEIGHTS: 0, OPTIMIZER: 0}

    def test_training_goes_on_from_what_the_variables_hold(self):
        model, trainee, (train, _) = self.opened(zoo.dense)
        data, rows = trainee.put(train), full_batches(zoo.N)
        trainee.train(data, rows, "stepwise")
        trainee.store()
        before = everything(model)
        for v in (*model.variables, *model.optimizer.variables):
            v.assign(np.zeros(v.shape, v.dtype))
        trainee.load()
        trainee.train(data, rows[:1], "stepwise")
        trainee.store()
        assert [int(found[OPTIMIZER][0]) for found in (before, everything(model))] == [5, 1]  # steps so far

    def test_metrics_run_on_until_they_are_reset(self):
        _, trainee, (train, _) = self.opened(zoo.auc)
        data, rows = trainee.put(train), full_batches(zoo.N)
        first, both = (trainee.numbers(trainee.test(data, rows[i : i + 1], "stepwise"))["loss"] for i in (0, 1))
        trainee.reset_metrics()
        second = trainee.numbers(trainee.test(data, rows[1:2], "stepwise"))["loss"]
        assert both == pytest.approx((first + second) / 2, rel=1e-5)
        assert abs(first - second) > 1e-3

    def test_a_metric_of_ones_own_is_reset_as_it_says(self):
        """Keras calls its `reset_state` at the start of every epoch and of every validation, and believes what it leaves."""
        _, trainee, (train, _) = self.opened(zoo.metrics_that_reset_otherwise)
        data, rows, seen = trainee.put(train), full_batches(zoo.N), []
        for _ in range(3):
            trainee.reset_metrics()
            logs = trainee.numbers(trainee.train(data, rows[:2], "stepwise"))
            seen.append((logs["never"], logs["halved"]))
        assert seen == [(16, 16), (32, 24), (48, 28)]

    def test_logs_become_floats_in_their_own_nesting(self):
        _, trainee, (train, _) = self.opened(zoo.dense)
        logs = trainee.train(trainee.put(train), full_batches(zoo.N), "stepwise")
        numbers = trainee.numbers({"b": logs, "a": logs["loss"]})
        assert set(numbers) == {"a", "b"}
        assert set(numbers["b"]) == {"loss", "accuracy"}
        assert all(type(value) is float for value in numbers["b"].values())
        assert numbers["a"] == numbers["b"]["loss"] != numbers["b"]["accuracy"]
        trainee.wait()

    @pytest.mark.parametrize(("kind", "micro_batch_size"), first_tier(
        1, [("dense", 1), ("sample_weights", 3), ("two_inputs_two_outputs", 3),
            *((kind, 3) for kind in zoo.SPLIT if kind not in ("sample_weights", "two_inputs_two_outputs")), ("summed", 5)]))
    def test_micro_batches_leave_the_update_of_the_whole_batch(self, kind, micro_batch_size):
        """3 + 3 + 2 and 5 + 3 rows for a batch of 8, and 3 + 1 for the short last one; and one by one."""
        self.offers_micro_batches()
        model, trainee, data = self.opened(zoo.SPLIT[kind], micro_batch_size)
        history, variables = (dict(found) for found in fitted(kind))
        if kind == "two_inputs_two_outputs" and not self.weighs_outputs:
            variables.pop(METRICS)
            history = {name: values for name, values in history.items() if name not in OF_OUTPUTS}
        logs = trained(model, trainee, data, "stepwise")
        trainee.store()
        tolerance = 1e-3 if kind == "mixed_float16" else self.split_tolerance
        assert_same(logs, history, tolerance)
        assert_same(everything(model), variables, tolerance)

    @pytest.mark.parametrize("kind", zoo.WHOLE, ids=lambda kind: kind.__name__)
    def test_what_micro_batches_would_change_is_refused(self, kind):
        self.offers_micro_batches()
        with pytest.raises(Unsupported, match=zoo.WHOLE[kind]):
            trained(*self.opened(kind, 3), "stepwise")

    def test_it_offers_the_modes_it_says(self):
        _, trainee, _ = self.opened(zoo.dense)
        assert trainee.modes == self.modes
        assert trainee.backend == keras.backend.backend()

    def opened(self, kind, micro_batch_size=None):
        """A model of the zoo, its trainee, and its data."""
        model, *data = made(kind)
        build(model, tuple(over(lambda a: a[: zoo.BATCH_SIZE], tree) for tree in data[0]))
        return model, type(self).bind(model, micro_batch_size), data

    def offers(self, mode):
        if mode not in self.modes:
            pytest.skip(f"{mode!r} is not among the modes of this trainee")

    def offers_micro_batches(self):
        if not self.splits:
            pytest.skip("Keras alone hands out no gradients to add up")


def made(kind):
    """A compiled model, the same at every call, and two `Batch`es: to train on, and to judge (`None` where that shows no more)."""
    keras.utils.set_random_seed(7)
    model, x, y, *weight = kind()
    train, judged = (tuple(over(lambda a, part=part: a[part], tree) for tree in (x, y, *(weight or [None])))
                     for part in (slice(0, zoo.N), slice(zoo.N, None)))
    return model, train, judged if kind.__name__ in zoo.JUDGED else None


@lru_cache
def fitted(kind):
    """What Keras' own `fit` makes of a model of the zoo: its history, and its variables afterwards."""
    model, train, judged = made(zoo.AS_FIT.get(kind) or zoo.SPLIT[kind])
    history = model.fit(train[0], train[1], sample_weight=train[2], batch_size=zoo.BATCH_SIZE, epochs=EPOCHS, shuffle=False,
                        verbose=0, validation_data=judged and tuple(tree for tree in judged if tree is not None))
    return curves(history.history), everything(model)


def trained(model, trainee, data, mode):
    """The history of a training, by hand."""
    history = {}
    passes = [(run, trainee.put(batch), prefix) for run, batch, prefix in
              zip((trainee.train, trainee.test), data, ("", "val_"), strict=True) if batch is not None]
    for _ in range(EPOCHS):
        logs = {}
        for run, rows, prefix in passes:
            trainee.reset_metrics()
            n = len(leaves(rows[0])[0])
            run(rows, full_batches(n), mode)
            last = run(rows, np.arange(n - n % zoo.BATCH_SIZE, n, dtype=np.int32)[None], mode)
            trainee.store()
            logs |= {prefix + name: value for name, value in trainee.numbers(epoch_logs(model, last)).items()}
        for name in sorted(logs):
            history.setdefault(name, []).append(logs[name])
    return curves(history)


def curves(history):
    """A history in the form of `everything`: each curve is a group of one array."""
    return {name: [np.array(history[name])] for name in sorted(history)}


def full_batches(n):
    return np.arange(n - n % zoo.BATCH_SIZE, dtype=np.int32).reshape(-1, zoo.BATCH_SIZE)


def everything(model):
    """All that training changes: `{group: [array, of each variable]}`."""
    groups = {WEIGHTS: model.variables, OPTIMIZER: model.optimizer.variables, METRICS: model.metrics_variables}
    return {name: [np.array(keras.ops.convert_to_numpy(v)) for v in group] for name, group in groups.items()}


def differences(ours, theirs):
    """`{name: largest difference}`, of each array as a share of its largest number, or of a thousandth of the largest of its group.

    Whole numbers, such as counts and the state of a random stream, are the same or infinitely far apart.
    """
    return {name: max(_apart(mine, its, group) for mine, its in zip(ours[name], group, strict=True))
            for name, group in theirs.items()}


def _apart(ours, theirs, group):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if np.array_equal(ours, theirs):
        return 0.0
    if theirs.dtype.kind != "f" or not np.isfinite(ours).all():
        return np.inf
    floor = 1e-3 * max(np.abs(other).max(initial=0) for other in map(np.asarray, group) if other.dtype.kind == "f")
    largest = max(np.abs(theirs).max(), floor)
    return float(np.abs(ours.astype("float64") - theirs).max() / largest) if largest else np.inf


def assert_same(ours, theirs, tolerance):
    found = differences(ours, theirs)
    assert all(difference <= tolerance for difference in found.values()), f"{found}; {tolerance} is allowed"
