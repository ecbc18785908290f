"""Where a low floor asks for something live by its public name, and the package's front door answers.

A record must not import Keras, yet `plan.callbacks()` returns Keras callbacks. So the record asks here for a public name;
the front door (`epochal/__init__.py`), the only place that knows every floor, has said how names are found.
"""

from collections.abc import Callable
from typing import Any

_find: Callable[[str], Any] | None = None


def open_with(find: Callable[[str], Any]) -> None:
    """Called once, by the front door."""
    global _find
    _find = find


def ask(name: str) -> Any:
    """The public thing called `name`, e.g. `ask("callbacks_for")`."""
    assert _find is not None, "the package's front door opens before any record exists"
    return _find(name)
