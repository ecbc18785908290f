"""Findings as SARIF 2.1.0 (OASIS 2020), the JSON that code hosts read and show beside the lines."""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from ..records import Checked
from ..records.finding import Finding, Place
from .kinds import KINDS

_LEVEL = {"note": "note", "advice": "warning", "fault": "error"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(checked: Checked, version: str) -> dict[str, Any]:
    """The document of one run; `version` is the checker's own."""
    names = [*KINDS, "unknown-kind"]
    rules = [
        {
            "id": kind.name,
            "shortDescription": {"text": kind.title},
            "help": {"text": kind.cure},
            "defaultConfiguration": {"level": _LEVEL[kind.severity]},
        }
        for kind in KINDS.values()
    ]
    rules.append(
        {
            "id": "unknown-kind",
            "shortDescription": {"text": "a comment that ignores a kind there is not"},
            "help": {"text": "Write a kind that `epochal check --kinds` lists."},
            "defaultConfiguration": {"level": "warning"},
        }
    )
    unread = [{"level": "error", "message": {"text": one.why}} for one in checked.unchecked]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "epochal check", "version": version, "rules": rules}},
                "invocations": [{"executionSuccessful": not unread, "toolExecutionNotifications": unread}],
                "artifacts": [{"location": {"uri": _uri(file)}} for file in checked.files],
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, names) for one in checked.findings],
            }
        ],
    }


def _result(finding: Finding, names: list[str]) -> dict[str, Any]:
    place = finding.where
    assert isinstance(place, Place)
    where: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line, "startColumn": place.column},
        }
    }
    if place.cell is not None:
        where["message"] = {"text": f"cell {place.cell}, line {place.line}"}
    return {
        "ruleId": finding.kind,
        "ruleIndex": names.index(finding.kind),
        "level": _LEVEL[finding.severity],
        "message": {"text": str(finding)},
        "locations": [where],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
