"""Whether predictions depend on the batch size they are made in."""

import math
from time import perf_counter

import numpy as np

from ...base.seeds import stream
from ...base.text import counted, listed
from ...base.validate import require
from ...engine.guard import memory_guard
from ...records import Outcome, PredictedApart, Reading
from ..probe import Probe

_SIZES = (32, 7, 1)  # the quickest first
_ROWS = 512


def predict_invariance(rig, *, seed=0, state=None, n_rows=_ROWS, seconds=math.inf):
    """How far predictions in batches of 1, 7 and 32 rows are from those of the same rows in one batch.

    max |p_B - p_all| / max |p_all|, over rows and outputs. A model that predicts each row alone differs by rounding, about
    1e-7 in float32; more does one whose rows meet (a layer called in training mode, a normalisation over the batch) or that
    draws at random. The model is called as Keras' `predict` calls it, on training rows; a `predict_step` of the user's own
    is not looked at.

    Args:
        state: the weights; by default newly initialised ones, at which classes are close together and flip most easily.
        n_rows: at most so many training rows, drawn at random. seconds: budget, beside compiling; sizes are left out, from
            the smallest.

    Returns:
        A `Reading` without unit: the largest difference of all sizes; no interval, since nothing is by chance. Points are
        `PredictedApart`s. Details: `flips` (rows whose class changes at the size where most do; of one output between 0 and
        1 the class changes at 0.5, of another at 0), `rows`, `rounding` (up to which a difference is none). `DIVERGED` where
        a prediction is not finite, `OUT_OF_MEMORY` where the rows do not fit in one batch, `UNRESOLVED` where time is too
        short.
    """
    require(n_rows >= 1, "n_rows", n_rows, "at least one row")
    state = rig.fresh(seed) if state is None else state
    rows = np.sort(stream(seed, "predict_invariance").permutation(rig.n_examples)[:n_rows])
    with memory_guard(rig) as guard:
        whole = [np.asarray(output, float) for output in rig.predicted(state, rows, len(rows))]
    if guard.ran_out:
        return _without(Outcome.OUT_OF_MEMORY, f"{counted(len(rows), 'row')} do not fit into one batch; ask for fewer")
    if not all(np.isfinite(output).all() for output in whole):
        return _without(Outcome.DIVERGED, "a prediction is infinite or not a number")
    points, spent, left_out = [], 0.0, []
    for size in (size for size in _SIZES if size < len(rows)):
        few = rows[: size + len(rows) % size]  # both shapes: what follows does not compile
        begun = perf_counter()
        rig.predicted(state, few, size)
        begun = perf_counter()
        rig.predicted(state, few, size)
        foreseen = (perf_counter() - begun) * len(rows) / len(few)
        if spent + foreseen > seconds:
            left_out.append(size)
            continue
        begun = perf_counter()
        parted = [np.asarray(output, float) for output in rig.predicted(state, rows, size)]
        spent += perf_counter() - begun
        points.append(PredictedApart(batch_size=size, apart=max(map(_apart, parted, whole)), n_rows=len(rows),
                                     flips=_flips(rig, parted, whole)))
    note = f"not tried, to stay inside the budget: batches of {listed(map(str, left_out))}" if left_out else ""
    if not points:
        return _without(Outcome.UNRESOLVED, note or "one row is one batch at any size")
    value = max(point.apart for point in points)
    return Reading(
        name="predict_invariance", value=value, low=value, high=value, repeats=len(points), points=tuple(points),
        details=(("flips", float(max(point.flips for point in points))), ("rows", float(len(rows))), ("rounding", rig.rounding)),
        note="; ".join(filter(None, [note, "of the layers after the frozen base" if rig.skips else ""])))


def _apart(some, others):
    """The largest difference, as a share of the largest number; infinite where there is none to share by, or a nan."""
    away, largest = float(np.abs(some - others).max(initial=0)), float(np.abs(others).max(initial=0))
    return 0.0 if away == 0 else away / largest if largest > 0 and math.isfinite(away) else math.inf


def _flips(rig, parted, whole):
    """Rows whose class is another one."""
    if rig.task.kind not in ("binary", "multiclass") or len(whole) != 1:
        return 0
    some, others = (output[0].reshape(len(output[0]), -1) for output in (parted, whole))
    if others.shape[1] > 1:
        some, others = (output[0].argmax(-1).reshape(len(output[0]), -1) for output in (parted, whole))
    else:
        border = 0.5 if others.min() >= 0 and others.max() <= 1 else 0.0
        some, others = some > border, others > border
    return int((some != others).any(1).sum())


def _sentences(reading, rig):
    sizes = listed(f"{point.batch_size:,}" for point in reversed(reading.points))
    flips, rows = int(reading.detail("flips")), int(reading.detail("rows"))
    changed = (", and no row changes its class", ", and 1 row changes its class")[flips] if flips < 2 else (
        f", and {flips:,} rows change their class")
    seen = (f"{counted(rows, 'row')} predicted in batches of {sizes} and all at once differ by {reading.value:.1g} of the largest "
            f"prediction{changed if rig.task.kind in ('binary', 'multiclass') else ''}")
    if reading.value <= reading.detail("rounding"):
        return (f"The batch size of `predict` can be chosen for speed and memory alone: {seen}.",
                "It does not mean that the batch size of training is as free: there it changes the weights.")
    return (f"Predictions depend on the batch size, so keep one for `predict` and `evaluate`: {seen}.",
            "It does not mean that one of the batch sizes is right: look for a layer that is called in training mode or "
            "that looks at "
            "the whole batch.")


def _without(outcome, note):
    return Reading(name="predict_invariance", outcome=outcome, note=note)


PREDICT_INVARIANCE = Probe(
    name="predict_invariance", title="difference of predictions between batch sizes",
    what="predictions in batches of several sizes",
    why="whether the batch size of `predict` changes what is predicted", cost=lambda budget, program: 1 + 4 * program,
    run=predict_invariance, options=lambda rig, evidence, budget: {"seconds": 0.05 * budget}, price="quick", sentences=_sentences)
