"""The answer."""

import enum
import math
from dataclasses import dataclass

from ..base.lookup import ask
from ..base.text import counted, difference, number, quantity, table
from .ceiling import Ceiling
from .clock import FitSeconds
from .evidence import Evidence
from .reading import Reading
from .task import TRAINED_BEFORE
from .trainings.curve import Setting
from .trainings.race import Lead

_HARM = 0.1  # of the loss before training: less of a rise after the first epoch is not worth telling
_INSIDE = ("engine", "untrained_loss")  # readings that are taken within a comparison, whose seconds hold theirs


class Verdict(enum.Enum):
    """How one setting's quality compares with the reference setting's: one word, one meaning, in text, JSON and pictures.

    `NOT_WORSE`: the 95 % interval of the difference ends below the margin. `EQUIVALENT`: two one-sided tests place the difference
    within the margin on both sides. `BETTER`, `WORSE`: shown, beyond chance; of a plan's settings `BETTER` over all of them
    together (Holm 1979). `UNDECIDED`: the evidence allows none of these.
    """

    REFERENCE = "the reference"
    NOT_WORSE = "not worse"
    EQUIVALENT = "equivalent"
    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    DIVERGED = "diverged"
    NO_MEMORY = "no memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One recommended number, its plausible range, and the reason.

    Attributes:
        value: an `int` for counts, a `float` for rates.
        low, high: the range the evidence cannot tell from `value`.
        because: what speaks for it, in one sentence.
        details: how it was found, with formulas and intervals; may be empty.
    """

    value: int | float
    low: int | float
    high: int | float
    because: str
    details: str = ""

    def __str__(self):
        span = "" if self.low == self.value == self.high else f" ({number(self.low)} to {number(self.high)})"
        return f"{number(self.value)}{span}: {self.because}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The early stopping that goes with the epochs, in the words of `keras.callbacks.EarlyStopping`.

    Attributes:
        patience: epochs without improvement after which a training ends.
        monitor: what is watched: `"val_loss"`, or what decides. mode: which way it is better; `"auto"` goes by its name.
        min_delta: the least that counts as improvement. restore_best_weights: whether the weights of the best epoch are kept.
    """

    patience: int
    monitor: str = "val_loss"
    min_delta: float = 0.0
    restore_best_weights: bool = True
    mode: str = "auto"

    def arguments(self):
        way = {} if self.mode == "auto" else {"mode": self.mode}
        return {"monitor": self.monitor, **way, "patience": self.patience, "min_delta": self.min_delta,
                "restore_best_weights": self.restore_best_weights}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Arguments of Keras' `compile` with which its `fit` makes the same updates faster, as measured at the recommended batch size.

    Attributes:
        steps_per_execution, jit_compile: the arguments; 1 and `False` are left as the model is compiled.
        sooner, low, high: times sooner, with the interval of the timings.
        because: what they bring, in one sentence.
    """

    steps_per_execution: int
    jit_compile: bool
    sooner: float
    low: float
    high: float
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One setting that was compared, trained to the end with fresh seeds or as far as a race went, and how it did.

    Attributes:
        setting: batch size and learning rate.
        present: whether it is the user's own setting.
        n_seeds: paired trainings behind the figures.
        quality: mean validation loss at the epoch early stopping keeps, chosen on one half and judged on the other; that of the
            reference arm and the paired difference, where they have other numbers of seeds.
        difference, low, high: its paired difference from the reference arm, with the 95 % interval.
        verdict: what that difference shows, given the margin.
        epochs: median epoch of the lowest validation loss.
        steps, steps_low, steps_high: updates to the target loss (geometric mean over seeds and 95 % interval);
            `None` where too few seeds reached it.
        seconds, seconds_low, seconds_high: `fit` time to the target loss; `None` likewise.
        peak_bytes: memory of one training step; `None` where unknown.
        raced: seconds of training after which a race compared it; `None` where it was trained to the end.
        metrics: the compiled metrics, as `quality` is the loss: at the epoch (after a race: where it was looked at) of the lowest
            loss.
    """

    setting: Setting
    present: bool
    n_seeds: int
    quality: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    epochs: float | None
    steps: float | None = None
    steps_low: float | None = None
    steps_high: float | None = None
    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    peak_bytes: int | None = None
    raced: float | None = None
    metrics: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to train with, and why. `print(plan)` is the whole answer.

    Attributes:
        goal: `"fastest"`, `"best"`, `"frugal"` or `"smallest"`.
        batch_size, learning_rate, epochs, predict_batch_size: the four choices.
        stopping: the early stopping that goes with the epochs.
        headline: the answer in one sentence; says whether the present setting was good already.
        binding: which constraint holds the batch size where it is.
        on_test: the chosen setting's loss on the test rows beside the present one's, in one sentence; empty without test rows.
            Read once, after the choice.
        unresolved: what the evidence could not settle, one sentence each.
        margin: difference in validation loss below which two settings count as equal, declared before measuring.
        arms: every setting that was compared at full length.
        derived: readings computed from the trainings: `critical_batch`, `time_optimal_batch`.
        leads: where the settings raced for equal seconds: how far the one ahead was in front, by level; else empty.
        seconds, present_seconds: what a whole `fit` takes with the recommended and with the present setting, early stopping
            replayed on their runs, or of the epochs that the user trains for now; of one epoch where neither is known; `None` where
            no step was timed.
        switches: of Keras' `compile`, where they make its `fit` faster; `None` where none was shown to.
        back_end: that another installed back end trains much faster, and how to switch to it, in one sentence; empty where none
            was shown to.
        evidence: all that was measured; pass it back in and nothing is measured twice.
        ceilings: what bounds the batch size, as far as it is known, the lowest first.
    """

    goal: str
    batch_size: Choice
    learning_rate: Choice
    epochs: Choice
    predict_batch_size: Choice
    stopping: Stopping
    headline: str
    binding: str
    on_test: str
    unresolved: tuple[str, ...]
    margin: float
    arms: tuple[Arm, ...]
    derived: tuple[Reading, ...]
    evidence: Evidence
    leads: tuple[Lead, ...] = ()
    seconds: FitSeconds | None = None
    present_seconds: FitSeconds | None = None
    switches: Switches | None = None
    back_end: str = ""
    ceilings: tuple[Ceiling, ...] = ()

    CHOICES = ("batch_size", "learning_rate", "epochs", "predict_batch_size")

    def rows(self):
        """The answer as rows of strings, the heading first: what every face draws."""
        yield ("", "use", "because")
        for name in self.CHOICES:
            choice = getattr(self, name)
            yield (name, number(choice.value), choice.because)

    @property
    def whole(self):
        """Whether it rests on trainings to the end: they alone tell the epochs."""
        return any(arm.epochs is not None for arm in self.arms)

    @property
    def repaid(self):
        """After how many trainings measuring has paid for itself, in one sentence; empty where that is not known, or never."""
        whole = self.whole or self.evidence.present_epochs
        if self.seconds is None or self.present_seconds is None or not whole:
            return ""
        took = sum(reading.cost for reading in self.evidence.readings if reading.name not in _INSIDE)
        saved = self.present_seconds.total.value - self.seconds.total.value
        if saved <= 0 or took <= 0:
            return ""
        return (f"measuring took {quantity('s', took)}, and a training is {quantity('s', saved)} shorter: it pays off after "
                f"{counted(math.ceil(took / saved), 'training')}")

    @property
    def harm(self):
        """That the beginning of a training with the present setting takes away from what the model had learnt before, in one
        sentence; empty where it does not, or where the model was not trained before."""
        before, present, task = self.evidence.get("untrained_loss"), self.evidence.present, self.evidence.task
        if before is None or present is None or task is None or not task.trained_before:
            return ""
        curves = [c for c in self.evidence.of("present") if c.n_epochs]
        if curves:
            means = [sum(losses) / len(curves) for losses in zip(*(c.validation_loss for c in curves), strict=False)]
            places = {epoch: loss for epoch, loss in enumerate(means, 1)}
            begun, back = "the first epoch takes", "epoch {} is the first that is no worse"
        else:
            places, an_epoch = _raced(self.evidence.runs, present), math.ceil(task.n_train / present.batch_size)
            places = {n: loss for n, loss in places.items() if n >= an_epoch} or dict(list(places.items())[-1:])
            begun, back = "the first {} take", "it is no worse again after {} updates"
        if not places:
            return ""
        start, (at, first) = before.value, next(iter(places.items()))
        if first <= start + max(self.margin, _HARM * abs(start)):
            return ""
        again = next((place for place, loss in places.items() if loss <= start), None)
        after = back.format(again) if again else "nothing later makes up for it"
        return (f"at learning rate {number(present.learning_rate)} {begun.format(counted(at, 'update'))} {task.judged_in} from "
                f"{number(task.as_judged(start))} to {number(task.as_judged(first))}; {after}")

    def time_rows(self):
        """What a whole `fit` takes, part by part, as rows of strings, the heading first; nothing where no step was timed."""
        whose = self.evidence.whose
        told = self.whole or not (self.leads and self.evidence.present_epochs)
        both = {"recommended" if told else f"until as good as {whose}": self.seconds, whose: self.present_seconds}
        known = {name: fit for name, fit in both.items() if fit is not None and (name == whose or fit != both[whose])}
        if known:
            fit = self.evidence.fit
            what = f"one full {fit}" if self.whole or self.evidence.present_epochs else f"one epoch of {fit}"
            yield (what, "epochs" + " on average" * self.whole, "training", "validation", "compilation", "total")
        for name, fit in known.items():
            yield (name, number(fit.n_epochs), *map(_span, (fit.training, fit.validation, fit.compilation)),
                   fit.least + _span(fit.total))

    def detail_rows(self):
        """Plausible ranges and how each number was found, as rows of strings, the heading first; of those that have either."""
        choices = {name: getattr(self, name) for name in self.CHOICES}
        known = {name: choice for name, choice in choices.items() if choice.details}
        if known:
            yield ("", "plausible", "details")
        for name, choice in known.items():
            low, high = number(choice.low), number(choice.high)
            yield (name, low if low == high else f"{low} to {high}", choice.details)

    def arm_rows(self):
        """The compared settings as rows of strings, the heading first."""
        race, task = any(arm.raced is not None for arm in self.arms), self.evidence.task
        beside = self._beside()
        named = list(dict.fromkeys(name for values in beside.values() for name, value in values.items() if value is not None))
        as_judged = float if task is None else task.as_judged
        memory = self.goal == "smallest" and any(arm.peak_bytes for arm in self.arms)
        yield ("batch size", "rate", *(["after"] * race), f"val. {self.evidence.decides}", *named, "difference (95 %)", "quality",
               "time to target", *(["memory"] * memory))
        for arm in self.arms:
            known = arm.difference is not None and arm.verdict is not Verdict.REFERENCE
            apart = _apart(task, arm) if known else ()
            yield (number(arm.setting.batch_size) + (f" ({self.evidence.whose})" if arm.present else ""),
                   number(arm.setting.learning_rate),
                   *([quantity("s", arm.raced) if arm.raced is not None else "–"] * race),
                   "–" if arm.quality is None else f"{as_judged(arm.quality):.4g}",
                   *("–" if (value := beside[arm.setting].get(name)) is None else f"{value:.4g}" for name in named),
                   "{:+.2g} ({:+.2g} to {:+.2g})".format(*apart) if known else "–",
                   arm.verdict.value + (" (1 run)" if arm.n_seeds == 1 else ""),
                   _reached(arm), *(["–" if arm.peak_bytes is None else quantity("B", arm.peak_bytes)] * memory))

    def ceiling_rows(self):
        """What bounds the batch size, and the choice, in the order of batch sizes, as rows of strings, the heading first."""
        yield ("bound", "examples", "95 %", "")
        rows = [(one.batch_size, one.row()) for one in self.ceilings]
        chosen = self.batch_size.value
        rows.append((float(chosen), ("the choice", number(chosen), "", "")))
        yield from (row for _, row in sorted(rows, key=lambda pair: pair[0]))

    def _beside(self):
        """What is shown beside what decides, `{setting: {name: value}}`."""
        task = self.evidence.task
        return {arm.setting: {} if task is None else task.beside(arm.quality, arm.metrics) for arm in self.arms}

    def how_compared(self):
        """How the arms were compared, in one line."""
        if self.whole:
            return (f"Compared with new random seeds, the same for all{self._against()}; worse by less than "
                    f"{number(self.margin)}, the margin (1 % of what training gains over no training), counts as no worse:")
        fresh = f", the one ahead and {self.evidence.whose} again with new random seeds" if self.leads else ""
        return f"Trained for equal seconds each{fresh}{self._against(' after as many seconds')}:"

    def _against(self, when=""):
        """What a difference is, in words."""
        task = self.evidence.task
        whose = next((arm for arm in self.arms if arm.verdict is Verdict.REFERENCE), None)
        name = self.evidence.whose if whose is None or whose.present else "the best one"
        better = "above" if task is not None and task.larger_is_better else "below"
        return f"; a difference is from {name}{when}, {better} 0 is better"

    def lead_rows(self):
        """The one ahead against the present setting after ever longer training, as rows of strings, the heading first."""
        if self.leads:
            yield ("after training for", "difference (95 %)", f"times sooner as good as {self.evidence.whose}", "seeds")
        for lead in self.leads:
            yield (quantity("s", lead.seconds), difference(*_apart(self.evidence.task, lead)),
                   f"{number(lead.sooner)} ({number(lead.sooner_low)} to {number(lead.sooner_high)})", str(lead.n_seeds))

    def fit_arguments(self):
        """What goes into `model.fit(x, y, **plan.fit_arguments())`, or `epochal.fit`, with `plan.callbacks()` beside it."""
        return {"batch_size": self.batch_size.value, "epochs": self.epochs.value}

    def callbacks(self):
        """New Keras callbacks for one `fit`: the early stopping that goes with the epochs."""
        return ask("callbacks_for")(self)

    def code(self):
        """The lines to paste into a Keras script."""
        return ask("code_for")(self)

    def save(self, path):
        """Write the plan to `path` as JSON; `epochal.load(path)` reads it back."""
        ask("save")(self, path)

    def __repr__(self):
        return f"<Plan: {self.headline}>"

    def __str__(self):
        leads = [table(rows)] if (rows := list(self.lead_rows())) else []
        times = [table(rows)] if (rows := list(self.time_rows())) else []
        details = [table(rows)] if (rows := list(self.detail_rows())) else []
        details = [*([table(list(self.ceiling_rows()))] if self.ceilings else []), *details]
        return "\n\n".join([self.headline, table(self.rows()), *times, *leads, *map(": ".join, self.sentences()), *details])

    def sentences(self):
        """What is said beside the tables: what limits the batch size, Keras' switches and back ends, the test rows, and what
        is undecided; as pairs of a name and a sentence."""
        if self.evidence.task and self.evidence.task.trained_before:
            yield ("Start", TRAINED_BEFORE)
        if self.harm:
            yield ("Worse than before training", self.harm)
        yield ("Why not larger", self.binding)
        if self.switches:
            yield ("Faster still", self.switches.because)
        if self.back_end:
            yield ("Faster on another back end", self.back_end)
        if self.repaid:
            yield ("Repaid", self.repaid)
        if self.on_test:
            yield ("On the test rows", self.on_test)
        yield from (("Undecided", sentence) for sentence in self.unresolved)

    def _repr_html_(self):
        return ask("html_for")(self)


def _apart(task, found):
    """The difference of an arm or a lead, with its interval, in what is judged."""
    mean_low_high = found.difference, found.low, found.high
    return mean_low_high if task is None or found.difference is None else task.apart(*mean_low_high)


def _reached(arm):
    """How long an arm trains to the target, in words."""
    if arm.steps is None:
        return "–" if arm.n_seeds == 1 else "some runs never"
    return "not timed" if arm.seconds is None else quantity("s", arm.seconds)


def _raced(runs, setting):
    """`{updates: loss}` of a setting in a race, the mean over the runs that were looked at there."""
    found = {}
    for run in runs:
        for mark in run.marks if run.setting == setting else ():
            found.setdefault(mark.n_updates, []).append(sum(mark.half_a + mark.half_b) / len(mark.half_a + mark.half_b))
    return {n: sum(losses) / len(losses) for n, losses in sorted(found.items())}


def _span(seconds):
    """Seconds with their interval; one measurement, or none, as such."""
    if seconds is None:
        return "not measured"
    return str(seconds) if seconds.low == seconds.high else f"{seconds} ({quantity('s', seconds.low, seconds.high)})"
