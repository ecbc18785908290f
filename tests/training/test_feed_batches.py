"""Sources that cut their own batches: a feed hands on those that Keras' own `fit` takes from them, in chunks."""

import itertools
import random
import threading
from collections import deque

import numpy as np
import pandas as pd
import pytest
from tiers import first_tier
from training.feed_probe import BACKEND, Cut, Trainee, batches, feed_of, of_feed, of_keras, same

from epochal.base.errors import UsageError
from epochal.training.feeds.cast import OnlyKeras
from epochal.training.feeds.sources import cuts_own_batches

X, Y = np.random.default_rng(0).normal(size=(11, 3)), np.arange(11)


def cut(size=3, **options):
    return Cut(X, Y, size, **options)


def as_in_fit(make, *, epochs=3, **arguments):
    ours, theirs = (run(x=make(), epochs=epochs, **arguments) for run in (of_feed, of_keras))
    same(ours[0], theirs[0])
    return ours, theirs


# --- keras.utils.PyDataset


@pytest.mark.parametrize("built", first_tier(1, [True, False]))
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("size", [3, 11, 20, 1])
def test_a_py_dataset_gives_the_batches_of_fit(size, shuffle, built):
    as_in_fit(lambda: cut(size), shuffle=shuffle, built=built)


@pytest.mark.parametrize("steps", first_tier(3, [1, 3, 4, 6, 9]))
@pytest.mark.parametrize("endless", [True, False])
def test_steps_cut_a_py_dataset_as_in_fit(steps, endless):
    ours, theirs = as_in_fit(lambda: cut(endless=endless), steps_per_epoch=steps, epochs=5)
    assert ours[1] == theirs[1]


@pytest.mark.parametrize("built", [True, False])
def test_the_hooks_of_a_py_dataset_are_called_as_in_fit(built):
    made = []

    def make():
        made.append(cut())
        return made[-1]

    as_in_fit(make, built=built)
    assert made[0].events == made[1].events


def test_what_on_epoch_begin_prepares_is_there_when_an_item_is_read():
    class Prepared(Cut):
        def on_epoch_begin(self):
            super().on_epoch_begin()
            self.noise = np.random.default_rng(len(self.events))

        def on_epoch_end(self):
            super().on_epoch_end()
            self.noise = None

        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return x + (self.noise.normal() if BACKEND != "tensorflow" else 0.0), y  # where Keras reads two items before it begins

    as_in_fit(lambda: Prepared(X, Y, 3))
    as_in_fit(lambda: Prepared(X, Y, 3), built=False)


def test_an_item_is_read_once_where_a_sample_is_asked_for_before_the_epoch():
    data = cut()
    feed = feed_of(data)
    feed.reset()
    assert len(feed.sample[0]) in (3, 2)
    read = list(batches(feed.epoch(Trainee())))
    looked_at = [0, 1] if BACKEND == "tensorflow" else []
    assert sorted(e for e in data.events if e not in ("begin", "end")) == sorted([0, 1, 2, 3, *looked_at])
    assert len(read) == 4


@pytest.mark.parametrize("make", [lambda failing: failing, lambda failing: Failing(2)])
def test_batches_read_before_an_error_are_trained_and_then_it_is_raised(make):
    def failing():
        yield from itertools.islice(endless(), 3)
        raise RuntimeError("the disk is gone")

    feed, seen = feed_of(make(failing()), shuffle=False), []
    feed.reset()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        deque(seen.append(batch[1][0]) for batch in batches(feed.epoch(Trainee())))
    assert seen in ([0, 3, 6], [0, 3])


class Failing(Cut):
    def __init__(self, after):
        super().__init__(X, Y, 3)
        self._after = after

    def __getitem__(self, i):
        if i == self._after:
            raise RuntimeError("the disk is gone")
        return super().__getitem__(i)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("workers", [2, 5])
def test_several_workers_read_each_batch_once_and_in_order(workers, shuffle):
    ours = of_feed(x=cut(1, workers=workers, max_queue_size=3), shuffle=shuffle, epochs=3)[0]
    same(ours, of_feed(x=cut(1), shuffle=shuffle, epochs=3)[0])


def test_several_workers_read_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)

    class Meeting(Cut):
        def __getitem__(self, i):
            if threading.current_thread() is not threading.main_thread():
                meeting.wait()  # breaks unless three are here at once
            return super().__getitem__(i)

    assert len(of_feed(x=Meeting(X[:9], Y[:9], 3, workers=3), epochs=1)[0][0]) == 3


def test_processes_are_left_to_keras():
    with pytest.raises(OnlyKeras, match="use_multiprocessing"):
        feed_of(cut(workers=2, use_multiprocessing=True))


@pytest.mark.parametrize("form", [
    lambda x, y: x, lambda x, y: (x,), lambda x, y: [x, y], lambda x, y: (x, y, y + 0.5), lambda x, y: {"a": x, "b": y},
    lambda x, y: ({"a": x, "b": {"c": y}}, y), lambda x, y: (x.astype("float16"), y.astype("uint8"))])
def test_batches_keep_their_form_and_their_types(form):
    class Formed(Cut):
        def __getitem__(self, i):
            return form(*super().__getitem__(i))

    as_in_fit(lambda: Formed(X, Y, 3), epochs=1)


@pytest.mark.parametrize("y", [lambda y: y % 3, lambda y: (y % 3)[:, None], lambda y: np.eye(3)[y % 3]])
def test_class_weights_of_a_py_dataset_are_those_of_fit(y):
    as_in_fit(lambda: Cut(X, y(Y), 3), class_weight={0: 0.5, 2: 3.0})


def test_batches_of_other_lengths_are_chunks_of_their_own():
    class Uneven(Cut):
        def __getitem__(self, i):
            return tuple(a[: 1 + i] for a in super().__getitem__(i))

    as_in_fit(lambda: Uneven(X, Y, 3), epochs=2, shuffle=False)


@pytest.mark.parametrize("built", [True, False])
def test_batches_with_noise_are_those_of_fit(built):
    class Noisy(Cut):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return x + np.random.normal(size=x.shape) + random.random(), y

    as_in_fit(lambda: Noisy(X, Y, 3), built=built)


# --- Python generators


def endless(size=3):
    for i in itertools.count():
        rows = (np.arange(size) + size * i) % len(X)
        yield X[rows], Y[rows]


def finite(n=5):
    return (batch for batch in itertools.islice(endless(), n))


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("steps", first_tier(2, [1, 2, 3, 7]))
def test_an_endless_generator_gives_the_batches_of_fit(steps, built):
    as_in_fit(endless, steps_per_epoch=steps, epochs=4, built=built)


@pytest.mark.parametrize("steps", [None, 2, 3, 5, 9])
def test_a_generator_that_ends_gives_the_batches_and_the_warnings_of_fit(steps):
    ours, theirs = as_in_fit(finite, steps_per_epoch=steps, epochs=4)
    assert ours[1] == theirs[1] > 0


def test_no_more_is_taken_from_a_generator_than_fit_takes():
    ours, theirs = endless(), endless()
    of_feed(x=ours, steps_per_epoch=3, epochs=2)
    if BACKEND != "tensorflow":  # which reads ahead
        of_keras(x=theirs, steps_per_epoch=3, epochs=2)
        np.testing.assert_array_equal(next(ours)[1], next(theirs)[1])
    else:
        assert next(ours)[1][0] == 18 % len(X)


@pytest.mark.parametrize("validation_steps", [1, 2, 3])
def test_a_generator_that_validates_gives_the_batches_of_fit(validation_steps):
    if BACKEND == "tensorflow":
        pytest.skip("Keras on TensorFlow loses the batches that it has read ahead")
    theirs = of_keras(x=X, y=Y, validation_data=endless(), validation_steps=validation_steps, epochs=3, what="test")[0]
    feed, found = feed_of(endless(), shuffle=False, steps_per_epoch=validation_steps), []
    for _ in range(3):
        feed.reset()
        found.append(list(batches(feed.epoch(Trainee()))))
    same(found, theirs)


@pytest.mark.parametrize("wrong", [lambda: (b for b in ()), lambda: (x for x in X)])
def test_generators_that_fit_refuses_are_refused(wrong):
    with pytest.raises(ValueError, match="."):
        of_keras(x=wrong(), epochs=1)
    with pytest.raises(UsageError, match="generator"):
        feed_of(wrong())


def test_a_generator_left_to_keras_still_has_its_first_batches():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(OnlyKeras) as caught:
        feed_of((sparse.csr_matrix(X[:3]), Y[:3] + i) for i in range(4))
    assert [batch[1][0] for batch in caught.value.x] == [0, 1, 2, 3]


def test_what_a_feed_has_looked_at_can_be_given_to_keras():
    feed = feed_of(finite(4))
    assert [batch[1][0] for batch in feed.source.original()] == [0, 3, 6, 9]
    assert not hasattr(feed_of(X).source, "original")
    data = cut()
    assert feed_of(data).source.original() is data


def test_a_factory_is_called_with_the_batch_size():
    assert of_feed(x=lambda batch_size: cut(batch_size), batch_size=4, epochs=1, shuffle=False)[0][0][0][0].shape == (4, 3)
    assert of_feed(x=cut, batch_size=4, epochs=1, shuffle=False)[0][0][0][0].shape == (4, 3)
    assert len(of_feed(x=lambda *, batch_size=7: cut(batch_size), epochs=1)[0][0]) == 1  # 32 unless said


def test_a_generator_of_a_factory_begins_anew_in_each_epoch():
    def make(batch_size):
        for i in range(0, len(X), batch_size):
            yield X[i : i + batch_size], Y[i : i + batch_size]

    ours, warned = of_feed(x=make, batch_size=4, epochs=3)
    same(ours, of_feed(x=cut(4), epochs=3, shuffle=False)[0])
    assert not warned


@pytest.mark.parametrize("wrong", [lambda: cut(), lambda a, b: cut(), lambda batch_size: 3, lambda batch_size: (X, Y)])
def test_functions_that_make_no_batches_are_refused(wrong):
    with pytest.raises(UsageError, match="`x` must be a function"):
        feed_of(wrong, batch_size=4)


# --- tf.data


def of_tensorflow(size=3):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(size), tf


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("built", [True, False])
def test_a_tf_dataset_gives_the_batches_of_fit(built):
    as_in_fit(lambda: of_tensorflow()[0], built=built)


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("steps", [None, 2, 9])
def test_a_shuffled_tf_dataset_gives_the_batches_of_fit(steps, built):
    as_in_fit(lambda: of_tensorflow(1)[0].shuffle(11, seed=3).repeat(1 if steps is None else 4), built=built, steps_per_epoch=steps)


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("steps", [2, 5])
def test_an_endless_tf_dataset_gives_the_batches_of_fit(steps):
    as_in_fit(lambda: of_tensorflow()[0].repeat(), steps_per_epoch=steps)


@pytest.mark.needs("tensorflow")
@pytest.mark.parametrize("steps", [None, 3])
def test_a_tf_dataset_of_unknown_length_gives_the_batches_of_fit(steps):
    ours, theirs = as_in_fit(lambda: of_tensorflow()[0].filter(lambda x, y: True), steps_per_epoch=steps)
    assert ours[1] == (theirs[1] if steps else 0)  # Keras warns at the end of each epoch, though nothing is amiss


@pytest.mark.needs("tensorflow")
def test_class_weights_of_a_tf_dataset_are_those_of_fit():
    tf = of_tensorflow()[1]
    as_in_fit(lambda: tf.data.Dataset.from_tensor_slices((X, Y % 3)).batch(4), class_weight={0: 0.5, 1: 1.0, 2: 3.0})


@pytest.mark.needs("tensorflow")
def test_a_tf_dataset_tells_its_shape_without_being_opened():
    tf, opened = of_tensorflow()[1], []

    def rows():
        opened.append(1)
        yield X[0], Y[0]

    spec = (tf.TensorSpec((3,), "float32"), tf.TensorSpec((), "int32"))
    feed = feed_of(tf.data.Dataset.from_generator(rows, output_signature=spec).batch(2))
    assert [leaf.shape for leaf in feed.sample[:2]] == [(1, 3), (1,)]
    assert not opened


# --- PyTorch


def loader(**options):
    import torch

    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(data, **{"batch_size": 3} | options)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("built", first_tier(1, [True, False]))
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_last": True}, {"batch_size": 11, "shuffle": True}])
def test_a_loader_gives_the_batches_of_fit(options, built):
    as_in_fit(lambda: loader(**options), built=built)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("steps", [1, 3, 4, 6])
def test_steps_cut_a_loader_as_in_fit(steps):
    ours, theirs = as_in_fit(lambda: loader(shuffle=True), steps_per_epoch=steps, epochs=4)
    assert ours[1] == theirs[1]


@pytest.mark.needs("torch")
def test_a_loader_of_unknown_length_gives_the_batches_of_fit():
    import torch

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(zip(torch.tensor(X), torch.tensor(Y), strict=True))

    as_in_fit(lambda: torch.utils.data.DataLoader(Stream(), batch_size=4))


@pytest.mark.needs("grain")
def test_a_grain_dataset_gives_the_batches_of_fit():
    import grain

    rows = list(zip(X, Y, strict=True))
    as_in_fit(lambda: grain.MapDataset.source(rows).shuffle(seed=1).batch(4))
    as_in_fit(lambda: grain.MapDataset.source(rows).to_iter_dataset().batch(4), epochs=2)


# --- what is refused, and what is told apart


TF_DATA = pytest.param(lambda: of_tensorflow()[0], marks=pytest.mark.needs("tensorflow"))
LOADER = pytest.param(loader, marks=pytest.mark.needs("torch"))


@pytest.mark.parametrize("make", [cut, endless, TF_DATA, LOADER])
@pytest.mark.parametrize("wrong", [{"y": Y}, {"sample_weight": Y}, {"batch_size": 4}, {"order": np.arange}])
def test_what_belongs_to_arrays_is_refused(make, wrong):
    with pytest.raises(UsageError, match=f"`{next(iter(wrong))}`"):
        feed_of(make(), **wrong)


@pytest.mark.parametrize("make", [endless, LOADER])
def test_class_weights_are_refused_where_fit_refuses_them(make):
    with pytest.raises(ValueError, match="class_weight"):
        of_keras(x=make(), class_weight={0: 1.0}, epochs=1)
    with pytest.raises(UsageError, match="class_weight"):
        feed_of(make(), class_weight={0: 1.0})


@pytest.mark.parametrize("make", [
    lambda: cut(endless=True), pytest.param(lambda: of_tensorflow()[0].repeat(), marks=pytest.mark.needs("tensorflow"))])
def test_batches_without_an_end_need_a_number_of_steps(make):
    with pytest.raises(UsageError, match="steps_per_epoch"):
        feed_of(make())


def test_sources_of_batches_are_told_from_arrays():
    assert all(cuts_own_batches(x) for x in (cut(), endless()))
    assert not any(cuts_own_batches(x) for x in (X, [X, X], {"a": X}, pd.DataFrame(X), "rows.parquet", cut, None))


def test_arrays_of_different_lengths_are_left_to_keras():
    with pytest.raises(OnlyKeras, match="length"):
        feed_of(((X[:3], X[:5]), Y[:3]) for _ in range(3))
