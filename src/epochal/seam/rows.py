"""The rows a rig holds, made of the arguments of `fit`: training, two validation halves, and test, in Keras' own nesting."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from ..base.errors import UsageError
from ..base.validate import require

N_FOLDS = 5
_MUCH = 2**28    # bytes of inputs
_HELD_OUT = 0.2  # of the rows, where the user names no validation data
_FEWEST_GROUPS, _MANY_GROUPS = 3, 20_000
_TRAINED, _JUDGED = 0.7, 0.5  # of the rows of an even cut, that folds of whole groups must train on and judge
_FEWEST_HELD = 4  # training rows held out at a time, beside the user's validation rows


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


class Fold(NamedTuple):
    """One way to hold rows out, as numbers of the rows of `Folds.rows`."""

    train: np.ndarray
    half_a: np.ndarray
    half_b: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The rows that are trained on in one fold and judged on in another.

    Attributes:
        rows: those of `Data.train`, then of `half_a` and `half_b`; their weights as in training.
        weight: the weights of the same rows in judging, or `None`.
        all: the folds. The first is the split of the `Data` itself; judged rows are in one fold alone (give or take a few).
        turns: places in `all` of those that trainings which are compared take in turn; as many rows of each kind in each of them.
        own: whether the last places of each of their halves hold validation rows that the user named.
    """

    rows: Part
    weight: Any
    all: tuple[Fold, ...]
    turns: tuple[int, ...]
    own: bool = False


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
        folds: other ways to hold rows out; `None` where rows must not change sides, or where there are very many.
        preprocessed: whether the model's own preprocessor, if it has one, has made these rows.
        columns: of a table, a `ColumnUse` for each of its columns. target_mean, target_scale: as in `Task`.
        origin: the `Origin` that the rows were read from, where they came in batches; else `None`.
    """

    name: str
    kind: str
    train: Part
    half_a: Part
    half_b: Part
    test: Part | None = None
    notes: tuple[str, ...] = ()
    folds: Folds | None = None
    preprocessed: bool = False
    columns: tuple = ()
    target_mean: float = 0.0
    target_scale: float = 1.0
    origin: Any = None

    @property
    def parts(self):
        """What is evaluated, in the order of the rows of `Rig.evaluate`."""
        return (self.half_a, self.half_b) + ((self.test,) if self.test is not None else ())

    def with_inputs(self, inputs):
        """The same rows with other inputs: `inputs` is called once with all `Part`s, and returns as many new inputs."""
        parts = [self.train, *self.parts]
        train, half_a, half_b, *test = (replace(part, x=x) for part, x in zip(parts, inputs(parts), strict=True))
        folds = self.folds and replace(self.folds, rows=replace(self.folds.rows, x=joined(train.x, half_a.x, half_b.x)))
        return replace(self, train=train, half_a=half_a, half_b=half_b, test=test[0] if test else None, folds=folds)


def data_from_arguments(x, y, *, sample_weight=None, validation_data=None, validation_split=0.0, test_data=None, seed=0):
    """The `Data` that Keras' own arguments describe, as copies.

    Args:
        x, y, sample_weight: arrays, tensors or data frames, or dicts, lists or tuples of them, as `fit` takes them.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: the last rows, this share of them, as in Keras. Without either, a fifth of the rows is held out at
            random, each class by its share.
        test_data: like `validation_data`, for rows that no choice may see; `None` for none.
        seed: draws the rows held out and the validation halves.

    Raises:
        UsageError: the arguments contradict each other or are no arrays.
    """
    require(y is not None, "y", y, "the targets", "Pass y as for model.fit.")
    require(isinstance(validation_split, Real) and 0 <= validation_split < 1, "validation_split", validation_split,
            "a share from 0 up to 1", "Pass 0.2.")
    everything = part_of(x, y, sample_weight)
    require(len(leaves(everything.x)) > 0, "x", "nothing", "at least one array")
    n, notes = everything.n_rows, []
    check(everything, "the rows you passed")
    require(n >= 2, "x", f"{n} rows", "at least two rows", "Pass the training data.")
    if validation_data is not None:
        train, validation = everything, judged_part(validation_data, "validation_data")
    elif validation_split:
        cut = n - int(n * validation_split)
        require(0 < cut < n - 1, "validation_split", validation_split, f"a share that leaves rows on both sides of {n}",
                "Pass more rows.")
        train, validation = everything.take(slice(0, cut)), everything.take(slice(cut, n))
        notes.append(f"validation_split={validation_split} takes the last {n - cut:,} rows, as in Keras: shuffle sorted rows first")
    else:
        held = np.sort(_drawn(n, classes_of(everything.y), seed)[:: round(1 / _HELD_OUT)])
        train, validation = everything.take(np.setdiff1d(np.arange(n), held)), everything.take(held)
        notes.append(f"no validation data were given: {len(held):,} of {n:,} rows, drawn at random, are held out for it")
    half_a, half_b = halves(validation, seed=seed, classes=classes_of(validation.y))
    test = None if test_data is None else judged_part(test_data, "test_data")
    data = Data("the model's data", "", train, half_a, half_b, test, tuple(notes))
    own = validation_data is not None or validation_split
    return (with_folds_beside_own if own else with_folds)(data, seed, classes_of(train.y))


def with_folds(data, seed, classes=None):
    """The `Data` with `N_FOLDS` ways to hold out as many rows, or fewer where there are not so many; each class by its share.

    `classes`: int[n], the class of each training row, or `None`. Where the rows take much memory, the `Data` as they are: the rows
    of all folds are held once more, and where there are so many, those held out once tell enough.
    """
    if _n_bytes(data) > _MUCH:
        return data
    n, n_held = data.train.n_rows, data.half_a.n_rows + data.half_b.n_rows
    everything, order = np.arange(n + n_held, dtype=np.int32), _drawn(n, classes, seed)
    others = min(N_FOLDS - 1, round(n / n_held))
    folds = [_split_itself(data)]
    for i in range(others):
        held = _as_many(order[i::others], order, n_held)
        held = held[_by_class(held, classes)]
        folds.append(Fold(np.setdiff1d(everything, held).astype(np.int32), *(np.sort(held[i::2]).astype(np.int32) for i in (0, 1))))
    parts = (data.train, data.half_a, data.half_b)
    rows = Part(*(joined(*(getattr(part, name) for part in parts)) for name in ("x", "y", "weight")))
    return replace(data, folds=Folds(rows, rows.weight, tuple(folds), tuple(range(len(folds)))))


def with_folds_beside_own(data, seed, classes=None):
    """The `Data` whose training rows are held out in turn as well, a fifth of them at a time, beside the user's validation rows.

    No validation row is ever trained on. A training that takes its turn is judged on its part of the training rows and on a fifth
    of the validation rows, or more: at least a quarter of what it is judged on is theirs, in the last places of each half, so
    that their loss can be told from that of the training rows before them.

    `classes` as for `with_folds`. Where there are more validation rows than training rows, few of those, rows of another kind or
    very many, the `Data` as they are.
    """
    n, n_own = data.train.n_rows, data.half_a.n_rows + data.half_b.n_rows
    n_part = n // N_FOLDS
    parts, judged_by = (data.train, data.half_a, data.half_b), data.half_a.weight
    if data.train.weight is not None and judged_by is None:  # the user's rows are judged without: so are training rows
        parts = (data.train, *(replace(half, weight=_ones(half, data.train.weight)) for half in parts[1:]))
    if n_own > n or n_part < _FEWEST_HELD or not _are_alike(parts) or _n_bytes(data) > _MUCH:
        return data
    rows = Part(*(joined(*(getattr(part, name) for part in parts)) for name in ("x", "y", "weight")))
    own_classes = None if classes is None else classes_of(over(lambda leaf: leaf[n:], rows.y))
    order, of_own, rng = _drawn(n, classes, seed), _drawn(n_own, own_classes, seed), np.random.default_rng(seed)
    n_theirs = min(n_own, max(-(-n_own // N_FOLDS), -(-n_part // 3)))
    folds = [_split_itself(data)]
    for i in range(N_FOLDS):
        held, own = order[i::N_FOLDS][:n_part], _as_many(of_own[i::N_FOLDS], of_own, n_theirs)
        held, own = held[_by_class(held, classes)], own[_by_class(own, own_classes)]
        both = [np.concatenate([rng.permutation(held[half::2]), n + rng.permutation(own[1 - half::2])]) for half in (0, 1)]
        folds.append(Fold(*(numbers.astype(np.int32) for numbers in (np.setdiff1d(np.arange(n), held), *both))))
    weight = None if judged_by is None else rows.weight
    return replace(data, folds=Folds(rows, weight, tuple(folds), tuple(range(1, len(folds))), own=True))


def with_folds_by_group(data, groups, seed, *, in_classes):
    """The `Data` with `N_FOLDS` ways to hold whole groups out, about as many rows in each: those over are in neither part.

    Args:
        groups: int[n], of the rows of `data.train`, `half_a` and `half_b`.
        in_classes: whether the targets are classes, of which each fold gets its share (scikit-learn's `StratifiedGroupKFold`).

    Returns:
        The `Data` as they are, where there are fewer than three groups, or so unequal ones that much would be left out.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # not above: it takes a second to import

    n_folds, parts = min(N_FOLDS, len(np.unique(groups))), (data.train, data.half_a, data.half_b)
    if n_folds < _FEWEST_GROUPS or _n_bytes(data) > _MUCH:
        return data
    rows = Part(*(joined(*(getattr(part, name) for part in parts)) for name in ("x", "y", "weight")))
    codes = rows.y.reshape(-1).astype(int) if in_classes else np.zeros(len(groups), int)
    if np.bincount(codes)[codes].min() < n_folds:
        codes = np.zeros(len(groups), int)
    drawn = (_many_groups(groups, n_folds, seed) if len(np.unique(groups)) > _MANY_GROUPS else
             list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(codes, codes, groups)))
    n_train, n_held = (min(len(fold[i]) for fold in drawn) for i in (0, 1))
    if n_train < _TRAINED * data.train.n_rows or n_held < _JUDGED * len(groups) / n_folds:
        return data
    folds, rng = [_split_itself(data)], np.random.default_rng(seed)
    for train, held in drawn:
        held = rng.permutation(held)
        held = held[np.argsort(codes[held], kind="stable")][_evenly(len(held), n_held)]
        folds.append(Fold(*(np.sort(of).astype(np.int32) for of in (rng.permutation(train)[:n_train], held[::2], held[1::2]))))
    return replace(data, folds=Folds(rows, rows.weight, tuple(folds), tuple(range(1, len(folds)))))


def _many_groups(groups, n_folds, seed):
    """As `StratifiedGroupKFold`, which looks at one group after the other: of so many each fold gets its share by chance."""
    different, place = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(different)) % n_folds)[place]
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_folds)]


def _n_bytes(data):
    return sum(leaf.nbytes for part in (data.train, data.half_a, data.half_b) for leaf in leaves(part.x))


def _split_itself(data):
    """The split of the `Data` as the first of its folds."""
    n, n_a, n_b = (part.n_rows for part in (data.train, data.half_a, data.half_b))
    return Fold(*np.split(np.arange(n + n_a + n_b, dtype=np.int32), [n, n + n_a]))


def _as_many(rows, order, wanted):
    """So many rows: those given, some left out or some others taken in, far apart in their order."""
    if len(rows) > wanted:
        return rows[_evenly(len(rows), wanted)]
    rest = np.setdiff1d(order, rows, assume_unique=True)
    return np.concatenate([rows, rest[_evenly(len(rest), wanted - len(rows))]])


def _are_alike(parts):
    """Whether the arrays of the parts are of one kind, so that their rows can be joined."""
    kinds = [[over(lambda leaf: (leaf.dtype, leaf.shape[1:]), tree) for tree in (part.x, part.y, part.weight)] for part in parts]
    return kinds[0] == kinds[1] == kinds[2]


def _ones(part, weight):
    """Weights of 1 for the rows of a part, of the kind of other rows' weights."""
    return over(lambda leaf: np.ones((part.n_rows, *leaf.shape[1:]), leaf.dtype), weight)


def _evenly(n, wanted):
    """So many of n places, far apart."""
    return np.linspace(0, n - 1, wanted).round().astype(int)


def _by_class(rows, classes):
    return slice(None) if classes is None else np.argsort(np.asarray(classes).reshape(-1)[rows], kind="stable")


def joined(first, *others):
    """Nested inputs of some rows as those of them all."""
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: joined(branch, *(other[key] for other in others)) for key, branch in first.items()}
    if isinstance(first, (list, tuple)):
        return type(first)(joined(*branches) for branches in zip(first, *others, strict=True))
    return np.concatenate([first, *others])


def halves(part, *, seed, classes=None):
    """Cut at least two validation rows into halves of one size (give or take a row), with the same share of each class.

    `seed` makes the cut repeatable; `classes` is int[n_rows], the class of each row, or `None`.
    """
    require(part.n_rows >= 2, "validation rows", part.n_rows, "at least 2", "Hold out more rows.")
    order = _drawn(part.n_rows, classes, seed)
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


def check(part, name):
    """Raise `UsageError` unless all arrays have one number of rows, every number is finite, and some row weighs something."""
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
    weights = leaves(part.weight)
    lowest = min((leaf.min() for leaf in weights), default=0.0)
    require(lowest >= 0, f"sample_weight of {name}", float(lowest), "0 or more for every row", "Drop those rows.")
    require(not weights or any(leaf.any() for leaf in weights), f"sample_weight of {name}", "0 for all of them",
            "more than 0 for some rows", "Else nothing is learnt or judged.")


def classes_of(y):
    """int[n] where the targets look like classes (few whole numbers, or one-hot rows), else `None`."""
    if len(leaves(y)) != 1:
        return None
    y = leaves(y)[0]
    if y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(-1) if ((y == 0) | (y == 1)).all() and (y.sum(-1) == 1).all() and y.ndim == 2 else None
    if y.dtype.kind not in "biuf":
        return None
    codes = y.reshape(len(y), -1)[:, 0]
    distinct = np.unique(codes)
    few = len(distinct) <= max(2, len(codes) // 20)
    return np.searchsorted(distinct, codes) if few and (distinct == np.round(distinct)).all() else None


def judged_part(rows, name):
    require(isinstance(rows, (tuple, list)) and len(rows) in (2, 3), name, type(rows).__name__,
            "a tuple (x, y) or (x, y, sample_weight)", "Pass arrays.")
    part = part_of(*rows)
    check(part, name)
    return part


def part_of(x, y, sample_weight=None):
    return Part(*(over(_array, tree) for tree in (x, y, sample_weight)))


def _array(values):
    """A NumPy copy in the type that Keras would feed."""
    import keras  # not above: whoever wants `Part` alone need not wait for it

    if hasattr(values, "element_spec") or hasattr(values, "__next__") or callable(getattr(values, "__getitems__", None)):
        raise UsageError(f"`x` and `y` must be arrays; got a {type(values).__name__}, which cuts its own batches. Pass the arrays "
                         "behind it.")
    array = np.array(keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else values)
    if array.dtype.kind in "SU":
        raise UsageError("`x` and `y` must be numbers; got text. Make numbers of it first, with a TextVectorization layer or the "
                         "preprocessor of the model.")
    if array.ndim == 0:  # of a list of numbers, which Keras takes for a list of inputs
        raise UsageError(f"`x` and `y` must be arrays; got a {type(values).__name__}, alone or in a list. Pass numpy.asarray(x).")
    if array.dtype == object:
        raise UsageError(f"`x` and `y` must be numbers; got {type(values).__name__} of mixed types. Encode them as numbers first.")
    if array.dtype == np.int64 and keras.backend.backend() == "jax":
        return array.astype(np.int32)  # as JAX does itself, but with a warning
    return array.astype(keras.config.floatx()) if np.issubdtype(array.dtype, np.floating) else array


def _drawn(n, classes, seed):
    """Row numbers in random order, those of one class side by side."""
    order = np.random.default_rng(seed).permutation(n)
    return order if classes is None else order[np.argsort(np.asarray(classes).reshape(-1)[order], kind="stable")]
