"""Gradients of disjoint chunks of rows, and what they say of gradient noise: one estimator for every noise scale."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ...base.seeds import stream
from ...base.stats import fieller, jackknife, trace_and_square
from ...base.validate import require
from ...records import Outcome, Reading

FEWEST_CHUNKS = 8
_CHUNKS, _LARGEST_CHUNK = 32, 256
_MOST_NUMBERS = 2**28  # of all chunk gradients held at once: 1 GiB


class CannotMeasure(Exception):
    """Why there is no noise scale: an `outcome`, and a note."""

    def __init__(self, outcome, note):
        super().__init__(note)
        self.outcome, self.note = outcome, note

    def reading(self, name):
        return Reading(name=name, unit="examples", outcome=self.outcome, note=self.note)


class Parts(NamedTuple):
    """tr(Σ) and |G|², and both without each chunk.

    Attributes:
        estimates: float[2]. left_out: float[n_chunks, 2].
    """

    estimates: np.ndarray
    left_out: np.ndarray


def chunks_of(rig, *, seed, name, chunk=None, n_chunks=None):
    """int[n_chunks, chunk]: rows drawn without replacement, cut into chunks, from the random stream called `name`.

    By default 32 chunks, fewer where rows (or memory for that many gradients) are short, of an equal share of all rows, at
    most 256. Where the model normalises over the batch a chunk has the present batch size, since the gradient of an example
    depends on its batch.

    Raises:
        CannotMeasure: rows are too few for 8 chunks, or a chunk has another size than the model is trained with and depends
        on it.
    """
    normalises, present = rig.task.normalises_over_batch, rig.present.batch_size
    if normalises and chunk not in (None, present):
        raise CannotMeasure(Outcome.UNSUPPORTED, f"a model with batch normalisation needs chunks of {present} rows")
    chunk, n_chunks = _sizes(rig, present if normalises else chunk, n_chunks)
    if n_chunks < FEWEST_CHUNKS or n_chunks * chunk > rig.n_examples:
        raise CannotMeasure(Outcome.UNRESOLVED, f"{rig.n_examples} rows are too few for {max(n_chunks, FEWEST_CHUNKS)} "
                            f"chunks of {chunk}")
    return stream(seed, name).permutation(rig.n_examples)[: n_chunks * chunk].reshape(n_chunks, chunk)


def gradients(rig, state, rows, *, seconds=math.inf):
    """float[n_chunks, n_params]: the gradient of each chunk, with dropout drawn anew for each. Chunks are left out, down to 8,
    where all would take longer than `seconds` beside compiling.

    Raises:
        CannotMeasure: 8 would take longer too, or a gradient is not finite.
    """
    found, taken = [], 0.0
    for j, part in enumerate(rows):
        started = perf_counter()
        found.append(np.asarray(rig.gradient(state, part, draw=j)))
        taken += (perf_counter() - started) * (j > 0)  # the first one compiles
        if taken / max(j, 1) * max(j + 1, FEWEST_CHUNKS) > seconds:
            if len(found) < FEWEST_CHUNKS:
                raise CannotMeasure(Outcome.UNRESOLVED, f"a gradient of {len(part)} rows takes {taken / j:.2g} s: the budget does "
                                    f"not allow {FEWEST_CHUNKS} of them")
            break
    means = np.stack(found)
    if not np.isfinite(means).all():
        raise CannotMeasure(Outcome.DIVERGED, "a gradient is infinite or not a number")
    return means


def parts_of(means, chunk, scales=None):
    """The `Parts` of gradients of chunks of so many rows; with `scales`, a diagonal D, tr(D Σ) and G'DG."""
    return Parts(*trace_and_square(means if scales is None else means * np.sqrt(scales), chunk))


def noise_reading(name, parts, chunk, rig, *, note="", details=(), points=()):
    """The ratio of the two as a `Reading` in examples, with a jackknife covariance (Tukey 1958) and a Fieller interval.

    `LOWER_BOUND` where the rows do not tell the gradient from zero, `UNRESOLVED` where its square came out negative beyond
    chance.
    """
    (trace, square), n_chunks = parts.estimates, len(parts.left_out)
    cov = jackknife(parts.left_out)
    low, high = fieller(trace, square, cov[0, 0], cov[0, 1], cov[1, 1], n_chunks - 1)
    if trace < 0 or not high >= max(low, 0) or (trace == 0 and square <= 0):
        return CannotMeasure(Outcome.UNRESOLVED, "the squared gradient came out as zero, or negative beyond chance").reading(name)
    square_of_rows = square + trace / rig.n_examples
    notes = ["chunks of the present batch size, over which the model normalises"] if rig.task.normalises_over_batch else []
    return Reading(
        name=name, value=float(trace / square) if square > 0 else low, unit="examples", low=max(low, 0.0),
        high=high, repeats=n_chunks, outcome=Outcome.OK if np.isfinite(high) else Outcome.LOWER_BOUND,
        details=(("trace", float(trace)), ("gradient_squared", float(square)),
                 ("of_the_rows", float(trace / square_of_rows) if square_of_rows > 0 else np.inf), ("chunk", float(chunk)),
                 *details),
        points=tuple(points), note="; ".join([*notes, *([note] if note else [])]))


def _sizes(rig, chunk, n_chunks):
    require(chunk is None or chunk >= 1, "chunk", chunk, "at least 1 row")
    require(n_chunks is None or n_chunks >= FEWEST_CHUNKS, "n_chunks", n_chunks, f"at least {FEWEST_CHUNKS}")
    if n_chunks is None:
        held_at_once = max(FEWEST_CHUNKS, min(_CHUNKS, _MOST_NUMBERS // rig.n_params))
        n_chunks = min(held_at_once, rig.n_examples // (chunk or 1))
    if chunk is None:
        chunk = min(max(rig.n_examples // max(n_chunks, 1), 1), _LARGEST_CHUNK)
    return chunk, n_chunks
