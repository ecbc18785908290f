"""Which Keras back end a command runs on: decided before Keras is first imported, so nothing here imports it."""

import os
from importlib.util import find_spec

from ..base.validate import require

BACKENDS = ("jax", "tensorflow", "torch")


def choose_backend(name: str | None = None) -> str:
    """Use the back end named, else that of `KERAS_BACKEND`, else JAX.

    Raises:
        UsageError: there is no such back end, or it is not installed.
    """
    where, name = "--backend" if name else "KERAS_BACKEND", name or os.environ.get("KERAS_BACKEND") or "jax"
    require(name in BACKENDS, where, name, "jax, tensorflow or torch", "Pass --backend jax.")
    require(find_spec(name) is not None, where, name, "an installed back end", f"Install it with: pip install 'epochal[{name}]'.")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return name
