"""What commands print to, and the files they write to, shown to be writable before hours of work go into them."""

import json
import math
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.segment import Segment

from ...base.errors import Advice, UsageError
from ...base.files import as_path
from ...base.text import visible
from ...base.validate import require
from ...records import dump, read
from ...report.progress import tell

_PAGE = 110  # characters, where the output goes to a file


def terminal(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for the tables where there is none."""
    file = sys.stderr if stderr else sys.stdout  # named, since Rich asks it what signs it can show
    console = Console(file=file)
    if not console.is_terminal or console.is_dumb_terminal:
        console = Console(file=file, width=_PAGE, force_terminal=False)
    console.push_render_hook(_Visible())
    return console


class _Visible:
    """What is printed, without the control characters that names in the data may hold."""

    def process_renderables(self, renderables):
        return [_Shown(one) for one in renderables]


class _Shown:
    def __init__(self, inside):
        self._inside = inside

    def __rich_console__(self, console, options):
        for text, style, control in console.render(self._inside, options):
            yield Segment(text if control else visible(text), style, control)


def writable_folder(out: str, option: str = "--out") -> pathlib.Path:
    """The folder that an option names, made where it does not exist."""
    folder = as_path(option, out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"`{option}` must be a folder; got {out!r} ({error.strerror}). Name another one.") from error
    require(os.access(folder, os.W_OK), option, out, "a folder that you may write in", "Name another one.")
    return folder


def writable_file(out: str, endings: Sequence[str], option: str = "--out") -> pathlib.Path:
    """The file that an option names, shown to be one that can be written."""
    path = as_path(option, out)
    require(path.suffix.lower() in endings, option, out, f"a file that ends in {' or '.join(endings)}",
            f"Name it {path.with_suffix(endings[0]).name!r}.")
    require(not path.is_dir(), option, out, "a file, not a folder", "Name a file in it.")
    writable_folder(str(path.parent), option)
    return path


def record_in(path: str | None, option: str, kinds: type | tuple[type, ...], must: str) -> Any:
    """The record in the file that an option names; `None` where it is not given."""
    if path is None:
        return None
    try:
        found = read(path)
    except UsageError as error:
        raise UsageError(f"`{option}` must be {must}; got {path!r:.60}. {error}") from error
    require(isinstance(found, kinds), option, type(found).__name__, must, "Pass the plan.json of epochal plan.")
    return found


@contextmanager
def warnings_as_sentences(say: Console) -> Iterator[None]:
    """A warning to the user of the package is a sentence to the user of the command."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message, category, *where, **more):
            if issubclass(category, UserWarning):
                tell(say, f"Note: {message}")
            else:
                before(message, category, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", Advice)
        yield


def record_as_json(record: Any, leaving_out: str = "", **beside: str) -> str:
    """A record as JSON, and what stands beside it; without the longest of its fields, where one is named, of which task, machine
    and present setting stay."""
    document = json.loads(dump(record))
    fields = document.pop("record")
    left_out = fields.pop(leaving_out, {})
    about = {name: left_out[name] for name in ("task", "machine", "present") if name in left_out}
    return json.dumps(document | _unknown_as_null(fields | about) | beside, indent=2)


def _unknown_as_null(value):
    """JSON in which what was not measured is null: the figures of a reading that ended otherwise than well."""
    if isinstance(value, list):
        return [_unknown_as_null(one) for one in value]
    if not isinstance(value, dict):
        return value
    unknown = {"outcome", "value", "low", "high"} <= value.keys() and value["outcome"] not in ("OK", "LOWER_BOUND")
    return {name: None if unknown and name in ("value", "low", "high") else _unknown_as_null(one) for name, one in value.items()}


def values_of(scores: dict[str, Any] | None) -> dict[str, float] | None:
    """The values alone, without intervals and the scores of a constant answer."""
    return None if scores is None else {name: value for name, (value, *_) in scores.items()}


def strict_json(document: Any) -> str:
    """JSON as the standard has it: a number that is none becomes null."""
    return json.dumps(_finite(document), indent=2, allow_nan=False, default=float)


def _finite(value):
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
