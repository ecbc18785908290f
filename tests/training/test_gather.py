"""The first rows of what cuts its own batches, as arrays."""

import random

import keras
import numpy as np
import pytest
from training.feed_probe import Cut

from epochal.base.errors import UsageError
from epochal.training.feeds.sources import gathered

N = 70
X, Y, WEIGHT = np.arange(2.0 * N, dtype="float32").reshape(N, 2), np.arange(N, dtype="int32"), np.linspace(1, 2, N, dtype="float32")


def generated(batch_size, *parts):
    for i in range(0, N, batch_size):
        yield tuple({name: a[i : i + batch_size] for name, a in p.items()} if isinstance(p, dict) else p[i : i + batch_size]
                    for p in parts or (X, Y))


def loaded(batch_size):
    import torch

    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size)


def sliced(batch_size):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(batch_size)


@pytest.mark.parametrize("make", [
    lambda batch_size: Cut(X, Y, batch_size), generated, pytest.param(loaded, marks=pytest.mark.needs("torch")),
    pytest.param(sliced, marks=pytest.mark.needs("tensorflow"))], ids=["PyDataset", "generator", "DataLoader", "tf.data"])
@pytest.mark.parametrize(("most", "n", "whole"), [(1000, N, True), (N, N, True), (N - 1, N - 1, False), (32, 32, False),
                                                  (5, 5, False)])
def test_the_rows_are_the_first_ones_of_whatever_the_factory_makes(make, most, n, whole):
    found = gathered(make, most_rows=most)
    np.testing.assert_array_equal(found.x, X[:n])
    np.testing.assert_array_equal(found.y, Y[:n])
    assert (found.weight, found.n_rows, found.whole) == (None, n, whole)


def test_a_factory_is_called_once_and_for_batches_of_32():
    sizes = []
    gathered(lambda batch_size: sizes.append(batch_size) or generated(batch_size))
    assert sizes == [32]


def test_nested_inputs_and_sample_weights_keep_their_nesting():
    found = gathered(lambda batch_size: generated(batch_size, {"a": X, "b": Y}, Y, WEIGHT))
    assert sorted(found.x) == ["a", "b"]
    np.testing.assert_array_equal(found.x["a"], X)
    np.testing.assert_array_equal(found.weight, WEIGHT)


def test_class_weights_become_weights_of_rows():
    found = gathered(lambda batch_size: Cut(X, Y, batch_size), class_weight={3: 5.0})
    np.testing.assert_array_equal(found.weight, np.where(Y == 3, 5.0, 1.0))


def test_the_bound_in_bytes_ends_with_the_batch_that_reaches_it():
    row = X[0].nbytes + Y[0].nbytes
    assert [gathered(generated, most_bytes=row * n).n_rows for n in (1, 32, 33, 64, 1000)] == [32, 32, 64, 64, N]


def test_what_has_no_end_is_read_up_to_the_bound_and_refused_without_steps():
    def make(batch_size):
        return Cut(X, Y, batch_size, endless=True)

    assert gathered(make, steps=2, most_rows=1000).n_rows == 1000
    with pytest.raises(UsageError, match="without an end"):
        gathered(make)


def test_random_numbers_stay_where_they_were():
    def make(batch_size):
        order = np.random.permutation(N)
        random.random()
        return Cut(X[order], Y[order], batch_size)

    keras.utils.set_random_seed(1)
    expected = random.random(), np.random.rand()
    keras.utils.set_random_seed(1)
    gathered(make)
    assert (random.random(), np.random.rand()) == expected


@pytest.mark.parametrize(("make", "options", "said"), [
    (lambda: generated(3), {}, "a function of batch_size"),
    (lambda batch_size: X, {}, "returns ndarray"),
    (lambda batch_size: generated(batch_size, X), {}, "without targets"),
    (lambda batch_size: (batch for batch in []), {}, "at least one batch"),
    (lambda batch_size: ((X[:2, : 1 + i], Y[:2]) for i in range(2)), {}, r"one shape.*\(1,\).*\(2,\).*plan="),
    (lambda batch_size: Cut(X, Y, batch_size, workers=2, use_multiprocessing=True), {}, "use_multiprocessing.*plan="),
    (generated, {"y": Y}, "`y` must be left out"),
    (generated, {"class_weight": {0: 2.0}}, "`class_weight` must be left out"),
])
def test_what_cannot_be_measured_on_is_refused(make, options, said):
    with pytest.raises(UsageError, match=said):
        gathered(make, **options)
