"""Compiled epochs and stretches, kept for as long as their rig: one for each batch size, width and device."""

import threading
import weakref

import numpy as np

from .guard import keras_lock
from .lanes import n_trained

_PROGRAMS = weakref.WeakKeyDictionary()  # per rig: {(batch size, rows, width, device): compiled epoch}
_STRETCHES = weakref.WeakKeyDictionary()  # per rig: {(batch size, most updates): compiled stretch}
_COMPILING = weakref.WeakKeyDictionary()  # per rig: {(batch size, rows, device): lock}, so that no two threads compile one program


def epoch_program(rig, batch_size, width, *, fold=0, device=None, n_at_once=1, n_rows=None):
    """The compiled epoch on a device (`None`: the first), of lanes with as many rows as a fold, and the width it has.

    It is halved until its own account of its memory fits the device, where `n_at_once` such programs will run at one time.
    `n_rows`: of the part of an epoch that counts as one; `None` for all.
    """
    from . import fused

    n = n_trained(rig, fold) if n_rows is None else min(n_rows, n_trained(rig, fold))
    with keras_lock(rig):
        programs = _PROGRAMS.setdefault(rig, {})
        lock = _COMPILING.setdefault(rig, {}).setdefault((batch_size, n, device), threading.Lock())
    with lock:
        capacity = rig.capacity_bytes()
        while (batch_size, n, width, device) not in programs:
            program = fused.compile_epoch(rig, batch_size, width, fold=fold, n_rows=n, device=device)
            needed = fused.program_bytes(program)
            if width > 1 and capacity is not None and needed is not None and needed > 0.8 * capacity / n_at_once:
                width //= 2
            else:
                programs[batch_size, n, width, device] = program
        return programs[batch_size, n, width, device], width


def stretch_program(rig, batch_size, most):
    """The compiled stretch of at most so many updates of one training."""
    from . import fused

    with keras_lock(rig):
        programs = _STRETCHES.setdefault(rig, {})
        if (batch_size, most) not in programs:
            programs[batch_size, most] = fused.compile_stretch(rig, batch_size, most)
        return programs[batch_size, most]


def prepare(rig, batch_size, width, *, n_at_once=1):
    """Compile ahead of time the fused epoch and the single step of one batch size, so that `measure_mode` and `train` find them."""
    if rig.pure is None:
        return
    epoch_program(rig, batch_size, width, n_at_once=n_at_once)
    with keras_lock(rig):
        rig.step(rig.fresh(0), np.arange(min(batch_size, rig.n_examples), dtype=np.int32), 0.0)


def local_devices(rig):
    """Where fused lanes may run: `None`, the first device, and what other devices JAX has here."""
    if rig.pure is None:
        return (None,)
    import jax

    return (None, *jax.local_devices()[1:])
