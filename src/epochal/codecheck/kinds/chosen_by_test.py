"""The test rows used to choose: by early stopping, a checkpoint of the best, a search, or the best of several settings."""

from ..values import Story, Value, ancestors, constant, rows_of
from .asking import around, callbacks_of, depends_on, fits, later, names_of, repeats, words
from .kind import Kind, Spot

_TEST, _OTHER = {"test", "te", "tst", "holdout", "heldout"}, {"train", "tr", "val", "valid", "validation", "dev", "trn"}


def _look(story: Story):
    for fit in fits(story):
        rows = fit.argument("validation_data", 7 if fit.name == "fit" else None)
        if is_test(rows, story):
            for callback in callbacks_of(fit):
                if _selects(callback):
                    yield Spot(
                        fit.node,
                        f"The test rows are validation_data here, and {callback.last} chooses by them: what the "
                        "model then reaches on the test rows is better than on new ones.",
                    )
                    break
    for event in story.calls("search"):
        rows = event.keywords.get("validation_data")
        if rows is not None and is_test(rows, story):
            yield Spot(
                event.node,
                "The search chooses settings by the test rows: what the chosen model reaches on them is better than on new ones.",
            )
    yield from _best_by_test(story)


def _selects(callback):
    quantity = constant(callback.keywords.get("monitor"), "val_loss")
    if callback.parents and isinstance(callback.parents[0].constant, str) and callback.last == "EarlyStopping":
        quantity = callback.parents[0].constant
    by_validation = isinstance(quantity, str) and quantity.startswith("val_")
    if callback.last == "EarlyStopping":
        return by_validation
    return callback.last == "ModelCheckpoint" and by_validation and constant(callback.keywords.get("save_best_only")) is True


def is_test(value: Value | None, story: Story) -> bool:
    """Whether rows are known to be those of the test: by their name, or as the part of a split that is also what is judged on."""
    parts = [value] if value is None or value.kind != "sequence" else list(value.parents)[:2]
    return bool(parts) and parts[0] is not None and _role(parts[0], story) == "test"


def _role(value, story, depth=0):
    if value.kind == "joined" and depth < 4:
        roles = {_role(one, story, depth + 1) for one in value.parents}
        return roles.pop() if len(roles) == 1 else ""
    said = set()
    for name in names_of(value):
        found = words(name)
        said |= {"test"} if found & _TEST and not found & _OTHER else {"other"} if found & _OTHER else set()
    if said:
        return "test" if said == {"test"} else "other"
    if value.kind == "item" and _is_last_part(value) and _judged(value, story):
        return "test"
    if depth > 12 or value.kind in ("model", "module", "constant"):
        return ""
    made_of = [one for one in _direct(value) if one.kind not in ("module", "constant", "model", "class", "function")]
    roles = {role for one in made_of if (role := _role(one, story, depth + 1))}
    return roles.pop() if len(roles) == 1 else "other" if roles else ""


def _direct(value):
    return rows_of(value, most=40)[1:12] if value.kind == "call" else value.parents


def _is_last_part(value):
    """The second of the two parts of train_test_split, or the second tuple of a data set's load_data."""
    whole = value.parents[0] if value.parents else None
    if whole is None:
        return False
    if whole.kind == "call" and whole.last == "train_test_split":
        return bool(value.marks & {"place 1", "place 3"})
    return whole.kind == "item" and "place 1" in whole.marks and whole.parents and whole.parents[0].last == "load_data"


def _judged(value, story):
    """Whether a model is evaluated on just these rows."""
    return any(value in rows_of(event.argument("x", 0), most=60) for event in story.calls("evaluate", "predict"))


def _best_by_test(story):
    """The best of several settings, picked by what they reach on the test rows."""
    for event in story.calls("evaluate", "score"):
        loops = [loop for loop in around(event.loops, story) if not repeats(loop) and loop.variables]
        if not loops or not is_test(event.argument("x", 0), story) or _in_folds(event, story):
            continue
        if not any(_feeds(loop, event, story) for loop in loops):
            continue
        if _best_is_taken(event.result, loops, event, story):
            yield Spot(
                event.node,
                "Settings are compared by the test rows and the best is taken: what it reaches on them is better "
                "than on new ones.",
            )


def _in_folds(event, story):
    return any(repeats(loop) for loop in around(event.loops, story))


def _feeds(loop, event, story):
    """Whether the loop's variable goes into the model or its training."""
    return (
        depends_on(event.receiver, loop)
        or any(
            depends_on(value, loop)
            for fit in fits(story)
            if loop.number in fit.loops
            for value in (*fit.keywords.values(), *fit.arguments, fit.receiver)
        )
        or any(
            depends_on(value, loop)
            for made in story.calls("compile")
            if loop.number in made.loops
            for value in (*made.keywords.values(), *made.arguments)
        )
    )


def _best_is_taken(result, loops, event, story):
    return bool(best_taken({id(result)}, {loop.number for loop in loops}, event.order, story))


def best_taken(results: set[int], loops: set[int], start: int, story: Story) -> list:
    """Where the best of what a loop gives is picked: compared with the best so far, or max, min, argmax and the like afterwards."""
    stores = {
        id(one.receiver)
        for one in story.events
        if (one.what == "store" or one.name in ("append", "extend", "add", "update"))
        and loops & set(one.loops)
        and any(id(inner) in results for value in one.arguments for inner in ancestors(value))
    }
    found = []
    for one in later(story.events[start], story):
        made_of = [
            inner
            for value in (*one.arguments, *([one.receiver] if one.receiver is not None else []))
            for inner in ancestors(value, most=400)
        ]
        if one.what == "compare" and loops & set(one.loops) and one.name in ("Gt", "Lt", "GtE", "LtE"):
            if any(id(inner) in results for inner in made_of) and _kept_best(one, story):
                found.append(one)
        elif one.what == "call" and one.name in (
            "max",
            "min",
            "argmax",
            "argmin",
            "nanargmax",
            "nanargmin",
            "idxmax",
            "idxmin",
            "sorted",
            "sort",
            "sort_values",
            "argsort",
            "nlargest",
            "nsmallest",
        ):
            outside = not loops <= set(one.loops)
            if outside and any(id(inner) in stores or id(inner) in results for inner in made_of):
                found.append(one)
    return found


def _kept_best(compare, story):
    """Whether the comparison is with the best so far: a name that says best, or is set again in the loop."""
    named = {
        word
        for value in compare.arguments
        for one in (value, *ancestors(value, most=30))
        for name in names_of(one)
        for word in words(name)
    }
    if named & {"best", "top", "lowest", "highest", "max", "min", "record", "winner"}:
        return True
    loops = set(compare.loops)
    starts = {name for value in compare.arguments for name in value.names}
    return any(name in starts and loops & set(inside) for name, _, inside in story.assigned) and any(
        value.kind in ("constant", "joined", "operation") or value.constant is None for value in compare.arguments
    )


KIND = Kind(
    "test-selects",
    "fault",
    "the test rows choose",
    "Hold out validation rows of their own (validation_split, or a second train_test_split of the training rows) to choose by, and "
    "evaluate on the test rows once at the end.",
    """early = EarlyStopping(patience=5, restore_best_weights=True)
model.fit(x_train, y_train, epochs=100, validation_data=(x_test, y_test), callbacks=[early])
print(model.evaluate(x_test, y_test))""",
    """early = EarlyStopping(patience=5, restore_best_weights=True)
model.fit(x_train, y_train, epochs=100, validation_split=0.2, callbacks=[early])
print(model.evaluate(x_test, y_test))""",
    _look,
)
