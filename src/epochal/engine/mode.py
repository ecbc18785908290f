"""Measure whether fused lanes or single steps train this model faster on this machine, at this batch size."""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from ..records import EnginePoint
from .guard import memory_guard
from .lanes import Lane, n_trained
from .programs import epoch_program

_TRIAL_SECONDS = 4.0    # what a trial may cost if fusing turns out ten times slower than stepping
_LONG_STEP = 0.1        # seconds: what fusing saves, the start of each step, is nothing beside that
_FULL = 4e-3            # seconds: one lane of convolutions that take as long fills the cores, and others beside it only take memory
_TRIAL_STEPS = 3        # of a trial that is not a whole epoch
_WORTH = 0.66           # of the time of a narrower program, a lane: wider ones leave more lanes idle in small groups
_FEAR = 10.0            # scans have been seen seven times slower than steps (convolutions on a CPU)


def measure_mode(rig, batch_size, n_lanes, *, widths=(8,), n_at_once=1, fold=0, n_rows=None):
    """Try a few steps of each mode and keep the faster.

    Args:
        n_lanes: how many lanes there will be; no wider program than that is tried.
        widths: lanes side by side to try; a wider program is kept when a lane in it takes two thirds of the time. Wider
            pays on accelerators. One, where a step of convolutions fills a processor by itself.
        n_at_once: such programs that will run at one time, and share the memory.
        fold: one of those with as many rows as the lanes will have. n_rows: of the part of an epoch that counts as one.

    Returns:
        An `EnginePoint`. Seconds are medians of a few steps after a warm-up, on whatever else the machine is doing.
    """
    n = n_trained(rig, fold) if n_rows is None else min(n_rows, n_trained(rig, fold))
    stepwise, best = _stepwise_seconds(rig, batch_size, fold, n), None
    may_pay = rig.pure is not None and (stepwise <= _LONG_STEP or rig.pure.convolves_in_loops)
    if may_pay and rig.pure.convolves_in_loops and stepwise > _FULL:
        widths = (1,)
    for width in sorted({max(1, min(width, n_lanes)) for width in widths}) if may_pay else ():
        with memory_guard(rig) as guard:
            tried = _fused_seconds(rig, batch_size, width, stepwise, n_at_once, fold, n)
        if guard.ran_out:
            break
        if best is None or tried[0] < _WORTH * best[0]:
            best = tried
        if best[0] > stepwise:
            break  # lanes side by side do not mend a loop that is slow
    pays = best is not None and best[0] <= stepwise
    return EnginePoint(batch_size=batch_size, mode="fused" if pays else "stepwise", width=best[1] if pays else 1,
                       seconds=best[0] if pays else stepwise, seconds_stepwise=stepwise, seconds_fused=best and best[0])


def _stepwise_seconds(rig, batch_size, fold, n):
    size = min(batch_size, n)
    state, rows = rig.fresh(0), np.arange(size, dtype=np.int32)
    taken = []
    for _ in range(1 + 5):
        start = perf_counter()
        state, loss = rig.step(state, rows, 0.0)
        float(loss)
        taken.append(perf_counter() - start)
    rig.judged(state, fold)  # compiles
    start = perf_counter()
    rig.judged(state, fold)
    judging = (perf_counter() - start) / -(-n // batch_size)
    return float(np.median(taken[1:])) + judging  # the first one compiles


def _fused_seconds(rig, batch_size, width, stepwise, n_at_once, fold, n):
    """Seconds a step and lane of a fused program, with as many others beside it as there will be, and the width it has.

    Where it cannot cost much it is the epoch that will be trained with, which is compiled anyway; else a few steps of it.
    """
    from . import fused

    steps, fear = -(-n // batch_size), 1.0 if rig.pure.convolves_in_loops else _FEAR
    if fear * stepwise * steps * width <= _TRIAL_SECONDS:
        program, width = epoch_program(rig, batch_size, width, fold=fold, n_at_once=n_at_once, n_rows=n)
    else:
        n, steps = _TRIAL_STEPS * batch_size, _TRIAL_STEPS
        width = max(1, min(width, int(_TRIAL_SECONDS / (fear * stepwise * steps))))
        program = fused.compile_epoch(rig, batch_size, width, fold=fold, n_rows=n, judging=False)
    orders, rates = np.tile(np.arange(n, dtype=np.int32), (width, 1)), np.zeros((width, steps), np.float32)
    held_out = fused.held_out(rig, [fold] * width)

    def once(states):
        states, losses, _ = program(rig.pure.data, states, orders, rates, held_out)
        np.asarray(losses)
        return states

    groups, taken = [fused.start_states(rig, [Lane(0, 0.0)] * width) for _ in range(n_at_once)], []
    with ThreadPoolExecutor(n_at_once) as pool:  # as many as will run at one time, since they share the cores
        for _ in range(5 if stepwise * steps * width < _TRIAL_SECONDS / _FEAR else 1):  # a slow moment is no slow width
            start = perf_counter()
            groups = list(pool.map(once, groups))
            taken.append(perf_counter() - start)
    return min(taken) / (steps * width * n_at_once), width
