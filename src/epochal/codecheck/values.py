"""What the checker knows of code without running it: values with where they come from, and the calls in their order."""

import ast
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = object()  # a constant that is not known


@dataclass(eq=False)
class Value:
    """A thing that an expression stands for.

    Attributes:
        kind: module, function, class, instance, model, call, constant, sequence, dict, lambda, item, element, parameter, operation,
            attribute, text, joined (one of several) or unknown.
        path: the full name of what made it (`keras.Sequential`), or of what it is (a module, an imported name).
        parents: what it was made of: arguments, operands, elements.
        base: for a method's result or an attribute, what it belongs to.
        keywords: keyword arguments, or the entries of a dict with text as keys.
        constant: its Python value where it is written in the code.
        names: the names it was bound to.
        marks: what happened to it in place (`shuffled`, `sorted`, `class after class`).
        loops: the loops it was made in.
        definition: the syntax of a function or a class.
    """

    kind: str = "unknown"
    node: Any = None
    path: str = ""
    parents: tuple["Value", ...] = ()
    base: "Value | None" = None
    keywords: dict[str, "Value"] = field(default_factory=dict)
    constant: Any = UNKNOWN
    names: list[str] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    loops: tuple[int, ...] = ()
    definition: Any = None
    attributes: dict[str, "Value"] = field(default_factory=dict)
    scope: Any = None
    added: list["Value"] = field(default_factory=list)  # by append, add and the like, or given in place

    @property
    def last(self) -> str:
        """The last word of its full name."""
        return self.path.rpartition(".")[2]

    @property
    def sources(self) -> tuple["Value", ...]:
        """All that it was made of."""
        own = (*self.parents, *self.keywords.values(), *self.added)
        return own if self.base is None else (self.base, *own)


@dataclass(frozen=True)
class Event:
    """A call (or, with `what` other than "call", an assignment to an attribute, or a comparison) at its place in the order."""

    what: str
    name: str
    node: ast.AST
    order: int
    receiver: Value | None
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]
    result: Value
    loops: tuple[int, ...]
    branches: tuple[tuple[int, int], ...]
    inside: tuple[str, ...]  # the functions that are being run, outermost first

    def argument(self, name: str, place: int | None = None) -> Value | None:
        """An argument by its keyword or its place."""
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[place] if place is not None and place < len(self.arguments) else None


@dataclass(frozen=True)
class Loop:
    """A loop: what it runs over, and its variables."""

    number: int
    node: ast.AST
    over: Value | None
    variables: tuple[Value, ...]


@dataclass
class Story:
    """All that is known of one script or notebook."""

    events: list[Event] = field(default_factory=list)
    loops: dict[int, Loop] = field(default_factory=dict)
    assigned: list[tuple[str, Value, tuple[int, ...]]] = field(default_factory=list)
    returned: set[int] = field(default_factory=set)  # ids of values that functions return
    names: set[str] = field(default_factory=set)  # every name and attribute in the code

    def calls(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.what == "call" and event.name in names]


def ancestors(value: Value | None, *, most: int = 4000) -> list[Value]:
    """The value and all that it was made of, nearest first, each once."""
    seen, queue = set(), [] if value is None else [value]
    for one in queue:
        if id(one) in seen:
            continue
        seen.add(id(one))
        queue.extend(source for source in one.sources if id(source) not in seen)
        if len(queue) > most:
            break
    kept = set()
    return [one for one in queue if id(one) not in kept and not kept.add(id(one))]


def rows_of(value: Value | None, *, most: int = 2000) -> list[Value]:
    """The value and the data it was made of: not the encoder that changed it, nor an index or a size."""
    queue, seen = [] if value is None else [value], set()
    for one in queue:
        if id(one) not in seen:
            seen.add(id(one))
            queue.extend(_data(one))
        if len(queue) > most:
            break
    kept = set()
    return [one for one in queue if id(one) not in kept and not kept.add(id(one))]


_CHANGES = {"transform", "fit_transform", "inverse_transform", "adapt", "predict", "fit_resample", "apply"}


def _data(value):
    if value.kind == "item" or value.kind == "operation" or value.kind == "joined" or value.kind == "sequence":
        return (*value.parents, *value.added)
    if value.kind == "attribute":
        return () if value.base is None else (value.base,)
    if value.kind == "call":
        if value.last in _CHANGES:
            return value.parents[:1]
        if value.base is not None and value.base.kind != "module":
            return (value.base, *value.parents) if value.base.kind != "model" else value.parents
        return (*value.parents, *(given for name, given in value.keywords.items() if name in ("x", "arrays", "a", "data")))
    return (*value.parents, *value.added) if value.kind in ("dict",) else tuple(value.added)


def constant(value: Value | None, default: Any = UNKNOWN) -> Any:
    """The Python value, where it is written in the code."""
    return default if value is None else value.constant


def is_none(value: Value | None) -> bool:
    """Whether it is not given, or is `None`."""
    return value is None or value.constant is None
