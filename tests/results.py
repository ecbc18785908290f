"""What is measured by hand is written down: one line of JSON for each result, with date, machine and versions."""

import json
import os
import pathlib
import platform
from datetime import UTC, datetime
from importlib import metadata

PACKAGES = ("epochal", "keras", "jax", "tensorflow", "torch", "numpy")


def write_down(path, what, outcome, seconds, figures):
    """Append one result to a file of JSON lines.

    Args:
        path: the file; made where it is missing.
        what: the name of the test or measurement.
        outcome: "passed", "failed", or whatever was found in a word.
        seconds: how long it took.
        figures: `{name: number}` it found; a test of the third tier names them with pytest's `record_property`.
    """
    line = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "what": what, "outcome": outcome, "seconds": round(seconds, 1),
            "figures": figures, "machine": _machine(), "versions": {name: _version(name) for name in PACKAGES}}
    with pathlib.Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, default=float) + "\n")


def _machine():
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
