"""`steps_per_epoch` that ends an epoch before the last rows, where the data itself would say how many steps there are."""

from ..values import Story, Value, ancestors, constant, is_none
from .asking import chain, cuts_batches, fits, x_of, y_of
from .kind import Kind, Spot


def _look(story: Story):
    for fit in fits(story):
        steps = fit.argument("steps_per_epoch", 1 if fit.name == "fit_generator" else None)
        if is_none(steps) or steps is None or not _has_an_end(x_of(fit), y_of(fit)):
            continue
        if isinstance(constant(steps), int) and not _floors(steps) and constant(fit.argument("epochs")) != 1:
            yield Spot(
                fit.node,
                f"steps_per_epoch={constant(steps)} ends every epoch after so many batches, whatever the number of "
                "rows: where there are more, epochs do not see all of them.",
            )
        elif _floors(steps):
            yield Spot(
                fit.node,
                "steps_per_epoch is rounded down, so an epoch ends before the last, smaller batch: its rows are left "
                "out, or make up a short epoch of their own.",
            )


def _has_an_end(x: Value | None, y: Value | None) -> bool:
    """Whether the data ends by itself: arrays with labels, a dataset that is not repeated, a `PyDataset`, Keras' own generators."""
    if x is None:
        return False
    what = cuts_batches(x)
    if what == "dataset":
        return "repeat" not in chain(x) and not _comes_from_a_call(x)
    if what == "generator":
        return "generator" not in chain(x) and x.last != "DataLoader"
    arrays = x.kind in ("item", "operation", "call", "attribute") and x.last not in ("zip", "iter", "cycle", "map")
    return y is not None and not is_none(y) and arrays


def _comes_from_a_call(x):
    return any(one in ("from_generator", "list_files", "interleave", "load", "map_with_repeat") for one in chain(x)[-1:])


def _floors(steps: Value) -> bool:
    """Whether it is a number of rows divided by a batch size, rounded down."""
    for one in ancestors(steps, most=60):
        if one.kind == "operation" and one.path == "FloorDiv":
            return not _rounds_up(one, steps)
        if (
            one.kind == "call"
            and one.last in ("int", "floor")
            and one.parents
            and any(inner.kind == "operation" and inner.path == "Div" for inner in ancestors(one.parents[0], most=10)[:3])
        ):
            return not any(inner.last == "ceil" for inner in ancestors(steps, most=60))
    return False


def _rounds_up(division, steps):
    """`-(-n // b)`, `(n + b - 1) // b`, `n // b + 1`."""
    above = division.parents[0]
    if any(one.kind == "operation" and one.path in ("USub", "Add") for one in (above, *above.parents)):
        return True
    return any(
        one.kind == "operation" and one.path in ("Add", "USub") and division in ancestors(one, most=20)
        for one in ancestors(steps, most=60)
    )


KIND = Kind(
    "rows-dropped",
    "advice",
    "steps_per_epoch that leaves rows out",
    "Leave steps_per_epoch out: data with an end tells Keras how many batches there are. Else round up: "
    "math.ceil(rows / batch_size).",
    """model.fit(batches, steps_per_epoch=len(x_train) // 32, epochs=10)""",
    """model.fit(batches, epochs=10)""",
    _look,
)
