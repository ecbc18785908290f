"""The critical batch size from updates to a target, and the batch size that trains fastest."""

import math
from functools import partial

from ..base.hyperbola import hyperbola_fit
from ..base.text import number
from ..records import Outcome, Reading, UpdatesToTarget, Verdict
from .scaling import steps_per_epoch, time_band, time_optimal

_critical = partial(Reading, name="critical_batch", title="critical batch size B_crit", unit="examples")
_fastest = partial(Reading, name="time_optimal_batch", title="estimated fastest batch size (within 10 % of the least time)",
                   unit="examples")


def critical_batch(arms, censored_at, n_train):
    """Where doubling the batch no longer halves the updates: B_crit of S(B) = Smin (1 + B_crit / B).

    McCandlish et al. 2018 (arXiv:1812.06162), eq. 2.11, fitted in log space to the best rate of each batch size; a batch size
    that did not reach the target counts as "more updates than it was given", and one that reached it within the first epoch,
    before the first look, as "at most those of an epoch". The law is an approximation: exact worlds lie up
    to 12 % off it, and B_crit grows as the target gets harder. Do not trust it far outside the batch sizes that were trained.

    Args:
        arms: the `Arm`s. censored_at: `{batch size: updates made}` where no arm reached the target. n_train: training rows.

    Returns:
        A `Reading` in examples; `LOWER_BOUND` where it is open above, `UNRESOLVED` where it is open below as well or
        too few sizes arrived.
    """
    best = {}
    for arm in arms:
        if arm.steps is not None and arm.verdict is not Verdict.DIVERGED:
            size = arm.setting.batch_size
            best[size] = min(best.get(size, math.inf), arm.steps)
    early = {size: steps for size, steps in best.items() if 1 < steps <= steps_per_epoch(n_train, size)}
    return fitted({size: steps for size, steps in best.items() if size not in early}, early,
                  {size: steps for size, steps in censored_at.items() if size not in best})


def fitted(best, early, late, what="the target"):
    """The law through these updates to `what`, `{batch size: updates}` each: known, at most, and more than; as `critical_batch`."""
    sizes, steps = [*best, *early, *late], [*best.values(), *early.values(), *late.values()]
    if len(best) < 3:
        before = f", and {len(early)} before the end of the first epoch, where nothing is measured" if early else ""
        return _critical(outcome=Outcome.UNRESOLVED,
                         note=f"{len(best) or 'no'} batch size{'s' * (len(best) != 1)} reached {what}{before}; it takes 3")
    fit = hyperbola_fit(sizes, steps, [size in late for size in sizes], early=[size in early for size in sizes])
    points = tuple(UpdatesToTarget(batch_size=int(b), updates=float(s)) for b, s in zip(sizes, steps, strict=True))
    if fit.low == 0 and math.isinf(fit.high):
        return _critical(outcome=Outcome.UNRESOLVED, points=points,
                         note=f"the updates to {what}, by batch size, follow no clear law")
    bounded = math.isfinite(fit.high) and math.isfinite(fit.b_crit)
    return _critical(value=fit.b_crit if bounded else fit.low, low=fit.low, high=fit.high, repeats=len(best),
                     outcome=Outcome.OK if bounded else Outcome.LOWER_BOUND, points=points,
                     details=(("s_min", fit.s_min), ("e_min", fit.e_min), ("sigma", fit.sigma)))


def agreement(branched, law):
    """The sentence that says that branches of one state and steps to a target contradict each other.

    The two ask different questions, so they are held against each other in the same terms: the B_crit with which the law of steps
    to a target would let the largest branch end as it did (`rules.branches.implied_b_crit`), and that fitted to the steps.

    Args:
        branched: the reading `branched_batch`. law: the reading `critical_batch`. Either may be `None`.

    Returns:
        A clause for a note; empty where they do not contradict each other, or one of them is not known.
    """
    if branched is None or law is None or not branched.points or not law.known:
        return ""
    details = dict(branched.details)
    low, high = details.get("law_low"), details.get("law_high")
    if low is None or high is None or (low <= law.high and law.low <= high):
        return ""
    than = "larger" if low > law.high else "smaller"
    return (f"the branches speak of a {than} critical batch size, {_span(low, high)} in the law of steps to a target, than the "
            f"steps to the target themselves, {_span(law.low, law.high)}: a window of training is not the whole of it")


def _span(low, high):
    return f"at least {number(low)}" if math.isinf(high) else f"{number(low)} to {number(high)}"


def time_optimal_batch(critical, throughput):
    """The batch size with the least `fit` time to the target, √(B_crit · B_hw), and the band within 10 % of that time.

    A `Reading` in examples whose interval is the band; `UNRESOLVED` where one of the two readings is not known.
    """
    if not (critical and throughput and critical.outcome is Outcome.OK and throughput.known and critical.value > 0):
        return _fastest(outcome=Outcome.UNRESOLVED, note="it needs both the critical batch size and the time of a step")
    t0, c = throughput.detail("t0"), throughput.detail("c")
    best = time_optimal(critical.value, t0, c)
    if not math.isfinite(best):
        return _fastest(outcome=Outcome.UNRESOLVED,
                        note="a larger batch costs no measurable time here, so no size is too large for the clock")
    low, high = time_band(critical.value, t0, c)
    return _fastest(value=best, low=low, high=high, repeats=critical.repeats)
