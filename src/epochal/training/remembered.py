"""What was measured on this machine, remembered by later processes: small JSON files in the user's cache."""

import json
from contextlib import suppress

from ..base.files import cache_folder, write_whole

_FORMAT = 1


class Remembered:
    """One such file. One that cannot be read counts as none, and one that cannot be written costs a measurement next time.

    Args:
        what: for what it is; a name of its folder. key: of the model, machine and data that it holds for.
    """

    def __init__(self, what, key):
        self.path = cache_folder() / what / f"{key}.json"

    def read(self) -> dict:
        """What was written, by name; empty where nothing was."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return found if found["format"] == _FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def write(self, values):
        with suppress(OSError):
            write_whole(self.path, json.dumps({"format": _FORMAT, **values}) + "\n")
