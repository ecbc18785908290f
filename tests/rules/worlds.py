"""Made-up evidence from true parameters: what each setting's quality, pace and noise really are is known."""

from typing import NamedTuple

import numpy as np

from epochal.records import Curve, Evidence, Machine, Outcome, Reading, Setting, StepMemory, StepTime, Task

PRESENT = Setting(batch_size=32, learning_rate=1e-3)
UNTRAINED, FLOOR = 2.2, 0.2
MARGIN = 0.01 * (UNTRAINED - FLOOR)   # what the rules declare where the present setting reaches the floor
T0, C = 1.334e-3, 1.731e-6            # seconds a step and an example: B_hw = 771


class Truth(NamedTuple):
    """What one setting is really like.

    Attributes:
        excess: validation loss at the end, above the floor.
        steps: updates until 99 % of the way down is done.
        private: standard deviation over seeds of its final loss, beside what all settings share.
        diverges: whether its runs end in their third epoch.
    """

    excess: float = 0.0
    steps: float = 600.0
    private: float = 0.0
    diverges: bool = False


def hyperbola(s_min, b_crit, batch_size):
    """Updates to the target by the law S(B) = Smin (1 + B_crit / B)."""
    return s_min * (1 + b_crit / batch_size)


def at(batch_size, learning_rate=1e-3):
    return Setting(batch_size=batch_size, learning_rate=learning_rate)


def evidence(truths, *, seed=0, n_seeds=8, n_screen=2, shared=0.0, wobble=0.0, n_train=1600, n_validation=400, n_epochs=60,
             trained_to_the_end=True, present=PRESENT, **readings_changed):
    """The evidence that a study of these settings would leave.

    Args:
        truths: `{setting: Truth}`, the present one among them. seed: draws the noise.
        n_seeds, n_screen: runs with fresh seeds and trials, of each setting.
        shared: standard deviation over seeds of what all settings have in common (the seed's own luck).
        wobble: standard deviation of each half's loss from epoch to epoch.
        n_train, n_validation: rows. n_epochs: the least length of each run.
        trained_to_the_end: longer, until it is within 1e-8 of its end.
        readings_changed: as for `readings`.
    """
    noise = np.random.default_rng([seed, 17])
    curves = []
    for stage, n, first in (("screen", n_screen, 1000), ("confirm", n_seeds, 0)):
        luck = shared * noise.normal(size=n)
        for setting, truth in truths.items():
            named = "present" if stage == "confirm" and setting == present else stage
            own = FLOOR + truth.excess + luck + truth.private * noise.normal(size=n)
            curves += [_curve(setting, first + i, named, truth, own[i], noise, wobble, n_train, n_epochs, trained_to_the_end)
                       for i in range(n)]
    task = Task(name="made up", kind="custom", n_train=n_train, n_validation=n_validation, n_params=1000, loss="mse",
                optimizer="adam", fingerprint="made-up")
    machine = Machine(backend="fake", device="cpu", n_cores=1, memory_bytes=2**30)
    return Evidence(task=task, machine=machine, present=present, said=True, readings=readings(n_train, **readings_changed),
                    curves=tuple(curves))


def readings(n_train=1600, **changed):
    """The readings beside the trainings, each replaced or (where `None`) left out by its name."""
    sizes = [b for b in (8, 16, 32, 64, 128, 256, 512, 1024) if b <= n_train]
    found = {
        "memory": Reading(name="memory", value=float(n_train), unit="examples", low=float(n_train), high=float(n_train), repeats=1,
                          points=tuple(StepMemory(batch_size=b, peak_bytes=10_000 + 1000 * b) for b in sizes)),
        "throughput": clock(T0, C, sizes),
        "noise_scale": Reading(name="noise_scale", value=200.0, unit="examples", low=100.0, high=400.0, repeats=32),
        "critical_rate": Reading(name="critical_rate", value=0.05, low=0.03, high=0.08, repeats=6),
        "prediction": Reading(name="prediction", value=512.0, unit="examples", low=256.0, high=1024.0, repeats=5),
        "untrained_loss": Reading(name="untrained_loss", value=UNTRAINED, low=UNTRAINED - 0.1, high=UNTRAINED + 0.1, repeats=3),
    } | changed
    return tuple(reading for reading in found.values() if reading is not None)


def clock(t0, c, sizes=(8, 32, 128, 512), spread=1.02):
    """The `throughput` of a machine on which a step takes t0 + c B seconds, give or take `spread`."""
    points = tuple(StepTime(batch_size=b, seconds=t0 + c * b, low=(t0 + c * b) / spread, high=(t0 + c * b) * spread) for b in sizes)
    bounded = c > 0
    return Reading(name="throughput", value=t0 / c if bounded else 0.0, unit="examples", low=0.9 * t0 / c if bounded else 0.0,
                   high=1.1 * t0 / c if bounded else float("inf"), repeats=5, points=points,
                   outcome=Outcome.OK if bounded else Outcome.LOWER_BOUND,
                   details=(("t0", t0), ("c", c), ("knee", 512.0), ("best", 1e5)))


def curve(validation, *, setting=PRESENT, seed=0, stage="confirm", steps_per_epoch=50, half_b=None):
    """A run with the given losses on the first half of the validation rows, and (unless told) the same on the second."""
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=steps_per_epoch, train_loss=(), half_a=tuple(validation),
                 half_b=tuple(validation if half_b is None else half_b))


def diverged(*, setting=PRESENT, seed=0, stage="confirm", n_epochs=2):
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=50, train_loss=(9.0,) * n_epochs,
                 half_a=(9.0,) * n_epochs, half_b=(9.0,) * n_epochs, outcome=Outcome.DIVERGED)


def _curve(setting, seed, stage, truth, own, noise, wobble, n_train, n_epochs, trained_to_the_end):
    steps_per_epoch = -(-n_train // setting.batch_size)
    if truth.diverges:
        return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=steps_per_epoch, train_loss=(5.0, 50.0),
                     half_a=(5.0, 60.0), half_b=(5.1, 61.0), outcome=Outcome.DIVERGED)
    if trained_to_the_end:
        n_epochs = max(n_epochs, -(-4 * round(truth.steps) // steps_per_epoch))
    updates = steps_per_epoch * np.arange(1, n_epochs + 1)
    clean = own + (UNTRAINED - own) * 0.01 ** (updates / truth.steps)
    halves = [tuple((clean + wobble * noise.normal(size=n_epochs)).tolist()) for _ in range(2)]
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=steps_per_epoch, train_loss=tuple(clean.tolist()),
                 half_a=halves[0], half_b=halves[1], seconds=0.1)
