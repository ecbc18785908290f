"""A kind of finding: its name, how severe it is, what it means, and the function that looks for it in a story."""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..values import Story


@dataclass(frozen=True)
class Spot:
    """A place in the code, and what is to say there; the cure is the kind's where it is empty."""

    node: ast.expr | ast.stmt | Any
    sentence: str
    cure: str = ""


@dataclass(frozen=True)
class Kind:
    """What can be found.

    Attributes:
        name: as it stands in findings and in `# epochal: ignore[...]`.
        severity: advice or fault.
        title: what it is, in a few words.
        cure: what to do about it.
        bad, good: an example of each.
        look: from a story to the spots where it was found.
    """

    name: str
    severity: Literal["note", "advice", "fault"]
    title: str
    cure: str
    bad: str
    good: str
    look: Callable[[Story], Iterable[Spot]]
