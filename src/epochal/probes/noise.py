"""How noisy the gradient is."""

import math
from time import perf_counter

import numpy as np

from ..base.seeds import stream
from ..base.stats import fieller, jackknife, trace_and_square
from ..base.validate import require
from ..records import Outcome, Reading
from .probe import LEAST_BUDGET, Probe

_FEWEST_CHUNKS, _CHUNKS, _LARGEST_CHUNK = 8, 32, 256
_MOST_NUMBERS = 2**28  # of all chunk gradients held at once: 1 GiB


def noise_scale(rig, *, seed=0, state=None, chunk=None, n_chunks=None, seconds=math.inf):
    """Batch size at which gradient noise and gradient signal are equal.

    The simple noise scale tr(Σ) / |G|² of McCandlish et al. 2018 (arXiv:1812.06162): a ratio of means over the gradients
    of disjoint chunks of rows, with a jackknife covariance (Tukey 1958) and a Fieller interval.

    |G| is that of the population the training rows came from: what a batch of fresh rows would follow. Chunks drawn
    without replacement estimate its square without bias, as |mean gradient of the N rows|² - tr(Σ) / N. The detail
    `of_the_rows` is the other choice, tr(Σ) over the square of the rows' own mean, which training follows once it goes
    over them again and again; at weights that have memorised the rows only that one means anything.

    Args:
        state: where to measure; by default newly initialised weights. It changes a lot in training, mostly upward.
        chunk: rows per gradient; by default a share of all rows, at most 256. Where the model normalises over the batch it
            is the present batch size, since the gradient of an example depends on its batch.
        n_chunks: by default 32, fewer where rows (or memory for that many gradients) are short; at least 8. The interval is
            honest from about 4 times the noise scale in rows on.
        seconds: budget, beside compiling. Chunks are left out, down to 8; where 8 would overrun it, nothing is measured.

    Returns:
        A `Reading` in examples, with details `trace`, `gradient_squared`, `of_the_rows`, `chunk`. `LOWER_BOUND` where the
        rows do not tell the gradient from zero. An order of magnitude for the critical batch size, never the batch to use:
        the ratio of the two was 0.05 to 8 in McCandlish et al., and more elsewhere. `UNRESOLVED` where rows or time are too few,
        `UNSUPPORTED` for another chunk than the present batch size where the model normalises over the batch, `DIVERGED`
        where a gradient is not finite.
    """
    normalises, present = rig.task.normalises_over_batch, rig.present.batch_size
    if normalises and chunk not in (None, present):
        return _without(Outcome.UNSUPPORTED, f"a model with batch normalisation needs chunks of {present} rows")
    chunk, n_chunks = _sizes(rig, present if normalises else chunk, n_chunks)
    if n_chunks < _FEWEST_CHUNKS or n_chunks * chunk > rig.n_examples:
        return _without(Outcome.UNRESOLVED, f"{rig.n_examples} rows are too few for "
                        f"{max(n_chunks, _FEWEST_CHUNKS)} chunks of {chunk}")
    state = rig.fresh(seed) if state is None else state
    rows = stream(seed, "noise_scale").permutation(rig.n_examples)[: n_chunks * chunk].reshape(n_chunks, chunk)
    found, taken = [], 0.0
    for j, part in enumerate(rows):
        started = perf_counter()
        found.append(np.asarray(rig.gradient(state, part, draw=j)))
        taken += (perf_counter() - started) * (j > 0)  # the first one compiles
        if taken / max(j, 1) * max(j + 1, _FEWEST_CHUNKS) > seconds:
            if len(found) < _FEWEST_CHUNKS:
                return _without(Outcome.UNRESOLVED, f"a gradient of {chunk} rows takes {taken / j:.2g} s: the budget does not "
                                f"allow {_FEWEST_CHUNKS} of them")
            break
    means, n_chunks = np.stack(found), len(found)
    if not np.isfinite(means).all():
        return _without(Outcome.DIVERGED, "a gradient is infinite or not a number")
    (trace, square), left_out = trace_and_square(means, chunk)
    cov = jackknife(left_out)
    low, high = fieller(trace, square, cov[0, 0], cov[0, 1], cov[1, 1], n_chunks - 1)
    if trace < 0 or not high >= max(low, 0) or (trace == 0 and square <= 0):
        return _without(Outcome.UNRESOLVED, "the squared gradient came out as zero, or negative beyond chance")
    square_of_rows = square + trace / rig.n_examples
    return Reading(
        name="noise_scale", value=float(trace / square) if square > 0 else low, unit="examples", low=max(low, 0.0),
        high=high, repeats=n_chunks, outcome=Outcome.OK if np.isfinite(high) else Outcome.LOWER_BOUND,
        details=(("trace", float(trace)), ("gradient_squared", float(square)),
                 ("of_the_rows", float(trace / square_of_rows) if square_of_rows > 0 else np.inf), ("chunk", float(chunk))),
        note="chunks of the present batch size, over which the model normalises" if normalises else "")


def _sizes(rig, chunk, n_chunks):
    require(chunk is None or chunk >= 1, "chunk", chunk, "at least 1 row")
    require(n_chunks is None or n_chunks >= _FEWEST_CHUNKS, "n_chunks", n_chunks, f"at least {_FEWEST_CHUNKS}")
    if n_chunks is None:
        held_at_once = max(_FEWEST_CHUNKS, min(_CHUNKS, _MOST_NUMBERS // rig.n_params))
        n_chunks = min(held_at_once, rig.n_examples // (chunk or 1))
    if chunk is None:
        chunk = min(max(rig.n_examples // max(n_chunks, 1), 1), _LARGEST_CHUNK)
    return chunk, n_chunks


def _without(outcome, note):
    return Reading(name="noise_scale", unit="examples", outcome=outcome, note=note)


NOISE_SCALE = Probe(
    name="noise_scale", title="gradient noise scale", what="gradient noise scale",
    why="rough batch size beyond which a larger one needs hardly fewer updates", cost=lambda budget, program: 1 + program,
    run=noise_scale, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, least_budget=LEAST_BUDGET, explains=True)
