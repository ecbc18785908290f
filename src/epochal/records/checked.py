"""`Checked`: what `epochal check` found in which scripts and notebooks."""

from dataclasses import dataclass

from .finding import Finding, Unchecked


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
