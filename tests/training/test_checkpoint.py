"""A training that was broken off goes on where it was, and ends as an undisturbed one."""

import copy

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from tiers import first_tier
from training.side_by_side import fit

from epochal import Advice, UsageError
from epochal.training.checkpoint.checkpoint import Checkpoint, changed, packed, plain_attributes, unpacked

ROWS = np.random.default_rng(0)
X = ROWS.normal(size=(101, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


class BrokenOff(RuntimeError):
    pass


class Breaks(keras.callbacks.Callback):
    """Ends the training, as a crash would, at the end of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise BrokenOff


def network():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(),
                              layers.Dropout(0.4), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def ended(folder, *, break_at=None, epochs=6, **options):
    keras.utils.set_random_seed(3)
    model = network()
    callbacks = [keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=0.5), *([] if break_at is None else [Breaks(break_at)])]
    call = {"batch_size": 8, "epochs": epochs, "validation_data": (X[:20], Y[:20]), "callbacks": callbacks, "verbose": 0, **options}
    history = fit(model, options.pop("x", X), Y, checkpoint=folder, **{k: v for k, v in call.items() if k != "x"})
    return [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)], history


def always(monkeypatch):
    """Write the checkpoint whenever that is possible."""
    monkeypatch.setattr("epochal.training.checkpoint.checkpoint._LEAST_SECONDS", 0.0)
    monkeypatch.setattr("epochal.training.checkpoint.checkpoint._SHARE", 0.0)


@pytest.mark.filterwarnings("ignore:After:epochal.Advice", "ignore:Your input ran out")
@pytest.mark.parametrize("options", first_tier(1,
    [{}, {"steps_per_epoch": 4}, {"batches": "stratified"}, {"shuffle": False}]))
def test_a_training_broken_off_ends_like_an_undisturbed_one(tmp_path, monkeypatch, options):
    always(monkeypatch)
    undisturbed, history = ended(tmp_path / "one", break_at=99, **options)
    with pytest.raises(BrokenOff):
        ended(tmp_path / "two", break_at=3, **options)
    resumed, again = ended(tmp_path / "two", break_at=99, **options)
    for ours, theirs in zip(resumed, undisturbed, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.history == history.history
    assert again.epoch == history.epoch


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_what_was_written_in_the_middle_of_an_epoch_is_enough(tmp_path, monkeypatch):
    always(monkeypatch)
    monkeypatch.setattr("epochal.training.fit.loop._FIRST", 2)
    undisturbed, _ = ended(tmp_path / "one")  # without a look at every batch, and so in other pieces
    seen, stops = [], [30]

    class BreaksInside(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            if len(seen) in stops:
                raise BrokenOff

    with pytest.raises(BrokenOff):
        ended(tmp_path / "two", callbacks=[keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=0.5), BreaksInside()])
    assert 30 % 13
    resumed, _ = ended(tmp_path / "two", callbacks=[keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=0.5), BreaksInside()])
    for ours, theirs in zip(resumed, undisturbed, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.second
@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_a_finished_training_is_returned_as_it_ended_and_more_epochs_go_on(tmp_path, monkeypatch):
    always(monkeypatch)
    eight, _ = ended(tmp_path / "one", epochs=8)
    six, history = ended(tmp_path / "two", epochs=6)
    again, same = ended(tmp_path / "two", epochs=6)
    for ours, theirs in zip(again, six, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert same.history == history.history
    longer, _ = ended(tmp_path / "two", epochs=8)
    for ours, theirs in zip(longer, eight, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_a_folder_of_another_training_is_refused_by_name(tmp_path):
    ended(tmp_path, epochs=1)
    with pytest.raises(UsageError, match="`checkpoint`.*another batch size: 8, and this call has 16"):
        ended(tmp_path, epochs=1, batch_size=16)
    with pytest.raises(UsageError, match="another first batch"):
        ended(tmp_path, epochs=1, x=X + 1)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and then nothing"])
def test_a_damaged_file_gets_a_sentence(tmp_path, content):
    (tmp_path / "training.npz").write_bytes(content)
    with pytest.raises(UsageError, match="Remove it to begin anew"):
        ended(tmp_path, epochs=1)


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="`checkpoint` must be a folder"):
        ended(tmp_path / "file" / "inside", epochs=1)


def test_a_generator_has_no_checkpoint(tmp_path):
    keras.utils.set_random_seed(3)

    def rows():
        while True:
            yield X[:8], Y[:8]

    with pytest.raises(UsageError, match="generator"):
        fit(network(), rows(), steps_per_epoch=2, epochs=1, checkpoint=tmp_path, verbose=0)


PLAIN = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                     lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_plain_values_come_back_as_they_were(value):
    arrays = {}
    assert unpacked(packed(value, arrays, "a"), arrays) == value


def test_arrays_inside_plain_values_come_back_too():
    arrays, value = {}, {"best": [np.arange(3.0), (np.float32(2.5), float("inf"))]}
    back = unpacked(packed(value, arrays, "a"), arrays)
    np.testing.assert_array_equal(back["best"][0], np.arange(3.0))
    assert back["best"][1] == (2.5, float("inf"))


def test_what_a_callback_remembers_leaves_out_what_is_not_plain():
    callback = keras.callbacks.EarlyStopping(patience=2)
    callback.best, callback.open_file, callback.best_weights = 0.5, object(), [np.ones(2)]
    remembered = plain_attributes(callback)
    assert remembered["best"] == 0.5
    assert "open_file" not in remembered
    assert "best_weights" in remembered


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
@pytest.mark.parametrize(("wrong", "what"), first_tier(2, [
    ({"learning_rate": 0.5}, "learning rate"), ({"x": np.concatenate([X[:60], X[60:] + 1])}, "set of rows"),
    ({"shuffle": False}, "shuffle"), ({"class_weight": {0: 1.0, 1: 2.0}}, "class_weight"),
    ({"steps_per_epoch": 13}, "steps_per_epoch"),
]), ids=lambda value: value if isinstance(value, str) else "")
def test_what_makes_it_another_training_is_refused_by_name(tmp_path, wrong, what):
    ended(tmp_path, epochs=1)
    with pytest.raises(UsageError, match=f"`checkpoint` must be the folder of this training; .* another {what}: "):
        ended(tmp_path, epochs=1, **wrong)


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
@pytest.mark.parametrize(("compiled", "what"), first_tier(1, [
    ({"loss": keras.losses.BinaryCrossentropy(label_smoothing=0.2)}, "loss"), ({"loss": "mse"}, "loss"),
    ({"metrics": ["accuracy"]}, "set of metrics")]))
def test_another_loss_or_other_metrics_are_another_training(tmp_path, compiled, what):
    model = network()
    model.compile("adam", **{"loss": keras.losses.BinaryCrossentropy()})
    fit(model, X, Y, batch_size=8, verbose=0, checkpoint=tmp_path)
    again = network()
    again.compile("adam", **{"loss": keras.losses.BinaryCrossentropy()})
    fit(again, X, Y, batch_size=8, verbose=0, checkpoint=tmp_path)
    again.compile("adam", **{"loss": keras.losses.BinaryCrossentropy()} | compiled)
    with pytest.raises(UsageError, match=f"another {what}: "):
        fit(again, X, Y, batch_size=8, verbose=0, checkpoint=tmp_path)


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_the_same_call_may_be_made_again_and_again_with_the_same_callbacks(tmp_path):
    def call():
        keras.utils.set_random_seed(3)
        model = network()
        fit(model, X, Y, batch_size=8, epochs=12, validation_data=(X[:20], 1 - Y[:20]), callbacks=[stopping], verbose=0,
            checkpoint=tmp_path)
        return model.get_weights()

    stopping = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    first, *later = [call() for _ in range(3)]
    for weights in later:
        assert all(np.array_equal(a, b) for a, b in zip(first, weights, strict=True))


class Stops(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 2


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_a_kill_after_the_epoch_that_stopped_it_starts_no_further_one(tmp_path, monkeypatch):
    always(monkeypatch)
    write = Checkpoint.__call__

    def killed(self, position, *, last=False):
        if last:
            raise BrokenOff
        write(self, position)

    monkeypatch.setattr(Checkpoint, "__call__", killed)
    with pytest.raises(BrokenOff):
        ended(tmp_path, epochs=8, callbacks=[Stops()])
    monkeypatch.setattr(Checkpoint, "__call__", write)
    _, history = ended(tmp_path, epochs=8, callbacks=[Stops()])
    assert history.epoch == [0, 1, 2]


class OwnOrder(keras.utils.PyDataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return X[i * 8:i * 8 + 8], Y[i * 8:i * 8 + 8]


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_that_a_source_keeps_its_own_order_is_said(tmp_path):
    with pytest.warns(Advice, match="What a OwnOrder shuffles by itself is not kept in the checkpoint"):
        fit(network(), OwnOrder(), verbose=0, checkpoint=tmp_path)


@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_targets_in_a_list_and_counts_of_numpy_are_known_again(tmp_path):
    for _ in range(2):
        history = fit(network(), X[:8], Y[:8].tolist(), batch_size=np.int64(4), steps_per_epoch=np.int64(2), verbose=0,
                      checkpoint=tmp_path)
    assert history.epoch == [0]


class Diary(keras.callbacks.Callback):
    """Keeps lists, dicts and arrays of its own, as Keras' guide to callbacks does, and breaks off."""

    def __init__(self, break_at=None):
        super().__init__()
        self.break_at, self.losses, self.by_epoch, self.counts, self.given = break_at, [], {}, np.zeros(6), np.array([np.nan])

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.by_epoch[str(epoch)] = [logs["loss"]]
        self.by_epoch["0"].append(epoch)
        self.counts[epoch] += 1
        if epoch == self.break_at:
            raise BrokenOff


@pytest.mark.second
@pytest.mark.filterwarnings("ignore:After:epochal.Advice")
def test_what_a_callback_gathers_in_place_is_not_lost(tmp_path, monkeypatch):
    always(monkeypatch)
    whole, broken, resumed = Diary(), Diary(3), Diary()
    ended(tmp_path / "one", callbacks=[whole])
    with pytest.raises(BrokenOff):
        ended(tmp_path / "two", callbacks=[broken])
    _, history = ended(tmp_path / "two", callbacks=[resumed])
    assert resumed.losses == whole.losses == history.history["loss"]
    assert resumed.by_epoch == whole.by_epoch
    np.testing.assert_array_equal(resumed.counts, np.ones(6))


def test_what_a_callback_was_given_is_not_what_it_learnt():
    diary = Diary()
    before = copy.deepcopy(plain_attributes(diary))
    diary.losses.append(1.0)
    assert changed(plain_attributes(diary), before) == {"losses": [1.0]}
