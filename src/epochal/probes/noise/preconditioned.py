"""The noise scale as an optimizer such as Adam scales the gradient."""

import math

from ...records import Outcome
from ..probe import Probe
from ..short_training import an_epoch, short_training
from .chunks import CannotMeasure, chunks_of, gradients, noise_reading, parts_of
from .words import sentences

_NAME = "noise_scale_preconditioned"
_TRAINING = 0.5  # of the seconds


def noise_scale_preconditioned(rig, *, seed=0, state=None, chunk=None, n_chunks=None, updates=None, seconds=math.inf):
    """Batch size at which noise and signal are equal in the gradient that the optimizer has scaled.

    tr(D Σ) / G'DG, D the diagonal by which Adam, AdamW, Nadam or RMSprop scale gradients, held as it is: the simple noise
    scale (see `noise_scale`) of the same loss with its weights rescaled by D^½, which makes of such an optimizer one that
    scales nothing. It is not tr(D² Σ) / |DG|². Same estimator, interval and sampling. D is empty before the first update, so
    this is measured after a short
    training: a pass over the rows, at least 100 updates, after which D knows every row; where it does not, weights whose
    gradient was zero so far may count for too much.

    Args:
        state: where to measure, after at least one update; by default after that training.
        chunk, n_chunks: as for `noise_scale`.
        updates: of the training.
        seconds: budget, beside compiling: half of it for the training, which then ends sooner.

    Returns:
        A `Reading` in examples, with details as of `noise_scale`, and `updates` and `simple`, the simple noise scale of the
        same gradients. `UNSUPPORTED` where the optimizer scales by no diagonal that is known here; else as `noise_scale`.
        McCandlish et al. 2018 (arXiv:1812.06162) call their results with Adam mixed: an order of magnitude at best, never
        the batch to use.
    """
    rule = rig.momentum()
    if rule is None or not rule[2]:
        return CannotMeasure(Outcome.UNSUPPORTED, f"{rig.task.optimizer} scales gradients by no diagonal that is known here; see "
                             "`noise_scale`").reading(_NAME)
    n_updates, note = 0, ""
    try:
        rows = chunks_of(rig, seed=seed, name=_NAME, chunk=chunk, n_chunks=n_chunks)
        if state is None:
            last = an_epoch(rig) if updates is None else updates
            n_updates, state = list(short_training(rig, seed=seed, marks=(last,), seconds=_TRAINING * seconds))[-1]
            note = "" if n_updates == last else f"after {n_updates:,} updates instead of {last:,}, to stay inside the budget"
        scales = rig.preconditioner(state)
        if scales is None:
            raise CannotMeasure(Outcome.UNRESOLVED, "the optimizer has made no update yet, so it scales by nothing; train first")
        means = gradients(rig, state, rows, seconds=(1 - _TRAINING) * seconds)
    except CannotMeasure as reason:
        return reason.reading(_NAME)
    size = rows.shape[1]
    simple = noise_reading("noise_scale", parts_of(means, size), size, rig)
    return noise_reading(_NAME, parts_of(means, size, scales), size, rig, note=note, details=(
        ("updates", float(n_updates)), *([("simple", simple.value)] if simple.known else [])))


def _options(rig, evidence, budget):  # noqa: ARG001 - as a probe has it
    return {"seconds": 0.1 * budget}


NOISE_SCALE_PRECONDITIONED = Probe(
    name=_NAME, title="gradient noise scale as the optimizer scales it", what="gradient noise scale as the optimizer scales it",
    why="Adam and its kin follow a scaled gradient, whose noise may be another", run=noise_scale_preconditioned,
    cost=lambda budget, program: 0.1 * budget + 3 * program, options=_options, explains=True, price="normal", sentences=sentences)
