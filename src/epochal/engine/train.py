"""Train every lane, in the mode and at the width that were measured."""

import numpy as np

from .guard import memory_guard
from .lanes import OUT_OF_MEMORY, begin, n_trained, rows_of, trained
from .mode import measure_mode
from .programs import epoch_program


def train(rig, lanes, batches, *, how=None, go_on=None, device=None):
    """Train every lane, as fast as this rig on this machine allows.

    Args:
        how: what has a `mode` and a `width`, as the `EnginePoint` that `measure_mode` returned; measured when `None`.
        go_on: called after every epoch of a group of lanes as `go_on(n_epochs, losses)` with losses
            float32[n_epochs, n_lanes_of_the_group, n_parts]; a false answer ends the group there.
        device: where fused lanes run; `None` for the first one. Several threads may train at once, each fused.

    Returns:
        A list of `Run`s, one a lane, in the order of `lanes`. A lane that diverges ends there and disturbs no other.
    """
    if how is None:
        with memory_guard(rig) as guard:
            how = measure_mode(rig, batches.batch_size, len(lanes), fold=lanes[0].fold, n_rows=batches.n_rows)
        if guard.ran_out:
            return [OUT_OF_MEMORY] * len(lanes)
    go_on = go_on or (lambda n_epochs, losses: True)
    if how.mode == "stepwise":
        with memory_guard(rig):
            return _stepwise(rig, lanes, batches, go_on=go_on)
        return [OUT_OF_MEMORY] * len(lanes)
    from . import fused

    width, runs = how.width, []
    while len(runs) < len(lanes):
        group = lanes[len(runs) : len(runs) + width]
        with memory_guard(rig) as guard:
            program, width = epoch_program(rig, batches.batch_size, width, fold=lanes[0].fold, device=device,
                                           n_rows=batches.n_rows)
            runs += fused.train(rig, group[:width], batches, program, width, go_on=go_on, device=device)
        if guard.ran_out:
            if width == 1:
                return runs + [OUT_OF_MEMORY] * (len(lanes) - len(runs))
            width //= 2
    return runs


def _stepwise(rig, lanes, batches, *, go_on):
    """One step at a time, an epoch of each lane in turn: slow where steps are short, and what `fused` is tested against."""
    n, size = batches.rows_per_epoch(n_trained(rig, lanes[0].fold)), batches.batch_size
    states = [begin(rig, lane) for lane in lanes]
    steps = batches.steps_per_epoch(n)
    schedules = [lane.schedule(steps * batches.n_epochs).reshape(batches.n_epochs, steps) for lane in lanes]
    share = np.array([min(size, n - i * size) / n for i in range(steps)])  # of the rows, in each batch

    def epochs():
        for epoch in range(batches.n_epochs):
            losses, judged = [], []
            for i, lane in enumerate(lanes):
                rows, of_steps = rows_of(rig, lane, epoch, batches.n_rows), []
                for j in range(steps):
                    states[i], loss = rig.step(states[i], rows[j * size : (j + 1) * size], schedules[i][epoch, j])
                    of_steps.append(loss)  # still on the device: reading it now would make every step wait
                losses.append(float(share @ np.array([float(loss) for loss in of_steps])))
                judged.append(rig.judged(states[i], lane.fold))
            yield np.array(losses), *(np.stack(of_lanes) for of_lanes in zip(*judged, strict=True))

    return trained(epochs(), go_on)
