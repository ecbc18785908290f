"""Where the reading of a script stands: names and what they are bound to, loops and branches around, the story so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .values import Event, Story, Value

DEEPEST, MOST_EVENTS = 6, 4_000


@dataclass
class Scope:
    """Names and what they are bound to, with the scope around."""

    around: "Scope | None" = None
    bound: dict[str, Value] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        scope = self
        while scope is not None:
            if name in scope.bound:
                return scope.bound[name]
            scope = scope.around
        return None


@dataclass
class Walk:
    """Where the reading stands: the story so far, the loops and branches around, the functions that are being read."""

    story: Story = field(default_factory=Story)
    loops: tuple[int, ...] = ()
    branches: tuple[tuple[int, int], ...] = ()
    inside: tuple[str, ...] = ()
    returned: list[list[Value]] = field(default_factory=list)
    starred: list[str] = field(default_factory=list)  # modules of which all names were imported
    entered: set[int] = field(default_factory=set)  # functions whose bodies were read
    n_branches: int = 0
    enter: Callable[..., Any] = lambda *_: None  # reads a function's body; given by the reader of statements

    def tell(self, what, name, node, result, *, receiver=None, arguments=(), keywords=None):
        if len(self.story.events) < MOST_EVENTS:
            self.story.events.append(
                Event(
                    what,
                    name,
                    node,
                    len(self.story.events),
                    receiver,
                    tuple(arguments),
                    keywords or {},
                    result,
                    self.loops,
                    self.branches,
                    self.inside,
                )
            )
        return result

    def make(self, kind, node, **more):
        return Value(kind, node, loops=self.loops, **more)


def is_model_class(value: Value) -> bool:
    """Whether a class derives from a Keras model."""
    return any(
        parent.last in ("Model", "Sequential", "Functional") or (parent.kind == "class" and is_model_class(parent))
        for parent in value.parents
    )


def join(values, node, walk: Walk) -> Value:
    """One of several values, whichever way the code went."""
    different = list({id(one): one for one in values}.values())
    if len(different) == 1:
        return different[0]
    kinds = {one.kind for one in different}
    return walk.make(
        "model" if kinds == {"model"} else "joined",
        node,
        parents=tuple(different),
        path=different[0].path if len({one.path for one in different}) == 1 else "",
    )


def plain(path: str) -> str:
    """One name for what has several: `tensorflow.keras.layers` and `tf_keras.layers` are `keras.layers`."""
    for before, after in (
        ("tensorflow.python.keras", "keras"),
        ("tensorflow.keras", "keras"),
        ("tensorflow.compat.v1.keras", "keras"),
        ("tensorflow.compat.v2.keras", "keras"),
        ("tf_keras", "keras"),
        (".".join(["keras", "src"]), "keras"),
        ("keras.api", "keras"),
    ):
        if path == before or path.startswith(before + "."):
            return after + path[len(before) :]
    return path


def element(over, node, walk):
    counts = over.kind == "call" and over.last == "enumerate" and over.parents
    if counts or (over.kind == "call" and over.last == "zip"):
        inner = [walk.make("element", node, parents=(one,)) for one in over.parents]
        return walk.make(
            "sequence", node, parents=(walk.make("element", node, path="count"), inner[0]) if counts else tuple(inner)
        )
    if over.kind == "call" and over.last == "items" and over.base is not None:
        return walk.make(
            "sequence",
            node,
            parents=(walk.make("element", node, parents=(over.base,)), walk.make("element", node, parents=(over.base,))),
        )
    if over.kind == "sequence" and len(over.parents) == 1 and over.parents[0].kind == "sequence":
        return over.parents[0]
    return walk.make("element", node, parents=(over,))
