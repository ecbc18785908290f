"""`validation_split` on rows in order: Keras takes the last rows, which are then of another kind than the rest."""

from ..values import Story, Value, ancestors, constant
from .asking import fits, number, words, x_of, y_of
from .kind import Kind, Spot

_SHUFFLES = {"shuffle", "permutation", "permuted", "sample", "randperm", "resample", "train_test_split", "choice"}
_SORTS = {"sort_values", "argsort", "sort", "sorted", "sort_index", "lexsort", "nsmallest", "nlargest"}
_JOINS = {"concatenate", "vstack", "hstack", "concat", "append", "r_", "stack"}
_TIME = {"date", "time", "datetime", "timestamp", "year", "month", "day", "hour", "week", "period", "ds", "index", "t", "quarter"}


def _look(story: Story):
    for fit in fits(story):
        share = number(fit, "validation_split", 6)
        if fit.argument("validation_split", 6) is None or share in (0, None) or fit.argument("validation_data") is not None:
            continue
        why = order_of(x_of(fit), story) or order_of(y_of(fit), story)
        if why:
            yield Spot(
                fit.node,
                f"validation_split takes the last rows before any shuffling, and these rows {why}: the validation "
                "rows are of another kind than those that are trained on.",
            )


def order_of(value: Value | None, story: Story) -> str:
    """In which order the rows are known to be; nothing where it is not known, or they were shuffled."""
    queue, seen = [] if value is None else [value], set()
    for one in queue:
        if id(one) in seen or len(queue) > 2000:
            continue
        seen.add(id(one))
        if "shuffled" in one.marks or _shuffles(one):
            continue  # what it was before does not matter
        if why := _order(one, story):
            return why
        queue.extend(_before(one))
    return ""


def _shuffles(one):
    if one.kind == "call" and one.last in _SHUFFLES:
        return constant(one.keywords.get("shuffle")) is not False
    return one.kind == "item" and _index_says(one.keywords.get("[]")) == "shuffled"


def _index_says(index):
    """Whether an index puts rows in order, or at random: what was done to it last."""
    for inner in ancestors(index, most=200):
        if "shuffled" in inner.marks or (inner.kind == "call" and inner.last in _SHUFFLES):
            return "shuffled"
        if inner.kind == "call" and (
            inner.last in ("argsort", "lexsort") or (inner.last == "sorted" and "key" in inner.keywords)
        ):
            return "sorted"
        if inner.kind == "call" and inner.last in ("sort", "sorted"):
            return ""
    return ""


def _order(one, story):
    if "sorted" in one.marks or (one.kind == "call" and one.last in _SORTS and one.last != "argsort"):
        return "" if _by_time(one) else "are sorted"
    if one.kind == "item" and _index_says(one.keywords.get("[]")) == "sorted":
        return "are sorted"
    if _class_after_class(one) or _filled_by_class(one, story):
        return "are joined class after class"
    return ""


def _by_time(one):
    said = [
        inner.constant
        for given in (*one.parents, *one.keywords.values())
        for inner in (given, *given.parents)
        if isinstance(inner.constant, str)
    ]
    if one.last == "sort_index":
        return True
    named = {word for text in said for word in words(text)}
    return bool(named & _TIME) or (one.last == "sorted" and _of_files(one))


def _of_files(one):
    return any(
        inner.last in ("glob", "listdir", "rglob", "iterdir", "keys", "set", "unique", "values")
        for inner in ancestors(one, most=60)
    )


def _class_after_class(one):
    """Labels that are one constant after the other: `np.concatenate([np.zeros(n), np.ones(n)])`, `[0] * n + [1] * n`."""
    if one.kind == "call" and one.last == "repeat" and one.base is None:
        first = one.parents[0] if one.parents else None
        many = first is not None and (first.last in ("arange", "range", "unique") or len(first.parents) > 1)
        return many and "axis" not in one.keywords
    joins = (one.kind == "call" and one.last in _JOINS) or (one.kind == "operation" and one.path == "concatenate")
    if not joins:
        return False
    parts = one.parents
    if one.kind == "call" and parts and parts[0].kind == "sequence":
        parts = parts[0].parents
    if len(parts) == 1 and parts[0].path == "comprehension":
        return any(_constant_rows(inner, loose=True) for inner in parts[0].parents)
    return len(parts) >= 2 and all(_constant_rows(part) for part in parts)


def _constant_rows(part, *, loose=False):
    if part.kind == "call" and part.last in ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "repeat"):
        return not loose or part.last in ("full", "full_like", "repeat")
    if part.kind == "operation" and part.path == "Mult":
        return any(inner.kind == "sequence" and len(inner.parents) == 1 for inner in part.parents)
    if part.kind == "operation" and part.path in ("concatenate",):
        return _class_after_class(part)
    if part.kind == "call" and part.last in ("reshape", "astype", "array"):
        return any(_constant_rows(inner) for inner in ((part.base,) if part.base is not None else part.parents[:1]))
    return False


def _filled_by_class(one, story):
    """A list to which an inner loop appends the label that an outer loop goes over."""
    if one.kind != "sequence" or not one.added:
        return False
    for event in story.events:
        if event.what != "call" or event.name not in ("append", "extend") or event.receiver is not one:
            continue
        inner = [number for number in event.loops if number not in one.loops]
        loops = [story.loops[number] for number in inner]
        if event.name == "extend" and loops and event.arguments:
            loops = [*loops, None]
        if len(loops) < 2:
            continue
        outer, *rest = loops
        made_of = {id(value) for given in event.arguments for value in ancestors(given, most=200)}
        from_outer = any(id(variable) in made_of for variable in outer.variables)
        from_rest = any(id(variable) in made_of for loop in rest if loop is not None for variable in loop.variables)
        listed = outer.over is not None and not any(value.last == "split" for value in ancestors(outer.over, most=50))
        if from_outer and not from_rest and listed and _is_label(event.arguments, outer):
            return True
    return False


def _is_label(arguments, outer):
    """Whether what is appended is the class itself, by its name or as a count."""
    for value in arguments:
        named = {word for inner in ancestors(value, most=100) for name in inner.names for word in words(name)}
        if named & {"label", "labels", "class", "cls", "category", "target", "klass", "y", "idx", "c", "k"}:
            return True
    return False


def _before(one):
    if one.kind == "call":
        own = (
            *one.parents,
            *(value for name, value in one.keywords.items() if name in ("x", "y", "data", "arrays", "a", "objs")),
        )
        return own if one.base is None or one.base.kind in ("module", "model") else (one.base, *own)
    if one.kind == "attribute":
        return () if one.base is None else (one.base,)
    if one.kind == "item":
        whole = one.parents[0] if one.parents else None
        if whole is not None and whole.kind == "sequence":
            return whole.parents
        return one.parents
    return (*one.parents, *one.added) if one.kind in ("operation", "sequence", "joined", "element") else ()


KIND = Kind(
    "ordered-split",
    "fault",
    "validation_split on rows in order",
    "Shuffle rows and labels together first, or split with train_test_split(..., stratify=y) and pass validation_data.",
    """y = np.concatenate([np.zeros(500), np.ones(500)])
model.fit(x, y, validation_split=0.2)""",
    """order = np.random.default_rng(0).permutation(len(y))
model.fit(x[order], y[order], validation_split=0.2)""",
    _look,
)
