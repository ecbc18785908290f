"""`ep.predict` takes batches as generators and data sets cut them."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from training.predicting import N, same

from epochal.api import predict
from epochal.base.errors import UsageError

pytestmark = pytest.mark.usefixtures("cache")


class Dataset(keras.utils.PyDataset):
    def __init__(self, x, size, **options):
        super().__init__(**options)
        self.x, self.size, self.heard = x, size, []

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, i):
        return (self.x[i * self.size : (i + 1) * self.size], np.zeros(3))

    def on_epoch_begin(self):
        self.heard.append("begin")

    def on_epoch_end(self):
        self.heard.append("end")


def generator(x, size=30):
    for i in range(0, len(x), size):
        yield (x[i : i + size],)


def tf_data(x):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(x).batch(30)


def torch_loader(x):
    import torch

    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(x)), batch_size=30)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras on PyTorch refuses steps_per_execution")
@pytest.mark.parametrize(("at_once", "steps"), [(3, 2), (7, 3), (2, 4)])
def test_steps_are_whole_executions(at_once, steps, x):
    model = keras.Sequential([keras.Input((x.shape[1],)), layers.Dense(2)])
    model.compile("sgd", "mse", steps_per_execution=at_once)
    theirs = model.predict(x, batch_size=9, steps=steps, verbose=0)
    assert same(predict(model, x, 9, steps=steps, verbose=0), theirs)
    assert len(predict(model, Dataset(x, 9), steps=steps, verbose=0)) == len(theirs) > 9 * steps - 9


@pytest.mark.parametrize("source", [
    generator, lambda x: Dataset(x, 30), lambda x: Dataset(x, 30, workers=2),
    pytest.param(tf_data, marks=pytest.mark.needs("tensorflow")), pytest.param(torch_loader, marks=pytest.mark.needs("torch"))],
    ids=["generator", "PyDataset", "with workers", "tf.data", "DataLoader"])
@pytest.mark.parametrize("size", ["auto", None])
def test_batches_are_taken_as_they_come(source, size, model, x):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of|`steps`")
        assert same(predict(model, source(x), size, verbose=0), model.predict(x, verbose=0))
        out = np.empty((N, 2), "float32")
        assert predict(model, source(x), size, verbose=0, out=out) is out
    assert same(out, model.predict(x, verbose=0))


def test_a_source_takes_no_batch_size(model, x):
    for source in (generator(x), Dataset(x, 30)):
        with pytest.raises(UsageError, match="`batch_size` must be left out"):
            predict(model, source, 32, verbose=0)


def test_a_source_with_processes_of_its_own_is_left_to_keras(model, x, monkeypatch):
    theirs = model.predict(x, verbose=0)
    out = np.empty((N, 2), "float32")
    monkeypatch.setattr(type(model), "predict", lambda self, x, **options: theirs)
    assert predict(model, Dataset(x, 30, workers=2, use_multiprocessing=True), verbose=0, out=out) is out
    assert same(out, theirs)


def test_steps_say_how_many_batches_to_take(model, x):
    whole = model.predict(x, verbose=0)
    assert same(predict(model, generator(x), steps=2, verbose=0), whole[:60])
    assert same(predict(model, Dataset(x, 30), steps=2, verbose=0), whole[:60])
    assert same(predict(model, x, 30, steps=2, verbose=0), model.predict(x, batch_size=30, steps=2, verbose=0))
    assert same(predict(model, x, steps=4, verbose=0), model.predict(x, steps=4, verbose=0))
    left = generator(x)
    predict(model, left, steps=3, verbose=0)
    assert len(next(left)[0]) == 30  # no batch is lost beyond those asked for


def test_batches_that_are_missing_are_told(model, x):
    for given, size in ((x, 100), (generator(x, 100), None)):
        with pytest.warns(UserWarning, match="`steps` is 9, but x holds only 3 batches"):
            assert len(predict(model, given, size, steps=9, verbose=0)) == N


def test_the_hooks_of_a_dataset_are_called(model, x):
    data = Dataset(x, 30)
    predict(model, data, verbose=0)
    assert data.heard == ["begin", "end"]


def test_room_for_batches_grows_with_them_and_ends_with_them(model, x):
    uneven = ((x[a:b],) for a, b in ((0, 1), (1, 3), (3, 150), (150, 151), (151, N)))
    told = predict(model, uneven, verbose=0)
    assert same(told, model.predict(x, verbose=0))
    assert told.flags.owndata
    with pytest.raises(UsageError, match="`out` must be as long as the predictions; got 'room for 100 rows'"):
        predict(model, generator(x), verbose=0, out=np.empty((100, 2), "float32"))


def test_batches_of_different_length_are_refused_with_a_sentence():
    model = keras.Sequential([keras.Input((None, 1)), layers.Dense(2)])
    with pytest.raises(UsageError, match="one shape for all batches|can read again"):
        predict(model, ((np.ones((2, n, 1), "float32"),) for n in (3, 4)), verbose=0)


class Parts(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return {"z": self.dense(x), "a": x[:, :1], "in": {"y": x, "b": x}}


class Noisy(Dataset):
    """Draws from a generator of its own, and remembers what was asked of it."""

    def __init__(self, x, size):
        super().__init__(x, size)
        self.rng = np.random.default_rng(0)

    def __getitem__(self, i):
        self.heard.append(i)
        return (super().__getitem__(i)[0] + self.rng.normal(),)


@pytest.mark.parametrize("built", [True, False])
def test_items_are_read_as_keras_reads_them_and_outputs_stand_in_its_order(built, x):
    model, given = Parts(), []
    if built:
        model(x[:1])
    for run in (predict, keras.Model.predict):
        keras.utils.set_random_seed(1)
        data = Noisy(x, 30)
        given.append((data.heard, run(model if built else Parts(), data, verbose=0)))
    (heard, ours), (theirs_heard, theirs) = given
    assert heard == theirs_heard
    assert [list(ours), list(ours["in"])] == [list(theirs), list(theirs["in"])]
    assert all(map(same, keras.tree.flatten(ours), keras.tree.flatten(theirs)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras joins outputs of several lengths on TensorFlow alone")
def test_ragged_outputs_are_handed_to_keras():
    class Longer(keras.utils.PyDataset):
        num_batches = 3

        def __getitem__(self, i):
            return (np.ones((4, 2 + i), "float32"),)

    model = keras.Sequential([keras.Input((None,)), layers.Rescaling(2.0)])
    with pytest.warns(UserWarning, match="run exactly as Keras"):
        ours = predict(model, Longer(), verbose=0)
    assert ours.to_list() == model.predict(Longer(), verbose=0).to_list()


def test_an_empty_source_is_refused(model, x):
    with pytest.raises(UsageError, match="must be .*one batch"):
        predict(model, generator(x[:0]), verbose=0)
