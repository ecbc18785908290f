"""Train every lane, in the mode and at the width that were measured."""

from . import stepwise
from .guard import memory_guard
from .lanes import out_of_memory
from .mode import measure_mode
from .programs import epoch_program


def train(rig, lanes, batches, *, how=None, go_on=None, device=None):
    """Train every lane, as fast as this rig on this machine allows.

    Args:
        rig: the model on the bench; its state is never kept.
        lanes: the `Lane`s, at least one.
        batches: the `Batches`: their size and the number of epochs.
        how: what has a `mode` and a `width`, as the `EnginePoint` that `measure_mode` returned; measured when `None`.
        go_on: called after every epoch of a group of lanes as `go_on(n_epochs, losses)` with losses
            float32[n_epochs, n_lanes_of_the_group, n_parts]; a false answer ends the group there.
        device: where fused lanes run; `None` for the first one. Several threads may train at once, each fused.

    Returns:
        A list of `Run`s, one a lane, in the order of `lanes`. A lane that diverges ends there and disturbs no other.
    """
    if how is None:
        with memory_guard(rig) as guard:
            how = measure_mode(rig, batches.batch_size, len(lanes))
        if guard.ran_out:
            return [out_of_memory() for _ in lanes]
    go_on = go_on or (lambda n_epochs, losses: True)
    if how.mode == "stepwise":
        with memory_guard(rig) as guard:
            return stepwise.train(rig, lanes, batches, go_on=go_on)
        assert guard.ran_out
        return [out_of_memory() for _ in lanes]
    from . import fused

    width, runs = how.width, []
    while len(runs) < len(lanes):
        group = lanes[len(runs) : len(runs) + width]
        with memory_guard(rig) as guard:
            program, width = epoch_program(rig, batches.batch_size, width, device=device)
            runs += fused.train(rig, group[:width], batches, program, width, go_on=go_on, device=device)
        if guard.ran_out:
            if width == 1:
                return [*runs, *(out_of_memory() for _ in lanes[len(runs) :])]
            width //= 2
    return runs
