"""The same model fitted again where settings are compared: later settings start from what earlier ones have learnt."""

from itertools import pairwise

from ..values import Event, Loop, Story, Value, ancestors, is_none
from .asking import apart, around, depends_on, fits, is_model, later, number, repeats, x_of
from .kind import Kind, Spot

_STARTS_ANEW = {"set_weights", "load_weights", "load_state_tree", "build_from_config"}


def _look(story: Story):
    trainings = fits(story)
    for fit in trainings:
        loop = _compared_in(fit, story)
        if loop is not None and not _made_anew(fit, loop, story) and not _goes_on(fit):
            yield Spot(
                fit.node,
                "This model is made outside the loop and trained again in each round: every round but the first "
                "starts from what the rounds before have learnt, so the settings are not compared fairly.",
            )
    for first, second in pairwise(trainings):
        if _compared_in_line(first, second, story):
            yield Spot(
                second.node,
                "The same model is trained again with another setting and the two trainings are compared: "
                "the second starts from what the first has learnt.",
            )


def _compared_in(fit: Event, story: Story) -> Loop | None:
    """The outermost loop that the model outlives and whose variable is a setting, where what comes out is kept for each round."""
    model = fit.receiver
    if model is None or not (is_model(model) or model.kind in ("call", "joined", "item", "unknown", "parameter", "attribute")):
        return None
    for place, loop in enumerate(around(fit.loops, story)):
        if loop.number in model.loops or (model.kind == "attribute" and not model.base):
            continue
        if depends_on(model, loop):
            return None
        if _sets(fit, loop, story) and _kept(fit, loop, place, story):
            return loop
    return None


def _sets(fit, loop, story):
    """Whether the loop's variable is a setting of the training, or the rows of a fold."""
    given = [fit.argument("batch_size", 2), fit.argument("epochs"), *_compiled(fit.receiver, loop, story)]
    if fit.argument("initial_epoch") is not None:
        return False
    if any(value is not None and depends_on(value, loop) for value in given):
        return True
    return repeats(loop) and _is_split(loop) and depends_on(x_of(fit), loop)


def _is_split(loop):
    return loop.over is not None and any(
        one.last == "split" and one.base is not None and one.base.last != "" for one in ancestors(loop.over, most=50)
    )


def _compiled(model, loop, story):
    """What is compiled, or set as a rate, for the model in the loop."""
    found = []
    for event in story.events:
        if loop.number not in event.loops:
            continue
        if event.what == "call" and event.name == "compile" and event.receiver is model:
            found += [*event.arguments, *event.keywords.values()]
        if event.what == "set" and event.name in ("learning_rate", "lr") and _of(event.receiver, model):
            found += event.arguments
        if (
            event.what == "call"
            and event.name in ("assign", "set_value")
            and any(_of(one, model) for one in (event.receiver, *event.arguments[:1]))
        ):
            found += event.arguments
    return found


def _of(value: Value | None, model: Value) -> bool:
    while value is not None:
        if value is model:
            return True
        value = value.base
    return False


def _kept(fit, loop, place, story):
    """Whether what the training gives is stored, printed or compared in the loop."""
    results = {id(fit.result)} | {
        id(event.result)
        for event in story.events
        if event.receiver is fit.receiver and event.name in ("evaluate", "predict", "score") and loop.number in event.loops
    }
    for event in story.events:
        if loop.number not in event.loops:
            continue
        stores = event.what in ("store", "compare") or event.name in (
            "append",
            "print",
            "plot",
            "add",
            "update",
            "info",
            "extend",
        )
        if stores and any(
            id(one) in results for value in (*event.arguments, *event.keywords.values()) for one in ancestors(value)
        ):
            return True
    returned = [inner for inner in story.loops.values() if inner.number == loop.number and _is_comprehension(inner)]
    return bool(returned)


def _is_comprehension(loop):
    return type(loop.node).__name__ in ("ListComp", "DictComp", "GeneratorExp", "SetComp")


def _made_anew(fit, loop, story):
    """Whether anything in the loop, or before each training, may give the model new weights."""
    model = fit.receiver
    for event in story.events:
        if event.what == "set" and loop.number in event.loops and event.name in ("kernel", "bias", "weights", "state_dict"):
            return True
        if event.what != "call" or loop.number not in event.loops:
            continue
        if event.name in _STARTS_ANEW and _of(event.receiver, model):
            return True
        if event.name == "assign" and event.receiver is not None and not _of(event.receiver, model):
            return True  # a weight of a layer
        if event.name == "clear_session" and not is_model(model):
            return True
        handed = any(value is model for value in (*event.arguments, *event.keywords.values()))
        if (
            handed
            and event.receiver is not None
            and event.receiver.kind in ("module", "unknown", "parameter")
            and not _harmless(event)
        ):
            return True  # a function that is not known has it
    return False


def _harmless(event):
    path = event.receiver.path
    return event.name in ("print", "len", "append", "id", "type", "isinstance", "str", "repr", "getattr") or path.startswith(
        "keras.utils"
    )


def _goes_on(fit):
    return not is_none(fit.argument("initial_epoch")) or number(fit, "epochs") == 1


def _compared_in_line(first, second, story):
    model = first.receiver
    if model is not second.receiver or not is_model(model) or first.loops != second.loops or apart(first, second):
        return False
    if (
        not is_none(second.argument("initial_epoch"))
        or not _same(x_of(first), x_of(second))
        or (first.node is second.node and (first.inside != second.inside))
    ):
        return False
    between = story.events[first.order + 1 : second.order]
    for event in between:
        if event.name in _STARTS_ANEW or (event.what == "set" and event.name == "trainable") or event.name in ("add", "pop"):
            return False
        handed = any(value is model for value in event.arguments)
        if (
            event.what == "call"
            and handed
            and event.receiver is not None
            and event.receiver.kind == "module"
            and not _harmless(event)
        ):
            return False
    if not _differ(first.argument("batch_size", 2), second.argument("batch_size", 2)):
        return False
    return _both_used(first.result, second.result, second, story)


def _same(one, other):
    """Whether two values are the same data: one thing, or lists of the same things."""
    if one is other:
        return True
    if one is None or other is None or one.kind != "sequence" or other.kind != "sequence":
        return False
    return len(one.parents) == len(other.parents) and all(map(_same, one.parents, other.parents))


def _differ(one, other):
    sizes = [32 if value is None else value.constant for value in (one, other)]
    return all(isinstance(size, int) for size in sizes) and sizes[0] != sizes[1]


def _both_used(one, other, second, story):
    """Whether both trainings' results are looked at after the second."""
    used = set()
    for event in later(second, story):
        for value in (*event.arguments, *event.keywords.values(), event.receiver):
            used |= {id(inner) for inner in ancestors(value, most=200)}
    return id(one) in used and id(other) in used


KIND = Kind(
    "model-reused",
    "fault",
    "one model trained again for each setting that is compared",
    "Make a new model for each setting (call a function that builds and compiles it inside the loop), or give it its first weights "
    "back with set_weights.",
    """model = build()
for size in (32, 256):
    history = model.fit(x, y, batch_size=size, epochs=20)
    results[size] = history.history["loss"]""",
    """for size in (32, 256):
    model = build()
    history = model.fit(x, y, batch_size=size, epochs=20)
    results[size] = history.history["loss"]""",
    _look,
)
