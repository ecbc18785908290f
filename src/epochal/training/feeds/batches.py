"""Sources that cut their own batches: `PyDataset`, `tf.data`, PyTorch's `DataLoader`, Grain, Python generators."""

import itertools
import types
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

import keras
import numpy as np

from ...base.validate import require
from ...seam.feeding import feeding
from ...seam.row_orders import way, why_unknown
from .cast import OnlyKeras, leaves, over, resolved_weights

_LOOKED_AT = 2  # batches of a generator, and of a data set of Grain, that Keras reads before anything else


@dataclass(frozen=True)
class Batching:
    """How rows are cut into batches, and batches into epochs: the arguments of Keras' `fit` for it.

    Attributes:
        batch_size: rows; 32, or what `steps_per_epoch` leaves, if `None`. Not for what cuts its own batches.
        shuffle: `True`, `False` or `"batch"`, as in Keras; what cuts its own batches has its own order (a `PyDataset` its batches
            shuffled).
        steps_per_epoch: batches of an epoch; the next epoch goes on where it stopped.
        order: for arrays, in place of shuffle: a function of the number of rows that returns int[n_rows], for each pass.
        resident_bytes: arrays of more, and memory-mapped files of more than a block, are read in blocks.
    """

    batch_size: int | None = None
    shuffle: bool | str = True
    steps_per_epoch: int | None = None
    order: Callable[[int], np.ndarray] | None = None
    resident_bytes: int = 2 * 2**30

    def size(self, n_rows: int | None) -> int:
        """Rows of a batch of arrays: as asked, or what so many steps leave, or Keras' 32."""
        steps = self.steps_per_epoch
        return int(self.batch_size) if self.batch_size else -(-n_rows // steps) if steps and n_rows else 32


def known_way(x, shuffle=True):
    """Leave `x` to Keras where it is not known here in which order Keras takes what it shuffles."""
    if why := why_unknown(shuffle):
        raise OnlyKeras(why, x)


class Cutter:
    """What cuts its own batches.

    Attributes:
        kind: its name for a user. n_batches, starts_anew, n_ended: as in `feed.Source`; is_endless: known to have no end.
        any_size: whether Keras does not know, before a batch comes, how many rows it has.
        draws_torch_seed: whether opening a pass draws a seed from PyTorch's stream.
    """

    kind, n_batches, starts_anew, is_endless, any_size, draws_torch_seed, n_ended = "", None, True, False, True, False, 0

    def __init__(self, given, class_weight=None):
        self._given, self._class_weight = given, class_weight

    def begin(self): ...  # an epoch begins
    def end(self): ...    # an epoch ends

    def open(self):
        # An iterator of tf.data moves the seeds of `shuffle()` on, that of a `DataLoader` draws a seed.
        return self._unpacked(iter(self._given) if self.kind in feeding().opened_at_once else self._given)

    def described(self):
        """A batch like those to come, for which nothing is read; `None` where that cannot be known."""
        return None

    def look(self):
        """The first of the batches that Keras reads before anything else, to see what they are like; `None` where it reads none."""
        n = self._n_looked_at()
        return next(self._unpacked(list(itertools.islice(self._given, n))), None) if n else None

    def _n_looked_at(self):
        return feeding().n_looked_at

    def original(self):
        """What Keras' own `fit` is to be given."""
        return self._given

    def _unpacked(self, batches):
        """Batches as `(x, y, sample weight)`, where there are weights of classes with those."""
        for batch in batches:
            x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
            yield x, y, weight if y is None else resolved_weights(y, weight, self._class_weight)


class DatasetOfKeras(Cutter):
    """A `keras.utils.PyDataset`. With more than one worker, batches come from threads, in order and each once."""

    kind = "PyDataset"

    def __init__(self, dataset, shuffle, class_weight):
        super().__init__(dataset, class_weight)
        self._shuffle, self.begin, self.end = shuffle, dataset.on_epoch_begin, dataset.on_epoch_end
        if dataset.use_multiprocessing and dataset.workers > 0:
            raise OnlyKeras("a PyDataset with use_multiprocessing=True is read by processes that Keras starts", dataset)
        if shuffle and not self.is_endless:
            known_way(dataset)

    @property
    def n_batches(self):
        return self._given.num_batches

    @property
    def is_endless(self):
        return self.n_batches is None

    def open(self):
        return self._unpacked(self._read())

    def look(self):
        n = self._n_looked_at()
        return next(self._unpacked([self._batch(i) for i in range(n if self.is_endless else min(n, self.n_batches))]), None)

    def _read(self):
        numbers = itertools.count() if self.is_endless else range(self.n_batches)
        if self._shuffle and not self.is_endless:
            numbers = list(numbers)
            way().items(numbers, self.n_ended)
        if self._given.workers > 1:
            yield from _in_threads(self._batch, numbers, self._given.workers, self._given.max_queue_size)
        else:
            yield from map(self._batch, numbers)

    def _batch(self, number):
        batch = self._given[number]
        require(isinstance(batch, dict | np.ndarray) or (isinstance(batch, tuple | list) and len(batch) in (1, 2, 3)), "x[i]",
                type(batch).__name__, "a dict, an array, or a tuple (x,), (x, y) or (x, y, sample_weight)",
                "See keras.utils.PyDataset.")
        return batch


class DatasetOfTensorFlow(Cutter):
    """A `tf.data.Dataset`."""

    kind = "tf.data.Dataset"

    @property
    def n_batches(self):
        n = int(self._given.cardinality())
        return None if n < 0 else n

    @property
    def is_endless(self):
        return int(self._given.cardinality()) == -1

    @property
    def any_size(self):
        return any(spec.shape.rank is None or spec.shape[0] is None for spec in leaves(self._given.element_spec))

    def described(self):
        """One row of zeros as described by the data set itself: opening it would move its seeds on."""
        described = self._given.element_spec
        for spec in leaves(described):
            if type(spec).__name__ != "TensorSpec":
                raise OnlyKeras(f"a {type(spec).__name__.removesuffix('Spec')} is sparse or ragged", self._given)
        shapes = [spec.shape for spec in leaves(described)]
        if all(shape.rank is not None and shape.rank > 0 and None not in shape[1:].as_list() for shape in shapes):
            rows = over(lambda s: np.zeros([s.shape[0] or 1, *s.shape[1:]], s.dtype.as_numpy_dtype), described)
            return next(self._unpacked([rows]))
        return None

    def look(self):
        return None


class Loader(Cutter):
    """A `torch.utils.data.DataLoader`, or a data set or loader of Grain: something that is iterated over once for each pass."""

    def __init__(self, loader, kind):
        super().__init__(loader)
        self.kind, self.draws_torch_seed = kind, kind == "DataLoader"

    def _n_looked_at(self):
        return feeding().n_looked_at if self.kind == "DataLoader" else _LOOKED_AT

    @property
    def n_batches(self):
        sized = self.kind != "Grain data set" and hasattr(self._given.dataset, "__len__")
        return len(self._given) if sized else None


class Generator(Cutter):
    """A Python generator, whose first two batches are looked at ahead, as Keras does, and begin each pass.

    Keras does not start a generator again, so one that has ended yields these two in each further epoch, with a warning. One that a
    factory makes is made anew for each pass.
    """

    kind = "generator"

    def __init__(self, generator, make=None):
        super().__init__(generator)
        self._make, self.starts_anew = make, make is not None
        self._looked_at = list(itertools.islice(generator, _LOOKED_AT if make is None else 1))
        require(self._looked_at, "x", "an empty one", "a generator that yields at least one batch", "Call its function again.")
        require(isinstance(self._looked_at[0], tuple), "x", type(self._looked_at[0]).__name__,
                "a generator of tuples (x,), (x, y) or (x, y, sample_weight)")

    def open(self):
        return self._unpacked(self.original() if self._make is None else self._make())

    def described(self):
        return next(self._unpacked(self._looked_at))

    def look(self):
        return None

    def original(self):
        yield from itertools.chain(self._looked_at, self._given)


def kind_of(x):
    """The name of the kind of source that `x` is, or `None`; known by the names of its classes, so that nothing is imported."""
    if isinstance(x, keras.utils.PyDataset):
        return "PyDataset"
    if isinstance(x, types.GeneratorType):
        return "generator"
    names = (f"{base.__module__.split('.')[0]}.{base.__name__}" for base in type(x).__mro__)
    return next((_KINDS[name] for name in names if name in _KINDS), None)


def source_of(x, batching, *, y=None, sample_weight=None, class_weight=None, make=None):
    """The inner source that `x` is, or `None` where it cuts no batches. Refuses what `fit` refuses, and a `batch_size`.

    Args:
        make: makes `x` anew, where a function of the user's has made it.
    """
    kind = kind_of(x)
    if kind is None:
        return None
    for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batching.batch_size)):
        require(value is None, name, type(value).__name__ if name != "batch_size" else value, f"left out for a {kind}",
                "It cuts its own batches." if name == "batch_size" else "Let its batches hold them.")
    require(class_weight is None or kind in ("PyDataset", "tf.data.Dataset"), "class_weight", class_weight,
            f"left out for a {kind}", "Let its batches hold sample weights.")
    if kind == "PyDataset":
        source = DatasetOfKeras(x, batching.shuffle, class_weight)
    elif kind == "tf.data.Dataset":
        source = DatasetOfTensorFlow(x, class_weight)
    elif kind == "generator":
        source = Generator(x, make)
    else:
        source = Loader(x, kind)
    require(batching.steps_per_epoch is not None or not source.is_endless, "steps_per_epoch", None,
            f"given for a {kind} without an end", "Pass how many batches make an epoch.")
    return source


_KINDS = {"tensorflow.DatasetV2": "tf.data.Dataset", "tensorflow.DistributedDataset": "tf.data.Dataset",
          "torch.DataLoader": "DataLoader", "grain.MapDataset": "Grain data set", "grain.IterDataset": "Grain data set",
          "grain.DataLoader": "Grain data set"}


def _in_threads(work, numbers, n_threads, n_ahead):
    """`work` done on each number by some threads, the results in order."""
    with ThreadPool(n_threads) as pool:
        waiting = deque()
        for number in numbers:
            waiting.append(pool.apply_async(work, (number,)))
            if len(waiting) >= max(n_threads, n_ahead):
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()
