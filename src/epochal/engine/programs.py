"""Compiled epochs, kept for as long as their rig: one for each batch size and width."""

import weakref

_PROGRAMS = weakref.WeakKeyDictionary()  # per rig: {(batch size, width): compiled epoch}


def epoch_program(rig, batch_size, width):
    """The compiled epoch, and the width it has: halved until its own account of its memory fits the device."""
    from . import fused

    programs = _PROGRAMS.setdefault(rig, {})
    capacity = rig.capacity_bytes()
    while (batch_size, width) not in programs:
        program = fused.compile_epoch(rig, batch_size, width)
        needed = fused.program_bytes(program)
        if width > 1 and capacity is not None and needed is not None and needed > 0.8 * capacity:
            width //= 2
        else:
            programs[batch_size, width] = program
    return programs[batch_size, width], width


def compilations(rig):
    """How many epoch programs have been compiled for a rig: one for each batch size and width."""
    return len(_PROGRAMS.get(rig, {}))
