"""`epochal check`: from the words on the command line to findings with file and line, and an exit status for CI."""

import json
import sys
from typing import Any

import click

from .. import __version__
from ..base.errors import UsageError
from ..base.text import counted, visible
from ..codecheck import KINDS, as_sarif, check
from ..records import Checked, Place
from .terminal.output import record_as_json, strict_json, writable_file

_FOUND, _UNREADABLE = 1, 2


def run(options: dict[str, Any]) -> None:
    if options["kinds"]:
        _explain(as_json=options["as_json"])
        return
    if not options["paths"]:
        raise UsageError("`PATHS` must name what to check: scripts (.py), notebooks (.ipynb) or folders. For this folder: "
                         "epochal check .")
    sarif = None if options["sarif"] is None else writable_file(options["sarif"], (".sarif", ".json"), "--sarif")
    checked = check(list(options["paths"]), select=_kinds(options["select"]), ignore=_kinds(options["ignore"]))
    if sarif is not None:
        sarif.write_text(json.dumps(as_sarif(checked, __version__), indent=2), encoding="utf-8")
    if options["as_json"]:
        print(record_as_json(checked))
    else:
        _show(checked)
    for one in checked.unchecked:
        click.echo(visible(f"Error: {one.why}"), err=True)
    if checked.unchecked:
        sys.exit(_UNREADABLE)
    if any(one.severity != "note" for one in checked.findings):
        sys.exit(_FOUND)


def _kinds(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _show(checked: Checked) -> None:
    for one in checked.findings:
        click.echo(visible(f"{written(one.where)}: {one.severity}: {one.sentence} [{one.kind}]\n    {one.cure}"))
    read, found = counted(len(checked.files), "file"), counted(len(checked.findings), "finding")
    silent = f", {checked.ignored} more left out by comments" if checked.ignored else ""
    click.echo(f"{read} read: {found if checked.findings else 'nothing found'}{silent}.")


def written(place: object) -> str:
    """`train.py:12:5`, or `notebook.ipynb:cell 3:12:5`."""
    assert isinstance(place, Place)
    cell = "" if place.cell is None else f"cell {place.cell}:"
    return f"{place.file}:{cell}{place.line}:{place.column}"


def _explain(*, as_json: bool) -> None:
    if as_json:
        print(strict_json([{name: getattr(kind, name) for name in ("name", "severity", "title", "cure", "bad", "good")}
                           for kind in KINDS.values()]))
        return
    for kind in KINDS.values():
        click.echo(f"{kind.name} ({kind.severity}): {kind.title}\n  {kind.cure}\n\n  bad:\n{_indented(kind.bad)}\n\n  good:\n"
                   f"{_indented(kind.good)}\n")


def _indented(code: str) -> str:
    return "\n".join(f"      {line}" for line in code.splitlines())
