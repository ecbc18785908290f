"""How many epochs each batch size gets under each budget: equal epochs, equal updates, equal time."""

import math

from ...base.validate import require
from ...records import BUDGETS
from ..scaling import steps_per_epoch


def horizons(design, n_train, step_seconds):
    """Epochs by budget and batch size, so that every batch size gets what the reference gets.

    "epochs" gives all the same passes. "steps" gives as many updates as the reference makes, in whole epochs, rounded up: never
    fewer. "time" gives as many whole epochs as fit into the seconds of the reference, at least one.

    Args:
        design: a `Design`: its reference batch size is trained for `design.epochs` under every budget.
        n_train: training rows.
        step_seconds: `{batch_size: seconds a step of fit}`; needed for the budget "time" alone.

    Returns:
        `{(budget, batch_size): n_epochs}` for the budgets in `design.equal`.

    >>> from epochal.records import Design
    >>> design = Design(batch_sizes=(32, 1024), reference=32, epochs=50)
    >>> found = horizons(design, 1600, {32: 1e-3, 1024: 5e-3})
    >>> [found[budget, 1024] for budget in ("epochs", "steps", "time")]
    [50, 1250, 250]
    """
    require(design.epochs >= 1, "epochs", design.epochs, "at least 1")
    require(set(design.equal) <= set(BUDGETS), "equal", design.equal, f"of {', '.join(BUDGETS)}")
    if "time" in design.equal:
        for size in (design.reference, *design.batch_sizes):
            seconds = step_seconds.get(size, math.nan)
            require(0 < seconds < math.inf, f"step_seconds[{size}]", seconds, "seconds, more than 0",
                    'Without them the budget "time" cannot be given.')
    return {(budget, size): _epochs(budget, design, size, n_train, step_seconds)
            for budget in design.equal for size in design.batch_sizes}


def _epochs(budget, design, size, n_train, step_seconds):
    mine, theirs = steps_per_epoch(n_train, size), steps_per_epoch(n_train, design.reference)
    if budget == "epochs" or size == design.reference:
        return design.epochs
    if budget == "steps":
        return -(-design.epochs * theirs // mine)
    share = design.epochs * theirs * step_seconds[design.reference] / (mine * step_seconds[size])
    return max(1, math.floor(share * (1 + 1e-9)))  # a whole number stays whole, whatever the rounding
