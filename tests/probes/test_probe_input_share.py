"""The share of an epoch that reading takes: on sources whose share is known, and on what Keras' `fit` takes."""

import importlib.util
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.probes.machine.input_share import INPUT_SHARE, input_share
from epochal.records import Outcome, dump, load
from epochal.seam.origin import Origin
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

SLOW = 0.005  # seconds of reading a batch


@pytest.mark.parametrize(("timing", "share"), [
    (FakeTiming(read=4e-3, step=1e-3, example=0.0), 0.8), (FakeTiming(read=4e-3, step=1e-3, example=0.0, reads_ahead=True), 1.0),
    (FakeTiming(read=1e-3, step=4e-3, example=0.0, reads_ahead=True), 0.25), (FakeTiming(read=1e-4, step=9e-4, example=0.0), 0.1)])
def test_it_is_what_reading_alone_takes_of_the_time_of_fit(timing, share):
    reading = input_share(FakeRig(timing=timing))
    assert reading.value == pytest.approx(share)
    assert reading.low <= reading.value <= reading.high
    assert reading.repeats == 6
    assert reading.detail("read") == pytest.approx(timing.read)
    assert reading.detail("batches") == 128
    assert load(dump(reading)) == reading


def test_the_range_holds_the_share_on_an_unsteady_machine():
    """Of six turns it holds the median with probability 0.969; that 40 or fewer of 48 would has a chance below 3e-5."""
    timing = FakeTiming(read=4e-3, step=1e-3, example=0.0, jitter=0.05)
    readings = [input_share(FakeRig(timing=timing, seed=seed)) for seed in range(48)]
    assert sum(reading.low <= 0.8 <= reading.high for reading in readings) > 40


def test_batches_that_come_once_only_are_not_read():
    class Once(FakeRig):
        def source_batches(self):
            return None

        def read_seconds(self, n_batches):
            raise AssertionError

    assert input_share(Once()).outcome is Outcome.UNSUPPORTED


def test_a_clock_that_stands_still_is_said():
    class Busy(FakeRig):
        def read_seconds(self, n_batches):
            return 1.0

    assert input_share(Busy()).outcome is Outcome.UNRESOLVED


def test_little_time_leaves_turns_out_and_says_so():
    reading = input_share(FakeRig(), seconds=0.0)
    assert reading.repeats == 3
    assert "75 %" in reading.note


@pytest.mark.parametrize(("read", "said"), [(9e-3, "a larger batch will not help"), (1e-5, "does not keep a larger batch"),
                                            (4e-4, "no batch size makes an epoch more than")])
def test_the_sentence_says_whether_a_larger_batch_can_help(read, said):
    reading = INPUT_SHARE(FakeRig(timing=FakeTiming(read=read, step=1e-3, example=0.0)))
    assert said in reading.means
    assert "nothing about how a batch size learns" in reading.does_not_mean


class Dataset(keras.utils.PyDataset):
    """Batches of 16 rows, each read in `seconds`."""

    def __init__(self, x, y, seconds, **options):
        super().__init__(**options)
        self.x, self.y, self.seconds = x, y, seconds

    def __len__(self):
        return len(self.x) // 16

    def __getitem__(self, number):
        time.sleep(self.seconds)
        rows = slice(16 * number, 16 * (number + 1))
        return self.x[rows], self.y[rows]


def arrays(x, y, seconds):
    return None


def py_dataset(x, y, seconds):
    return Dataset(x, y, seconds)


def py_dataset_in_threads(x, y, seconds):
    return Dataset(x, y, 2 * seconds, workers=2)


def tf_data(x, y, seconds):
    import tensorflow as tf

    def slowly(x, y):
        time.sleep(seconds)
        return x, y

    def read(x, y):
        out = tf.numpy_function(slowly, [x, y], [tf.float32, tf.int64])
        return tf.ensure_shape(out[0], (None, 5)), tf.ensure_shape(out[1], (None,))

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16, drop_remainder=True).map(read)


def data_loader(x, y, seconds):
    import torch

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(x)

        def __getitem__(self, row):
            time.sleep(seconds / 16)
            return x[row], y[row]

    return torch.utils.data.DataLoader(Rows(), batch_size=16, drop_last=True)


def rig_of(make, seconds, n=160):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 5)).astype("float32"), rng.integers(0, 3, n)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model, data = ArraySource(model, x, y).open(0)
    source = make(x, y, seconds)
    return open_rig(model, data if source is None else replace(data, origin=Origin(source)), batch_size=16)


NEEDS = {tf_data: "tensorflow", data_loader: "torch"}


def at_last(rig):
    """The reading, taken again where the machine was too busy to tell: five times at most."""
    readings = (input_share(rig, seconds=2.0) for _ in range(5))
    found = next((reading for reading in readings if reading.known), None)
    assert found is not None
    return found


@pytest.mark.parametrize("make", [py_dataset, py_dataset_in_threads, tf_data, data_loader])
def test_every_kind_of_source_is_read_and_trained_from(make):
    if make in NEEDS and importlib.util.find_spec(NEEDS[make]) is None:
        pytest.skip(f"needs {NEEDS[make]}")
    rig = rig_of(make, SLOW)
    assert rig.source_batches() == 10
    reading = at_last(rig)
    assert reading.detail("read") > 0.9 * SLOW  # of the rest a busy machine decides
    assert reading.detail("fit") > 0.9 * SLOW / (2 if make is py_dataset_in_threads else 1)
    assert 0 < reading.low <= reading.value <= reading.high


def test_arrays_are_read_in_hardly_any_time():
    reading = at_last(rig_of(arrays, 0.0))
    assert reading.detail("read") < SLOW
    assert reading.detail("batches") == 8  # of the rows that are not held out


def test_a_generator_is_read_by_nobody_but_fit():
    rig = rig_of(lambda x, y, _: ((x[:16], y[:16]) for _ in range(5)), 0.0)
    assert input_share(rig).outcome is Outcome.UNSUPPORTED


def test_steps_of_an_epoch_are_the_users():
    rows = Dataset(np.zeros((64, 5), "float32"), np.zeros(64, int), 0.0)
    assert Origin(rows).n_batches == 4
    assert Origin(rows, steps=2).n_batches == 2
    read = []
    counts = type("Counts", (), {"__len__": lambda _: 3, "__iter__": lambda _: iter(read.append(i) or i for i in range(3))})
    Origin(counts()).read(7)
    assert read == [0, 1, 2, 0, 1, 2, 0]
