"""Whether one model computes the same on two back ends: what it answers to a batch, and how one update moves its weights."""

import warnings
from itertools import zip_longest
from typing import Any, NamedTuple

import keras
import numpy as np

from ..model.built import build
from ..model.copying import layers, seeded, to_numpy
from ..rows import leaves, over
from .plain import groups, quiet, rebuild

_CLOSE = {"float16": (2e-2, 1e-2), "bfloat16": (5e-2, 5e-2)}  # (relative, absolute) tolerance of answers and loss, where layers
_SINGLE = (1e-4, 1e-5)                                        # compute in these numbers, and in any other
_MOVED = 10        # times the relative tolerance: of the way that a weight goes, which is a difference of sums over rows; and
_TIED = 500        # where maxima are taken: two almost equal numbers send the gradient one way here and the other way there
_MOST = 0.2        # of that way, whatever the layers compute in
_ROUNDED = 1e-2    # times the relative tolerance: of the largest weight, from which the way is rounded off
_STILL = 1e-3      # of the longest way of all: a weight that goes less far is not expected to go it as exactly


class Answers(NamedTuple):
    """What a model says to a batch, as NumPy arrays.

    Attributes:
        outputs: of the model, in inference.
        loss: of the batch in training, without dropout.
        before, after: the weights, batch-norm's moments among them, before and after one step of gradient descent.
        dtypes: what the layers compute in.
        maxima: whether layers pool by the maximum.
    """

    outputs: list[Any]
    loss: float
    before: list[Any]
    after: list[Any]
    dtypes: frozenset[str]
    maxima: bool


def answers(model, recipe, sample):
    """The `Answers` of a model; neither it nor its random streams are changed.

    Args:
        model: built and compiled.
        recipe: its own, from which a copy is made for the update.
        sample: a `Batch` of a few rows as NumPy arrays.
    """
    x, y, weight = sample
    with seeded(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user's own training will give the same ones
        copy = rebuild(quiet(recipe))
        build(copy, sample)
        copy.set_weights(model.get_weights())
        settle(copy)
        before = copy.get_weights()
        loss = copy.train_on_batch(x, y, sample_weight=weight, return_dict=True)["loss"]
        return Answers(_outputs(model, x), float(loss), before, copy.get_weights(),
                       frozenset(layer.compute_dtype for layer in layers(model)),
                       any("MaxPool" in type(layer).__name__ for layer in layers(model)))


def settle(model):
    """Let layers that compute with constants made of their weights (`Normalization`) make them of the weights they now have."""
    for layer in getattr(model, "layers", ()):
        settle(layer)
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def apart(ours, theirs):
    """A sentence on where the `Answers` of two back ends differ by more than rounding, or `""`."""
    relative, absolute = max((_CLOSE[dtype] for dtype in ours.dtypes if dtype in _CLOSE), default=_SINGLE)
    gap = _largest(_excess(a, b, absolute + relative * np.abs(a)) for a, b in _pairs(ours.outputs, theirs.outputs))
    if not gap <= 1:
        return f"its outputs on a batch differ by {gap:.3g} times what rounding explains"
    if not _excess(*map(np.float64, (ours.loss, theirs.loss)), absolute + relative * abs(ours.loss)) <= 1:
        return f"its loss on a batch is {theirs.loss:.6g} there and {ours.loss:.6g} here"
    ways = [_size(after - before) for before, after in _pairs(ours.before, ours.after)]
    far, share = _STILL * max(ways, default=0.0), min(_MOST, relative * (_TIED if ours.maxima else _MOVED))
    gap = _largest(_excess(a, b, share * max(way, far) + relative * _ROUNDED * _size(a))
                   for (a, b), way in zip(_pairs(ours.after, theirs.after), ways, strict=True))
    return "" if gap <= 1 else f"its weights after one update differ by {gap:.3g} times what rounding explains"


def shapes(model):
    """What the variables of two copies must agree in: `(name, shape, kind of number)` of each, in four groups.

    Of a name only the last word, since Keras counts layers and puts a model's name before some; whole numbers have other sizes on
    other back ends.
    """
    return [[(v.name.rstrip("0123456789_").split("_")[-1], tuple(v.shape), "int" if "int" in v.dtype else v.dtype) for v in group]
            for group in groups(model)]


def misfit(theirs, model):
    """A sentence on the first variable in which the `shapes` of another copy are not those of this one, or `""`."""
    for kind, mine, its in zip(("trainable", "other", "optimizer's", "metrics'"), shapes(model), theirs, strict=True):
        for ours, other in zip_longest(mine, its):
            if ours != other:
                return f"of the {kind} variables, {_called(other)} meets {_called(ours)}"
    return ""


def _called(shape):
    return "none" if shape is None else f"`{shape[0]}` {shape[2]}{list(shape[1])}"


def _outputs(model, x):
    """What the model computes in inference, in one program where the back end compiles; nothing is assigned."""
    def outputs(values, x):
        with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
            return model(x, training=False)

    values, x = [v.value for v in model.variables], over(keras.ops.convert_to_tensor, x)
    if keras.backend.backend() == "jax":
        import jax

        return [to_numpy(y) for y in leaves(jax.jit(outputs)(values, x))]
    return [to_numpy(y) for y in leaves(outputs(values, x))]


def _pairs(ours, theirs):
    return [(np.asarray(a).astype("float64"), np.asarray(b).astype("float64")) for a, b in zip(ours, theirs, strict=True)]


def _excess(ours, theirs, allowed):
    """The largest difference as a share of what is allowed; infinite where a number is on one side alone."""
    with np.errstate(invalid="ignore"):
        gaps = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, np.abs(ours - theirs))
    shares = np.where(gaps == 0, 0.0, np.divide(gaps, allowed, out=np.full_like(gaps, np.inf), where=np.asarray(allowed) > 0))
    return float(np.where(np.isnan(shares), np.inf, shares).max(initial=0.0))


def _largest(shares):
    return max(shares, default=0.0)


def _size(array):
    return float(np.abs(array).max(initial=0.0))
