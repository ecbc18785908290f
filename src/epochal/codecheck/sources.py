"""Reads scripts and notebooks from files, and parses them; a notebook's cells one by one, without shell lines and magics."""

import ast
import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ..base.errors import UsageError
from ..base.validate import path_like, require

ENDINGS = (".py", ".ipynb")
_LEFT_OUT = {
    ".git",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".ipynb_checkpoints",
    "site-packages",
    ".tox",
    "build",
    "dist",
}
_MAGIC = re.compile(r"^(\s*)(?:[%!?]|(?:[\w, ]+=\s*)[!%]|[\w.]+\?{1,2}\s*$)")
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%memit")


@dataclass(frozen=True)
class Part:
    """A script, or a cell of a notebook: its text, its syntax, and the cell's number, counted from 1."""

    text: str
    body: tuple[ast.stmt, ...]
    cell: int | None = None


@dataclass(frozen=True)
class Unreadable(Exception):
    """A file, or a cell of it, that cannot be read: a sentence."""

    sentence: str


def files_in(paths: object) -> tuple[str, ...]:
    """The scripts and notebooks that paths name, those in folders too, each once.

    Raises:
        UsageError: a path names nothing, or a file that is neither a script nor a notebook.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths) if isinstance(paths, list | tuple | set) else None
    require(given, "paths", paths, "a path or a list of them: scripts (.py), notebooks (.ipynb) or folders")
    found: dict[str, None] = {}
    for path in given or ():
        path_like("paths", path, "the name of a script, a notebook or a folder")
        place = Path(path)
        if place.is_dir():
            inside = [one for ending in ENDINGS for one in place.rglob(f"*{ending}")]
            found.update(
                dict.fromkeys(
                    str(one) for one in sorted(inside) if one.is_file() and not _LEFT_OUT & set(one.relative_to(place).parts)
                )
            )
            continue
        if not place.exists():
            raise UsageError(f"`paths` must name scripts, notebooks or folders that exist; got {str(path)!r}. Mend the name.")
        require(
            place.suffix.lower() in ENDINGS,
            "paths",
            str(path),
            "a script (.py), a notebook (.ipynb) or a folder",
            "Name one of these.",
        )
        found[str(path)] = None
    return tuple(found)


def read_parts(path: str) -> tuple[list[Part], list[Unreadable]]:
    """The parts of a file, and a sentence for each part that cannot be read."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        return [], [Unreadable(f"cannot be opened ({error.strerror})")]
    texts: list[tuple[int | None, str]]
    try:
        texts = list(_cells(raw)) if path.lower().endswith(".ipynb") else [(None, _decoded(raw))]
    except Unreadable as unreadable:
        return [], [unreadable]
    parts, failed = [], []
    for cell, text in texts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of their code, not ours
                parts.append(Part(text, tuple(ast.parse(text).body), cell))
        except SyntaxError as error:
            where = f"line {error.lineno}" + (f" of cell {cell}" if cell is not None else "")
            failed.append(Unreadable(f"is not Python that can be read: {error.msg}, {where}"))
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nested too deep for Python's own parser
            failed.append(Unreadable(f"cannot be parsed ({type(error).__name__}: {error})"))
    return parts, failed


def _decoded(raw):
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return raw.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise Unreadable(f"is not text that can be read ({error})") from error


def _cells(raw):
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is not a notebook: not JSON ({error})") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if cells is None and isinstance(document, dict) and isinstance(document.get("worksheets"), list):  # notebooks before 2015
        cells = [cell for sheet in document["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells", ())]
    if not isinstance(cells, list):
        raise Unreadable("is not a notebook: it has no list of cells")
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            text = "".join(map(str, source)) if isinstance(source, list) else str(source)
            yield number, _without_magics(text)


def _without_magics(text):
    """The text with shell lines and magics as comments, so that every line keeps its number."""
    lines = text.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PYTHON_CELLS):
        return "\n".join("#" for _ in lines)
    kept, going_on = [], False
    for line in lines:
        magic = going_on or _MAGIC.match(line)
        kept.append((line[: len(line) - len(line.lstrip())] + "pass") if magic and not going_on else "" if going_on else line)
        going_on = bool(magic) and line.rstrip().endswith("\\")
    return "\n".join(kept)


def comments(text: str) -> list[tuple[int, str]]:
    """The comments of a part, with their lines."""
    try:
        return [
            (token.start[0], token.string)
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):
        return []
