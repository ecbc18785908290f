"""What machine and which versions the numbers hold for."""

import os
from importlib.metadata import version

import keras
import psutil

from ..records import Machine


def this_machine(device, memory_bytes, package):
    """The `Machine` of this process.

    Args:
        device: the back end's name of the device; `"cpu"` for the processor.
        memory_bytes: its memory; `None` where it does not tell. The processor's own need not be passed.
        package: the distribution name of the back end, e.g. `"jax"`.
    """
    return Machine(
        backend=keras.backend.backend(), device=device, n_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total if memory_bytes is None and device == "cpu" else memory_bytes,
        versions=tuple((name, version(name)) for name in ("epochal", "keras", package)))
