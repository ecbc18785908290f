"""Runs of a race written down by hand: losses after so many seconds of training, on a clock of so many seconds an update."""

from epochal.records import Evidence, Machine, Mark, Outcome, Reading, Run, Setting, Task
from epochal.records.clock import Seconds
from epochal.rules.race.standings import Standings

PRESENT = Setting(batch_size=32, learning_rate=1e-3)
LARGER = Setting(batch_size=128, learning_rate=1e-3)       # half the noise of the present one
BOLDER = Setting(batch_size=32, learning_rate=3.162e-3)    # 3.162 times its noise
STEPS = {8: 0.008, 32: 0.01, 128: 0.02, 512: 0.04}                   # seconds an update
UNTRAINED = 2.0


def run(setting, losses, *, seed=1, stage="fresh", outcome=Outcome.OK):
    """A `Run`; `losses` is `{seconds: loss}`, a loss being one number, or the numbers of half a's blocks and of half b's."""
    marks = []
    for seconds, loss in losses.items():
        half_a, half_b = loss if isinstance(loss, tuple) else ([loss] * 2, [loss] * 2)
        n_updates = int(seconds / STEPS[setting.batch_size] + 0.02)  # whole ones, of which the last may end a little later
        marks.append(Mark(n_updates=n_updates, half_a=tuple(half_a), half_b=tuple(half_b)))
    return Run(setting=setting, seed=seed, stage=stage, marks=tuple(marks), outcome=outcome)


def raced(setting, losses, **options):
    return run(setting, losses, seed=0, stage="race", **options)


def evidence(*runs, n_train=100_000, optimizer="adam", constant_loss=None):
    task = Task(name="made up", kind="custom", n_train=n_train, n_validation=8, n_params=10, loss="mse", optimizer=optimizer,
                fingerprint="made-up", constant_loss=constant_loss)
    untrained = Reading(name="untrained_loss", value=UNTRAINED, low=UNTRAINED, high=UNTRAINED, repeats=2)
    return Evidence(task=task, machine=Machine(backend="fake", device="cpu", n_cores=1, memory_bytes=None), present=PRESENT,
                    readings=(untrained,), runs=runs)


def clock(spread=1.0):
    """A step takes what `STEPS` says, give or take a factor."""
    return lambda size: Seconds(value=STEPS[size], low=STEPS[size] / spread, high=STEPS[size] * spread)


def standings(*runs, spread=1.0, **options):
    return Standings(evidence(*runs, **options), clock(spread))
