"""`Finding`: something that a user should know of, and what to do about it; the shape of warnings, advice and diagnoses."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Epochs:
    """Where in a training something was found.

    Attributes:
        first, last: epochs, counted from 1.
        curves: the names of the curves it is seen in.
    """

    first: int
    last: int
    curves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a script or a notebook something was found.

    Attributes:
        file: its path, as it was given.
        line, column: counted from 1; in a notebook, within the cell.
        cell: the cell of a notebook, counted from 1; `None` in a script.
    """

    file: str
    line: int
    column: int = 1
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: what it is about, in two or three words, the same for every finding of its kind.
        severity: `"note"`: worth knowing; `"advice"`: will probably not do what was meant; `"fault"`: is wrong.
        sentence: what was found and why it matters, with its figures.
        cure: what to do about it; empty where nothing need be done.
        figures: the numbers in the sentence, by name.
        where: epochs of a training, or a place in a file; `None` where it is about the whole.
        certainty: how it is known: counted, measured (with its error), or read from one curve.
    """

    kind: str
    severity: Literal["note", "advice", "fault"]
    sentence: str
    cure: str = ""
    figures: tuple[tuple[str, float], ...] = ()
    where: Epochs | Place | None = None
    certainty: str = ""

    def __str__(self) -> str:
        """The sentence, and the cure after it."""
        return f"{self.sentence} {self.cure}".strip()


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that was not looked for, and why.

    Attributes:
        what: in two or three words, as a finding's kind.
        why: the reason, as a sentence.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in scripts and notebooks, and which of them were read.

    Attributes:
        findings: each with its `Place`, in the order of files and lines.
        files: those that were read.
        unchecked: files, and cells of notebooks, that could not be read, and why.
        ignored: how many findings a comment `# epochal: ignore` left out.
    """

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    unchecked: tuple[Unchecked, ...] = ()
    ignored: int = 0

    def __str__(self) -> str:
        """One line a finding: file, line, kind, sentence and cure."""
        return "\n".join(f"{one.where}: {one.kind}: {one}" for one in self.findings) or "nothing found"
