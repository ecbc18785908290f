"""A Keras model in training on another installed back end, in a process of its own: a `Trainee` like any other."""

import random
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from itertools import count

import keras
import numpy as np

from ..base.errors import EpochalError, Unsupported
from ..base.validate import require
from ..seam.remote.alike import answers, apart, shapes
from ..seam.remote.mirror import Mirror
from ..seam.remote.plain import plain
from ..seam.rows import over
from ..seam.trainee import build
from .bench_process import BenchLost, Process

_BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def other_backends():
    """The installed back ends of Keras beside the active one; finds them without importing anything."""
    return tuple(name for name in _BACKENDS if name != keras.backend.backend() and find_spec(name) is not None)


def open_bench(model, backend, sample, micro_batch_size=None):
    """A `Trainee` whose steps run on another back end; `close` it, or let go of it, to end its process.

    Before it is handed out, the model there is held against the model here: its outputs on the sample in inference, and the loss
    and the weights of one update without dropout. Between `load` and `store`, everything trained is in that process alone.

    Args:
        model: compiled; made of Keras' own parts alone. What is no variable (which layers are frozen, say) counts as it is now.
        backend: Keras' name of an installed back end.
        sample: a `Batch` of a few rows as NumPy arrays; the comparison uses them all.
        micro_batch_size: as for `open_trainee`.

    Raises:
        Unsupported: the model is not plain, or cannot be built there, or does not compute the same there. The message names the
            part or the figure.
        UsageError: `backend` is not installed, or the model does not fit the sample.
    """
    require(backend in _BACKENDS and find_spec(backend) is not None, "backend", backend, "an installed back end of Keras",
            f"Installed: {', '.join(name for name in _BACKENDS if find_spec(name))}.")
    build(model, sample)
    recipe, why_not = plain(model)
    if why_not:
        raise Unsupported(f"The model `{model.name}` cannot be moved to {_BACKENDS[backend]}: {why_not}.")
    name, mirror = _BACKENDS[backend], Mirror(model)
    with ExitStack() as stack:
        process = Process(backend)
        stack.callback(process.close)
        try:
            batch, arrays = _packed(sample)
            opening = process.call("open", recipe, batch, len(arrays), shapes(model), _seed(), micro_batch_size,
                                   arrays=[*arrays, *mirror.changes()[1]])
            ours = answers(model, recipe, sample)  # while the other process imports its back end
            (theirs, kind, why_not), _ = process.reply(opening)
        except BenchLost as error:
            raise Unsupported(f"The model `{model.name}` cannot be moved to {name}. {error.short}") from error
        if why_not := why_not or apart(ours, theirs):
            raise Unsupported(f"The model `{model.name}` does not train on {name} as it does here: {why_not}.")
        stack.pop_all()
    return _Bench(process, mirror, backend, *kind)


class _Bench:
    """What a `Trainee` is asked, as calls to the process. It answers them in order; only numbers and weights are waited for."""

    def __init__(self, process, mirror, backend, device, modes, why_not):
        self.backend, self.device, self.modes, self.why_not = backend, device, modes, why_not
        self._process, self._mirror, self._names = process, mirror, count()
        self._ahead = False    # there is something trained that the model's variables do not hold
        self._n_stored = 0
        self._last_put = 0

    def put(self, batch):
        self._process.reply(self._last_put)  # so that there is never more than one block under way
        (tree, arrays), name = _packed(batch), next(self._names)
        self._last_put = self._process.call("put", name, tree, arrays=arrays)
        return _Data(self._process, name)

    def train(self, data, rows, mode):
        return self._run("train", data, rows, mode)

    def test(self, data, rows, mode):
        return self._run("test", data, rows, mode)

    def reset_metrics(self):
        self._process.call("reset_metrics")
        self._ahead = True

    def load(self):
        if self._ahead:
            self._mirror.forget()
        positions, arrays = self._mirror.changes()
        if positions:
            self._process.call("load", positions, arrays=arrays)
        self._ahead = False

    def store(self):
        if self._ahead:
            self._mirror.take(*self._process.reply(self._process.call("store")))
            self._ahead, self._n_stored = False, self._n_stored + 1

    @contextmanager
    def kept(self):
        n_stored = self._n_stored
        self._process.call("keep")
        try:
            yield
        finally:
            self._process.call("undo")
            self._ahead = True
            if self._n_stored > n_stored:
                self.store()

    def numbers(self, logs):
        return logs.numbers() if isinstance(logs, _Logs) else dict(logs)

    def wait(self):
        self._process.reply(self._process.call("wait"))

    def close(self):
        self._process.close()

    def _run(self, what, data, rows, mode):
        self._ahead = True
        return _Logs(self._process, what, data.name, rows, mode)


class _Data:
    """Rows in the other process; given back when nobody refers to them any more."""

    def __init__(self, process, name):
        self.name = name
        weakref.finalize(self, process.dropped.append, name).atexit = False


class _Logs(Mapping):
    """The logs of a call, which are waited for when somebody looks at them."""

    def __init__(self, process, what, data, rows, mode):
        self._process, self._numbers = process, None
        self._call = process.call(what, data, mode, arrays=[np.asarray(rows, np.int32)], taker=self)

    def take(self, numbers):
        self._numbers = numbers

    def numbers(self):
        if self._numbers is None:
            self._process.reply(self._call)
        if isinstance(self._numbers, EpochalError):
            raise self._numbers
        return dict(self._numbers)

    def __getitem__(self, name):
        return self.numbers()[name]

    def __iter__(self):
        return iter(self.numbers())

    def __len__(self):
        return len(self.numbers())


def _packed(batch):
    """A batch with the position of each array in its place, and the arrays."""
    arrays = []

    def position(array):
        arrays.append(np.asarray(array))
        return len(arrays) - 1

    return tuple(over(position, tree) for tree in batch), arrays


def _seed():
    """A seed that follows from the user's, without taking a number from the user's stream."""
    stream = random.Random()
    stream.setstate(random.getstate())
    return stream.getrandbits(31)
