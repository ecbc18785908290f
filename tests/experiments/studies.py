"""Records of a small study, made by hand; also run as a process of its own that commits blocks until it is killed."""

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from epochal.experiments import StudyFolder
from epochal.records import Curve, Design, Machine, Outcome, Reading, Setting, Task

DESIGN = Design(batch_sizes=(16, 64), reference=16, learning_rates=(0.01, 0.1), epochs=3)
TASK = Task(name="digits", kind="multiclass", n_train=100, n_validation=40, n_params=7, n_classes=10, loss="mse",
            optimizer="adam", metrics=("accuracy",), fingerprint="f00d")
MACHINE = Machine(backend="jax", device="cpu", n_cores=2, memory_bytes=None, versions=(("keras", "3.15"),))
READING = Reading(name="engine", value=0.1, unit="s", low=0.1, high=float("inf"), repeats=3)


def curve(seed=1, *, batch_size=16, rate=0.1, stage="confirm", n_epochs=3, outcome=Outcome.OK):
    """A training whose numbers follow from its seed."""
    falling = tuple(seed + 1 / (epoch + 3) for epoch in range(n_epochs))
    return Curve(setting=Setting(batch_size=batch_size, learning_rate=rate), seed=seed, stage=stage, steps_per_epoch=7,
                 train_loss=falling, half_a=falling, half_b=falling, metrics=(falling,), outcome=outcome, seconds=seed / 7)


def block_of(number, n_curves=30):
    """The curves of one block: what the killed process was to write."""
    return tuple(curve(number * n_curves + place, n_epochs=20) for place in range(n_curves))


def other(record, **changes):
    return replace(record, **changes)


def begun(folder, **options):
    """The folder, open, and begun with the study above."""
    study = StudyFolder(folder, **options)
    study.begin(DESIGN, TASK, MACHINE)
    return study


def n_blocks(folder):
    """Blocks committed so far, read beside the process that writes them; 0 before there is a file."""
    file = Path(folder) / "study.sqlite"
    if not file.is_file():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM block").fetchone()[0]
        except sqlite3.OperationalError:  # the tables are not there yet
            return 0


if __name__ == "__main__":
    with begun(sys.argv[1]) as the_study:
        for number in range(len(the_study.blocks()), 100_000):
            the_study.commit(f"block {number}", block_of(number), seconds=1.0, provenance={"number": number})
            print(number, flush=True)
