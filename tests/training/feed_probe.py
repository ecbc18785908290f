"""The batches that Keras' own `fit` feeds a model, and those of a `Feed`, as nested NumPy arrays."""

import sys
import threading
import warnings
from typing import ClassVar

import keras
import numpy as np

from epochal.training.feeds import sources
from epochal.training.feeds.batches import Batching
from epochal.training.feeds.cast import over

BACKEND = keras.backend.backend()


def feed_of(x, y=None, *, sample_weight=None, class_weight=None, like=None, **batching):
    return sources.feed_of(x, y, Batching(**batching), sample_weight=sample_weight, class_weight=class_weight, like=like)


class Probe(keras.Model):
    """Keeps the batches it is given, and learns nothing."""

    def __init__(self):
        super().__init__()
        self.seen = {"train": [], "test": []}

    def call(self, x):
        first = keras.tree.flatten(x)[0]
        return keras.ops.mean(keras.ops.cast(first, "float32"), axis=-1, keepdims=True)

    def train_step(self, *arguments):
        return self._keep("train", arguments)

    def test_step(self, *arguments):
        return self._keep("test", arguments)

    def _keep(self, what, arguments):
        batch = keras.utils.unpack_x_y_sample_weight(arguments[-1])
        self.seen[what][-1].append(tuple(over(_as_compiled, tree) for tree in batch))
        logs = {"loss": np.float32(0.0)}
        return (logs, arguments[0]) if BACKEND == "jax" else logs


def _as_compiled(leaf):
    """The array that a compiled step would see; what runs eagerly sees NumPy's own, in 64 bits."""
    if BACKEND == "jax":
        import jax

        leaf = jax.device_put(leaf)
    return keras.ops.convert_to_numpy(leaf)


class Epochs(keras.callbacks.Callback):
    """Begins a new list of batches where an epoch begins."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.seen["train"].append([])

    def on_test_begin(self, logs=None):
        self.model.seen["test"].append([])


def of_keras(*, epochs, seed=7, built=True, what="train", **arguments):
    """Lists of batches, one for each epoch, and how often Keras warned that data ran out."""
    seeded(seed)
    model = Probe()
    model.built = built
    model.compile("sgd", None if built else "mse", run_eagerly=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(**arguments, epochs=epochs, verbose=0, callbacks=[Epochs()])
    return model.seen[what], ran_out(caught)


def of_feed(*, epochs, seed=7, built=True, skip=0, **arguments):
    """The same of a feed, used as whoever mirrors `fit` must use it."""
    seeded(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        feed, trainee = feed_of(**arguments), Trainee()
        feed.source.look()
        if not built:
            feed.rehearsed()
        feed.reset()
        found = [list(batches(feed.epoch(trainee, skip))) for _ in range(epochs)]
        feed.close()
    return found, ran_out(caught)


def seeded(seed):
    keras.utils.set_random_seed(seed)
    if "torch" in sys.modules:  # which Keras seeds where it is the back end
        sys.modules["torch"].manual_seed(seed)


class Trainee:
    """Puts nothing anywhere, and counts how often it is asked to."""

    def __init__(self):
        self.n_puts = 0

    def put(self, batch, *, any_size=False):
        self.n_puts += 1
        return batch


def batches(chunks):
    for chunk in chunks:
        assert chunk.rows.dtype == np.int32
        assert chunk.rows.ndim == 2
        for rows in chunk.rows:
            yield tuple(over(lambda leaf, rows=rows: leaf[rows], tree) for tree in chunk.data)


def same(ours, theirs):
    """Raise unless both are the same batches: in number, nesting, type and value, bit for bit."""
    assert [len(epoch) for epoch in ours] == [len(epoch) for epoch in theirs]
    for i, (epoch, expected) in enumerate(zip(ours, theirs, strict=True)):
        for j, (one, other) in enumerate(zip(epoch, expected, strict=True)):
            keras.tree.assert_same_structure(one, other)
            for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
                assert (a is None) == (b is None)
                if b is not None:
                    assert a.dtype == b.dtype, f"epoch {i}, batch {j}: {a.dtype} and {b.dtype}"
                    np.testing.assert_array_equal(a, b, err_msg=f"epoch {i}, batch {j}")


def ran_out(caught):
    return sum("ran out of data" in str(warning.message) for warning in caught)


class Cut(keras.utils.PyDataset):
    """Rows cut into batches, which remembers what was asked of it, and that it was asked by the thread which made it."""

    events: ClassVar[list] = []

    def __init__(self, x, y, size, *, endless=False, dtype=None, **options):
        super().__init__(**options)
        self._x, self._y, self._size, self._endless, self.events = x, y, size, endless, []
        self._thread = threading.get_ident()

    @property
    def num_batches(self):
        return None if self._endless else -(-len(self._x) // self._size)

    def __getitem__(self, i):
        self.events.append(i)
        assert BACKEND == "tensorflow" or self.workers > 1 or threading.get_ident() == self._thread
        i %= -(-len(self._x) // self._size)
        return tuple(a[i * self._size : (i + 1) * self._size] for a in (self._x, self._y))

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")
