"""The one table of the Keras back ends that the package knows, and which of them a command runs on."""

import os
from importlib.util import find_spec
from typing import NamedTuple

from .validate import one_of, require


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


def environment_of(name: str) -> dict[str, str]:
    """The variables with which another process runs Keras on this back end, and shares the device with this one."""
    return {"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "2", "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def choose_backend(name: str | None = None) -> None:
    """Use the back end named, else that of `KERAS_BACKEND`, else JAX; before Keras is first imported.

    Raises:
        UsageError: there is no such back end, or it is not installed.
    """
    where, name = "--backend" if name else "KERAS_BACKEND", name or os.environ.get("KERAS_BACKEND") or "jax"
    one_of(where, name, BACKENDS, "Pass --backend jax.")
    require(name in installed(), where, name, "an installed back end", f"Install it with: {BACKENDS[name].command}.")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
