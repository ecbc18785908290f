"""What is kept of a run that may be killed: after every finished measurement, the evidence so far."""

import os

from ..base.errors import UsageError
from ..base.text import counted
from ..records import read, save


class Journal:
    """A file that holds the evidence of a run under way, and is gone when the run ended.

    Args:
        folder: where it lies. fingerprint: the task's, so that runs on other tasks have files of their own.
        warn: called with one sentence, once, if it cannot be written; the run goes on.
    """

    def __init__(self, folder, fingerprint, warn):
        self.path, self._warn, self._warned = folder / f"evidence-{fingerprint}.json", warn, False
        self.latest = None

    def left_over(self):
        """The evidence of an earlier run that did not end, or `None`; a damaged file counts as none, and is said so."""
        if not self.path.is_file():
            return None
        try:
            return read(self.path)
        except UsageError as error:
            self._warn(f"{self.path} is left aside: {error}")
            return None

    def says(self):
        """What is kept and where, in words, or `None` where nothing new was measured."""
        return f"{measured(self.latest)} are kept in {self.path}" if self.latest else None

    def keep(self, evidence):
        """Write the evidence as a whole or not at all."""
        self.latest = evidence
        try:
            save(evidence, self.path)
        except OSError as error:
            if not self._warned:
                self._warn(f"Could not write {self.path} ({os.strerror(error.errno or 0)}): a kill would lose what is measured.")
            self._warned = True

    def ended(self):
        """The run ended: what it found is elsewhere now."""
        self.path.unlink(missing_ok=True)


def measured(evidence):
    """How much an evidence holds, in words."""
    return f"{counted(len(evidence.readings), 'measurement')} and {counted(len(evidence.curves), 'training')}"
