"""How the batch sizes and the budgets of a study look, the same in every picture, and what they are called."""

from dataclasses import dataclass

from ...base.text import number
from ..plan.look import COLOURS, GREY, SYMBOLS, Key

TUTORIAL = "tutorial"
BUDGETS = {"epochs": "equal epochs", "steps": "equal steps", "time": "equal time", TUTORIAL: "the tutorial's protocol"}
_BUDGET_LOOKS = {"epochs": ("#D55E00", "circle", "solid"), "steps": ("#8A63D2", "square", "dash"),
                 "time": ("#2E9C8F", "diamond", "dot"), TUTORIAL: (GREY, "triangle-up-open", "dashdot")}


@dataclass(frozen=True, slots=True)
class StudyLook:
    """Colour and marker mean the batch size; the dash the budget. In pictures over batch size, all three mean the budget."""

    batch_sizes: tuple[int, ...]

    def colour(self, batch_size):
        return COLOURS[self._rank(batch_size) % len(COLOURS)]

    def symbol(self, batch_size):
        return SYMBOLS[self._rank(batch_size) % len(SYMBOLS)]

    def size_key(self, batch_size):
        label = f"batch size {number(batch_size)}"
        return Key(group=label, label=label, colour=self.colour(batch_size), symbol=self.symbol(batch_size), dash="solid")

    def arm_key(self, label, batch_size, budget):
        return Key(group=label, label=label, colour=self.colour(batch_size), symbol=self.symbol(batch_size),
                   dash=_BUDGET_LOOKS[budget][2])

    def budget_key(self, budget):
        colour, symbol, dash = _BUDGET_LOOKS[budget]
        return Key(group=BUDGETS[budget], label=BUDGETS[budget], colour=colour, symbol=symbol, dash=dash)

    def _rank(self, batch_size):
        return sorted(self.batch_sizes).index(batch_size)


def listed(words):
    """`a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def quality_name(design):
    """What the axis of quality says."""
    better = "higher" if design.larger_is_better else "lower"
    return f"validation {design.metric} ({better} is better)"


def budgets_of(study):
    """The budgets compared, the tutorial's protocol last where it is part of the design."""
    return tuple(dict.fromkeys(c.budget for c in study.contrasts))
