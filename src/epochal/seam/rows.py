"""The rows a rig holds: training, the two validation halves, and test, as plain arrays in Keras' own nesting."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import UsageError
from ..base.validate import require


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Inputs, targets and sample weights of some rows; each an array, or a dict, list or tuple of arrays (or `None`)."""

    x: Any
    y: Any
    weight: Any = None

    @property
    def n_rows(self):
        return len(leaves(self.x)[0])

    def take(self, rows):
        """The given rows as a new `Part`."""
        return Part(*(over(lambda a: a[rows], tree) for tree in (self.x, self.y, self.weight)))


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What a rig trains and judges on.

    Attributes:
        name: what the user called the data.
        kind: `"binary"`, `"multiclass"`, `"regression"`, or `""` where the compiled loss is to tell.
        train: the training rows.
        half_a, half_b: the validation rows in two fixed halves.
        test: rows read only for the final figure, or `None`.
        notes: what was decided about the rows, one sentence each, for the user.
    """

    name: str
    kind: str
    train: Part
    half_a: Part
    half_b: Part
    test: Part | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts(self):
        """What is evaluated, in the order of the rows of `Rig.evaluate`."""
        return (self.half_a, self.half_b) + ((self.test,) if self.test is not None else ())


def halves(part, *, seed, classes=None):
    """Cut validation rows into two halves of one size (give or take a row), with the same share of each class.

    Args:
        part: the validation rows; at least 2.
        seed: makes the cut repeatable.
        classes: int[n_rows] or `None`: the class of each row.
    """
    require(part.n_rows >= 2, "validation rows", part.n_rows, "at least 2", "Hold out more rows.")
    order = np.random.default_rng(seed).permutation(part.n_rows)
    if classes is not None:
        order = order[np.argsort(np.asarray(classes).reshape(-1)[order], kind="stable")]
    first, second = np.sort(order[0::2]), np.sort(order[1::2])
    return part.take(first), part.take(second)


def leaves(tree):
    """The arrays of a nested input, in Keras' order (dicts by sorted key)."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def over(change, tree):
    """`change` applied to every array of a nested input."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: over(change, branch) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(over(change, branch) for branch in tree)
    return change(tree)


def joined(first, second):
    """`(x, y, weight)` of the rows of two `Part`s, one after the other."""
    return tuple(_joined(getattr(first, name), getattr(second, name)) for name in ("x", "y", "weight"))


def _joined(one, other):
    whole = {id(a): np.concatenate([a, b]) for a, b in zip(leaves(one), leaves(other), strict=True)}
    return over(lambda leaf: whole[id(leaf)], one)


def check(part, name):
    """Raise `UsageError` unless all arrays have one number of rows and every number is finite."""
    counts = {len(leaf) for tree in (part.x, part.y, part.weight) for leaf in leaves(tree)}
    if len(counts) != 1:
        raise UsageError(f"`{name}` must hold as many targets as inputs; got {sorted(counts)} rows. "
                         "Pass x, y (and sample weights) of one length.")
    for tree, what in ((part.x, "x"), (part.y, "y"), (part.weight, "sample_weight")):
        for leaf in leaves(tree):
            if np.issubdtype(leaf.dtype, np.floating) and not np.isfinite(leaf).all():
                bad = int((~np.isfinite(leaf)).sum())
                raise UsageError(f"`{what}` of {name} must be finite; got {bad} values that are infinite or not a number. "
                                 "Drop those rows, or fill them in.")
