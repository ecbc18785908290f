"""The simple noise scale: how many rows a batch must have for the gradient to stand out of its noise."""

import math

from ..probe import LEAST_BUDGET, Probe
from .chunks import CannotMeasure, chunks_of, gradients, noise_reading, parts_of
from .words import sentences


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
        the ratio of the two was 0.05 to 8 in McCandlish et al., and more elsewhere. `UNRESOLVED` where rows or time are too
        few, `UNSUPPORTED` for another chunk than the present batch size where the model normalises over the batch,
        `DIVERGED` where a gradient is not finite.
    """
    try:
        rows = chunks_of(rig, seed=seed, name="noise_scale", chunk=chunk, n_chunks=n_chunks)
        means = gradients(rig, rig.fresh(seed) if state is None else state, rows, seconds=seconds)
    except CannotMeasure as reason:
        return reason.reading("noise_scale")
    return noise_reading("noise_scale", parts_of(means, rows.shape[1]), rows.shape[1], rig)


NOISE_SCALE = Probe(
    name="noise_scale", title="gradient noise scale", what="gradient noise scale",
    why="order of magnitude of the batch size beyond which updates are no longer saved", cost=lambda budget, program: 1 +
    program, run=noise_scale, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, least_budget=LEAST_BUDGET,
    explains=True, sentences=sentences)
