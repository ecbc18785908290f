"""Which batch size predicts fastest."""

import numpy as np

from ..base.text import counted
from ..records import Reading, RowTime
from ..rules.training.predict_size import SHARE, smallest_near_best
from .probe import LEAST_BUDGET, Probe, largest_that_fits
from .step_time import FEWEST_SIZES, race, sizes_up_to

_MOST = 8192


def prediction(rig, *, seed=0, largest=None, seconds=10.0):  # noqa: ARG001 - nothing is drawn
    """The smallest batch size at which Keras' `predict` is within 10 % of its best throughput.

    It changes the speed and the memory of `predict`, never what is predicted. Compiling and the overhead of one call are not
    in it.

    Args:
        largest: the largest batch to try; at most and by default 8,192. Rows are repeated where there are fewer.
        seconds: budget; sizes are left out rather than repeats.

    Returns:
        A `Reading` in examples: `low` to `high` are the smallest and the largest size whose fastest repeat is within 10 % of
        the best median. Points are `RowTime`s; the detail `best` is in rows/s.
    """
    largest = _MOST if largest is None else max(1, min(int(largest), _MOST))
    sizes = sizes_up_to(largest)
    sizes = sizes[: max(FEWEST_SIZES, (len(sizes) + 1) // 2)]  # factors of four: the answer is no sharper than that
    if len(sizes) < FEWEST_SIZES:
        return Reading(name="prediction", value=float(largest), unit="examples", low=1.0, high=float(largest),
                       repeats=1, note="so few rows that one batch holds them all")
    timed = race(lambda size, n: rig.predict_seconds(size, n * size), sizes, whole=lambda _: 1, seconds=seconds)
    if (unresolved := timed.unresolved("prediction", "examples", "predict")) is not None:
        return unresolved
    per_row = timed.median / timed.sizes
    like_best = timed.sizes[timed.seconds.min(1) / timed.sizes <= np.min(per_row) / SHARE["throughput"]]
    return Reading(
        name="prediction", value=float(smallest_near_best(timed.sizes, per_row)), unit="examples", low=float(like_best.min()),
        high=float(like_best.max()), repeats=timed.seconds.shape[1],
        points=tuple(RowTime(batch_size=b, seconds_a_row=seconds, low=low, high=high)
                     for b, seconds, low, high in timed.spans(1 / timed.sizes)),
        details=(("best", float(1 / per_row.min())),),
        note=f"{counted(timed.skipped, 'batch size')} left out, to stay inside the budget" if timed.skipped else "")


def _options(rig, evidence, budget):
    largest = largest_that_fits(evidence)
    return {"seconds": 0.1 * budget, "largest": largest if largest is not None and largest < rig.n_examples else None}


def _sentences(reading, rig):  # noqa: ARG001
    return (f"`predict(batch_size={int(reading.value)})` is within 10 % of the most rows a second here; it need not be the batch "
            "size of training.", "It says nothing about the batch size to train with, and does not change what is predicted.")


PREDICTION = Probe(
    name="prediction", title="best batch size of predict", what="time per row of `predict`, for several batch sizes",
    why="`predict` has a best batch size of its own",
    cost=lambda budget, program: min(8 / 60 * budget, 4 + 3 * program), run=prediction,
    options=_options, least_budget=LEAST_BUDGET, explains=True, sentences=_sentences)
