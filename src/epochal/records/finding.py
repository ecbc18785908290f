"""`Finding`: something that a user should know of, and what to do about it; the shape of warnings and of advice."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: what it is about, in two or three words, the same for every finding of its kind.
        severity: `"note"`: worth knowing; `"advice"`: will probably not do what was meant; `"fault"`: is wrong.
        sentence: what was found and why it matters, with its figures.
        cure: what to do about it; empty where nothing need be done.
        figures: the numbers in the sentence, by name.
        where: epochs of a curve, or a file and line; empty where it is about the whole.
        certainty: how it is known: counted, measured (with its error), or read from one curve.
    """

    kind: str
    severity: Literal["note", "advice", "fault"]
    sentence: str
    cure: str = ""
    figures: tuple[tuple[str, float], ...] = ()
    where: str = ""
    certainty: str = ""

    def __str__(self) -> str:
        """The sentence, and the cure after it."""
        return f"{self.sentence} {self.cure}".strip()
