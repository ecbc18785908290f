"""What budgets and the quality are called on the page of a study."""

TUTORIAL = "tutorial"
BUDGETS = {"epochs": "equal epochs", "steps": "equal steps", "time": "equal time", TUTORIAL: "the tutorial's protocol"}


def listed(words):
    """`a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def quality_name(design):
    """What the axis of quality says."""
    better = "higher" if design.larger_is_better else "lower"
    return f"validation {design.metric} ({better} is better)"
