"""The unit in which a study trains, commits and resumes: a block of lanes of one batch size, in one program."""

import datetime
from typing import NamedTuple

from .. import engine
from ..base.errors import MeasurementFailed
from ..records import Outcome, Setting
from .curves import curve_of, schedule_of


class Block(NamedTuple):
    """Trainings that are made together. Who makes them, and in what order, changes none of their numbers.

    Attributes:
        name: tells it from every other block of its study.
        stage: `"screen"` (trials) or `"confirm"` (fresh seeds).
        n_epochs: what each run gets.
        lanes: setting and seed of each; all of one batch size.
        mode, width: how the engine trains them: fixed when the study is designed, since another width may round otherwise.
    """

    name: str
    stage: str
    n_epochs: int
    lanes: tuple[tuple[Setting, int], ...]
    mode: str
    width: int

    @property
    def batch_size(self):
        return self.lanes[0][0].batch_size


def labelled(stage, size, rates):
    """How the blocks of some rates at a batch size are called: other rates are other blocks."""
    return f"{stage}/{size}/" + ",".join(f"{rate:.6g}" for rate in sorted(rates))


def cut(label, stage, n_epochs, lanes, how):
    """Lanes as blocks. By learning rate, so that those that diverge share a block, which ends when its last lane has."""
    ordered = sorted(lanes)
    width = how.width if how.mode == "fused" else 1
    return [Block(f"{label}/{i // width}", stage, n_epochs, tuple(ordered[i : i + width]), how.mode, how.width)
            for i in range(0, len(ordered), width)]


def no_memory_for(batch_size):
    """The sentence for a batch that does not fit."""
    return (f"There is no memory for a batch of {batch_size:,} examples. Leave that batch size out, or use a device with more "
            "memory, and begin in another folder.")


def train_block(rig, block, *, device=None, watch=None):
    """The `Curve`s of a block's lanes, in their order, and where and when they were made.

    Args:
        rig: the model on the bench.
        device: one of `engine.local_devices(rig)`.
        watch: called after every epoch with the share of the block that is done; may raise `Stopped`.

    Raises:
        MeasurementFailed: there is no memory, not even for one lane.
    """
    lanes = [engine.Lane(seed, schedule_of(rig, setting)) for setting, seed in block.lanes]

    def go_on(epoch, losses):
        if watch is not None:
            watch(epoch / block.n_epochs)
        return bool((losses[-1][:, :engine.N_HALVES] < float("inf")).all(-1).any())  # false where no lane has a loss

    runs = engine.train(rig, lanes, engine.Batches(block.batch_size, block.n_epochs), how=block, go_on=go_on, device=device)
    if any(run.outcome is Outcome.OUT_OF_MEMORY for run in runs):
        raise MeasurementFailed(no_memory_for(block.batch_size))
    curves = tuple(curve_of(run, setting, seed, block.stage, rig.n_examples, every_part=True)
                   for run, (setting, seed) in zip(runs, block.lanes, strict=True))
    facts = {"machine": str(rig.machine), "device": str(device or "default"),
             "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    return curves, facts
