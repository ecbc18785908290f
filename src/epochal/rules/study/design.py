"""From the words of a user to the design of a study: arguments checked, defaults settled; and how long each arm trains."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ...base.validate import require, whole_number
from ...records import BUDGETS, Design
from ..metric import declared_metric
from ..scaling import steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user chooses of a study, unchecked; see `epochal.study` for each of them."""

    batch_sizes: Any = (32, 256, 1024)
    learning_rates: Any = "auto"
    seeds: int = 8
    epochs: int = 50
    equal: Any = BUDGETS
    metric: str = "val_loss"
    mode: str = "auto"
    margin: float | None = None
    reference: int | None = None
    protocol: str = "fair"
    trial_seeds: int = 3
    halving: bool = True
    seed: int = 0


def designed(task, present, choices: Choices) -> Design:
    """The `Design` that a user's choices describe, every one of them checked.

    Args:
        task: what is trained: its compiled metrics may be what is judged by.
        present: the user's own setting: a schedule has the shape of a whole run.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
    """
    c, sizes = choices, _sizes(choices.batch_sizes, task.n_train)
    for name, least in (("seeds", 2), ("epochs", 1), ("trial_seeds", 1), ("seed", 0)):
        whole_number(name, getattr(c, name), least)
    rates, budgets = _rates(c.learning_rates), _budgets(c.equal)
    require(present.schedule == "constant" or budgets == ("epochs",), "equal", c.equal, '"epochs" alone for a model compiled with '
            f"the schedule {present.schedule}, whose shape is that of a whole run", 'Pass equal="epochs".')
    require(isinstance(c.halving, bool), "halving", c.halving, "True or False")
    require(c.protocol in ("fair", "tutorial"), "protocol", c.protocol, '"fair" or "tutorial"')
    require(c.margin is None or (isinstance(c.margin, Real) and 0 < float(c.margin) < float("inf")), "margin", c.margin,
            "a positive difference in the metric", "Pass 0.01.")
    require(c.reference is None or (not isinstance(c.reference, bool) and c.reference in sizes), "reference", c.reference,
            f"one of the batch sizes, {sorted(sizes)}")
    reference = c.reference or (32 if 32 in sizes else min(sizes))
    metric, up = declared_metric(c.metric, c.mode, ("loss", *task.metrics))
    return Design(batch_sizes=tuple(sorted(sizes)), reference=int(reference), learning_rates=rates, epochs=int(c.epochs),
                  equal=budgets, n_seeds=int(c.seeds), n_trial_seeds=int(c.trial_seeds), metric=metric, larger_is_better=up,
                  margin=None if c.margin is None else float(c.margin), tutorial=c.protocol == "tutorial", halving=c.halving,
                  seed=int(c.seed))


def horizons(design, n_train, step_seconds):
    """Epochs by budget and batch size, so that every batch size gets what the reference gets.

    "epochs" gives all the same passes. "steps" gives as many updates as the reference makes, in whole epochs, rounded up: never
    fewer. "time" gives as many whole epochs as fit into the seconds of the reference, at least one.

    Args:
        design: a `Design`: its reference batch size is trained for `design.epochs` under every budget.
        step_seconds: `{batch_size: seconds a step of fit}`; needed for the budget "time" alone.

    Returns:
        `{(budget, batch_size): n_epochs}` for the budgets in `design.equal`.

    >>> from epochal.records import Design
    >>> design = Design(batch_sizes=(32, 1024), reference=32, epochs=50)
    >>> found = horizons(design, 1600, {32: 1e-3, 1024: 5e-3})
    >>> [found[budget, 1024] for budget in ("epochs", "steps", "time")]
    [50, 1250, 250]
    """
    if "time" in design.equal:
        for size in (design.reference, *design.batch_sizes):
            seconds = step_seconds.get(size, math.nan)
            require(0 < seconds < math.inf, f"step_seconds[{size}]", seconds, "seconds, more than 0",
                    'Without them the budget "time" cannot be given.')
    return {(budget, size): _n_epochs(budget, design, size, n_train, step_seconds)
            for budget in design.equal for size in design.batch_sizes}


def _rates(values):
    """The rates to try, none where they are searched."""
    if isinstance(values, str):
        require(values == "auto", "learning_rates", values, '"auto" or a list of rates', "Pass [1e-4, 1e-3, 1e-2].")
    if values is None or isinstance(values, str):
        return ()
    try:
        rates = tuple(sorted(float(rate) for rate in values))
    except (TypeError, ValueError, OverflowError):
        rates = ()
    require(len(rates) > 0, "learning_rates", values, '"auto" or a list of rates', "Pass [1e-4, 1e-3, 1e-2].")
    require(all(0 < rate < float("inf") for rate in rates), "learning_rates", values, "positive numbers")
    require(len(set(rates)) == len(rates), "learning_rates", values, "different rates")
    return rates


def _budgets(equal):
    budgets = (equal,) if isinstance(equal, str) else tuple(equal) if isinstance(equal, tuple | list) else ()
    require(bool(budgets) and all(isinstance(budget, str) and budget in BUDGETS for budget in budgets), "equal", equal,
            f"some of {', '.join(BUDGETS)}", 'Pass ("epochs",).')
    return tuple(budget for budget in BUDGETS if budget in budgets)


def _sizes(values, n_train):
    try:
        sizes = tuple(int(value) for value in values)
        fine = all(size == value and size >= 1 for size, value in zip(sizes, values, strict=True))
    except (TypeError, ValueError, OverflowError):
        sizes, fine = (), False
    require(fine, "batch_sizes", values, "a list of whole numbers from 1 on", "Pass [32, 256, 1024].")
    require(len(set(sizes)) == len(sizes) >= 2, "batch_sizes", values, "at least two different sizes", "Pass [32, 256].")
    whole = [size for size in sizes if size >= n_train]
    require(len(whole) < 2, "batch_sizes", values,
            f"different trainings: {' and '.join(f'{size:,}' for size in sorted(whole))} are all of the {n_train:,} training rows "
            "in one batch", "Leave out all but one of them.")
    return sizes


def _n_epochs(budget, design, size, n_train, step_seconds):
    mine, theirs = steps_per_epoch(n_train, size), steps_per_epoch(n_train, design.reference)
    if budget == "epochs" or size == design.reference:
        return design.epochs
    if budget == "steps":
        return -(-design.epochs * theirs // mine)
    share = design.epochs * theirs * step_seconds[design.reference] / (mine * step_seconds[size])
    return max(1, math.floor(share * (1 + 1e-9)))  # a whole number stays whole, whatever the rounding
