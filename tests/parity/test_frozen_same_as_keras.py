"""Models whose frozen base is computed once end where Keras' own `fit` ends: losses of every epoch, weights, optimizer."""

import signal

import keras
import numpy as np
import pytest
from keras import layers
from parity.frozen_models import (
    CASES,
    IMAGE,
    NOT_ONCE,
    N,
    augmented,
    base,
    drops,
    functional,
    mixes_rows,
    moments_move,
    nested_in_part,
    only_embeddings,
    trained_inside_a_frozen_layer,
    with_rows,
)
from parity.same_fit import differences, epochal_fit, keras_fit, train
from tiers import first_tier

from epochal.base.system.memory import Memory
from epochal.seam.frozen import features

TOLERANCE = 1e-5  # of the largest number, as for plain float32 elsewhere; in half precision
HALF_TOLERANCE = 2e-2
BATCH_SIZE, EPOCHS = 8, 4


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch):
    """Small layers take no longer than to fetch what they compute; here it is computed once all the same."""
    monkeypatch.setattr(features, "_COPIED", np.inf)


def both(make, *, once=True, tolerance=TOLERANCE, callbacks=list, **options):
    """Train by Keras and by us; hold the ends against each other, and whether the frozen part was computed once."""
    options = {"batch_size": BATCH_SIZE, "epochs": EPOCHS} | options
    used = [callbacks(), callbacks()]
    ours = train(epochal_fit, make, callbacks=used[0], **options)
    options.pop("cache_frozen", None)
    options.pop("micro_batch_size", None)
    theirs = train(keras_fit, make, callbacks=used[1], **options)
    found = differences(ours, theirs)
    assert all(difference <= tolerance for difference in found.values()), f"{found}; {tolerance} is allowed"
    assert ("frozen" in ours.params) == once, ours.params
    return ours, theirs, *used


@pytest.mark.parametrize("name", first_tier(["functional", "nested_in_part", "siamese", "masked"], CASES))
def test_a_base_computed_once_changes_no_number(name):
    both(with_rows(CASES[name]))


@pytest.mark.parametrize("name", first_tier(["augmented", "drops", "mixes_rows"], NOT_ONCE))
def test_what_is_not_the_same_in_every_epoch_is_computed_anew(name):
    both(with_rows(NOT_ONCE[name]), once=False)


@pytest.mark.parametrize("n", first_tier(1, [33, 32, 34, 45, 17]))
def test_rows_that_depend_on_each_other_are_found_however_many_there_are(n):
    """With 33 rows in blocks of 32 the second block looked at held the very rows of the first, in another order."""
    _, given = with_rows(mixes_rows)()
    x, y = given["x"][:n], given["y"][:n]
    both(lambda: (with_rows(mixes_rows)()[0], {"x": x, "y": y}), once=False, batch_size=32)


@pytest.mark.parametrize(("build", "layer"), [(drops, "dropout"), (augmented, "random_flip"), (moments_move, "batch_normalization"),
                                              (only_embeddings, None), (trained_inside_a_frozen_layer, None)])
def test_what_is_in_the_way_is_named(build, layer, capsys):
    model, rows = with_rows(build)()
    epochal_fit(model, **rows, epochs=2, verbose=2)
    said = "The frozen part of the model is computed anew in every epoch: the layer `"
    assert (said in capsys.readouterr().out.replace("\n", " ")) is (layer is not None)


@pytest.mark.parametrize("options", [{"shuffle": False}, {"steps_per_epoch": 4, "epochs": 7}, {"validation_batch_size": 5},
                                     {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}, {"sample_weight": np.linspace(0.1, 2, N)},
                                     {"validation_data": None, "validation_split": 0.3}, {"validation_data": None},
                                     {"initial_epoch": 1}, {"batch_size": 64}],
                         ids=lambda options: "-".join(options))
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_with_every_argument_of_fit(options):
    both(with_rows(functional), **options)


def test_in_micro_batches():
    def without_chance():  # dropout draws for each micro-batch
        x = keras.Input(IMAGE)
        return keras.Model(x, layers.Dense(3, activation="softmax")(base()(x)))

    both(with_rows(without_chance), micro_batch_size=3)


def test_switched_off_it_is_computed_anew():
    both(with_rows(functional), once=False, cache_frozen=False)


@pytest.mark.parametrize("options", [{"epochs": 1}, {"steps_per_epoch": 2, "epochs": 3}], ids=["one epoch", "half a pass"])
def test_nothing_is_computed_beforehand_for_rows_that_are_seen_once(options):
    both(with_rows(functional), once=False, **options)


def test_rows_to_validate_on_may_come_in_batches():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            rng = np.random.default_rng(i)
            return rng.normal(size=(5, *IMAGE)).astype("float32"), rng.integers(0, 3, 5)

    def make():
        model, data = with_rows(functional)()
        return model, data | {"validation_data": Batches()}

    both(make)


def test_features_beyond_memory_are_read_from_a_file(monkeypatch):
    monkeypatch.setattr(features, "memory_here", lambda: Memory(10**9, 1000))
    both(with_rows(nested_in_part))


def test_features_that_fit_nowhere_are_computed_anew(monkeypatch):
    monkeypatch.setattr(features, "memory_here", lambda: Memory(10**9, 1000))
    monkeypatch.setattr(features.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    both(with_rows(functional), once=False)


def test_a_disk_that_is_full_is_no_end(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features, "memory_here", lambda: Memory(10**9, 1000))
    monkeypatch.setattr(features.os, "posix_fallocate", full, raising=False)
    both(with_rows(functional), once=False)


def test_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        both(with_rows(functional), tolerance=HALF_TOLERANCE)
    finally:
        keras.config.set_dtype_policy(before)


def test_a_second_training_finds_the_features_of_the_first():
    keras.utils.set_random_seed(0)
    model, data = with_rows(functional)()
    options = {"batch_size": BATCH_SIZE, "epochs": 2, "verbose": 0}
    first = epochal_fit(model, **data, **options).params["frozen"]
    again = epochal_fit(model, **data, **options).params["frozen"]
    assert first["seconds"] > 0
    assert again["seconds"] == 0
    changed = epochal_fit(model, **data | {"x": data["x"] + 1}, **options).params["frozen"]
    assert changed["seconds"] > 0
    layer = model.get_layer("base").layers[1]
    layer.kernel.assign(layer.kernel * 2)
    assert epochal_fit(model, **data | {"x": data["x"] + 1}, **options).params["frozen"]["seconds"] > 0


class OfTheUser(keras.callbacks.Callback):
    """Does something with the model at the second of some moments: begins of an epoch, or of a validation."""

    def __init__(self, moment, act):
        super().__init__()
        self.act, self.n = act, 0
        setattr(self, f"on_{moment}", self.hook)

    def hook(self, *_, **__):
        self.n += 1
        if self.n == 2:
            self.act(self.model)


def other_weights(model):
    kernel = model.get_layer("base").layers[1].kernel
    kernel.assign(kernel * 1.5)


@pytest.mark.parametrize("moment", ["epoch_begin", "epoch_end", "test_begin", "test_end"])
def test_frozen_weights_that_a_callback_changes_count_at_once(moment):
    both(with_rows(functional), callbacks=lambda: [OfTheUser(moment, other_weights)])


def test_where_a_layer_is_frozen_or_thawed_on_the_way_the_whole_model_trains_on():
    """Keras goes on with what it has compiled on TensorFlow, and elsewhere refuses weights that its optimizer has not met."""
    def thaw(model):
        model.get_layer("base").layers[1].trainable = True

    def callbacks():
        return [OfTheUser("epoch_begin", thaw)]

    if keras.backend.backend() == "tensorflow":
        both(with_rows(functional), callbacks=callbacks)
        return
    for fit in (epochal_fit, keras_fit):
        with pytest.raises((ValueError, KeyError, IndexError, TypeError)):
            train(fit, with_rows(functional), epochs=EPOCHS, batch_size=BATCH_SIZE, callbacks=callbacks())


def test_a_callback_that_has_the_model_at_every_batch_keeps_it_whole():
    class AtEveryBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                other_weights(self.model)

    both(with_rows(functional), once=False, callbacks=lambda: [AtEveryBatch()])


def of_keras(folder):
    yield keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True, monitor="val_loss")
    yield keras.callbacks.ReduceLROnPlateau(patience=0, monitor="val_loss")
    yield keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (1 + epoch))
    yield keras.callbacks.ModelCheckpoint(str(folder / "{epoch}.weights.h5"), save_weights_only=True)
    yield keras.callbacks.BackupAndRestore(str(folder / "backup"))
    yield keras.callbacks.CSVLogger(str(folder / "log.csv"))
    yield keras.callbacks.TerminateOnNaN()
    yield keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None)
    yield keras.callbacks.SwapEMAWeights(swap_on_epoch=True)


@pytest.mark.parametrize("i", range(9))
def test_with_the_callbacks_of_keras(i, tmp_path):
    folders = iter([tmp_path / "ours", tmp_path / "theirs"])

    def callbacks():
        folder = next(folders)
        folder.mkdir()
        return [list(of_keras(folder))[i]]

    optimizer = (lambda: keras.optimizers.Adam(use_ema=True, ema_momentum=0.5)) if i == 8 else (lambda: None)
    both(lambda: with_rows(functional, optimizer())(), callbacks=callbacks)


def test_what_a_callback_sees_is_the_whole_model():
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            x = np.random.default_rng(9).normal(size=(4, *IMAGE)).astype("float32")
            seen.append(self.model.predict(x, verbose=0))

    both(with_rows(functional), callbacks=lambda: [Looks()])
    for ours, theirs in zip(seen[:EPOCHS], seen[EPOCHS:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_from_a_checkpoint_it_goes_on(tmp_path):
    """With other frozen weights in memory than those it was begun with, which the checkpoint puts back."""
    def make(times=1):
        model, data = with_rows(functional)()
        for variable in model.get_layer("base").variables:
            variable.assign(variable * times)
        return model, data

    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("killed")

    whole = train(epochal_fit, make, epochs=EPOCHS, batch_size=BATCH_SIZE)
    with pytest.raises(RuntimeError, match="killed"):
        train(epochal_fit, make, epochs=EPOCHS, batch_size=BATCH_SIZE, checkpoint=tmp_path, callbacks=[Killed()])
    resumed = train(epochal_fit, lambda: make(2), epochs=EPOCHS, batch_size=BATCH_SIZE, checkpoint=tmp_path,
                    callbacks=[type("Killed", (keras.callbacks.Callback,), {"__module__": Killed.__module__,
                                                                            "__qualname__": Killed.__qualname__})()])
    found = differences(resumed, whole)
    assert all(difference <= TOLERANCE for difference in found.values()), found
    assert "frozen" in resumed.params


def test_ctrl_c_while_features_are_computed_leaves_the_model_as_it_was(monkeypatch):
    blocks, real = [], features.features_of_block

    def interrupted(*arguments):
        blocks.append(1)
        if len(blocks) == 3:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(features, "features_of_block", interrupted)
    model, data = with_rows(functional)()
    before = [np.array(w) for w in model.get_weights()]
    with pytest.raises(KeyboardInterrupt):
        epochal_fit(model, **data, epochs=3, batch_size=BATCH_SIZE, verbose=0)
    assert len(blocks) == 3
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_model_is_whole_afterwards(tmp_path):
    keras.utils.set_random_seed(0)
    model, data = with_rows(functional)()
    config = model.to_json()
    epochal_fit(model, **data, epochs=3, batch_size=BATCH_SIZE, verbose=0)
    assert model.to_json() == config
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = data["x"][:5]
    np.testing.assert_allclose(model.predict(x, verbose=0), loaded.predict(x, verbose=0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(model.evaluate(*data["validation_data"], verbose=0)[0],
                               model.history.history["val_loss"][-1], rtol=1e-4)
    assert "_run_through_graph" not in vars(model)
    assert keras.models.clone_model(model).count_params() == model.count_params()
