"""The one table of the Keras back ends that the package knows, and which of them are installed here."""

from importlib.util import find_spec
from typing import NamedTuple


class Backend(NamedTuple):
    """A back end of Keras: `name` in Keras and as a package, `title` in sentences, and the `command` that installs it."""

    name: str
    title: str
    command: str


BACKENDS = {backend.name: backend for backend in (
    Backend("jax", "JAX", "pip install jax"),
    Backend("tensorflow", "TensorFlow", "pip install 'epochal[tensorflow]'"),
    Backend("torch", "PyTorch", "pip install 'epochal[torch]'"))}


def installed() -> tuple[str, ...]:
    """The names of the installed back ends; nothing is imported to find them."""
    return tuple(name for name in BACKENDS if find_spec(name) is not None)
