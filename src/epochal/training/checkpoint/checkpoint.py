"""A training that goes on after a kill: everything it is made of, in one file, written whole and durably.

Format history
    1  first format
"""

import copy
import json
import math
import pathlib
from time import perf_counter
from typing import NamedTuple

import keras
import numpy as np

from ...base.archives import Damaged, arrays_in, damage, json_in
from ...base.errors import UsageError
from ...base.files import as_path, whole_file
from ...seam.model.copying import random_state, restore_random_state

FORMAT = 1
_NAME = "training.npz"
_LEAST_SECONDS = 1.0   # between two writings, and
_SHARE = 20            # times as long as a writing takes: so that at most a twentieth of the time goes into them
_OURS = ("_model", "model", "params", "validation_data",  # of a callback: what belongs to the training, not to its memory
         "min_delta")                                     # Keras changes its sign when it first compares
_FIELDS = {"identity": dict, "manner": list, "epoch": int, "n_batches": int, "finished": bool, "stopped": bool, "history": dict,
           "epochs": list, "callbacks": list, "chance": list, "dtypes": dict}  # beside the format


class Position(NamedTuple):
    """How far a training is: the epoch, and the batches of it that are done."""

    epoch: int
    n_batches: int = 0


class Checkpoint:
    """The folder of one training, made where it does not exist.

    Args:
        callbacks: the user's; what they have learnt since they were made is kept, as far as it is plain: numbers, text, arrays.
        identity: what the training is: plain values by name. A file of another training is refused.

    Raises:
        UsageError: the folder cannot be used, or holds another training.
    """

    def __init__(self, folder, model, feed, callbacks, identity):
        self._path, self._model = file_in(folder), model
        self._feed, self._callbacks, self._identity, self._chance = feed, callbacks, json.loads(json.dumps(identity)), None
        self._fresh = [copy.deepcopy(plain_attributes(callback)) for callback in callbacks]  # some are changed in place
        self._remembered = [{} for _ in callbacks]
        self._written, self._cost = -1e9, 0.0
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._found = _read(self._path) if self._path.exists() else None
        except OSError as error:
            raise UsageError(f"`checkpoint` must be a folder that you may read and write; got {str(folder)!r} ({error.strerror}). "
                             "Name another one.") from error
        if self._found is not None:
            self._refuse_another(self._found[0]["identity"], folder)

    @property
    def ran_on(self):
        """Back end and mode in which the earlier run trained; `None` where there was none."""
        return self._found and self._found[0]["manner"]

    def before_begin(self, work):
        """What has to be done before the callbacks' `on_train_begin`; the `trainee` of `work` holds the variables meanwhile."""
        self._work = work
        for callback in self._callbacks:
            if self._found and isinstance(callback, keras.callbacks.CSVLogger):
                _cut(callback, self._found[0]["epoch"])

    def resume(self):
        """Put everything back as it was; returns the `Position` to go on from, `None` where there is nothing."""
        if self._found is None:
            return None
        about, arrays = self._found
        draws, place = about["chance"]
        try:
            with damage():
                self._check_variables(arrays)
                restore_random_state(draws)  # shows that they are states
        except Damaged as error:
            raise UsageError(f"`checkpoint` must be a folder of Epochal's; {self._path} is damaged ({error}). Remove it to begin "
                             "anew.") from error
        for name, group in _groups(self._model).items():
            for i, variable in enumerate(group):
                variable.assign(keras.ops.convert_to_tensor(arrays[f"{name}/{i}"]))
        self._remembered = about["callbacks"]
        for callback, memory in zip(self._callbacks, self._remembered, strict=True):
            vars(callback).update(memory)
        self._model.history.history = about["history"]
        self._model.history.epoch = list(about["epochs"])
        self._feed.restore(place)  # which may open a pass, and so draw
        restore_random_state(draws)
        if about["finished"] or about["n_batches"] == 0:  # killed between the epoch that stopped it and the last writing
            self._model.stop_training = about["stopped"]
        return Position(about["epoch"], about["n_batches"])

    def begins(self):
        """Note the random streams, and where the feed is, before the order of an epoch is drawn."""
        self._chance = self._now()

    def __call__(self, position, *, last=False):
        """Write where the training is, unless that was done a moment ago, or it is not known yet in which mode it will go on."""
        if not last and (self._work.modes.mode is None
                         or perf_counter() - self._written < max(_LEAST_SECONDS, _SHARE * self._cost)):
            return
        start, arrays = perf_counter(), {}
        self._work.trainee.store()
        about = {"format": FORMAT, "identity": self._identity, "manner": [self._work.trainee.backend, self._work.modes.name],
                 "epoch": position.epoch, "n_batches": position.n_batches, "finished": last,
                 "stopped": bool(self._model.stop_training),
                 "history": packed(self._model.history.history, arrays, "history"),
                 "epochs": list(self._model.history.epoch),
                 "callbacks": [packed(self._memory(i), arrays, f"callback{i}") for i in range(len(self._callbacks))]}
        draws, place = self._chance if position.n_batches else self._now()
        about["chance"] = [draws, packed(place, arrays, "feed")]
        for name, group in _groups(self._model).items():
            arrays |= {f"{name}/{i}": keras.ops.convert_to_numpy(variable) for i, variable in enumerate(group)}
        # Types that NumPy does not know by name, such as bfloat16, travel as their bits.
        about["dtypes"] = {key: array.dtype.name for key, array in arrays.items() if array.dtype.kind == "V"}
        arrays = {key: np.asarray(array).view(f"u{array.dtype.itemsize}") if key in about["dtypes"] else array
                  for key, array in arrays.items()}
        try:
            with whole_file(self._path) as file:
                np.savez(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
        except OSError as error:
            raise UsageError(f"`checkpoint` must be a folder with room to write in; {str(self._path.parent)!r} is not "
                             f"({error.strerror}). The model holds what was trained so far.") from error
        self._written = perf_counter()
        self._cost = self._written - start

    def _check_variables(self, arrays):
        """Raise `Damaged` unless there is an array of its shape and type for each variable, and a memory for each callback."""
        for name, group in _groups(self._model).items():
            for i, variable in enumerate(group):
                array = arrays[f"{name}/{i}"]
                if array.shape != tuple(variable.shape) or array.dtype.name != keras.backend.standardize_dtype(variable.dtype):
                    raise Damaged(f"{name}/{i} is {array.dtype.name} of shape {array.shape}, and the model's is "
                                  f"{variable.dtype} of shape {tuple(variable.shape)}")
        for callback, memory in zip(self._callbacks, self._found[0]["callbacks"], strict=True):
            if methods := [name for name in memory if callable(getattr(callback, name, None))]:
                raise Damaged(f"{methods[0]} is a method of the callback {type(callback).__name__}")

    def _memory(self, i):
        """What a callback has learnt: in this call, and in those before it, which may have used the same object."""
        now = plain_attributes(self._callbacks[i])
        return {name: now[name] for name in now if name in self._remembered[i]} | changed(now, self._fresh[i])

    def _now(self):
        return self._feed.began_at or (random_state(), self._feed.state())

    def _refuse_another(self, theirs, folder):
        for name, ours in self._identity.items():
            if theirs.get(name, ours) != ours:  # an older version wrote fewer
                raise UsageError(f"`checkpoint` must be the folder of this training; {str(folder)!r} holds one with another "
                                 f"{name}: {theirs.get(name)!r}, and this call has {ours!r}. Name another folder, or call as "
                                 "before.")


def file_in(folder):
    return as_path("checkpoint", folder) / _NAME


def _read(path):
    """What the file says of the training, and its arrays by name: checked, for a file may be damaged, or written by a stranger."""
    try:
        arrays = arrays_in(path)
        with damage():
            about = json_in(arrays.pop("about").tobytes())
            version = about.get("format")
            if version == FORMAT:
                _check(about, arrays)
    except Damaged as error:
        raise UsageError(f"`checkpoint` must be a folder of Epochal's; {path} cannot be read ({error}). Remove it to begin "
                         "anew.") from error
    if version != FORMAT:
        raise UsageError(f"`checkpoint` must be of format {FORMAT}; {path} has {version!r:.40}. Upgrade the package, or "
                         "remove the file to begin anew.")
    return about, arrays


def _check(about, arrays):
    """Bring what was packed into the form of `resume`, or raise `Damaged` or what else shows that it is not what was written."""
    wrong = [name for name, kind in _FIELDS.items() if type(about.get(name)) is not kind]
    if wrong or about["epoch"] < 0 or about["n_batches"] < 0 or any(type(epoch) is not int for epoch in about["epochs"]) or (
            list(map(type, about["manner"])) != [str, str]):
        raise Damaged(f"{' and '.join(wrong) or 'how far it was'} is not what was written")
    for key, dtype in about["dtypes"].items():
        if np.dtype(dtype).kind != "V":
            raise Damaged(f"{dtype} is no type of weights")
        arrays[key] = arrays[key].view(dtype)
    about["history"] = unpacked(about["history"], arrays)
    about["callbacks"] = [unpacked(memory, arrays) for memory in about["callbacks"]]
    draws, place = about["chance"]
    about["chance"] = draws, unpacked(place, arrays)
    for memory in (about["history"], *about["callbacks"]):
        if type(memory) is not dict or not all(isinstance(name, str) and name not in _OURS for name in memory):
            raise Damaged("a memory in it is none of a callback's")
    if not all(type(values) is list for values in about["history"].values()):
        raise Damaged("its history is none")


def _groups(model):
    return {"weights": model.trainable_variables, "fixed": model.non_trainable_variables, "slots": model.optimizer.variables,
            "metrics": model.metrics_variables}


def _cut(logger, n_epochs):
    """Let a `CSVLogger` go on in its file, after the rows of the epochs that are done."""
    path, logger.append = pathlib.Path(logger.filename), True
    if path.exists():
        head, *rows = path.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.split(logger.sep)[0].isdigit() and int(row.split(logger.sep)[0]) < n_epochs]
        path.write_text(head + "".join(kept))


def plain_attributes(callback):
    """What a callback remembers, as far as it is plain: its public and private attributes by name."""
    return {name: value for name, value in vars(callback).items() if name not in _OURS and _is_plain(value)}


def changed(now, before):
    """Those of the plain values `now` that differ from `before`, both by name: what was learnt, and not what was asked for."""
    return {name: value for name, value in now.items() if name not in before or not _same(value, before[name])}


def packed(value, arrays, name):
    """`value` as JSON; its arrays are put into the dict `arrays` under names that begin with `name`."""
    if isinstance(value, dict):
        return {"dict": [[key, packed(branch, arrays, name)] for key, branch in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [packed(branch, arrays, name) for branch in value]}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        key = f"{name}/{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def unpacked(value, arrays):
    if not isinstance(value, dict):
        return value
    (kind, inside), = value.items()
    if kind == "dict":
        return {key: unpacked(branch, arrays) for key, branch in inside}
    if kind == "array":
        return arrays[inside]
    if kind == "float":
        return float(inside)
    return {"list": list, "tuple": tuple}[kind](unpacked(branch, arrays) for branch in inside)


def _same(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or bool(a == b) or bool(a != a and b != b)  # the last: not a number, as it was


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str | int | None) and _is_plain(branch) for key, branch in value.items())
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic) or (
        isinstance(value, np.ndarray) and value.dtype != object)
