"""Compiled epochs, kept for as long as their rig: one for each batch size, width and device."""

import threading
import weakref

from .turns import turn

_PROGRAMS = weakref.WeakKeyDictionary()  # per rig: {(batch size, width, device): compiled epoch}
_COMPILING = weakref.WeakKeyDictionary()  # per rig: {(batch size, device): lock}, so that no two threads compile one program


def epoch_program(rig, batch_size, width, *, device=None, n_at_once=1):
    """The compiled epoch, and the width it has: halved until its own account of its memory fits the device.

    Args:
        device: where it is to run; `None` for the first one.
        n_at_once: how many such programs will run there at one time.
    """
    from . import fused

    with turn(rig):
        programs = _PROGRAMS.setdefault(rig, {})
        lock = _COMPILING.setdefault(rig, {}).setdefault((batch_size, device), threading.Lock())
    with lock:
        capacity = rig.capacity_bytes()
        while (batch_size, width, device) not in programs:
            program = fused.compile_epoch(rig, batch_size, width, device=device)
            needed = fused.program_bytes(program)
            if width > 1 and capacity is not None and needed is not None and needed > 0.8 * capacity / n_at_once:
                width //= 2
            else:
                programs[batch_size, width, device] = program
        return programs[batch_size, width, device], width


def compilations(rig):
    """How many epoch programs have been compiled for a rig: one for each batch size, width and device."""
    return len(_PROGRAMS.get(rig, {}))
