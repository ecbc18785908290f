"""Callbacks under `ep.fit` do, see and leave behind what they do, see and leave behind under `model.fit`."""

import csv
import io
import re

import h5py
import keras
import numpy as np
import pytest
from parity.same_fit import numpy, relative, size
from tiers import first_tier
from training.side_by_side import (
    BATCH_SIZE,
    N_BATCHES,
    TOLERANCE,
    Interrupted,
    SpyOnEpochs,
    WeightsAtEnds,
    assert_same,
    assert_same_arrays,
    both,
    network,
    run_each,
)

K = keras.callbacks


@pytest.fixture
def folders(tmp_path):
    """One new folder for each call of the callbacks' maker: the first is ours, the second Keras'."""
    made = []

    def new():
        made.append(tmp_path / str(len(made)))
        made[-1].mkdir()
        return made[-1]
    new.made = made
    return new


@pytest.mark.parametrize("options", first_tier(1, [
    {"patience": 2, "restore_best_weights": True}, {"patience": 2}, {"monitor": "mae", "patience": 0, "min_delta": 0.02},
    {"monitor": "val_mae", "mode": "max", "patience": 1, "restore_best_weights": True}, {"patience": 1, "start_from_epoch": 8}]))
def test_early_stopping(options):
    ours, _, (mine,), (its,) = both(lambda: [K.EarlyStopping(**options)], epochs=30)
    assert 1 < len(ours.epoch) < 30
    assert mine.stopped_epoch == its.stopped_epoch > 0
    assert mine.best_epoch == its.best_epoch
    assert mine.best == pytest.approx(its.best, rel=TOLERANCE)


def test_early_stopping_restores_weights_other_than_the_last():
    kept, last = (both(lambda restore=restore: [K.EarlyStopping(patience=3, restore_best_weights=restore)], epochs=30)[0]
                  for restore in (True, False))
    assert kept.history == last.history
    assert max(np.abs(a - b).max() for a, b in zip(kept.arrays["weights"], last.arrays["weights"], strict=True)) > 1e-3


@pytest.mark.parametrize(("name", "options", "n_files"), first_tier(1, [
    ("{epoch}.weights.h5", {"save_weights_only": True}, 9),
    ("{epoch}.keras", {"save_best_only": True}, None),
    ("best.weights.h5", {"save_best_only": True, "save_weights_only": True, "monitor": "mae", "initial_value_threshold": 0.8}, 1),
    ("{epoch}-{batch}.weights.h5", {"save_freq": 5, "save_weights_only": True}, 9 * N_BATCHES // 5),
    ("{epoch}.weights.h5", {"save_freq": 5, "save_weights_only": True}, None)]))
def test_model_checkpoint(folders, name, options, n_files):
    both(lambda: [K.ModelCheckpoint(folders() / name, **options)], epochs=9)
    mine, its = (sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*")) for folder in folders.made)
    assert mine == its
    assert 1 <= len(its) <= 9 if n_files is None else len(its) == n_files
    for file in its:
        assert_same_file(*(folder / file for folder in folders.made))


def test_reduce_lr_on_plateau():
    options = {"factor": 0.3, "patience": 2, "cooldown": 1, "min_lr": 1e-3}
    ours, *_ = both(lambda: [K.ReduceLROnPlateau(**options)], epochs=12)
    assert len(set(ours.history["learning_rate"])) > 2


@pytest.mark.parametrize("schedule", first_tier(1, [lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: 0.7 * rate]))
def test_learning_rate_scheduler(schedule):
    ours, *_ = both(lambda: [K.LearningRateScheduler(schedule)], epochs=4)
    assert len(set(ours.history["learning_rate"])) == 4


@pytest.mark.second
def test_csv_logger(folders):
    both(lambda: [K.CSVLogger(folders() / "log.csv", separator=";")], epochs=4)
    mine, its = ((folder / "log.csv").read_text(encoding="utf-8") for folder in folders.made)
    assert mine.splitlines()[0] == its.splitlines()[0] == "epoch;loss;mae;val_loss;val_mae"
    mine, its = (np.array(list(csv.reader(io.StringIO(text), delimiter=";"))[1:], "float64") for text in (mine, its))
    assert its.shape == (4, 5)
    np.testing.assert_allclose(mine, its, rtol=TOLERANCE)


@pytest.mark.needs("tensorboard", "tensorflow")
@pytest.mark.parametrize("update_freq", ["epoch", "batch", 3])
def test_tensorboard(folders, update_freq):
    both(lambda: [K.TensorBoard(folders(), write_graph=False, histogram_freq=2, update_freq=update_freq)], epochs=4)
    mine, its = (events_in(folder) for folder in folders.made)
    assert list(mine) == list(its)
    assert len(its) > 10
    for key, value in its.items():
        assert mine[key] == pytest.approx(value, rel=1e-4), key


@pytest.mark.parametrize(("save_freq", "epochs_left"), first_tier(1, [("epoch", [3, 4]), (5, [2, 3, 4])]))
def test_backup_and_restore(folders, save_freq, epochs_left):
    """Interrupted when the third epoch ends, then called again with the same folder: it goes on where the backup was taken."""
    folder = None

    def callbacks():
        nonlocal folder
        folder = folders()
        return [K.BackupAndRestore(folder / "backup", save_freq=save_freq), Interrupt(at_epoch=2)]

    def interrupted(fit):
        def twice(model, callbacks, **options):
            with pytest.raises(Interrupted):
                fit(model, callbacks=callbacks, **options)
            assert (folder / "backup").exists()
            for variable in model.trainable_variables:
                variable.assign(variable + 1)  # a new process would not have these weights either
            return fit(model, callbacks=callbacks[:1], **options)
        return twice

    ours, theirs = run_each(interrupted, callbacks, epochs=5)
    assert_same(ours, theirs)
    assert ours.epoch == epochs_left
    assert not any((folder / "backup").exists() for folder in folders.made)


@pytest.mark.parametrize("bad_row", first_tier(1, [30, 0, 52]))
def test_terminate_on_nan(bad_row):
    def poisoned():
        model, data = network()
        data["x"][bad_row] = np.nan
        return model, data

    ours, *_ = both(lambda: [K.TerminateOnNaN()], poisoned)
    assert ours.epoch == [0]
    assert np.isnan(ours.history["loss"]).all()
    assert int(ours.arrays["optimizer"][0]) == bad_row // BATCH_SIZE + 1


@pytest.mark.parametrize("swap_on_epoch", first_tier(1, [True, False]))
def test_swap_ema_weights(swap_on_epoch):
    def averaging():
        return network(keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=None))

    ours, _, (_, mine), (_, its) = both(lambda: [K.SwapEMAWeights(swap_on_epoch=swap_on_epoch), WeightsAtEnds()], averaging)
    assert_same_arrays(mine.seen, its.seen)
    plain, *_ = both(lambda: [WeightsAtEnds()], averaging)
    assert abs(ours.history["val_loss"][0] - plain.history["val_loss"][0]) > 1e-3  # judged on the average


def test_lambda_callback():
    def callbacks():
        seen = []
        made = K.LambdaCallback(on_train_begin=lambda logs: seen.append("begin"), on_epoch_end=lambda epoch, logs: seen.append(
            (epoch, sorted(logs))), on_train_batch_end=lambda batch, logs: seen.append((batch, sorted(logs))))
        made.seen = seen
        return [made]

    _, _, (mine,), (its,) = both(callbacks)
    assert mine.seen == its.seen
    assert len(its.seen) == 1 + 3 + 3 * N_BATCHES


def test_a_history_of_the_users_own_is_the_one_returned():
    _, _, (mine,), (its,) = both(lambda: [K.History()])
    assert mine.epoch == its.epoch == [0, 1, 2]


@pytest.mark.second
def test_a_callback_list_made_by_the_user():
    def listed(fit):
        def run(model, callbacks, **options):
            made = K.CallbackList(callbacks, add_history=True, model=model, epochs=3, steps=N_BATCHES, verbose=0)
            return fit(model, callbacks=made, **options)
        return run

    used = []
    assert_same(*run_each(listed, lambda: used.append(SpyOnEpochs()) or used[-1:]))
    assert used[0].calls == used[1].calls != []


class Interrupt(K.Callback):
    def __init__(self, at_epoch):
        super().__init__()
        self.at_epoch = at_epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at_epoch:
            raise Interrupted


def assert_same_file(mine, its):
    ours, theirs = (arrays_of(file) for file in (mine, its))
    assert list(ours) == list(theirs) != []
    floor = 1e-2 * max(size(array) for array in theirs.values())
    assert max(relative(ours[name], theirs[name], floor) for name in theirs) <= TOLERANCE, its


def arrays_of(file):
    """Everything a file of weights holds, and the model and optimizer of a `.keras`, by name."""
    if file.suffix == ".keras":
        model = keras.models.load_model(file)
        return {str(i): numpy(v) for i, v in enumerate(model.variables + model.optimizer.variables)}
    found = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def events_in(folder):
    """`{(run, tag, step): means of the numbers}` of all events that TensorBoard wrote."""
    import tensorflow as tf  # TensorBoard's own writer needs it as well

    found = {}
    for file in sorted(folder.rglob("events.*")):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.HasField("tensor") and "keras" not in value.tag:
                    numbers = tf.make_ndarray(value.tensor)
                    if numbers.dtype.kind == "f":
                        tag = re.sub(r"_\d+", "", value.tag)  # Keras counts its layers: dense, dense_1, ...
                        found.setdefault((file.parent.name, tag, event.step), []).append(float(np.mean(numbers)))
    return found
