"""The simple noise scale along a short training: it mostly grows as the loss falls."""

import math
from time import perf_counter

import numpy as np

from ...records import Moment, Outcome
from ..probe import Probe
from ..short_training import short, short_training
from .chunks import CannotMeasure, Parts, chunks_of, gradients, noise_reading, parts_of
from .words import sentences

_NAME, _MOMENTS = "noise_scale_training", 8
_TRAINING = 0.5  # of the seconds
_FEWEST = 2      # moments


def noise_scale_training(rig, *, seed=0, chunk=None, n_chunks=None, updates=None, moments=_MOMENTS, seconds=math.inf):
    """The simple noise scale at moments of a training at the present setting, equally many updates apart, and over all of them.

    Over the run it is the mean of tr(Σ) over the mean of |G|², not the mean of their ratios, which has no expectation where
    |G|² may come out near zero (McCandlish et al. 2018, arXiv:1812.06162, appendix A.1). The chunks have the same rows at
    all moments, and the jackknife leaves one out of all moments at once, so the interval holds however their errors go
    together. It is for this course of
    training: another seed takes another one.

    Args:
        chunk, n_chunks: as for `noise_scale`.
        updates: of the training; by default ten passes over the rows, at least 100 and at most 10,000 updates.
        moments: beside the start, at least 2.
        seconds: budget, beside compiling: half of it for the training, which then ends sooner.

    Returns:
        A `Reading` in examples over the run, its points `Moment`s, with details as of `noise_scale`, and `updates`,
        `at_start` and `at_end` (lower bounds where their points say so), and `median` over the moments. The mean of |G|² is
        mostly that of the first moments, so later the noise scale is mostly above `value`. |G| is that of fresh rows: where
        the training has memorised its rows, it is small, and only `of_the_rows` tells what it still follows. Else as
        `noise_scale`.
    """
    found, looks, rows, begun, took, left_out = [], [], None, perf_counter(), 0.0, False
    last = short(rig) if updates is None else updates
    marks = sorted({round(last * i / moments) for i in range(moments + 1)})
    try:
        rows = chunks_of(rig, seed=seed, name=_NAME, chunk=chunk, n_chunks=n_chunks)
        size = rows.shape[1]
        for n_updates, state in short_training(rig, seed=seed, marks=marks, seconds=_TRAINING * seconds):
            if found and seconds - (perf_counter() - begun) < took:
                left_out = True
                break
            started = perf_counter()
            try:
                means = gradients(rig, state, rows, seconds=(1 - _TRAINING) * seconds / (moments + 1) if not found else math.inf)
            except CannotMeasure as reason:
                if found and reason.outcome is Outcome.DIVERGED:
                    left_out = True
                    break
                raise
            if not found:
                rows, begun = rows[: len(means)], perf_counter()  # what was compiled does not count
                started = begun
            took = max(took, perf_counter() - started)
            found.append(parts_of(means, size))
            looks.append((n_updates, noise_reading(_NAME, found[-1], size, rig)))
        if len(found) < _FEWEST:
            raise CannotMeasure(Outcome.UNRESOLVED, "the budget does not allow a second look, later in a training")
    except CannotMeasure as reason:
        return reason.reading(_NAME)
    both = Parts(np.mean([one.estimates for one in found], 0), np.mean([one.left_out for one in found], 0))
    (_, start), (n_updates, end) = looks[0], looks[-1]
    short_of = left_out or n_updates < last
    note = f"over {n_updates:,} updates instead of {last:,}, to stay inside the budget" if short_of else ""
    batch = min(rig.present.batch_size, rig.n_examples)
    points = [Moment(n_updates=n, n_examples=n * batch, value=one.value, low=one.low, high=one.high)
              for n, one in looks if one.known]
    ends = [(name, one.value) for name, one in (("at_start", start), ("at_end", end)) if one.known]
    details = [("updates", float(n_updates)), *ends]
    details += [("median", float(np.median([one.value for one in points])))] if points else []
    return noise_reading(_NAME, both, size, rig, note=note, details=details, points=points)


NOISE_SCALE_TRAINING = Probe(
    name=_NAME, title="gradient noise scale along a training", what="gradient noise scale along a short training",
    why="it grows as the loss falls, often tenfold", cost=lambda budget, program: 0.1 * budget + 3 * program,
    run=noise_scale_training, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, explains=True, price="normal",
    sentences=sentences)
