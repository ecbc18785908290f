"""`EpochChoice`: how long to train and when to stop, from saved trainings of one setting."""

import statistics
from dataclasses import dataclass
from typing import Literal

from ...base.text import counted, number, table
from ..finding import Finding
from .curve import Setting


@dataclass(frozen=True, slots=True, order=True)
class StoppingRule:
    """When a training is ended, from its losses after each epoch.

    Attributes:
        value: the number in the rule. min_delta: the least that counts as improvement; of patience alone.
        kind: `"patience"`: Keras' `EarlyStopping`, after so many epochs without improvement by more than that. Of Prechelt
            (1998): `"GL"`: validation loss is more than `value` per cent above its lowest. `"PQ"`: that, divided by the progress of
            the training loss over five epochs, is more than `value`. `"UP"`: validation loss has risen in `value` successive
            strips of five epochs.
    """

    kind: Literal["patience", "GL", "PQ", "UP"]
    value: float
    min_delta: float = 0.0

    def __str__(self) -> str:
        if self.kind == "patience":
            least = f", min_delta={self.min_delta:.3g}" if self.min_delta else ""
            return f"EarlyStopping(patience={self.value:.0f}{least}, restore_best_weights=True)"
        return f"Prechelt's {self.kind} {number(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a rule would have done with the saved trainings.

    Attributes:
        rule: the rule.
        regret: what it gives away of what is judged, the mean over the trainings, against the best epoch in hindsight; low,
            high: its 95 % interval, infinite with one training.
        n_epochs: epochs trained until it stops, on average.
        share_stopped: share of the trainings that it ended before they ended themselves.
    """

    rule: StoppingRule
    regret: float
    low: float
    high: float
    n_epochs: float
    share_stopped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochChoice:
    """How long to train and when to stop, from saved trainings of one setting. `print(choice)` is the whole answer.

    Attributes:
        setting: batch size and learning rate of the trainings; `None` where the file does not tell.
        best: of each training the epoch, counted from 1, after which its validation loss is lowest.
        trained: of each training how many epochs it went on for.
        margin: a difference in validation loss that is too small to matter.
        chosen: the early stopping to use: the fewest epochs among Keras' that give away no more than half the margin on average.
        expected_regret: what that choice gives away on a training that had no part in it: each training in turn is left out, the
            rule chosen on the others and replayed on it; `None` with fewer than three trainings.
        expected_low, expected_high: its 95 % interval.
        replayed: every rule that was tried.
        noise: the standard error of a change of validation loss from one epoch to the next, by its two halves of rows; `None`
            where the halves were not kept. A smaller change is no sign of improvement.
        decides: what is judged, such as "validation loss". Less of a metric of which more is better counts as given away.
        honest: whether a rule chose on one half of the rows and was judged on the other; else both on the same, which flatters
            the best epoch.
        refit_passes: epochs for one more training on training and validation rows together, as many passes as the median best;
            refit_epochs_of_updates: the same as many updates; `None` where the numbers of rows are not known.
        advice: what to change about the length of the training.
    """

    setting: Setting | None
    best: tuple[int, ...]
    trained: tuple[int, ...]
    margin: float
    chosen: Replayed
    expected_regret: float | None
    expected_low: float | None
    expected_high: float | None
    replayed: tuple[Replayed, ...]
    noise: float | None
    decides: str
    honest: bool
    refit_passes: int
    refit_epochs_of_updates: int | None
    advice: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """What to do, in one sentence."""
        early = "" if self.chosen.share_stopped else ", which ended none of them"
        return (f"Train with {self.chosen.rule}: it ends after {number(self.chosen.n_epochs)} epochs on average{early}; the best "
                f"epoch of {counted(len(self.best), 'training')} was {self._span()}.")

    def _span(self):
        if min(self.best) == max(self.best):
            return f"{self.best[0]}"
        return f"{number(statistics.median(self.best))} in the middle, {min(self.best)} to {max(self.best)}"

    def rows(self):
        """The rules that ended a training, as rows of strings, the heading first: those with the fewest epochs first."""
        yield ("rule", "epochs", "given away", "95 %", "ended")
        for one in sorted(self.replayed, key=lambda one: (one.n_epochs, one.rule)):
            if not one.share_stopped and one != self.chosen:
                continue
            known, short = one.high < float("inf"), str(one.rule).removeprefix("EarlyStopping(")
            words = short.removesuffix(", restore_best_weights=True)") + " (use this)" * (one == self.chosen)
            yield (words, number(one.n_epochs), f"{one.regret:+.2g}",
                   f"{one.low:+.2g} to {one.high:+.2g}" if known else "one training", f"{100 * one.share_stopped:.0f} %")

    def sentences(self):
        """What else there is to know, as pairs of a name and a sentence."""
        if self.expected_regret is not None:
            span = f" ({self.expected_low:+.2g} to {self.expected_high:+.2g})"
            yield ("On another training", f"a rule chosen like this gives away {self.expected_regret:+.2g}{span} of "
                                          f"{self.decides}; less than {number(self.margin)} does not matter here")
        else:
            yield ("On another training", f"{counted(len(self.best), 'training')} cannot tell: with three or more the rule is "
                                          "chosen on some and tried on others")
        if not self.honest:
            yield ("Too good to be true", "rule and best epoch were judged on the rows that chose them, since the losses of two "
                                          "halves of the rows were not kept: the best epoch looks better than it is")
        if self.noise is not None:
            yield ("Noise", f"from one epoch to the next {self.decides} changes by {number(self.noise)} by the choice of its rows "
                            "alone")
        updates = (f", or {self.refit_epochs_of_updates} for as many updates" if self.refit_epochs_of_updates is not None else "")
        yield ("On all rows", f"to train once more on training and validation rows together, without early stopping: "
                              f"{self.refit_passes} epochs for as many passes{updates}")
        yield from ((one.kind.capitalize(), str(one)) for one in self.advice)

    def __str__(self) -> str:
        return "\n\n".join([self.headline, table(list(self.rows())), *map(": ".join, self.sentences())])
