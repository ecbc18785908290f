"""How much less noisy the gradient is where batches hold each class in its share."""

import math
from time import perf_counter

import numpy as np

from ...base.seeds import stream
from ...base.stats import fieller, jackknife, trace_and_square
from ...base.text import number
from ...base.validate import require
from ...records import Outcome, Reading
from ..probe import LEAST_BUDGET, Probe

_FEWEST, _CHUNKS, _LARGEST_CHUNK = 8, 32, 256
_MOST_NUMBERS = 2**28  # of all chunk gradients held at once: 1 GiB


def stratified_noise(rig, *, seed=0, state=None, chunk=None, n_chunks=None, seconds=math.inf):
    """The share of the gradient noise that goes where every batch holds each class in its share of the rows.

    1 - T_s / T_p. T_p is tr(Σ), of gradients of disjoint chunks of rows in random order, as for the noise scale; T_s the
    same of chunks that are dealt: rows are put in order of their class, in random order within it, and every k-th one goes
    into one of k chunks, so that each chunk holds every class in its share, give or take one row. What goes is the variance
    between classes (Cochran 1977, Sampling Techniques, 5.6): Σ = Σ within + Σ between. With replacement or without, both are
    unbiased. The interval is Fieller's for T_s / T_p, with jackknife variances of both (Tukey 1958).

    Args:
        state: where to measure; by default newly initialised weights. Once classes are told apart there is less between them.
        chunk: rows per gradient, by default a share of all rows, at most 256. Where the model normalises over the batch it
            is the present batch size. A chunk of few rows cannot hold each of many classes in its share: then less goes.
        n_chunks: of each kind; by default 32, fewer where rows or memory are short; at least 8.
        seconds: budget, beside compiling. Pairs of chunks are left out, down to 8; where 8 would overrun it, nothing is
            measured.

    Returns:
        A `Reading` without unit: the share that goes, its interval, and `trace_plain`, `trace_stratified`, `chunk`,
        `classes`. It may come out below 0, by chance. `UNSUPPORTED` where the targets are no classes, `UNRESOLVED` where
        rows, time or noise are too few, `DIVERGED` where a gradient is not finite.
    """
    require(chunk is None or chunk >= 1, "chunk", chunk, "at least 1 row")
    require(n_chunks is None or n_chunks >= _FEWEST, "n_chunks", n_chunks, f"at least {_FEWEST}")
    classes, normalises = rig.classes(), rig.task.normalises_over_batch
    if classes is None or len(np.unique(classes)) < 2:
        return _without(Outcome.UNSUPPORTED, "the targets are no classes, one for each row, or all rows are of one class")
    if normalises and chunk not in (None, rig.present.batch_size):
        return _without(Outcome.UNSUPPORTED, f"a model with batch normalisation needs chunks of {rig.present.batch_size} rows")
    chunk, n_chunks = _sizes(rig, rig.present.batch_size if normalises else chunk, n_chunks)
    if n_chunks < _FEWEST or n_chunks * chunk > rig.n_examples:
        return _without(Outcome.UNRESOLVED, f"{rig.n_examples} rows are too few for {max(n_chunks, _FEWEST)} chunks of {chunk}")
    state, rng = rig.fresh(seed) if state is None else state, stream(seed, "stratified_noise")
    plain = rng.permutation(rig.n_examples)[: n_chunks * chunk].reshape(n_chunks, chunk)
    dealt = _dealt(classes, n_chunks, chunk, rng)
    found, taken = ([], []), 0.0
    for j, rows in enumerate(zip(plain, dealt, strict=True)):
        started = perf_counter()
        for kind, part in enumerate(rows):
            found[kind].append(np.asarray(rig.gradient(state, part, draw=2 * j + kind)))
        taken += (perf_counter() - started) * (j > 0)  # the first one compiles
        if taken / max(j, 1) * max(j + 1, _FEWEST) > seconds:
            if j + 1 < _FEWEST:
                return _without(Outcome.UNRESOLVED, f"two gradients of {chunk} rows take {taken / j:.2g} s: the budget does not "
                                f"allow {_FEWEST} pairs of them")
            break
    left_out = n_chunks - len(found[0])
    if not all(np.isfinite(gradient).all() for kind in found for gradient in kind):
        return _without(Outcome.DIVERGED, "a gradient is infinite or not a number")
    (plain, var_p), (stratified, var_s) = (_trace(np.stack(kind) - kind[0], chunk) for kind in found)
    low, high = fieller(stratified, plain, var_s, 0.0, var_p, len(found[0]) - 1)
    if not (plain > 0 and math.isfinite(high)):
        return _without(Outcome.UNRESOLVED, "the noise of the gradient is not told from zero; allow more chunks")
    return Reading(
        name="stratified_noise", value=1 - stratified / plain, low=1 - high, high=1 - max(low, 0.0), repeats=len(found[0]),
        details=(("trace_plain", plain), ("trace_stratified", stratified), ("chunk", float(chunk)),
                 ("classes", float(len(np.unique(classes))))),
        note=" ".join(["chunks of the present batch size, over which the model normalises"] * normalises
                      + [f"{left_out} of {n_chunks} pairs of chunks left out, to stay inside the budget"] * (left_out > 0)))


def _dealt(classes, n_chunks, chunk, rng):
    """int[n_chunks, chunk]: disjoint rows, each class in its share in every chunk, give or take one row."""
    n = len(classes)
    kept = rng.permutation(n)
    kept = kept[np.argsort(classes[kept], kind="stable")]
    start = rng.uniform(0, 1)
    kept = kept[((np.arange(n_chunks * chunk) + start) * n / (n_chunks * chunk)).astype(int)]  # what is over is left out evenly
    return kept.reshape(chunk, n_chunks).T


def _trace(means, chunk):
    (trace, _), left_out = trace_and_square(means, chunk)
    return float(trace), float(jackknife(left_out)[0, 0])


def _sizes(rig, chunk, n_chunks):
    if n_chunks is None:
        n_chunks = min(_CHUNKS, max(_FEWEST, _MOST_NUMBERS // (2 * rig.n_params)), rig.n_examples // (chunk or 1))
    return chunk or min(max(rig.n_examples // max(n_chunks, 1), 1), _LARGEST_CHUNK), n_chunks


def _sentences(reading, rig):
    size, goes = rig.present.batch_size, reading.value
    span = f"{number(100 * goes)} % ({number(100 * reading.low)} to {number(100 * reading.high)} %)"
    if reading.low <= 0:
        means = f"Batches that hold each class in its share were not seen to have less gradient noise: {span} of it goes."
    else:
        alike = number(size / (1 - goes)) if goes < 1 else "any number of"
        means = (f"Batches that hold each class in its share have {span} less gradient noise at the start: {size:,} such "
                 "rows are as "
                 f"noisy as {alike} rows drawn at random.")
    return means, ("It does not mean that training needs fewer updates or ends better: this part of the noise shrinks as "
                   "the classes are "
                   "learnt, and Keras' `fit` does not draw by class.")


def _without(outcome, note):
    return Reading(name="stratified_noise", outcome=outcome, note=note)


STRATIFIED_NOISE = Probe(
    name="stratified_noise", title="gradient noise that goes with stratified batches",
    what="gradient noise in batches that hold each class in its share", why="whether it is worth drawing batches by class",
    cost=lambda budget, program: 2 + program, run=stratified_noise, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget},
    least_budget=LEAST_BUDGET, explains=True, price="normal", sentences=_sentences)
