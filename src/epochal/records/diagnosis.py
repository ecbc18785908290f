"""What was found in a training, what was looked for, and what could not be checked."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..base.text import capital, counted, listed
from .finding import Epochs, Finding, Unchecked
from .history import History

_WEIGHT = {"fault": 0, "advice": 1, "note": 2}


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
        """One sentence: the worst finding, or that there is none."""
        if not self.faults:
            return "Nothing wrong found."
        first, *others = self.faults
        more = f" And {counted(len(others), 'more finding')}." if others else ""
        return f"{capital(first.kind)}: {first.sentence}{more}"

    def of(self, kind: str) -> Finding | None:
        """The finding of this kind; `None` where there is none."""
        return next((one for one in self.findings if one.kind == kind), None)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """`(what it is about, sentence)`: every finding, what was looked for, what could not be."""
        for one in self.findings:
            yield f"{capital(one.kind)} ({one.severity}{_where(one)})", f"{one} [{one.certainty}]" if one.certainty else str(one)
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
    return f", epoch {at.first}" if at.first == at.last else f", epochs {at.first} to {at.last}"


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Faults, then advice, then notes; else in their order."""
    return tuple(sorted(findings, key=lambda one: _WEIGHT[one.severity]))
