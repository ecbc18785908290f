"""Measure whether fused lanes or single steps train this model faster on this machine, at this batch size."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

from .guard import memory_guard

_TRIAL_SECONDS = 4.0    # what a trial of a whole fused epoch may cost if fusing turns out ten times slower than stepping
_FEAR = 10.0            # scans have been seen seven times slower than steps (convolutions on a CPU)


class How(NamedTuple):
    """How to train at one batch size.

    Attributes:
        mode: `"fused"` or `"stepwise"`.
        width: lanes side by side in one program; 1 when stepwise.
        step_seconds: seconds a step and lane in that mode, judging included when fused.
        stepwise_seconds, fused_seconds: what was measured for each mode; `None` where it was not tried.
    """

    mode: str
    width: int
    step_seconds: float
    stepwise_seconds: float
    fused_seconds: float | None

    def __str__(self):
        fused = f"fused {self.fused_seconds * 1e3:.3g} ms" if self.fused_seconds else "fusing not tried"
        return f"{self.mode}, {self.width} lanes wide ({fused}, stepwise {self.stepwise_seconds * 1e3:.3g} ms a step and lane)"


def measure_mode(rig, batch_size, n_lanes, *, width=8):
    """Try a few steps of each mode and keep the faster.

    Args:
        rig: the model on the bench.
        batch_size: the one to train at.
        n_lanes: how many lanes there will be; no wider program than that is tried.
        width: lanes side by side to try; wider pays on accelerators.

    Returns:
        A `How`. Seconds are medians of a few steps after a warm-up, on whatever else the machine is doing.
    """
    stepwise = _stepwise_seconds(rig, batch_size)
    if rig.pure is None:
        return How("stepwise", 1, stepwise, stepwise, None)
    steps, width = -(-rig.n_examples // batch_size), max(1, min(width, n_lanes))
    while width > 1 and _FEAR * stepwise * steps * width > _TRIAL_SECONDS:
        width //= 2
    fused = None
    with memory_guard(rig) as guard:
        fused, width = _fused_seconds(rig, batch_size, width)
    if guard.ran_out or fused > stepwise:
        return How("stepwise", 1, stepwise, stepwise, fused)
    return How("fused", width, fused, stepwise, fused)


def _stepwise_seconds(rig, batch_size, repeats=5):
    size = min(batch_size, rig.n_examples)
    state, rows = rig.fresh(0), np.arange(size, dtype=np.int32)
    taken = []
    for _ in range(repeats + 1):
        start = perf_counter()
        state, loss = rig.step(state, rows, 0.0)
        float(loss)
        taken.append(perf_counter() - start)
    return float(np.median(taken[1:]))  # the first one compiles


def _fused_seconds(rig, batch_size, width):
    from . import fused
    from .train import epoch_program

    program, width = epoch_program(rig, batch_size, width)
    n, steps = rig.n_examples, -(-rig.n_examples // batch_size)
    states, orders = fused.start_states(rig, [0] * width), np.tile(np.arange(n, dtype=np.int32), (width, 1))
    taken = []
    for _ in range(2):
        start = perf_counter()
        states, losses, _ = program(rig.pure.data, states, orders, np.zeros((width, steps), np.float32))
        np.asarray(losses)
        taken.append(perf_counter() - start)
    return min(taken) / (steps * width), width
