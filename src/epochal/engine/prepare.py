"""Compile ahead of time, in a thread beside a training, what the next batch size will need."""

import numpy as np

from .programs import epoch_program
from .turns import turn


def prepare(rig, batch_size, width, *, n_at_once=1):
    """Compile the fused epoch and the single step of one batch size, so that `measure_mode` and `train` find them.

    Args:
        rig: the model on the bench; one that cannot be fused is left alone.
        batch_size: rows of an update. width: lanes side by side. n_at_once: programs that will run at one time.
    """
    if rig.pure is None:
        return
    epoch_program(rig, batch_size, width, n_at_once=n_at_once)
    with turn(rig):
        rig.step(rig.fresh(0), np.arange(min(batch_size, rig.n_examples), dtype=np.int32), 0.0)


def local_devices(rig):
    """Where fused lanes may run: `None`, the first device, and what other devices JAX has here."""
    if rig.pure is None:
        return (None,)
    import jax

    return (None, *jax.local_devices()[1:])
