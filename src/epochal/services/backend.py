"""Which Keras back end a command runs on: decided before Keras is first imported, so nothing here imports it."""

import os

from ..base.backends import BACKENDS, installed
from ..base.validate import one_of, require


def choose_backend(name: str | None = None) -> None:
    """Use the back end named, else that of `KERAS_BACKEND`, else JAX.

    Raises:
        UsageError: there is no such back end, or it is not installed.
    """
    where, name = "--backend" if name else "KERAS_BACKEND", name or os.environ.get("KERAS_BACKEND") or "jax"
    one_of(where, name, BACKENDS, "Pass --backend jax.")
    require(name in installed(), where, name, "an installed back end", f"Install it with: {BACKENDS[name].command}.")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
