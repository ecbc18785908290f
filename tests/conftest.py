"""What every test runs on: Keras on JAX, unless `KERAS_BACKEND` names another back end."""

import gc
import os
import sys
from importlib import metadata

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)   # the same cases in every run ...
settings.register_profile("new")                      # ... or new ones: pytest --hypothesis-profile=new
settings.load_profile("same")

os.environ.setdefault("KERAS_BACKEND", "jax")  # before the first import of Keras; a user's keras.json may say otherwise


@pytest.fixture(scope="module", autouse=True)
def _no_programs_left_over():
    """Programs compiled by a file of tests go with it: some thousands of them in one process exhaust its memory maps."""
    yield
    if "jax" in sys.modules:
        gc.collect()
        sys.modules["jax"].clear_caches()


def pytest_report_header():
    """Which back ends the tests will find; those of a missing one skip."""
    found = []
    for name in ("keras", "jax", "tensorflow", "torch"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return f"back ends: {', '.join(found)}; Keras on {os.environ['KERAS_BACKEND']}"
