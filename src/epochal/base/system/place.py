"""Where a table is: a file that exists and has a known ending, a folder, or real data by name."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..files import as_path
from ..validate import require

BUILT_IN = ("digits", "breast_cancer", "wine", "diabetes")
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_TEXT = (".csv", ".tsv", ".txt", ".tab", ".data", ".dat")
ENDINGS = (*_TEXT, *(text + packed for text in _TEXT for packed in _PACKED), ".zip", ".parquet", ".npz")
_NAMED = ".csv, .tsv, .txt, .tab, .data, .dat (also with .gz, .bz2, .xz or .zip behind it), .zip, .parquet or .npz"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is: `format` is `"built-in"`, `"folder"` or a file's ending, `path` is `None` for a built-in data set."""

    name: str
    format: str
    path: Path | None


def locate(source: str | os.PathLike[str]) -> Place:
    """The `Place` that `source` (a path or a built-in name) means; raises `UsageError` when it is none."""
    require(isinstance(source, (str, os.PathLike)), "source", source, "a path or a name",
            "To plan on arrays, save them: numpy.savez('data.npz', x=x, y=y).")
    if str(source) in BUILT_IN:
        return Place(str(source), "built-in", None)
    path = as_path("source", source)
    if path.is_dir():
        require(os.access(path, os.R_OK | os.X_OK), "source", str(source), "a folder that you may read", "Check its permissions.")
        return Place(path.resolve().name, "folder", path)
    if not path.exists():
        near = [*BUILT_IN, *((p.name for p in path.parent.iterdir()) if path.parent.is_dir() else ())]
        close = difflib.get_close_matches(path.name, near, n=1)
        require(False, "source", str(source), f"a file that exists, or one of {', '.join(BUILT_IN)}",
                f"Did you mean {close[0]!r}?" if close else f"Check the path; the current folder is {Path.cwd()}.")
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(e)), None)
    if ending is None:
        raise UsageError(f"`source` must be a file that ends in {_NAMED}; got {path.name!r}. Save the table as CSV or Parquet (and "
                         "rename the file if it is one already).")
    require(path.is_file() and os.access(path, os.R_OK), "source", str(source), "a file that you may read",
            "Check its type and its permissions.")
    return Place(path.name[:-len(ending)], ending, path)
