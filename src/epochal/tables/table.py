"""The record of an opened table: arrays, task and split, with sentences on what was decided."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table that is ready to train on.

    Attributes:
        name: the file's name without its ending, or the built-in name.
        kind: `"binary"`, `"multiclass"` or `"regression"`.
        x_train, x_validation, x_test: float32[n, d], finite; from an `.npz` in the shape it has there: [n, 28, 28].
        y_train, y_validation, y_test: float32[n, 1] of 0 and 1 (binary); int32[n], places in `classes` (multiclass);
            float32[n, 1], less `target_mean` and divided by `target_scale` (regression).
        classes: the labels in the file, in the order of their codes; empty for regression.
        feature_names: one name per column of x; empty for arrays from an `.npz`.
        target_mean, target_scale: mean and standard deviation of the training targets; 0 and 1 for classes.
        eight_bits: whether x held 8-bit numbers in an `.npz` and was divided by 255.
        encoder: the fitted scikit-learn pipeline from the file's columns to x; `None` for arrays from an `.npz`.
        notes: sentences on what was decided, for the user to read.
        fingerprint: changes when an array, or the split, changes.
    """

    name: str
    kind: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_mean: float = 0.0
    target_scale: float = 1.0
    eight_bits: bool = False
    encoder: Any = None
    notes: tuple[str, ...] = ()
    fingerprint: str = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "fingerprint", _fingerprint(
            self.x_train, self.y_train, self.x_validation, self.y_validation, self.x_test, self.y_test))


def _fingerprint(*arrays):
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
