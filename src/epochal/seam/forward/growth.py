"""How much a piece of work raised the most memory that this process has ever held."""

import pathlib
import sys

try:
    import resource
except ImportError:  # on Windows
    resource = None


class Growth:
    """Blocks that are watched: `with growth: …`. Work that fits into memory held before counts for nothing: a lower bound.

    Attributes:
        n_bytes: by how much the most memory ever held rose in one of them, at most; `None` where the system does not tell.
    """

    def __init__(self):
        self.n_bytes, self._before = None, None

    def __enter__(self):
        self._before = _most_ever()

    def __exit__(self, kind, error, trace):
        if self._before is not None:
            self.n_bytes = max(self.n_bytes or 0, _most_ever() - self._before)


def _most_ever():
    status = pathlib.Path("/proc/self/status")
    told = status.read_text() if status.exists() else ""
    if "VmHWM:" in told:  # on Linux; there getrusage begins with the most that the parent ever held
        return int(told.split("VmHWM:")[1].split()[0]) * 1024
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
