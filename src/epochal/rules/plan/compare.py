"""Settings compared pairwise over seeds and validation rows: which are equal in quality, and what each costs."""

import math
from typing import Any

import numpy as np

from ...base.errors import UsageError
from ...base.stats import holm, mean_interval, paired_difference, two_way_interval, two_way_p_lower
from ...records import Arm, Outcome, Verdict
from ..metric import more_is_better
from ..scaling import steps_per_epoch
from .quality import all_updates_to, best_epoch, cross_fitted, metrics_judged, values_of

ALPHA = 0.025  # for each of two ways to a change, one-sided: better, and no worse and cheaper
_FEWEST = 3  # trainings of each that show one better


def runs_by_setting(evidence):
    """`{setting: {(seed, fold): curve}}` of all runs with fresh seeds, the present setting's first."""
    runs = {}
    for curve in (*evidence.of("present"), *evidence.of("confirm")):
        of_setting, which = runs.setdefault(curve.setting, {}), (curve.seed, curve.fold)
        if which not in of_setting or curve.n_epochs > of_setting[which].n_epochs:  # the longer one, where epochs were fixed once
            of_setting[which] = curve
    return runs


def shown_better(runs, present):
    """The settings shown better than the present one over seeds and validation rows: one-sided, 2.5 % over all of them
    together (Holm 1979).

    `runs` is as from `runs_by_setting`, `present` the user's setting.
    """
    others = [s for s in runs if s != present and not _diverged(runs[s])]
    if _diverged(runs[present]):
        return others
    tables = [_by_blocks(runs, s, present) for s in others]
    p_values = [two_way_p_lower(table) if len(table) >= _FEWEST else 1.0 for table in tables]
    return [s for s, p in zip(others, holm(p_values), strict=True) if p <= ALPHA] if others else []


def shown_no_worse(runs, settings, against, margin):
    """The settings, of those named, shown no worse than the reference by the margin or more, over seeds and validation rows:
    one-sided, 2.5 % over all of them together (Holm 1979)."""
    tables = {s: _by_blocks(runs, s, against) for s in settings if s != against and not _diverged(runs[s])}
    p_values = [two_way_p_lower(table - margin) if len(table) > 1 else 1.0 for table in tables.values()]
    known = [s for s, p in zip(tables, holm(p_values), strict=True) if p <= ALPHA] if tables else []
    return [*known, *(s for s in settings if s == against)]


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
        mine, theirs = _qualities(runs, setting, present)
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
    better = shown_better(runs, present) if against == present else []

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
            difference, low, high = _difference(runs, setting, against)
            verdict = Verdict.BETTER if setting in better else verdict_of(low, high, margin)
        # With other numbers of seeds the means are of other luck: beside the reference the paired difference tells.
        quality = base + difference if difference is not None else float(np.mean([cross_fitted(c) for c in mine.values()]))
        metrics = _mean_metrics(mine, runs[against], [s for s in mine if s in runs[against]])
        return Arm(**shared, metrics=metrics, quality=quality, difference=difference, low=low, high=high, verdict=verdict,
                   epochs=float(np.median([best_epoch(c) for c in mine.values()])), **_cost(mine, setting, target, step_seconds))

    return tuple(map(arm, sorted(runs)))


def _mean_metrics(mine, reference, seeds):
    """The metrics of an arm as its quality is told: those of the reference and the mean difference over their common seeds."""
    own, base = ([metrics_judged(c) for c in of.values()] for of in (mine, reference))
    if not all(own) or not all(base):
        return ()
    if not seeds:
        return tuple(map(float, np.mean(own, axis=0)))
    apart = np.mean([np.subtract(metrics_judged(mine[s]), metrics_judged(reference[s])) for s in seeds], axis=0)
    return tuple(map(float, np.mean(base, axis=0) + apart))


def test_metrics_of(runs, chosen, present):
    """The compiled metrics on the test rows, of the chosen and the present setting, as `test_loss_of`; `None` if unknown."""
    if not all(c.test_metrics and c.outcome is Outcome.OK for setting in (chosen, present) for c in runs[setting].values()):
        return None
    seeds = [s for s in runs[chosen] if s in runs[present]]
    kept = ([[values[best_epoch(runs[setting][s]) - 1] for values in runs[setting][s].test_metrics] for s in seeds]
            for setting in (chosen, present))
    return tuple(tuple(map(float, np.mean(of_seeds, 0))) for of_seeds in kept)


def better_by_another(runs, chosen, task):
    """A sentence where a setting is shown better than the chosen one by another metric than the one that decides: by the first one
    compiled, or the loss where that is not what decides. Else nothing.

    Shown is: paired over seeds, one-sided, 2.5 % over all settings together (Holm 1979); rows are taken as they are.

    Args:
        runs: as from `compare.runs_by_setting`. chosen: a `Setting` of them.
    """
    if not task.metrics:
        return ""
    name = task.metrics[task.place_of_other]
    try:
        way = -1.0 if more_is_better(name) else 1.0
    except UsageError:  # its name does not tell which way is better
        return ""
    found, tables = {}, {}
    for setting, of in runs.items():
        seeds = [seed for seed in of if seed in runs[chosen]]
        pairs = [(metrics_judged(of[seed]), metrics_judged(runs[chosen][seed])) for seed in seeds]
        if setting != chosen and len(pairs) >= _FEWEST and all(mine and theirs for mine, theirs in pairs):
            mine, theirs = np.array(pairs)[:, :, task.place_of_other].T
            if np.isfinite(mine - theirs).all():
                found[setting], tables[setting] = (mine.mean(), theirs.mean()), way * (mine - theirs)[:, None]
    p_values = holm([two_way_p_lower(table) for table in tables.values()]) if tables else []
    shown = [setting for setting, p in zip(tables, p_values, strict=True) if p <= ALPHA]
    if not shown:
        return ""
    best = min(shown, key=lambda setting: float(tables[setting].mean()))
    decides, words, option = task.decides.replace("_", " "), name.replace("_", " "), "val_loss" if name == "loss" else name
    return (f"whether {decides} or {words} matters more: {best} has the better {words}, {found[best][0]:.4g} beside "
            f"{found[best][1]:.4g}; `--metric {option}` decides by it")


def seconds_ratio(runs, a, b, target, step_seconds, of_a=None):
    """Time to target of setting `a` over that of `b`, paired over seeds: `(ratio, low, high)`; `None` where it is unknown.

    `of_a` is another target for `a`.
    """
    seeds = [s for s in runs[a] if s in runs[b]]
    mine, theirs = (all_updates_to([runs[setting][s] for s in seeds], goal)
                    for setting, goal in ((a, target if of_a is None else of_a), (b, target)))
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


def nearest(runs, aim):
    """Which setting comes nearest to an `Aim`, and the mean over its trainings of the best value of each; `None` without one."""
    best = max if aim.at_least else min
    found = {setting: float(np.mean([best(values_of(curve, aim)) for curve in of.values()])) for setting, of in runs.items()
             if not _diverged(of) and all(values_of(curve, aim) for curve in of.values())}
    return best(found.items(), key=lambda item: item[1], default=None)


def own_target(runs, setting, present, target):
    """The target, as much lower as the loss of a setting is below the present one's: rows that favour a setting let it reach the
    same loss sooner, and not come sooner to its own."""
    mine, theirs = _qualities(runs, setting, present)
    return target + min(0.0, float(np.mean(np.subtract(mine, theirs)))) if mine else target


def examples_to_target(arm, n_train):
    """Examples an arm has seen when it reaches the target, the short last batches counted as short; `None` where it never did."""
    return None if arm.steps is None else arm.steps * examples_per_step(arm.setting.batch_size, n_train)


def examples_per_step(batch_size, n_train):
    """Examples in an update, on average over an epoch."""
    return n_train / steps_per_epoch(n_train, batch_size)


def updates(mine, target):
    """The updates to a target of a setting's runs, `{(seed, fold): curve}`; `None` with one alone, or where one never arrived."""
    found = None if _diverged(mine) else all_updates_to(mine.values(), target)
    return found if found is not None and len(found) > 1 else None


def _cost(mine, setting, target, step_seconds) -> dict[str, Any]:
    steps = updates(mine, target)
    if steps is None:
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


def _qualities(runs, a, b):
    pairs = [pair for pair in runs[a] if pair in runs[b]]
    return [cross_fitted(runs[a][pair]) for pair in pairs], [cross_fitted(runs[b][pair]) for pair in pairs]


def _difference(runs, a, b):
    """The difference in loss of two settings, `(mean, low, high)`: the mean over all rows, the interval over seeds and rows."""
    mine, theirs = _qualities(runs, a, b)
    mean, (middle, low, high) = float(np.mean(np.subtract(mine, theirs))), two_way_interval(_by_blocks(runs, a, b))
    return mean, mean - (middle - low), mean + (high - middle)


def _by_blocks(runs, a, b):
    """Differences in loss, float[n_pairs, n_blocks], masked where a pair of trainings was judged on other rows.

    Where a training kept none, in evidence of an earlier version for one, there is but one block, of all rows.
    """
    pairs = [(runs[a][pair], runs[b][pair]) for pair in runs[a] if pair in runs[b]]
    if not pairs or not all(curve.blocks_a for pair in pairs for curve in pair):
        return np.subtract(*_qualities(runs, a, b))[:, None]
    rows = [np.subtract(*(curve.blocks_a + curve.blocks_b for curve in pair)) for pair in pairs]
    folds = sorted({curve.fold for curve, _ in pairs})
    table = np.ma.masked_all((len(pairs), len(folds), len(rows[0])))
    for i, ((curve, _), row) in enumerate(zip(pairs, rows, strict=True)):
        table[i, folds.index(curve.fold)] = row
    return table.reshape(len(pairs), -1)


def _diverged(runs):
    return any(math.isinf(cross_fitted(c)) for c in runs.values())
