"""How often a batch holds no row of the rarest class."""

from functools import lru_cache, partial

import numpy as np

from ...base.text import number
from ...base.validate import require
from ...records import BatchOdds, Outcome, Reading
from ...rules.rare_class import empty_batches, empty_odds, missing_odds, smallest_batch
from ...rules.scaling import steps_per_epoch
from ..probe import Probe

_NEVER = 1e-5     # odds that are told as none
_VERY_MANY = 200  # classes: beyond, the odds that any of them is missing are not told


def rare_class(rig, *, seed=0, risk=0.05):  # noqa: ARG001 - nothing is drawn
    """The smallest batch size whose batches seldom hold no row of the rarest class.

    The rows of a batch are drawn without putting back, so that the odds are hypergeometric, C(N - K, B) / C(N, B) with K of N
    training rows in the rarest class; exact, nothing is sampled. True of every batch of an epoch whose rows come in random
    order, as under Keras' `shuffle=True`; not of rows in an order of their own, nor of balanced batches.

    Args:
        risk: the odds of a batch without the rarest class that are small enough, between 0 and 1.

    Returns:
        A `Reading` in examples; without an interval, since nothing in it is by chance. Points are `BatchOdds` at powers of
        two and at the present batch size. Details: `risk`, `rarest` and `rows` (training rows of the rarest class, and all),
        `classes`; at the present batch size `batch_size`, `odds` (a batch without the rarest class), `batches` and `empty`
        (an epoch has, and has without it on average); and, with no more than 200 classes, `odds_any` (a batch that lacks
        some class) and `all_classes` (the smallest batch size at which those are at most `risk`, by inclusion and
        exclusion). `UNSUPPORTED` where the targets are no classes.
    """
    require(0 < risk < 1, "risk", risk, "a probability between 0 and 1")
    classes = rig.classes()
    if classes is None:
        return _without("the targets are no classes, one for each row: no class can be missing from a batch")
    counts = tuple(np.bincount(classes).tolist())
    n, rarest, present = len(classes), min(counts), min(rig.present.batch_size, len(classes))
    if len(counts) < 2:
        return _without("all training rows are of one class: add rows of the others")
    any_missing = lru_cache(partial(missing_odds, counts)) if len(counts) <= _VERY_MANY else lambda size: None
    value = smallest_batch(lambda size: empty_odds(n, rarest, size), risk, n)
    details = {"risk": risk, "rarest": rarest, "rows": n, "classes": len(counts), "batch_size": present,
               "odds": empty_odds(n, rarest, present), "batches": steps_per_epoch(n, present),
               "empty": empty_batches(n, rarest, present)}
    if len(counts) <= _VERY_MANY:
        details |= {"odds_any": any_missing(present), "all_classes": smallest_batch(any_missing, risk, n)}
    sizes = sorted({present, value, *(2**i for i in range(n.bit_length()))})
    points = tuple(BatchOdds(batch_size=size, odds=empty_odds(n, rarest, size), odds_any=any_missing(size),
                             batches=steps_per_epoch(n, size), empty=empty_batches(n, rarest, size)) for size in sizes)
    return Reading(name="rare_class", value=float(value), unit="examples", low=float(value), high=float(value), repeats=1,
                   details=tuple((name, float(figure)) for name, figure in details.items()), points=points,
                   note="exact, from the counts of the classes: nothing is sampled")


def _sentences(reading, rig):  # noqa: ARG001 - the reading says it all
    d = dict(reading.details)
    empty = "practically no batch is without"
    if d["odds"] > _NEVER:
        empty = (f"{number(100 * d['odds'])} % of the batches ({number(d['empty'])} of {int(d['batches']):,} in an epoch, "
                 "on average) are without")
    return (f"With a batch size of {int(d['batch_size']):,}, {empty} a row of the rarest class, which has {int(d['rarest']):,} of "
            f"{int(d['rows']):,} rows; from a batch size of {int(reading.value):,} on at most {number(100 * d['risk'])} % are.",
            "It does not mean that small batches learn the rare class worse: at any batch size every row comes once in an epoch "
            "and the gradient is the same on average.")


def _without(note):
    return Reading(name="rare_class", unit="examples", outcome=Outcome.UNSUPPORTED, note=note)


RARE_CLASS = Probe(
    name="rare_class", title="smallest batch size that seldom lacks the rarest class",
    what="how often a batch holds no row of the rarest class", why="such an update learns nothing of that class",
    cost=lambda budget, program: 0.1, run=rare_class, price="quick", sentences=_sentences)
