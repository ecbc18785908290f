"""Everything that has been measured so far."""

import math
from dataclasses import dataclass, replace

from ..base.errors import UsageError
from .reading import Outcome, Reading
from .task import Machine, Task
from .trainings.curve import Curve, Setting
from .trainings.race import Run

FIXABLE = ("batch_size", "learning_rate", "epochs")
TRAINERS = {"keras": "fit", "epochal": "epochal.fit"}  # who trains, and what is called for it
_BY_THE_CLOCK = ("throughput", "validation", "compilation", "switches", "back_ends", "untrained_loss", "race")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """What a training is to reach on the validation rows.

    Attributes:
        metric: the name of a compiled metric, or `"loss"`. value: that it is to reach, or to pass.
        at_least: whether it is to be as high; else as low.
    """

    metric: str
    value: float
    at_least: bool

    def __str__(self):
        return f"val_{self.metric} {'>=' if self.at_least else '<='} {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Readings, curves and runs in the order they were taken. Adding returns a new `Evidence`.

    Attributes:
        task, machine: what was measured and where; `None` before the first measurement.
        present: what the user trains with now, always one of the arms: as said, else Keras' batch size and the model's own rate.
        said: whether the user said so; else it is called the default.
        present_epochs: the epochs that the user trains for now; `None` where that was not said.
        fixed: what of the present setting is to stay as it is, of `FIXABLE`: no other one is compared. With `"epochs"` no training
            is longer than `present_epochs`.
        max_memory: bytes that an update may take; `None` where the device alone is the limit.
        max_time: seconds that a whole training may take; `None` where there is no limit.
        until: what a training is to reach, by which settings are compared; `None` is as low a loss as the present one has.
        trains_with: who trains, of `TRAINERS`: Keras' own `fit` or ours. Seconds of a training are by its clock.
        readings, curves: what was measured.
        runs: the trainings of a race, each as far as it came.
    """

    task: Task | None = None
    machine: Machine | None = None
    present: Setting | None = None
    said: bool = False
    present_epochs: int | None = None
    fixed: tuple[str, ...] = ()
    max_memory: int | None = None
    max_time: float | None = None
    until: Until | None = None
    trains_with: str = "keras"
    readings: tuple[Reading, ...] = ()
    curves: tuple[Curve, ...] = ()
    runs: tuple[Run, ...] = ()

    def about(self, task, machine, present):
        """The same evidence, of this task on this machine; refuses to merge unlike things.

        Raises:
            UsageError: it was measured on another model, other data or another machine.
        """
        other = task.difference(self.task) if self.task is not None else ""
        if other:
            raise UsageError(f"`evidence` must be about the same model and data; what differs: {other}. It is about {self.task}, "
                             f"and this is {task}. Measure again without it.")
        for mine, theirs, what in ((self.machine and (self.machine.backend, self.machine.device),
                                    (machine.backend, machine.device), "machine"),
                                   (self.present, present, "present setting")):
            if mine is not None and mine != theirs:
                raise UsageError(f"`evidence` must be about the same {what}; it was measured on {mine}, this is {theirs}. "
                                 "Measure again without it.")
        return replace(self, task=task, machine=machine, present=present)

    @property
    def decides(self):
        """By what settings are compared, in words: the loss, or a metric."""
        return "loss" if self.task is None else self.task.decides.replace("_", " ")

    @property
    def whose(self):
        """How the present setting is called in a sentence."""
        return "yours" if self.said else "the default"

    @property
    def fit(self):
        """What is called for a training, in a sentence."""
        return TRAINERS[self.trains_with]

    def clocked(self, trains_with):
        """The same evidence for who trains now, without what holds by the clock of another: trainings to the end stay."""
        if trains_with == self.trains_with:
            return self
        stay = tuple(reading for reading in self.readings if reading.name not in _BY_THE_CLOCK)
        return replace(self, trains_with=trains_with, readings=stay, runs=())

    def within(self, max_memory):
        """The same evidence where an update may take so many bytes, without what held for another limit."""
        if max_memory == self.max_memory:
            return self
        return replace(self, max_memory=max_memory, readings=tuple(r for r in self.readings if r.name != "memory"))

    def holding(self, fixed, present_epochs):
        """The same evidence where this is fixed and the user trains for so many epochs: with another limit on them the comparison
        goes on, without trainings that may have ended for the former one."""
        before, now = self.most_epochs, present_epochs if "epochs" in fixed else None
        known = replace(self, fixed=fixed, present_epochs=present_epochs)
        if before == now:
            return known
        return replace(known, readings=tuple(reading for reading in self.readings if reading.name != "study"),
                       curves=tuple(curve for curve in self.curves if before is None or curve.n_epochs < before))

    def allows(self, setting):
        """Whether a setting leaves what is fixed as it is, and fits into the memory that was asked for."""
        memory = self.get("memory") if self.max_memory is not None and setting != self.present else None
        return ((memory is None or setting.batch_size <= memory.value)
                and all(getattr(setting, name) == getattr(self.present, name) for name in self.fixed if name != "epochs"))

    @property
    def most_epochs(self):
        """The epochs that no training may exceed; `None` where they are not fixed."""
        return self.present_epochs if "epochs" in self.fixed else None

    def allowed(self):
        """The same evidence without the trainings of settings that it does not allow, and without longer ones than it allows."""
        most = self.most_epochs or math.inf
        return replace(self, curves=tuple(c for c in self.curves if self.allows(c.setting) and c.n_epochs <= most),
                       runs=tuple(run for run in self.runs if self.allows(run.setting)))

    def add(self, *things):
        """The evidence with `Reading`s and `Curve`s appended; a `Run` takes the place of the same training when it was shorter."""
        runs = {(run.stage, run.setting, run.seed): run for run in (*self.runs, *(t for t in things if isinstance(t, Run)))}
        return replace(self, readings=(*self.readings, *(t for t in things if isinstance(t, Reading))),
                       curves=(*self.curves, *(t for t in things if isinstance(t, Curve))), runs=tuple(runs.values()))

    def __repr__(self):
        return (f"<Evidence: {self.task.name if self.task else 'nothing'}, {len(self.readings)} readings, {len(self.curves)} "
                f"trainings to the end, {len(self.runs)} raced>")

    def __contains__(self, name):
        return any(r.name == name for r in self.readings)

    def get(self, name):
        """The latest trustworthy reading called `name`, or `None`."""
        good = [r for r in self.readings if r.name == name and r.known]
        return good[-1] if good else None

    def why_not(self, name):
        """The outcome that explains why `get(name)` is `None`."""
        bad = [r.outcome for r in self.readings if r.name == name and not r.known]
        return bad[-1] if bad else Outcome.SKIPPED

    def lacks(self, name):
        """Whether `name` was not measured yet, or left out for lack of time."""
        return self.get(name) is None and self.why_not(name) is Outcome.SKIPPED

    def of(self, stage, setting=None):
        """The curves of a stage (and of one setting), in the order they were trained."""
        return tuple(c for c in self.curves if c.stage == stage and setting in (None, c.setting))

    def __str__(self):
        lines = [line for reading in self.readings
                 for line in (str(reading), *(f"  {one}" for one in (reading.means, reading.does_not_mean) if one))]
        if self.curves or self.runs:
            lines.append(f"{len(self.curves) + len(self.runs)} trainings")
        return "\n".join(lines) or "no readings yet"
