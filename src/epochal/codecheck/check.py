"""From paths to findings: files are read, followed, every kind is looked for, and what a comment says to ignore is left out."""

import ast
import re
from collections.abc import Collection

from ..base.validate import require
from ..records import Checked
from ..records.finding import Finding, Place, Unchecked
from .kinds import KINDS
from .sources import comments, files_in, read_parts
from .statements import read_story

_TRAINS = frozenset({"fit", "fit_generator", "fit_transform", "search", "compile", "adapt", "fit_resample"})
_IGNORE = re.compile(r"#\s*epochal:\s*ignore(?:\s*\[([^\]]*)\])?", re.IGNORECASE)


def check(paths: object, *, select: Collection[str] = (), ignore: Collection[str] = ()) -> Checked:
    """What in scripts and notebooks leads to wrong or misleading results; nothing of them is run.

    Args:
        paths: a script (.py), a notebook (.ipynb), a folder, or a list of them.
        select: the kinds to look for; empty is all.
        ignore: kinds not to look for.

    Returns:
        A `Checked`. Nothing found is no proof: where the flow of data is not known (code in other files, names put together
        when it runs), nothing is said.

    Raises:
        UsageError: a path names nothing, or a kind is none that is known.
    """
    for name, given in (("select", select), ("ignore", ignore)):
        for one in given:
            require(one in KINDS, name, one, f"of {', '.join(KINDS)}", "`epochal check --kinds` explains them.")
    wanted = [name for name in KINDS if (not select or name in select) and name not in ignore]
    files = files_in(paths)
    findings, unchecked, read, ignored = [], [], [], 0
    for file in files:
        parts, failed = read_parts(file)
        unchecked += [
            Unchecked(file, f"{file} {one.sentence}. Mend it, or leave it out; what else was named is checked.") for one in failed
        ]
        if not parts and failed:
            continue
        read.append(file)
        found = _found_in(file, parts, wanted)
        told, silent = _without_ignored(file, parts, found)
        findings += told
        ignored += silent
    return Checked(tuple(findings), tuple(read), tuple(unchecked), ignored)


def _found_in(file, parts, wanted):
    cells = {id(node): part.cell for part in parts for statement in part.body for node in ast.walk(statement)}
    if not any(getattr(node, "attr", "") in _TRAINS for part in parts for statement in part.body for node in ast.walk(statement)):
        return []
    story = read_story([list(part.body) for part in parts])
    found = {}
    for name in wanted:
        kind = KINDS[name]
        for spot in kind.look(story):
            place = Place(file, spot.node.lineno, spot.node.col_offset + 1, cells.get(id(spot.node)))
            found.setdefault(
                (name, place),
                Finding(name, kind.severity, spot.sentence, spot.cure or kind.cure, where=place, certainty="read from the code"),
            )
    return sorted(found.values(), key=lambda one: (one.where.cell or 0, one.where.line, one.where.column, one.kind))


def _without_ignored(file, parts, found):
    """What no comment says to ignore; a comment that names a kind there is not becomes a finding of its own."""
    spared: dict[tuple[int | None, int], set[str]] = {}
    unknown = []
    for part in parts:
        for line, comment in comments(part.text):
            said = _IGNORE.search(comment)
            if said is None:
                continue
            kinds = {word.strip() for word in (said[1] or "").split(",") if word.strip()}
            spared.setdefault((part.cell, line), set()).update(kinds & set(KINDS) if said[1] is not None else KINDS)
            unknown += [
                Finding(
                    "unknown-kind",
                    "advice",
                    f"The comment says to ignore {one!r}, and there is no such kind.",
                    f"Write one of {', '.join(KINDS)}.",
                    where=Place(file, line, 1, part.cell),
                    certainty="read from the code",
                )
                for one in sorted(kinds - set(KINDS))
            ]
    kept = [one for one in found if one.kind not in spared.get((one.where.cell, one.where.line), ())]
    return sorted([*kept, *unknown], key=lambda one: (one.where.cell or 0, one.where.line)), len(found) - len(kept)
