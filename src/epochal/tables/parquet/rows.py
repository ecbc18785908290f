"""Rows of a Parquet file as numbers, read in pieces of a bounded size however large the file or its row groups."""

import contextlib
import errno
import os
import tempfile

import numpy as np
import pyarrow
import pyarrow.compute
from pyarrow import types

from ...base.errors import UsageError
from ...base.text import Wording, counted, first_few
from ...base.validate import require
from .file import BUFFER, batches_of, decoded, index_columns, is_number, is_text, open_parquet, value_type

_MOST_CLASSES = 10_000
_LENGTH = 2**16             # rows decoded at a time, at most
_VALUES = 2**23             # values decoded at a time, at most
_CACHED = 2**18             # values that a processor's cache holds while they are turned from columns to rows
_PAGE = 2**20               # bytes of a page of a column, unpacked, as writers make them
_SIDE_BY_SIDE = 2**27       # bytes that row groups read side by side may take
_OPEN = 100                 # columns decoded at a time: an open one holds pages and a dictionary, 1 to 4 MB
_ON_DISK = 2**32            # bytes that row groups side by side may take on disk, where there are more columns
_TRAINED, _JUDGED = ("x", "y", "sample_weight"), ("validation_data",) * 3  # what a user calls file, target and weight


class ParquetRows:
    """The rows of a Parquet file: features as float32[n, d], targets, and sample weights.

    A target of text or categories becomes codes, as in `open_table`: float32[n, 1] of 0 and 1 for two classes, int32[n] for more,
    in the sorted order of the labels, for which the target's column is read once. A target of whole numbers is int32[n, 1], any
    other float32[n, 1]; several targets are float32[n, k].

    Args:
        path: the file.
        target: the column to predict, or a list of columns.
        features: the columns to learn from, in order; all that are left, if `None`, without the index of a pandas frame. They
            must hold numbers or booleans, and no value may be missing.
        weight: the column of sample weights, or `None`.
        classes: labels in the order of their codes, where another file has settled them.
        called: what the user calls file, target and weight.

    Attributes:
        n_rows, n_features, feature_names, classes (empty where the target is a number), row_bytes (of x, y and weight, as read).

    Raises:
        UsageError: the file is no such table.
    """

    def __init__(self, path, target, features=None, *, weight=None, classes=None, called=_TRAINED):
        self.path, self._name, self._called = os.fspath(path), os.path.basename(os.fspath(path)), called
        require(os.path.isfile(self.path), called[0], self.path, "a Parquet file that exists",
                f"The current folder is {os.getcwd()}.")
        with self._file() as file:
            self._schema, self._metadata = file.schema_arrow, file.metadata
        self.n_rows = self._metadata.num_rows
        require(self.n_rows > 0, called[0], Wording(f"{self._name} without rows"), "a table with rows")
        self._targets, self._weight = ([target] if isinstance(target, str) else list(target or ())), weight
        self._check_names(features)
        self._others = list(dict.fromkeys((*self._targets, *((weight,) if weight else ()))))  # that are no features
        others = {*self._targets, weight, *index_columns(self._schema)}
        self.feature_names = tuple(features if features is not None else
                                   (name for name in self._schema.names if name not in others))
        self.n_features = len(self.feature_names)
        self._check_types()
        self._check_missing()
        self._kind = self._kind_of_target()
        self.classes = () if self._kind != "classes" else tuple(classes) if classes is not None else self._labels()
        self.row_bytes = 4 * (self.n_features + len(self._targets) + (weight is not None))

    def like(self, path, target=None, *, weight=None):
        """Another file with the same features and classes, for validation: its target, that of this file if `None`, and weight."""
        target = target or (self._targets[0] if len(self._targets) == 1 else self._targets)
        rows = ParquetRows(path, target, self.feature_names, weight=weight, classes=self.classes or None, called=_JUDGED)
        require(len(rows._targets) == len(self._targets), "validation_data", rows._targets,
                f"with {counted(len(self._targets), 'target')}, as in training", "Name them in the order of y.")
        require(bool(rows.classes) == bool(self.classes), "validation_data", Wording(f"{rows._targets[0]!r} of {rows._name}"),
                f"with a target of {'text' if self.classes else 'numbers'}, as in training", "Name another column.")
        return rows

    def pieces(self, n, rng=None):
        """Yield all rows as (x, y, weight), `n` at a time, the last piece shorter; weight is `None` where there is none.

        Args:
            rng: `None` for the order of the file. With a generator the row groups come in random order, some of them side by
                side, so that a piece holds rows of several; within a piece, rows of one row group are not yet mixed.
        """
        held, x, y, weight = 0, *self._room(n)
        for columns, batch in self._stretches(n, rng):
            at = 0
            while at < batch.num_rows:
                step = min(batch.num_rows - at, n - held)
                _transpose(columns[:, at : at + step], x[held : held + step])
                self._fill(batch.slice(at, step), y[held : held + step], None if weight is None else weight[held : held + step])
                at, held = at + step, held + step
                if held == n:
                    yield x, y, weight
                    held, x, y, weight = 0, *self._room(n)
            del columns, batch
        if held:
            yield x[:held], y[:held], None if weight is None else weight[:held]

    def head(self, n):
        """The first `n` rows as (x, y, weight), without a look at the others."""
        with contextlib.closing(self.pieces(n)) as pieces:
            return next(pieces)

    def _file(self):
        return open_parquet(self.path, self._called[0])

    def _stretches(self, n, rng):
        """Pairs of features, float32[d, rows], and a record batch of the other columns: the file, each row group by itself."""
        many, groups = self.n_features > _OPEN, np.arange(self._metadata.num_row_groups)
        largest = max(self._metadata.row_group(int(g)).num_rows for g in groups)
        room = _ON_DISK // (largest * self.row_bytes) if many else _SIDE_BY_SIDE // (self.n_features * (_PAGE + BUFFER))
        width = 1 if rng is None else max(1, min(8, len(groups), -(-8 * largest // n), room))
        groups = list(groups if rng is None else rng.permutation(groups))
        length = max(1, min(largest, _LENGTH, _VALUES // self.n_features, -(-n // width)))
        with self._file() as file, contextlib.ExitStack() as stack:
            open_now = []
            while groups or open_now:
                while groups and len(open_now) < width:
                    group = (self._group_by_way_of_disk if many else self._group)(file, int(groups.pop(0)), length)
                    open_now.append(stack.enter_context(contextlib.closing(group)))
                for stretches in list(open_now):
                    stretch = next(stretches, None)
                    if stretch is None:
                        open_now.remove(stretches)
                    else:
                        yield stretch

    def _group(self, file, group, length):
        for batch in batches_of(file, self.path, length, [group], list(dict.fromkeys((*self.feature_names, *self._others)))):
            columns = np.empty((self.n_features, batch.num_rows), np.float32)
            for i, name in enumerate(self.feature_names):
                columns[i] = self._numbers(batch, name)
            yield columns, batch

    def _group_by_way_of_disk(self, file, group, length):
        """The stretches of a row group, its features decoded some at a time and kept as columns on disk, float32[d, rows].

        The pages of that file belong to the system and not to the process.
        """
        row_bytes = 4 * self._metadata.row_group(group).num_rows
        with tempfile.TemporaryFile(buffering=0) as disk:
            try:
                for first in range(0, self.n_features, _OPEN):
                    names, at = self.feature_names[first : first + _OPEN], 0
                    for batch in batches_of(file, self.path, _LENGTH, [group], list(names)):
                        for i, name in enumerate(names, start=first):
                            disk.seek(row_bytes * i + 4 * at)
                            left = memoryview(np.ascontiguousarray(self._numbers(batch, name), np.float32)).cast("B")
                            while left:
                                left = left[disk.write(left):]
                        at += batch.num_rows
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise UsageError(f"`{self._called[0]}` has {self.n_features:,} columns, which are turned to rows in the folder for "
                                 f"temporary files; {tempfile.gettempdir()} has no room for "
                                 f"{self.n_features * row_bytes / 1e9:.1f} GB. Name another folder by the variable TMPDIR, or "
                                 "write the file in smaller row groups.") from error
            at = 0
            for batch in batches_of(file, self.path, length, [group], self._others):
                columns = np.empty((self.n_features, batch.num_rows), np.float32)
                for i, column in enumerate(columns):
                    disk.seek(row_bytes * i + 4 * at)
                    disk.readinto(column)
                yield columns, batch
                at += batch.num_rows

    def _room(self, n):
        n = min(n, self.n_rows)
        y = np.empty((n, len(self._targets)), np.int32 if self._kind == "whole" else np.float32)
        if len(self.classes) > 2:
            y = np.empty(n, np.int32)
        return np.empty((n, self.n_features), np.float32), y, None if self._weight is None else np.empty(n, np.float32)

    def _fill(self, batch, y, weight):
        if self._kind == "classes":
            y.reshape(-1)[:] = self._codes(batch)
        else:
            for i, name in enumerate(self._targets):
                y[:, i] = self._numbers(batch, name)
        if weight is not None:
            weight[:] = self._numbers(batch, self._weight)

    def _numbers(self, batch, name):
        column = batch.column(name)
        _check_full(column.null_count, name)
        if types.is_decimal(column.type):
            column = column.cast(pyarrow.float64())
        return decoded(column).to_numpy(zero_copy_only=False)

    def _codes(self, batch):
        column = batch.column(self._targets[0])
        _check_full(column.null_count, self._targets[0])
        codes = pyarrow.compute.index_in(decoded(column).cast(pyarrow.string()), pyarrow.array(self.classes, pyarrow.string()))
        unknown = column.filter(codes.is_null())
        require(not len(unknown), self._targets[0], unknown[0].as_py() if len(unknown) else None,
                f"one of {', '.join(self.classes[:10])}", f"{self._name} holds a class that was not there in training.")
        return codes.to_numpy(zero_copy_only=False)

    def _labels(self):
        name, found = self._targets[0], set()
        with self._file() as file:
            for batch in batches_of(file, self.path, columns=[name]):
                _check_full(batch.column(name).null_count, name)
                found |= set(decoded(batch.column(name)).cast(pyarrow.string()).unique().to_pylist())
                require(len(found) <= _MOST_CLASSES, name, Wording(f"more than {_MOST_CLASSES:,} different texts"),
                        "of few classes", "Choose another column.")
        require(len(found) > 1, name, Wording(f"{next(iter(found))!r} in all rows"), "a target of two or more values")
        return tuple(sorted(found))

    def _kind_of_target(self):
        kind, name, limits = self._schema.field(self._targets[0]).type, self._targets[0], np.iinfo(np.int32)
        if len(self._targets) > 1 or not (is_text(kind) or types.is_integer(value_type(kind))):
            return "numbers"
        if is_text(kind):
            return "classes"
        with self._file() as file:
            columns = (decoded(batch.column(name)) for batch in batches_of(file, self.path, columns=[name]))
            found = [pyarrow.compute.min_max(column).as_py() for column in columns]
        fits = all(part["min"] is None or limits.min <= part["min"] <= part["max"] <= limits.max for part in found)
        return "whole" if fits else "numbers"

    def _check_names(self, features):
        names = self._schema.names
        require(len(set(names)) == len(names), "columns", Wording("a name more than once"), "named differently", "Rename one.")
        require(self._targets, self._called[1], None, "the name of the column to predict", f"The columns are {first_few(names)}.")
        weight = () if self._weight is None else (self._weight,)
        for argument, chosen in ((self._called[1], self._targets), ("features", features or ()), (self._called[2], weight)):
            for name in chosen:
                require(name in names, argument, name, f"a column of {self._name}", f"The columns are {first_few(names)}.")
        both = [name for name in features or () if name in (*self._targets, *weight)]
        require(not both, "features", both, "other columns than the target's", "Leave them out.")

    def _check_types(self):
        require(self.feature_names, "features", "none", "at least one column", "The file needs a column besides the target.")
        bad = [name for name in self.feature_names if not is_number(self._schema.field(name).type)]
        require(not bad, "features", Wording(f"{first_few(bad)} of {self._schema.field(bad[0]).type if bad else ''}"),
                "columns of numbers", "Encode them when writing the file, or leave them out by features=[...] of ParquetRows.")
        for name in self._others:
            kind = self._schema.field(name).type
            require(is_number(value_type(kind)) or (is_text(kind) and [name] == self._targets), name, str(kind),
                    "a column of numbers" + (", or of text" if [name] == self._targets else ""), "Choose another column.")

    def _check_missing(self):
        """What the file's own statistics tell; where it has none, the rows tell when they are read."""
        wanted, n_missing = {*self.feature_names, *self._others}, {}
        for g in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(g)
            for c in range(group.num_columns):
                column = group.column(c)
                if column.path_in_schema in wanted and column.statistics is not None and column.statistics.null_count:
                    n_missing[column.path_in_schema] = n_missing.get(column.path_in_schema, 0) + column.statistics.null_count
        for name, n in n_missing.items():
            _check_full(n, name)


def _transpose(columns, rows):
    """Write columns, float32[d, n], as rows, float32[n, d], a cache full at a time."""
    step = max(16, _CACHED // len(columns))
    for at in range(0, len(rows), step):
        rows[at : at + step] = columns[:, at : at + step].T


def _check_full(n_missing, name):
    require(not n_missing, name, counted(n_missing, "missing value"), "known in every row", "Fill them in when writing the file.")
