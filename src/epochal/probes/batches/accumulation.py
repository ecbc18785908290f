"""Whether gradients accumulated over micro-batches are the gradient of the whole batch."""

import math
from time import perf_counter

import numpy as np

from ...base.seeds import stream
from ...base.stats import jackknife, mean_interval, student
from ...base.text import number
from ...base.validate import require
from ...records import Accumulated, Outcome, Reading
from ...rules.scaling import steps_per_epoch
from ..probe import Probe

_DRAWS = 8       # of dropout, where there is any
_MEAN = "as a mean over rows"
_ROUNDING = 10   # times that of predictions: a gradient rounds more


def accumulation(rig, *, seed=0, parts=4, repeats=5, seconds=math.inf):
    """How far the gradient accumulated over micro-batches is from that of one batch of the same rows, relative to its length.

    For micro-batches of b rows, the present batch size, `parts` of them: |Σ (rows of the part / rows) g(part) - g(all)| /
    |g(all)|, with parts of equal size and with the short last batch of an epoch among them, if there is one. It is rounding
    where the loss is a mean over rows; not where rows of a batch meet, as in batch-norm or in a loss over pairs. Where they
    come closer so, parts are added up as for a sum over rows, or by the sums of their sample weights, as `micro_batch_size`
    does for such losses. Gradients are those of training, dropout on, before clipping. Masks are drawn for each call
    and cannot be the same for a batch and its parts, so that where a repeated gradient differs, both are taken as means over
    8 independent draws: the squared distance is that of the means without the variance of the draws (a U-statistic), with
    its jackknife interval.

    Args:
        parts: micro-batches of an update, at least 2; fewer where there are not so many rows.
        repeats: sets of rows, at least 1. seconds: budget, beside compiling; sets are left out, down to one.

    Returns:
        A `Reading` without unit: the largest of all sets and both kinds, `low` to `high` the least to that; with dropout the
        limits of the intervals. Details: `equal` and `ragged` (the largest of each kind), `averaged`, `averaged_low`,
        `averaged_high` (the distance with the short batch, if there is one, where each part counts alike, as with Keras'
        `gradient_accumulation_steps`; mean over sets and its interval), `short` (rows of that batch; 0: there is none),
        `batch_size`, `parts`, `left_over` (micro-batches of an epoch beyond whole updates, which Keras carries into the next
        epoch), `drawn` (whether gradients differ when repeated) and `rounding`. `UNRESOLVED` where rows are too few,
        `DIVERGED` where a gradient is not finite.
    """
    require(parts >= 2, "parts", parts, "at least 2 micro-batches")
    require(repeats >= 1, "repeats", repeats, "at least one")
    size = min(rig.present.batch_size, rig.n_examples // 2)
    if size < 1:
        return _without(Outcome.UNRESOLVED, "one row cannot be cut into micro-batches")
    parts = min(parts, rig.n_examples // size)
    short = rig.n_examples % size
    state = rig.fresh(seed)
    rows = stream(seed, "accumulation").permutation(rig.n_examples)[: parts * size]
    drawn = not np.array_equal(*(np.asarray(rig.gradient(state, rows, draw=draw)) for draw in (1, 2)))
    points, spans, rule, begun = [], [], "", 0.0
    for repeat in range(repeats):
        if repeat == 1:
            begun = perf_counter()  # the first one compiles
        elif repeat >= 2 and (perf_counter() - begun) * repeat / (repeat - 1) > seconds:
            break
        order = stream(seed, "accumulation", repeat).permutation(rig.n_examples)
        for total in (parts * size, (parts - 1) * size + short)[: 1 + (short > 0)]:
            whole, each = _gradients(rig, state, order[:total], size, _DRAWS if drawn else 1)
            if not np.isfinite(whole).all() or not np.isfinite(each).all():
                return _without(Outcome.DIVERGED, "a gradient is infinite or not a number")
            length = float(np.linalg.norm(whole.mean(0)))
            if length == 0:
                return _without(Outcome.UNRESOLVED, "the gradient is zero at new weights: there is nothing to compare with")
            rules = _rules(rig, order[:total], size)
            tried = {name: _apart(np.tensordot(each, shares, (1, 0)) - whole) for name, shares in rules.items()}
            rule = rule or min(tried, key=lambda name: tried[name][0])  # the first set of rows tells
            summed, low, high = tried[rule]
            averaged, *_ = _apart(each.mean(1) - whole)
            points.append(Accumulated(batch_size=total, micro_batch_size=size, summed=summed / length, averaged=averaged / length))
            spans.append((low / length, high / length))
    lows, highs = zip(*spans, strict=True)
    equal, ragged = ([point for point in points if (point.batch_size == parts * size) == kind] for kind in (True, False))
    averaged = mean_interval([point.averaged for point in ragged or equal])
    largest = max(point.summed for point in points)
    done = len(equal)
    return Reading(
        name="accumulation", value=largest, low=min(lows), high=max(*highs, largest), repeats=done, points=tuple(points),
        details=tuple((name, float(figure)) for name, figure in (
            ("equal", max(point.summed for point in equal)), ("ragged", max((point.summed for point in ragged), default=0)),
            ("averaged", averaged[0]), ("averaged_low", max(averaged[1], 0)), ("averaged_high", averaged[2]), ("short", short),
            ("batch_size", size), ("parts", parts), ("left_over", steps_per_epoch(rig.n_examples, size) % parts), ("drawn", drawn),
            ("rounding", _ROUNDING * rig.rounding))),
        note="; ".join([f"gradients add up {rule}"] * (rule != _MEAN) + ["gradients are means over 8 draws of dropout"] * drawn
                       + [f"{repeats - done} of {repeats} sets of rows left out, to stay inside the budget"] * (done < repeats)))


def _gradients(rig, state, rows, size, n_draws):
    """Of the whole, float[n_draws, n_params], and of its parts, float[n_draws, n_parts, n_params]."""
    cut = [rows[i : i + size] for i in range(0, len(rows), size)]
    draws = iter(range(1, n_draws * (1 + len(cut)) + 1))  # another one for every gradient: dropout is drawn anew
    whole, each = [], []
    for _ in range(n_draws):
        whole.append(np.asarray(rig.gradient(state, rows, draw=next(draws)), float))
        each.append([np.asarray(rig.gradient(state, part, draw=next(draws)), float) for part in cut])
    return np.array(whole), np.array(each)


def _rules(rig, rows, size):
    """`{how gradients of parts may add up to that of the whole: the factor of each part}`; which one holds, hangs on the loss."""
    cut = [rows[i : i + size] for i in range(0, len(rows), size)]
    found = {_MEAN: np.array([len(part) / len(rows) for part in cut]), "as a sum over rows": np.ones(len(cut))}
    weights = rig.sample(rig.n_examples)[2]
    if getattr(weights, "shape", None) == (rig.n_examples,) and weights[rows].sum() > 0:
        found["by the sample weights of the rows"] = np.array([weights[part].sum() for part in cut]) / weights[rows].sum()
    return found


def _apart(differences):
    """`(length, low, high)` of the expectation of differences, float[n_draws, n_params]; of one draw its length."""
    n = len(differences)
    gram = differences @ differences.T
    if n == 1:
        return (math.sqrt(gram[0, 0]),) * 3

    def squared(total, own, n):
        return (total - own) / (n * (n - 1))

    own, among, total = np.diag(gram), gram.sum(1), gram.sum()
    value = float(squared(total, own.sum(), n))
    error = math.sqrt(jackknife(squared(total - 2 * among + own, own.sum() - own, n - 1)[:, None])[0, 0])
    reach = student(n - 1) * error
    return tuple(math.sqrt(max(square, 0.0)) for square in (value, value - reach, value + reach))


def _sentences(reading, rig):
    d = dict(reading.details)
    size, parts, short = (int(d[name]) for name in ("batch_size", "parts", "short"))
    whole, off = f"{parts} micro-batches of {size:,} rows", f"{number(100 * reading.value)} %"
    not_mean = ("It does not mean that the larger batch trains better or sooner: accumulating saves memory and no time, and "
                "the learning "
                "rate has to suit the larger batch.")
    if reading.low > d["rounding"] or (not d["drawn"] and reading.value > d["rounding"]):
        why = ("the model normalises over the batch" if rig.task.normalises_over_batch
               else "the loss or a layer looks at the batch as a whole")
        return (f"Accumulating the gradients of {whole} is not one batch of {size * parts:,} here: they are {off} apart, "
                f"since {why}.", not_mean)
    same = (f"no difference beyond the draws of dropout is seen, at most {number(100 * reading.high)} %" if d["drawn"]
            else f"they differ by {reading.value:.1g} of their length, which is rounding")
    averaged = f"the gradient is {number(100 * d['averaged'])} % off"
    keras = "does the same, since no micro-batch of an epoch is short"
    if short:
        keras = f"averages micro-batches, so that with the short last one of {short:,} rows {averaged}"
    elif d["averaged"] > d["rounding"] and not d["drawn"]:
        keras = f"averages micro-batches that do not count alike, so that {averaged}"
    return (f"Accumulating the gradients of {whole} is one batch of {size * parts:,}: {same}; `micro_batch_size={size}` in "
            f"`epochal.fit` sums exactly, and Keras' `gradient_accumulation_steps={parts}` {keras}.", not_mean)


def _without(outcome, note):
    return Reading(name="accumulation", outcome=outcome, note=note)


ACCUMULATION = Probe(
    name="accumulation", title="distance of accumulated gradients from those of the whole batch",
    what="gradients of micro-batches, accumulated, and of the whole batch", why="larger batches than memory holds",
    cost=lambda budget, program: 1 + 4 * program, run=accumulation,
    options=lambda rig, evidence, budget: {"seconds": 0.05 * budget}, price="quick", sentences=_sentences)
