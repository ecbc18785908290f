"""The record of an opened table: arrays, task and split, with sentences on what was decided."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table that is ready to train on."""

    name: str  # the file's name without its ending, or the built-in name
    kind: str  # `"binary"`, `"multiclass"` or `"regression"`
    # x_train, x_validation and x_test: float32[n, d], finite; from an `.npz` in the shape it has there: [n, 28, 28]
    x_train: np.ndarray
    # y_train, y_validation and y_test: float32[n, 1] of 0 and 1 (binary); int32[n], places in `classes` (multiclass);
    # float32[n, 1], less `target_mean` and divided by `target_scale` (regression)
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...] = ()  # the labels in the file, in the order of their codes; empty for regression
    feature_names: tuple[str, ...] = ()  # one name per column of x; empty for arrays from an `.npz`
    # target_mean and target_scale: mean and standard deviation of the training targets; 0 and 1 for classes
    target_mean: float = 0.0
    target_scale: float = 1.0
    files: str = ""  # `"images"` or `"texts"` where each row was a file of its own
    words: tuple[str, ...] = ()  # of texts, the words that are told apart: x is int32[n, length], their places plus 2
    text_column: str = ""  # the column that texts stand in
    eight_bits: bool = False  # whether x held 8-bit numbers in an `.npz` and was divided by 255
    at_random: bool = True  # whether rows were drawn one by one for its parts, so that any may train or validate
    groups: Any = None  # int[n] of the training rows, then of the validation rows, where those of one group stand on one side
    encoder: Any = None  # the `Encoder` from the file's columns to x; `None` for arrays from an `.npz`
    notes: tuple[str, ...] = ()  # sentences on what was decided, for the user to read
    columns: tuple[Any, ...] = ()  # a `ColumnUse` for each column of the file
    identifiers: tuple[str, ...] = ()  # columns left out since they name rows
    target_read: Any = None  # the `Cleaned` target: how its cells were read
    fingerprint: str = field(init=False)  # changes when an array, or the split, changes

    def __post_init__(self):
        digest = hashlib.blake2b(digest_size=8)
        for array in (self.x_train, self.y_train, self.x_validation, self.y_validation, self.x_test, self.y_test):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array))
        object.__setattr__(self, "fingerprint", digest.hexdigest())
