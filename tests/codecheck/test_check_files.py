"""Files and folders as people have them: notebooks with magics, broken files, comments that ignore, a hook, SARIF."""

import json
import pathlib
import tomllib

import pytest

import epochal
from epochal.base.errors import UsageError
from epochal.codecheck import KINDS, as_sarif, check

BAD = "import keras\nmodel = keras.Sequential()\nmodel.fit(x, y, validation_split=0.1, callbacks=[keras.callbacks.EarlyStopping()])\n"  # noqa: E501
BAD += "model.save('a.keras')\n"
LINE = 3
PROJECT = pathlib.Path(__file__).parents[2]


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells], "nbformat": 4})


def test_a_finding_says_file_line_column_and_what_to_do(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(BAD)
    (found,) = epochal.check(file).findings
    assert (found.kind, found.where.file, found.where.line, found.where.cell) == ("last-weights-kept", str(file), LINE, None)
    assert BAD.splitlines()[LINE - 1][found.where.column - 1 :].startswith("keras.callbacks.EarlyStopping()")
    assert "restore_best_weights=True" in found.cure


def test_a_notebook_is_read_cell_after_cell_without_magics(tmp_path):
    lines = BAD.splitlines(True)
    file = tmp_path / "a.ipynb"
    file.write_text(
        notebook(
            "!pip install \\\n   keras\n%matplotlib inline\nfiles = !ls\n" + lines[0],
            "%%bash\nif then",
            lines[1] + "model?\n",
            "%%time\n" + "".join(lines[2:]),
        )
    )
    checked = check(file)
    assert not checked.unchecked
    (found,) = checked.findings
    assert (found.where.cell, found.where.line) == (4, 2)


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# epochal: ignore", []),
        ("# epochal: ignore[last-weights-kept]", []),
        ("#epochal:ignore[one-seed]", ["last-weights-kept"]),
        ("# epochal: ignore[nonsense]", ["last-weights-kept", "unknown-kind"]),
        ("# nothing", ["last-weights-kept"]),
    ],
)
def test_a_comment_on_the_line_leaves_out_what_it_names(comment, left, tmp_path):
    lines = BAD.splitlines()
    lines[LINE - 1] += f"  {comment}"
    (tmp_path / "a.py").write_text("\n".join(lines))
    checked = check(tmp_path)
    assert sorted(one.kind for one in checked.findings) == left
    assert checked.ignored == ("last-weights-kept" not in left)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.py", b"def f(:\n  pass", "line 1"),
        ("a.ipynb", b"{", "not JSON"),
        ("a.ipynb", b"[]", "no list of cells"),
        ("a.py", b"\xff\xfe\x00x", "text"),
        ("a.py", b"x = 1\x00", "null bytes"),
        ("a.py", b"# coding: nonsense\nx", "nonsense"),
        ("a.ipynb", notebook("x = (").encode(), "cell 1"),
        ("a.py", b"(" * 3000, ""),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_checked(name, raw, said, tmp_path):
    (tmp_path / name).write_bytes(raw)
    (tmp_path / "other.py").write_text(BAD)
    checked = check(tmp_path)
    assert [one.what for one in checked.unchecked] == [str(tmp_path / name)]
    assert said in checked.unchecked[0].why
    assert [one.kind for one in checked.findings] == ["last-weights-kept"]


@pytest.mark.parametrize(
    ("paths", "options", "said"),
    [
        ("nowhere.py", {}, "nowhere.py"),
        ([], {}, "paths"),
        (3, {}, "paths"),
        ([3], {}, "paths"),
        (__file__[:-3] + ".txt", {}, "exist"),
        (__file__, {"select": ["nonsense"]}, "select"),
        (__file__, {"ignore": ["nonsense"]}, "ignore"),
        (str(PROJECT / "LICENSE"), {}, "a script"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_a_sentence(paths, options, said):
    with pytest.raises(UsageError, match=said):
        epochal.check(paths, **options)


def test_kinds_are_selected_and_ignored(tmp_path):
    (tmp_path / "a.py").write_text(BAD)
    assert not check(tmp_path, ignore=["last-weights-kept"]).findings
    assert not check(tmp_path, select=["one-seed"]).findings
    assert check(tmp_path, select=["last-weights-kept"]).findings


# What SARIF 2.1.0 demands of the parts that are written (sections 3.13, 3.14, 3.19, 3.27 to 3.30 of the standard).
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine"],
    "properties": {"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}},
}
WHERE = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string"}}},
                "region": REGION,
            },
        },
    },
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "level", "locations"],
    "properties": {
        "message": TEXT,
        "level": LEVEL,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "locations": {"type": "array", "items": WHERE},
    },
}
RUN = {
    "type": "object",
    "required": ["tool", "results"],
    "properties": {
        "tool": {
            "type": "object",
            "required": ["driver"],
            "properties": {"driver": {"type": "object", "required": ["name", "rules"]}},
        },
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": {"type": "array", "items": RESULT},
        "invocations": {"type": "array", "items": {"type": "object", "required": ["executionSuccessful"]}},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {"version": {"const": "2.1.0"}, "$schema": {"type": "string"}, "runs": {"type": "array", "items": RUN}},
}


@pytest.mark.needs("jsonschema")
def test_sarif_has_what_the_standard_demands_and_each_result_names_its_rule(tmp_path):
    (tmp_path / "a b.py").write_text(BAD)
    (tmp_path / "c.ipynb").write_text(notebook(BAD))
    (tmp_path / "d.py").write_text("def (")
    document = as_sarif(check(tmp_path), "1.0")
    from jsonschema import validate

    validate(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 2
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/a%20b.py")
    assert run["invocations"][0]["executionSuccessful"] is False


def test_the_hook_runs_a_command_that_there_is_on_files_that_it_reads():
    text = (PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    fields = dict(line.strip(" -").split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith("#"))
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    program, command = fields["entry"].split()
    assert program in scripts
    assert command == "check"
    assert fields["types_or"] == "[python, jupyter]"
    assert fields["language"] == "python"


def test_the_page_shows_every_kind_with_its_examples():
    page = (PROJECT / "docs" / "check.md").read_text(encoding="utf-8")
    for kind in KINDS.values():
        assert f"### `{kind.name}` ({kind.severity})" in page
        assert f"```python\n{kind.bad}\n```" in page
        assert f"```python\n{kind.good}\n```" in page
