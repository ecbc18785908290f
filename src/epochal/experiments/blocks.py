"""The unit in which a study trains, commits and resumes, a block of lanes of one batch size; and the records made of its runs."""

import datetime
from typing import NamedTuple

import numpy as np

from .. import engine
from ..base.errors import MeasurementFailed
from ..records import Curve, Outcome, Setting


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


def label_of(stage, size, rates):
    """How the blocks of some rates at a batch size are called: other rates are other blocks."""
    return f"{stage}/{size}/" + ",".join(f"{rate:.6g}" for rate in sorted(rates))


def blocks_of(label, stage, n_epochs, lanes, how):
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

    `device` is one of `engine.local_devices(rig)`; `watch` is called after every epoch with the share that is done, and may raise.
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


def schedule_of(rig, setting):
    """What a lane of this setting takes as its learning rates.

    A compiled schedule is kept in examples: at k times the batch size it runs k times as fast in steps, and it is scaled as a
    whole to the setting's highest rate.
    """
    present = rig.present
    if setting.schedule == "constant":
        return setting.learning_rate
    k, scale = setting.batch_size / present.batch_size, setting.learning_rate / present.learning_rate

    def rates(n_steps):
        steps = np.floor(np.arange(n_steps) * k).astype(int)
        return scale * rig.present_schedule(int(steps[-1]) + 1)[steps]

    return rates


def curve_of(run, setting, seed, stage, n_train, *, fold=0, every_part=False, metrics_of_trials=False):
    """The `Curve` of one `Run`; trials keep only what choosing needs, the metrics where they are asked for.

    With `every_part`, every figure of every training, on each half too: any metric may be what a study judges by.
    """
    figures = run.figures if len(run.figures) else np.empty((0, 2, 1))
    judged, tested = every_part or (stage != "screen" and len(figures)), figures.shape[1] > 2

    blocks = {}
    if judged and run.blocks.size:
        lowest_a, lowest_b = (int(figures[:, half, 0].argmin()) for half in (0, 1))
        blocks = {"blocks_a": _short(run.blocks[lowest_b, 0]), "blocks_b": _short(run.blocks[lowest_a, 1])}

    def metrics(*parts):
        return tuple(_short(figures[:, list(parts), 1 + i].mean(1, dtype=float)) for i in range(figures.shape[2] - 1))

    return Curve(
        setting=setting, seed=seed, stage=stage, steps_per_epoch=-(-n_train // setting.batch_size),
        train_loss=_short(run.train_loss) if judged else (), half_a=_short(figures[:, 0, 0]), half_b=_short(figures[:, 1, 0]),
        metrics=metrics(0, 1) if judged or metrics_of_trials else (), metrics_a=metrics(0) if every_part else (),
        metrics_b=metrics(1) if every_part else (), test_metrics=metrics(2) if judged and tested else (),
        test_loss=_short(figures[:, 2, 0]) if judged and tested else (), outcome=run.outcome, seconds=float(run.seconds),
        fold=fold, **blocks)


def _short(values):
    """Six significant digits: a float32 has no more than seven, and the file stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
