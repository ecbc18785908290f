"""The comparison of a study: every batch size against the reference, under every budget, paired over fresh seeds."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...base.pairs import ALPHA, detectable, equivalence, paired_p, paired_spread, seeds_to_resolve, superiority
from ...base.stats import holm, mean_interval, paired_difference
from ...base.validate import require
from ...records import Contrast, Curve, Design, Setting, Task, TunedRate, Verdict
from ..margin import SHARE
from ..scaling import steps_per_epoch
from .judging import best_value, cost, judged, test_value, worst
from .sentences import sentence

TUTORIAL = "tutorial"
_ROUNDING = 1e-5  # relative: curves are kept to six digits, so a smaller gain is none


def declared_margin(design, untrained, trial_qualities):
    """The difference that counts as none: the design's, or 1 % of what training gains.

    The same rule for every metric: a share of the gain has the metric's own unit. An absolute 0.01 would be nothing to an error in
    metres, and all there is to gain in accuracy where one class makes up 99 % of the rows.

    Args:
        untrained: quality, in the design's metric, of a network that has learnt nothing: untrained, or always giving the best
            constant answer, whichever is the better. `None` where it is not known: then the design must state the margin.
        trial_qualities: the qualities of the trials; those that are not finite are left out.

    Returns:
        In the unit of the metric. Where nothing gained anything, 1 % of the untrained quality itself.
    """
    if design.margin is not None:
        require(0 < design.margin < math.inf, "margin", design.margin, "a difference in the metric, more than 0")
        return design.margin
    require_margin(design, untrained)
    costs = [cost(q, design) for q in trial_qualities if math.isfinite(q)]
    gain = cost(untrained, design) - min(costs, default=math.inf)
    return SHARE * (gain if gain > _ROUNDING * abs(untrained) else abs(untrained))


def require_margin(design, untrained):
    """Refuse a design whose margin is left to be found where it cannot be; arguments as for `declared_margin`."""
    require(design.margin is not None or (untrained is not None and math.isfinite(untrained)), "margin", design.margin,
            f"stated, since the {design.metric} of a network that has learnt nothing is not known", "Pass margin=0.01, say.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a study trained and measured, from which its comparison follows."""

    design: Design  # with `task`: what was declared, and what was trained on
    task: Task
    present: Setting  # the user's own setting; tutorials train every batch size at its learning rate
    # all trainings; those of the stage `"confirm"` are compared. Where a setting and seed was trained twice, the longer.
    curves: tuple[Curve, ...]
    rates: tuple[TunedRate, ...]  # the `TunedRate`s; one that is missing says that every rate diverged there
    # `{(budget, batch_size): n_epochs}`, as from `design.horizons`; `"tutorial"` need not be among them
    horizons: dict[tuple[str, int], int]
    margin: float  # as from `declared_margin`
    # `{batch_size: seconds a step of fit}`; sizes that were not measured are missing or `None`
    fit_seconds: dict[int, float | None] = field(default_factory=dict)
    no_memory: tuple[int, ...] = ()  # batch sizes that could not be trained for lack of it; their horizons are missing


def contrasts(trained: Trained) -> tuple[Contrast, ...]:
    """One `Contrast` for each budget and batch size, in the order of `design.equal` and `design.batch_sizes`, `"tutorial"` last.

    Differences are judged by paired t tests over seeds, adjusted over the arms of a budget (Holm 1979), and by two one-sided
    tests against the margin, not adjusted: of the arms that differ by just the margin each is called equivalent in one study of
    twenty. Both speak of these validation rows, and of seeds like these.
    """
    design = trained.design
    require(design.reference in design.batch_sizes, "reference", design.reference, f"of the batch sizes {design.batch_sizes}")
    tuned, runs = {(rate.budget, rate.batch_size): rate for rate in trained.rates}, {}  # of each seed the longest run
    for curve in sorted((c for c in trained.curves if c.stage == "confirm"), key=lambda c: (c.seed, c.n_epochs)):
        runs.setdefault((curve.setting.batch_size, curve.setting.learning_rate), {})[curve.seed] = curve
    found = []
    for budget in (*design.equal, *((TUTORIAL,) if design.tutorial else ())):
        found += _compared(trained, [_arm(trained, budget, size, tuned.get((budget, size)), runs) for size in design.batch_sizes])
    return tuple(found)


def verdict_from(difference, low, high, p_value, p_equivalent, margin, larger_is_better=False):
    """What a difference (arm minus reference) shows; anything that is not a number shows nothing.

    A difference that is beyond chance and yet wholly within the margin is equivalent: it is there, and it does not matter.

    >>> [verdict_from(0.02, low, 0.04 - low, p, 0.01, 0.1).value for low, p in ((0.01, 0.001), (-0.01, 0.2), (-0.1, 0.001))]
    ['equivalent', 'equivalent', 'worse']
    """
    shown, negligible = p_value <= ALPHA, -margin <= low and high <= margin
    if p_equivalent <= ALPHA and (not shown or negligible):
        return Verdict.EQUIVALENT
    if shown and difference != 0 and not math.isnan(difference):
        return Verdict.BETTER if (difference > 0) == larger_is_better else Verdict.WORSE
    return Verdict.UNDECIDED


class _Arm(NamedTuple):
    """The runs of one setting under one budget, each judged once."""

    budget: str
    setting: Setting
    n_epochs: int
    tuned: bool  # whether any rate did not diverge in the trials
    interior: bool  # whether the rate is known to be tuned, where it is tuned at all
    quality: dict[int, float]  # like `test`, by seed; `test` is empty where there are no test rows
    test: dict[int, float]
    biases: list[float]  # by how much the best value of each run flatters
    n_diverged: int  # runs that diverged before the horizon

    @property
    def diverged(self):
        return self.n_diverged > 0 or not self.tuned


def _arm(trained, budget, size, tuned, runs_by_setting):
    """The arm of one batch size; where every rate diverged, its setting has the lowest that was tried."""
    design, names, rate, n_epochs = trained.design, trained.task.metrics, trained.present.learning_rate, trained.design.epochs
    if budget != TUTORIAL:
        rate, n_epochs = None if tuned is None else tuned.value, trained.horizons.get((budget, size), 0)
    n_epochs = 0 if size in trained.no_memory else n_epochs
    runs = runs_by_setting.get((size, rate), {})
    tried = [c.setting.learning_rate for c in trained.curves if c.setting.batch_size == size and c.stage == "screen"]
    lowest = min(tried, default=trained.present.learning_rate)
    setting = (next(iter(runs.values())).setting if runs else
               Setting(batch_size=size, learning_rate=lowest if rate is None else rate))
    best, fair, tested = ({seed: value(curve, design, names, n_epochs) for seed, curve in runs.items()}
                          for value in (best_value, judged, test_value))
    quality = best if budget == TUTORIAL else fair
    n_diverged = sum(value == worst(design) for value in quality.values())
    biases = [] if n_diverged else [cost(fair[seed], design) - cost(best[seed], design) for seed in runs]
    return _Arm(budget=budget, setting=setting, n_epochs=n_epochs, tuned=rate is not None, interior=tuned is None or tuned.interior,
                quality=quality, test={seed: value for seed, value in tested.items() if value is not None and math.isfinite(value)},
                biases=biases, n_diverged=n_diverged)


def _compared(trained, arms):
    """The contrasts of one budget."""
    design, margin = trained.design, trained.margin
    reference = next(arm for arm in arms if arm.setting.batch_size == design.reference)
    tested = [arm for arm in arms if arm is not reference and _comparable(arm, reference)]
    p_values = holm([paired_p(*_pairs(arm.quality, reference.quality)) for arm in tested]).tolist() if tested else []
    for arm in arms:
        pairs = _pairs(arm.quality, reference.quality)
        updates = arm.n_epochs * steps_per_epoch(trained.task.n_train, arm.setting.batch_size)
        seconds = trained.fit_seconds.get(arm.setting.batch_size)
        figures = {"budget": arm.budget, "setting": arm.setting, "n_epochs": arm.n_epochs, "n_updates": updates,
                   "n_seeds": len(pairs[0]), "seconds": None if seconds is None else updates * seconds,
                   **_own(design, arm, trained.task.n_test), "verdict": Verdict.UNDECIDED}
        if arm.setting.batch_size in trained.no_memory:
            figures["verdict"] = Verdict.NO_MEMORY
        elif arm.diverged:
            figures["verdict"] = Verdict.DIVERGED
        elif arm is reference:
            figures["verdict"] = Verdict.REFERENCE
        elif _comparable(arm, reference):
            figures |= _against(design, arm, reference, margin, p_values[tested.index(arm)], len(tested))
        contrast = Contrast(**figures, sentence="")
        doubtful = [a.setting.batch_size for a in (reference, arm) if not a.interior and not a.diverged]
        words = sentence(contrast, design, margin, n_compared=len(tested), n_diverged=arm.n_diverged, tuned=arm.tuned,
                         reference_diverged=reference.diverged, doubtful=doubtful)
        yield dataclasses.replace(contrast, sentence=words)


def _own(design, arm, n_test) -> dict[str, Any]:
    """What an arm's own runs give."""
    if arm.diverged or not arm.quality:
        return dict.fromkeys(("quality", "quality_low", "quality_high"))
    quality, low, high = map(float, mean_interval(list(arm.quality.values())))
    if design.larger_is_better and all(0 <= value <= 1 for value in arm.quality.values()):  # a share, such as the accuracy
        low, high = max(low, 0.0), min(high, 1.0)
    figures: dict[str, Any] = {"quality": quality, "quality_low": low, "quality_high": high,
                               "selection_bias": float(np.mean(arm.biases))}
    if arm.test and n_test > 0:
        figures["test"] = float(np.mean(list(arm.test.values())))
        if "acc" in design.metric.lower():
            share = min(max(figures["test"], 0.0), 1.0)
            figures["test_floor"] = math.sqrt(share * (1 - share) / n_test)
    return figures


def _against(design, arm, reference, margin, p_value, n_compared) -> dict[str, Any]:
    """The paired difference from the reference and what it shows."""
    mine, theirs = _pairs(arm.quality, reference.quality)
    difference, low, high = map(float, paired_difference(mine, theirs))
    p_equivalent = equivalence(mine, theirs, margin)
    verdict = verdict_from(difference, low, high, p_value, p_equivalent, margin, design.larger_is_better)
    spread, alpha = paired_spread(mine, theirs), ALPHA / n_compared  # the level that Holm grants the smallest p value
    share = superiority(mine, theirs, design.larger_is_better)
    figures = {"difference": difference, "low": low, "high": high, "p_value": p_value, "p_equivalent": p_equivalent,
               "superiority": share[0], "superiority_low": share[1], "superiority_high": share[2],
               "detectable": detectable(spread, len(mine), alpha=alpha), "verdict": verdict}
    if verdict is Verdict.UNDECIDED:
        enough = seeds_to_resolve(difference, spread, margin, alpha=alpha)
        figures["n_enough"] = None if enough is None else max(enough, len(mine) + 1)
    tested = _pairs(arm.test, reference.test)
    if len(tested[0]) > 1:
        figures |= dict(zip(("test_difference", "test_low", "test_high"), map(float, paired_difference(*tested)), strict=True))
    return figures


def _comparable(arm, reference):
    return not arm.diverged and not reference.diverged and len(_pairs(arm.quality, reference.quality)[0]) > 1


def _pairs(mine, theirs):
    """The values of the seeds that both have."""
    seeds = [seed for seed in mine if seed in theirs]
    return [mine[seed] for seed in seeds], [theirs[seed] for seed in seeds]
