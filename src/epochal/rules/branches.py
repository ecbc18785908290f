"""The largest batch whose branch of a training is not worse than the present one's, from how the branches end."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from ..base.stats import two_way_interval
from ..base.text import difference as told_difference
from ..base.text import number
from ..records import BranchLoss, Outcome, Reading

MARGIN = 0.01  # of what the loss falls by over the window: a branch that loses less is not worse; declared beforehand

_reading = partial(Reading, name="branched_batch", unit="examples")


class Branch(NamedTuple):
    """How the branch of one batch size ends.

    Attributes:
        batch_size, n_updates: of the branch. learning_rate: the best of those tried with other seeds.
        ends: float[n_seeds, n_blocks]: validation loss of blocks of rows at the window's end; infinite where it diverged.
        half: the same after half of the window; `None` where nothing was looked at there.
        edge: whether the best rate was the highest or lowest of those tried.
    """

    batch_size: int
    n_updates: int
    learning_rate: float
    ends: np.ndarray
    half: np.ndarray | None = None
    edge: bool = False


class Verdicts(NamedTuple):
    """What branches show: the largest batch size shown not worse, and the smallest shown worse (infinite where none is)."""

    not_worse: int
    worse: float
    differences: tuple[tuple[int, float, float, float], ...]  # (batch size, mean, low, high)


def verdicts(ends, margin):
    """The `Verdicts` on `{batch size: float[n_seeds, n_blocks]}`, the same seeds and rows for all; the smallest is the present one.

    A branch is not worse where its loss less that of the present batch size, paired, is below the margin with all of its 95 %
    interval over seeds and rows (a one-sided test at 2.5 %); worse, where all of it is above. Both in fixed sequence: not worse
    from the smallest batch upward, until one is not shown to be; worse from the largest downward. So each end is wrong in at most
    2.5 % of cases, whatever the number of batch sizes, where a larger batch is never better than a smaller one.
    """
    present, *larger = sorted(ends)
    differences = [(size, *_difference(ends[size], ends[present])) for size in larger]
    not_worse, worse = present, math.inf
    for size, _, _, high in differences:
        if not high <= margin:
            break
        not_worse = size
    for size, _, low, _ in reversed(differences):
        if not low > margin:
            break
        worse = size
    return Verdicts(not_worse, worse, tuple(differences))


def _difference(ends, present):
    if not np.isfinite(ends).all():
        return math.inf, math.inf, math.inf
    return two_way_interval(ends - present)


def by_branches(branches, before, n_examples, limit, margin=MARGIN):
    """The reading `branched_batch` from branches of one state.

    Args:
        branches: `Branch`es, the present batch size among them and the smallest. before: validation loss at the state, a number.
        n_examples: that each branch saw. limit: why no larger batch was tried, in words.
        margin: of what the loss of the present batch size falls by over the window.

    Returns:
        A `Reading` in examples: `low` the largest batch size shown not worse (the present one where none larger is), `high` the
        smallest shown worse; the value is `low`. `LOWER_BOUND` where a larger batch is shown not worse and none worse;
        `UNRESOLVED` where neither is, or the loss did not fall. Details: `n_examples`, `fall`, `margin` (both in the loss);
        `low_at_half_the_window`, `high_at_half_the_window`, and the same at five times the margin, for how far the answer depends
        on both; `law_low` and `law_high`: between which B_crit the law S = Smin (1 + B_crit / B) would let the largest branch end
        as it did.
    """
    branches = sorted(branches, key=lambda one: one.batch_size)
    present = branches[0]
    fall = before - float(present.ends.mean()) if np.isfinite(present.ends).all() else -math.inf
    if not fall > 0:
        return _reading(outcome=Outcome.UNRESOLVED, note="the present batch size did not lower the validation loss in "
                        f"{n_examples:,} examples")
    if len(branches) < 2:
        return _reading(outcome=Outcome.UNRESOLVED, note=limit)
    found = verdicts({one.batch_size: one.ends for one in branches}, margin * fall)
    told = ((present.batch_size, 0.0, 0.0, 0.0), *found.differences)
    points = tuple(_point(one, *difference) for one, (_, *difference) in zip(branches, told, strict=True))
    details = (("n_examples", float(n_examples)), ("fall", fall), ("margin", margin * fall),
               *_depends(branches, before, fall, margin, found.differences[-1]))
    notes = [f"{n_examples:,} examples to each branch, margin {number(100 * margin)} % of the fall in loss"]
    if edges := [one.batch_size for one in branches if one.edge]:
        notes.append(f"the best rate tried is the highest or lowest one at batch size {', '.join(map(str, edges))}")
    low, outcome, n_seeds = float(found.not_worse), Outcome.OK, len(present.ends)
    if found.not_worse == present.batch_size and math.isinf(found.worse):
        size, *difference = found.differences[0]
        notes.insert(0, f"at batch size {size:,} the loss is {told_difference(*difference)} beside a margin of "
                        f"{margin * fall:.2g}, which shows neither")
        return _reading(outcome=Outcome.UNRESOLVED, points=points, details=details, note="; ".join(notes))
    if math.isinf(found.worse):
        outcome = Outcome.LOWER_BOUND
        notes.append(limit if found.not_worse == branches[-1].batch_size else "beyond it the seeds do not decide")
    return _reading(value=low, low=low, high=found.worse, repeats=n_seeds, outcome=outcome, points=points, details=details,
                    note="; ".join(filter(None, notes)))


def _depends(branches, before, fall, margin, difference):
    """Details: how far the answer depends on window and margin, and the law that the largest branch would agree with."""
    wide = verdicts({one.batch_size: one.ends for one in branches}, 5 * margin * fall)
    details = [("low_at_5_margins", float(wide.not_worse)), ("high_at_5_margins", float(wide.worse))]
    halves = {one.batch_size: one.half for one in branches if one.half is not None}
    present = min(one.batch_size for one in branches)
    fall_at_half = before - float(halves[present].mean()) if len(halves) == len(branches) else -math.inf
    if fall_at_half > 0:
        at_half = verdicts(halves, margin * fall_at_half)
        details += [("low_at_half_the_window", float(at_half.not_worse)), ("high_at_half_the_window", float(at_half.worse))]
        law = implied_b_crit(difference, present, fall, fall_at_half)
        details += [("law_low", law[0]), ("law_high", law[1])] if law else []
    return details


def implied_b_crit(difference, present, fall, fall_at_half):
    """Between which B_crit the law of steps to a target would let a branch end as it did: `(low, high)`, `None` where none is told.

    At batch size kB the law takes (B_crit + kB) / (B_crit + B) times as many examples, McCandlish et al. 2018 (arXiv:1812.06162),
    eq. 2.11; how much of the fall in loss they are worth is told by the present branch's own curve, taken as exponential between
    the window's beginning, middle and end. Rough: for telling whether two measurements contradict each other.
    """
    size, _, low, high = difference
    if not 0 < fall_at_half < fall or math.isnan(low):
        return None
    rate = 2 * math.log(max(fall_at_half / (fall - fall_at_half), 1 + 1e-6))  # of the decay, in windows

    def b_crit(lost):
        """From the share of the fall that the branch lost."""
        if lost <= 0:
            return math.inf
        if lost >= 1:
            return 0.0
        times = -rate / math.log1p((1 - lost) * math.expm1(-rate))
        return max(0.0, (size - times * present) / (times - 1))

    return b_crit(high / fall), b_crit(low / fall)


def _point(branch, worse, low, high):
    return BranchLoss(batch_size=branch.batch_size, learning_rate=branch.learning_rate, n_updates=branch.n_updates,
                      worse=float(worse), low=float(low), high=float(high))
