"""Gradient noise of a model in training, from a few of its rows."""

import math
from typing import NamedTuple

from ...base.stats import fieller, jackknife, trace_and_square
from ...seam.model.copying import layers
from .steering import in_blocks, n_rows_in

_CHUNKS, _FEWEST, _LARGEST = 16, 8, 64
_MOST_NUMBERS = 2**27  # of all gradients held at once: half a GiB


class Noise(NamedTuple):
    """tr(Σ), |G|², and the interval of their ratio, the simple noise scale; not numbers where rows do not suffice."""

    trace: float = math.nan
    square: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def scale(self):
        return self.trace / self.square if self.square > 0 else self.high


def n_wanted(model, batch_size, n_rows):
    """Rows of a chunk, and how many chunks; chunks of the batch size where the model normalises over the batch."""
    normalises = any("BatchNormalization" in type(layer).__name__ for layer in layers(model))
    chunk = batch_size if normalises else max(1, min(_LARGEST, n_rows // _CHUNKS))
    most = max(_FEWEST, min(_CHUNKS, _MOST_NUMBERS // max(1, model.count_params())))
    return chunk, min(most, n_rows // chunk)


def noise_of(looking, batch, n_chunks):
    """The `Noise` at the present weights, by the estimator of McCandlish et al. 2018, appendix A.1, and a Fieller interval."""
    if n_chunks < _FEWEST:
        return Noise()
    means = looking.gradients(in_blocks(batch, n_chunks))
    (trace, square), left_out = trace_and_square(means, n_rows_in(batch) // n_chunks)
    if not (math.isfinite(trace) and math.isfinite(square) and trace > 0):
        return Noise()
    cov = jackknife(left_out)
    low, high = fieller(trace, square, cov[0, 0], cov[0, 1], cov[1, 1], n_chunks - 1)
    return Noise(float(trace), float(square), max(low, 0.0), high) if high >= 0 else Noise(float(trace), float(square))
