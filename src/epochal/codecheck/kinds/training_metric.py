"""A number of the training history taken for a result: it is of rows that were trained on, and a mean over an epoch of weights."""

from ..values import Event, Story, Value, ancestors
from .asking import around, fits, repeats, words
from .kind import Kind, Spot

_PICKS = ("max", "min")
_LABELS = {"train", "training", "fit", "trn"}
_NOT_METRICS = {"lr", "learning_rate"}


def _look(story: Story):
    trained = fits(story)
    histories = {id(fit.result): fit for fit in trained}
    read = _keys_read(story, histories)
    told = set()
    for event in story.events:
        if event.what not in ("store", "compare", "return") and event.name not in (
            "print",
            "append",
            "info",
            "add",
            "write",
            "format",
            "report",
            "update",
        ):
            continue
        for value in event.arguments:
            for final in _finals(value, histories):
                key, fit = final
                if (event.node, key) in told or _is_honest(event, value, key, fit, read, story):
                    continue
                told.add((event.node, key))
                yield Spot(
                    event.node,
                    f"The training history's {key!r} is taken as the result: it is measured on the rows that were "
                    "trained on, as a mean over the epoch while the weights changed.",
                )


def _keys_read(story, histories):
    """Which keys of which training's history are read anywhere."""
    found = set()
    for event in story.events:
        for value in (*event.arguments, *event.keywords.values(), event.result):
            for inner in ancestors(value, most=150):
                if (read := _key(inner, histories)) is not None:
                    found.add((id(read[1]), read[0]))
    return found


def _key(value: Value, histories):
    """`history.history["accuracy"]`: the key and the training."""
    key = value.keywords.get("[]") if value.kind == "item" else None
    if value.kind == "call" and value.last == "get" and value.base is not None:
        key, whole = (value.parents[0] if value.parents else None), value.base
    else:
        whole = value.parents[0] if value.parents else None
    if key is None or whole is None or not isinstance(key.constant, str):
        return None
    if whole.kind == "attribute" and whole.path == "history":
        fit = histories.get(id(whole.base))
        return None if fit is None else (key.constant, fit)
    return None


def _finals(value: Value, histories):
    """The last, greatest or least entries of training curves that a value is made of, not those inside a model's own making."""
    for inner in _shown(value):
        series = None
        if inner.kind == "item" and inner.parents and isinstance(getattr(inner.keywords.get("[]"), "constant", None), int):
            series = inner.parents[0]
        elif inner.kind == "call" and inner.last in _PICKS:
            series = inner.parents[0] if inner.parents else inner.base
        if series is None:
            continue
        read = _key(series, histories)
        if read is not None and not read[0].startswith("val_") and read[0] not in _NOT_METRICS:
            yield read


def _shown(value: Value):
    queue = [value]
    for one in queue:
        if len(queue) > 200:
            break
        if one.kind in ("text", "operation", "sequence", "dict", "joined"):
            queue.extend(one.parents)
        elif one.kind == "call" and one.last in ("round", "float", "str", "format", "dict", "abs", "int", "DataFrame"):
            queue.extend((*one.parents, *one.keywords.values()))
    return queue


def _is_honest(event: Event, value, key, fit, read, story):
    """Whether it is said to be of the training, stands beside validation, or the model is judged otherwise."""
    if (id(fit), f"val_{key}") in read or any(found[0] == id(fit) and found[1].startswith("val_") for found in read):
        return True
    said = [value, *event.arguments, *event.keywords.values()]
    text = " ".join(
        inner.constant if isinstance(inner.constant, str) else inner.path if inner.kind == "text" else ""
        for one in said
        for inner in ancestors(one, most=60)
    )
    names = " ".join(
        [
            *(name for one in said for inner in _shown(one) for name in inner.names),
            *(event.receiver.names if event.receiver is not None else []),
        ]
    )
    if (words(text) | words(names)) & _LABELS:
        return True
    judged = any(other.name in ("evaluate", "predict", "score") and other.receiver is fit.receiver for other in story.events)
    compared = [loop for loop in around(set(event.loops) & set(fit.loops), story) if loop.variables]
    if event.what == "compare" or (compared and not all(map(repeats, compared))):
        return judged and event.what != "compare" and event.name == "print"
    return judged


KIND = Kind(
    "training-metric-as-result",
    "advice",
    "a number of the training history taken for the result",
    "Judge on rows that were held out: history.history['val_…'] at the epoch whose weights are kept, or model.evaluate.",
    """history = model.fit(x, y, epochs=20)
print("accuracy:", history.history["accuracy"][-1])""",
    """history = model.fit(x, y, epochs=20, validation_split=0.2)
print("accuracy:", model.evaluate(x_test, y_test)[1])""",
    _look,
)
