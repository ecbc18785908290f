"""Settings compared pairwise over seeds: which are equal in quality, and what each costs."""

import math
from typing import Any

import numpy as np
from scipy.special import stdtr

from ...base.stats import holm, mean_interval, paired_difference
from ...records import Arm, Verdict
from ..scaling import steps_per_epoch
from .quality import all_updates_to, best_epoch, cross_fitted, judged_halves

ALPHA = 0.05


def runs_by_setting(evidence):
    """`{setting: {seed: curve}}` of all runs with fresh seeds, the present setting's first."""
    runs = {}
    for curve in (*evidence.of("present"), *evidence.of("confirm")):
        runs.setdefault(curve.setting, {})[curve.seed] = curve
    return runs


def shown_better(runs, present):
    """The settings shown better than the present one: paired t tests, one-sided, 5 % over all of them together (Holm 1979).

    Seeds alone do not tell how lucky a setting was with the validation rows. So it must be shown on all of them and on each
    half alone: an advantage that lives in one half is no advantage.

    `runs` is as from `runs_by_setting`, `present` the user's setting.
    """
    others = [s for s in runs if s != present and not _diverged(runs[s])]
    if _diverged(runs[present]):
        return others
    judges = (cross_fitted, lambda curve: judged_halves(curve)[0], lambda curve: judged_halves(curve)[1])
    p_values = [max(_p_lower(*_qualities(runs, s, present, judge)) for judge in judges) for s in others]
    return [s for s, p in zip(others, holm(p_values), strict=True) if p <= ALPHA] if others else []


def test_loss_of(runs, chosen, present):
    """Mean test loss of the chosen and of the present setting, and their paired difference as `(mean, low, high)`.

    At the epoch whose validation loss is lowest, as early stopping keeps it. `None` where there are no test rows, or their loss is
    no number, or a run diverged. Read once, after the choice; the choice never sees it.
    """
    if _diverged(runs[chosen]) or _diverged(runs[present]) or not all(c.test_loss for c in runs[chosen].values()):
        return None
    seeds = [s for s in runs[chosen] if s in runs[present]]
    mine, theirs = ([runs[setting][s].test_loss[best_epoch(runs[setting][s]) - 1] for s in seeds] for setting in (chosen, present))
    if not np.isfinite([mine, theirs]).all():
        return None
    return float(np.mean(mine)), float(np.mean(theirs)), tuple(map(float, paired_difference(mine, theirs)))


def reference(runs, present, least=0.0, among=lambda setting: True):
    """The setting to measure all others by: the best of those shown better than the present one, else the present one.

    `least`: how much lower its mean loss must be, paired; by less than the margin is equal, however surely it is shown. `among`
    tells which settings come into question.
    """
    def lower(setting):
        mine, theirs = _qualities(runs, setting, present, cross_fitted)
        return float(np.mean(theirs) - np.mean(mine))

    better = [s for s in shown_better(runs, present) if _diverged(runs[present]) or (lower(s) >= least and among(s))]
    if better and _diverged(runs[present]):
        return min(better, key=lambda s: float(np.mean([cross_fitted(c) for c in runs[s].values()])))
    return max(better, key=lower, default=present)


def compare(runs, present, against, margin, target, step_seconds, peak_bytes):
    """One `Arm` for every setting, by batch size.

    Args:
        runs: as from `runs_by_setting`. present: the user's setting. against: the reference setting.
        margin: differences below it count as none. target: the loss whose first reaching is counted.
        step_seconds: `(batch_size) -> Seconds` of one step of `fit`, or `None` where unknown.
        peak_bytes: `(batch_size) -> bytes` of one step as the compiled program told, or `None` where it was not asked.
    """
    base = float(np.mean([cross_fitted(c) for c in runs[against].values()]))

    def arm(setting):
        mine = runs[setting]
        shared: dict[str, Any] = {"setting": setting, "present": setting == present, "n_seeds": len(mine),
                                  "peak_bytes": peak_bytes(setting.batch_size)}
        if _diverged(mine):
            return Arm(**shared, quality=None, difference=None, low=None, high=None, verdict=Verdict.DIVERGED, epochs=None)
        pairs = _qualities(runs, setting, against)
        if setting == against:
            difference, low, high, verdict = 0.0, 0.0, 0.0, Verdict.REFERENCE
        elif len(pairs[0]) < 2:
            difference, low, high, verdict = None, None, None, Verdict.UNDECIDED
        else:
            difference, low, high = map(float, paired_difference(*pairs))
            verdict = verdict_of(low, high, margin)
        # With other numbers of seeds the means are of other luck: beside the reference the paired difference tells.
        quality = base + difference if difference is not None else float(np.mean([cross_fitted(c) for c in mine.values()]))
        return Arm(**shared, quality=quality, difference=difference, low=low, high=high, verdict=verdict,
                   epochs=float(np.median([best_epoch(c) for c in mine.values()])), **_cost(mine, setting, target, step_seconds))

    return tuple(map(arm, sorted(runs)))


def seconds_ratio(runs, a, b, target, step_seconds):
    """Time to target of setting `a` over that of `b`, paired over seeds: `(ratio, low, high)`; `None` where it is unknown."""
    seeds = [s for s in runs[a] if s in runs[b]]
    mine, theirs = (all_updates_to([runs[setting][s] for s in seeds], target) for setting in (a, b))
    if len(seeds) < 2 or mine is None or theirs is None:
        return None
    logs = [math.log(x / y) for x, y in zip(mine, theirs, strict=True)]
    mean, low, high = mean_interval(logs)
    mine, theirs = step_seconds(a.batch_size), step_seconds(b.batch_size)
    if mine is None:
        return None
    clock = math.hypot(math.log(mine.high / mine.low) / 2, math.log(theirs.high / theirs.low) / 2) \
        if a.batch_size != b.batch_size else 0.0
    return _exp_interval(mean, math.hypot((high - low) / 2, clock), mine.value / theirs.value)


def verdict_of(low, high, margin):
    """What the interval of a difference in loss (setting minus reference) shows. An interval that is not a number shows nothing.

    >>> [verdict_of(*span, 0.1).value for span in ((-0.2, 0.05), (0.12, 0.3), (-0.1, 0.3), (float("nan"), float("nan")))]
    ['not worse', 'worse', 'undecided', 'undecided']
    """
    if high < margin:
        return Verdict.NOT_WORSE
    return Verdict.WORSE if low > 0 else Verdict.UNDECIDED


def examples_to_target(arm, n_train):
    """Examples an arm has seen when it reaches the target, the short last batches counted as short; `None` where it never did."""
    return None if arm.steps is None else arm.steps * examples_per_step(arm.setting.batch_size, n_train)


def examples_per_step(batch_size, n_train):
    """Examples in an update, on average over an epoch."""
    return n_train / steps_per_epoch(n_train, batch_size)


def _cost(mine, setting, target, step_seconds) -> dict[str, Any]:
    steps = all_updates_to(mine.values(), target)
    if steps is None or len(steps) < 2:
        return {}
    mean, low, high = mean_interval([math.log(s) for s in steps])
    counted = {"steps": math.exp(mean), "steps_low": math.exp(low), "steps_high": math.exp(high)}
    step = step_seconds(setting.batch_size)
    if step is None:
        return counted
    half = math.hypot((high - low) / 2, math.log(step.high / step.low) / 2)
    return counted | dict(zip(("seconds", "seconds_low", "seconds_high"), _exp_interval(mean, half, step.value), strict=True))


def _exp_interval(mean, half, factor):
    """`(value, low, high)` of a factor times e to the power of `mean ± half`."""
    return tuple(factor * math.exp(log) for log in (mean, mean - half, mean + half))


def _qualities(runs, a, b, judge=cross_fitted):
    seeds = [s for s in runs[a] if s in runs[b]]
    return [judge(runs[a][s]) for s in seeds], [judge(runs[b][s]) for s in seeds]


def _p_lower(mine, theirs):
    """P value against "mine is not lower than theirs", paired."""
    away = np.array(mine) - np.array(theirs)
    if len(away) < 3:
        return 1.0
    spread = away.std(ddof=1)
    if spread == 0:
        return 0.0 if away.mean() < 0 else 1.0
    return float(stdtr(len(away) - 1, away.mean() / (spread / math.sqrt(len(away)))))


def _diverged(runs):
    return any(math.isinf(cross_fitted(c)) for c in runs.values())
