"""Models with a frozen base on sources that cut their own batches: each row's features are computed when it first comes."""

import keras
import numpy as np
import pytest
from parity.frozen_models import (
    CASES,
    IMAGE,
    NOT_ONCE,
    N,
    functional,
    mixes_rows,
    otherwise_in_training,
    told_of_training,
    with_rows,
)
from parity.same_fit import differences, epochal_fit, keras_fit, train
from tiers import first_tier

from epochal.base.system.memory import Memory
from epochal.seam.frozen import features, met

TOLERANCE = 1e-5
BATCH_SIZE, EPOCHS = 8, 4
BY_ROW = {name: build for name, build in CASES.items() if build is not told_of_training}


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch):
    """Small layers take no longer than to find again what they compute; here it is kept all the same."""
    monkeypatch.setattr(features, "_COPIED", np.inf)
    monkeypatch.setattr(met, "perf_counter", lambda: 0.0)


class Cut(keras.utils.PyDataset):
    """Rows in batches; `other(i)` changes them from epoch to epoch."""

    def __init__(self, x, y, weight=None, other=None):
        super().__init__()
        self.rows, self.epoch, self.other, self.n_read = (x, y, *([] if weight is None else [weight])), 0, other, 0

    def __len__(self):
        return -(-len(keras.tree.flatten(self.rows)[0]) // BATCH_SIZE)

    def __getitem__(self, i):
        self.n_read += 1
        found = keras.tree.map_structure(lambda leaf: leaf[i * BATCH_SIZE : (i + 1) * BATCH_SIZE], self.rows)
        return found if self.other is None else (self.other(found[0], self.epoch), *found[1:])

    def on_epoch_end(self):
        self.epoch += 1


def tf_dataset(x, y, weight=None, other=None):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y, *([] if weight is None else [weight]))).shuffle(N, seed=3).batch(BATCH_SIZE)


def made(build, source=Cut, *, validation="batches", **options):
    def make():
        model, data = with_rows(build)()
        rows = [data["x"], data["y"]], data["validation_data"]
        rows, judged = ((x, tuple(y) if isinstance(y, list) else y) for x, y in rows)
        return model, {"x": source(*rows, **options), "validation_data":
                       {"batches": lambda: source(*judged), "arrays": lambda: judged, "none": lambda: None}[validation]()}

    return make


def both(make, *, once=True, callbacks=list, epochs=EPOCHS, **options):
    used = [callbacks(), callbacks()]
    ours = train(epochal_fit, make, epochs=epochs, callbacks=used[0], **options)
    theirs = train(keras_fit, make, epochs=epochs, callbacks=used[1], **options)
    found = differences(ours, theirs)
    assert all(difference <= TOLERANCE for difference in found.values()), f"{found}; {TOLERANCE} is allowed"
    assert ("frozen" in ours.params) == once, ours.params
    return ours


@pytest.mark.parametrize("name", first_tier(["functional", "nested_in_part", "siamese"], BY_ROW))
def test_a_base_computed_once_changes_no_number(name):
    ours = both(made(BY_ROW[name]))
    assert ours.params["frozen"]["rows"] == N + 19


@pytest.mark.second
@pytest.mark.parametrize("validation", ["arrays", "none"])
def test_whatever_is_validated_on(validation):
    both(made(functional, validation=validation))


@pytest.mark.parametrize("name", ["functional", "two_outputs", "masked"])
@pytest.mark.needs("tensorflow")
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_rows_of_tf_data_in_another_order_in_every_epoch(name):
    """Which Keras' own `fit` draws from the data set, with the same seeds."""
    ours = both(made(BY_ROW[name], tf_dataset))
    assert ours.params["frozen"]["rows"] == N + 19


@pytest.mark.second
def test_rows_to_validate_on_without_an_end_are_judged_by_the_whole_model():
    """Nothing of them is kept, since none of them may come again."""
    def make():
        model, data = with_rows(functional)()
        rng = np.random.default_rng(1)

        def without_end():
            while True:
                yield rng.normal(size=(5, *IMAGE)).astype("float32"), rng.integers(0, 3, 5)

        return model, {"x": Cut(data["x"], data["y"]), "validation_data": without_end(), "validation_steps": 3}

    ours = both(make)
    assert ours.params["frozen"]["rows"] == N


def images_of_any_size():
    inputs = keras.Input((None, None, 2))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(64, 3, trainable=False)(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize("build", [images_of_any_size, told_of_training])
def test_beside_arrays_rows_in_batches_that_cannot_be_kept_are_judged_by_the_whole_model(build):
    def make():
        model, data = with_rows(build)()
        return model, data | {"validation_data": Cut(*data["validation_data"])}

    ours = both(make, batch_size=BATCH_SIZE)
    assert ours.params["frozen"]["rows"] == N


@pytest.mark.second
def test_with_sample_weights_and_class_weights():
    both(made(functional, weight=np.linspace(0.1, 2, N).astype("float32")))
    both(made(functional), class_weight={0: 1.0, 1: 3.0, 2: 0.5})


@pytest.mark.second
@pytest.mark.parametrize("name", [name for name in NOT_ONCE if name != "otherwise_in_training"])
def test_what_is_not_the_same_in_every_epoch_is_computed_anew(name):
    both(made(NOT_ONCE[name]), once=NOT_ONCE[name] is mixes_rows)


@pytest.mark.second
@pytest.mark.parametrize("build", [told_of_training, otherwise_in_training])
def test_layers_of_the_users_own_that_know_of_training_are_computed_anew(build):
    both(made(build), once=False)


def said_by(make, capsys, **options):
    model, data = make()
    epochal_fit(model, **data, epochs=EPOCHS, verbose=2, **options)
    return " ".join(capsys.readouterr().out.split())


def test_rows_that_depend_on_their_neighbours_are_trained_as_they_come(capsys):
    said = said_by(made(mixes_rows), capsys)
    assert "computed anew in every epoch: what the frozen layers compute of a row depends on the rows beside it." in said


def augmented(x, epoch):
    return x + np.float32(0.01 * epoch)


def test_rows_that_are_others_in_every_epoch_are_noticed_in_the_second(capsys):
    both(made(functional, other=augmented))
    said = said_by(made(functional, other=augmented), capsys)
    assert said.count("is computed anew in every epoch: its rows are others in every epoch.") == 1


@pytest.mark.second
def test_a_few_new_rows_in_every_epoch_do_no_harm():
    def other(x, epoch):
        return np.concatenate([x[:1] + epoch, x[1:]])

    ours = both(made(functional, other=other))
    assert ours.params["frozen"]["rows"] > N + 19


def test_no_item_is_read_more_often_than_by_keras():
    read = []

    def make():
        model, data = made(functional)()
        read.append((data["x"], data["validation_data"]))
        return model, data

    both(make)
    assert [one.n_read for one in read[0]] == [one.n_read for one in read[1]]


def test_rows_beyond_memory_are_computed_anew(monkeypatch):
    monkeypatch.setattr(met, "memory_here", lambda: Memory(10**9, 4 * (64 + 500) * 12))
    ours = both(made(functional))
    assert 0 < ours.params["frozen"]["rows"] < N


@pytest.mark.second
def test_far_more_rows_than_memory_holds_the_names_of_are_given_up(monkeypatch, capsys):
    monkeypatch.setattr(met, "memory_here", lambda: Memory(10**9, 100))
    both(made(functional))
    assert "computed anew in every epoch: too few of its rows fit into memory." in said_by(made(functional), capsys)


@pytest.mark.second
@pytest.mark.parametrize("options", [{"epochs": 1}, {"steps_per_epoch": 3}], ids=["one epoch", "some steps an epoch"])
def test_nothing_is_kept_of_rows_that_may_come_once(options):
    both(made(functional), once=False, **options)


def test_frozen_weights_that_a_callback_changes_count_at_once():
    class Changes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernel = self.model.get_layer("base").layers[1].kernel
            kernel.assign(kernel * 1.5)

    both(made(functional), callbacks=lambda: [Changes()])


@pytest.mark.second
def test_a_factory_of_generators():
    def make():
        model, data = with_rows(functional)()

        def batches(batch_size):
            for at in range(0, N, batch_size):
                yield data["x"][at : at + batch_size], data["y"][at : at + batch_size]

        return model, {"x": batches, "batch_size": BATCH_SIZE}

    ours = train(epochal_fit, make, epochs=EPOCHS)
    anew = train(epochal_fit, make, epochs=EPOCHS, cache_frozen=False)
    found = differences(ours, anew)
    assert all(difference <= TOLERANCE for difference in found.values()), found
    assert ours.params["frozen"]["rows"] == N
    assert "frozen" not in anew.params


@pytest.mark.second
def test_from_a_checkpoint_it_goes_on(tmp_path):
    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("killed")

    whole = train(epochal_fit, made(functional), epochs=EPOCHS)
    with pytest.raises(RuntimeError, match="killed"):
        train(epochal_fit, made(functional), epochs=EPOCHS, checkpoint=tmp_path, callbacks=[Killed()])
    resumed = train(epochal_fit, made(functional), epochs=EPOCHS, checkpoint=tmp_path,
                    callbacks=[type("Killed", (keras.callbacks.Callback,), {"__module__": Killed.__module__,
                                                                            "__qualname__": Killed.__qualname__})()])
    found = differences(resumed, whole)
    assert all(difference <= TOLERANCE for difference in found.values()), found


@pytest.mark.second
def test_what_takes_no_longer_than_to_find_it_again_is_computed_anew(monkeypatch, capsys):
    monkeypatch.setattr(features, "_COPIED", 1e-9)
    both(made(functional))
    assert "takes no longer than to find it again" in said_by(made(functional), capsys)


def test_rows_of_several_inputs_are_known_by_all_of_them():
    a = np.arange(6).reshape(3, 2)
    names = met._names([a, a[::-1].copy()])
    assert len({*names, *met._names([a, a])}) == 5  # the middle one is the same
    assert met._names([a])[0] == met._names([a + 0])[0] != met._names([a])[1]
    assert met._names([a]) != met._names([a.reshape(3, 1, 2)])
