"""A training as it was recorded, by whomever: its curves, what is known of how it was made, and what was found in it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ...base.text import capital, counted, first_few, listed
from ..finding import Epochs, Finding, Unchecked

_WEIGHT = {"fault": 0, "advice": 1, "note": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a training beside its curves; `None`, or the empty text, where it is not known.

    Attributes:
        batch_size: rows of an update. n_rows, n_validation: rows trained on and judged on. steps_per_epoch: updates in an epoch.
        planned_epochs: what `fit` was asked for. patience: of early stopping.
        optimizer: the name of its class, in lower case. learning_rate: what it was compiled with.
        batch_norm: the highest momentum of a batch-norm layer, 0 where there is none.
        dropout: the highest rate of a dropout layer, 0 where there is none.
        penalised: whether a penalty on weights or activations is part of the loss.
        class_weighted: whether `class_weight` or `sample_weight` scaled the training loss.
        updates_before: updates that the model had made before this training began.
    """

    batch_size: int | None = None
    n_rows: int | None = None
    n_validation: int | None = None
    steps_per_epoch: int | None = None
    planned_epochs: int | None = None
    patience: int | None = None
    optimizer: str = ""
    learning_rate: float | None = None
    batch_norm: float | None = None
    dropout: float | None = None
    penalised: bool | None = None
    class_weighted: bool | None = None
    updates_before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One training, epoch by epoch.

    Attributes:
        curves: `(name, values)` with Keras' names (`loss`, `val_loss`, `accuracy`, …), a value for each epoch; not a number where
            none was recorded.
        source: where it was read, in words.
        known: what else is known of it.
        rates: the learning rate of each epoch; empty where it was not recorded.
    """

    curves: tuple[tuple[str, tuple[float, ...]], ...]
    source: str = "a History"
    known: Known = Known()
    rates: tuple[float, ...] = ()

    @property
    def n_epochs(self) -> int:
        return max((len(values) for _, values in self.curves), default=0)

    @property
    def n_updates(self) -> int | None:
        """Updates of all epochs together; `None` where unknown."""
        steps = self.steps_per_epoch
        return None if steps is None else steps * self.n_epochs

    @property
    def steps_per_epoch(self) -> int | None:
        """Updates in an epoch, counted or reckoned from rows and batch size; `None` where neither can be."""
        known = self.known
        if known.steps_per_epoch is None and known.n_rows is not None and known.batch_size is not None:
            return math.ceil(known.n_rows / known.batch_size)
        return known.steps_per_epoch

    def curve(self, name: str) -> tuple[float, ...]:
        """The values of this name; empty where there are none."""
        return dict(self.curves).get(name, ())

    def __str__(self) -> str:
        return f"{self.source}: {counted(self.n_epochs, 'epoch')} of {', '.join(name for name, _ in self.curves)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The answer to "what went wrong here?".

    Attributes:
        history: the training.
        findings: what was found, the worst first.
        looked_for: the kinds that were looked for, whether found or not.
        unchecked: what could not be looked for, each with the reason.
        baseline: the training that it was compared with; `None` without one.
    """

    history: History
    findings: tuple[Finding, ...] = ()
    looked_for: tuple[str, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    baseline: History | None = None

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong, or will probably not do what was meant."""
        return tuple(one for one in self.findings if one.severity != "note")

    @property
    def headline(self) -> str:
        """What was found, the worst first, in a line; or that nothing was."""
        if not self.faults:
            return "Nothing wrong found."
        named = [one.kind + (f" ({at})" if (at := _where(one)) else "") for one in self.faults]
        return capital(f"{first_few(named, 4, str)}.")

    def of(self, kind: str) -> Finding | None:
        """The finding of this kind; `None` where there is none."""
        return next((one for one in self.findings if one.kind == kind), None)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """`(what it is about, sentence)`: every finding, what was looked for, what could not be."""
        for one in self.findings:
            at = _where(one)
            name = f"{capital(one.kind)} ({one.severity}{at and f', {at}'})"
            yield name, f"{one} [{one.certainty}]" if one.certainty else str(one)
        if self.looked_for:
            yield "Looked for", f"{listed(self.looked_for)}."
        for left in self.unchecked:
            yield f"Not checked: {left.what}", left.why

    def __str__(self) -> str:
        return "\n".join([self.headline, "", *(f"{name}: {sentence}" for name, sentence in self.sentences())])


def _where(finding):
    at = finding.where
    if not isinstance(at, Epochs):
        return ""
    return f"epoch {at.first}" if at.first == at.last else f"epochs {at.first} to {at.last}"


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Faults, then advice, then notes; else in their order."""
    return tuple(sorted(findings, key=lambda one: _WEIGHT[one.severity]))
