"""`epochal check` as a command: what is printed, the exit status for CI, JSON and SARIF."""

import json

from cli.command import inside, strict

from epochal.codecheck import KINDS

BAD = ("import keras\nmodel = keras.Sequential()\n"
       "model.fit(x, y, validation_split=0.1, callbacks=[keras.callbacks.EarlyStopping()])\nmodel.save('a.keras')\n")


def test_a_finding_ends_with_status_1_and_shows_file_line_sentence_and_cure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(BAD)
    told = inside("check", "a.py", "--sarif", "a.sarif")
    assert told.exit_code == 1
    assert "a.py:3:50: advice: EarlyStopping stops" in told.stdout
    assert "restore_best_weights=True" in told.stdout
    assert "1 file read: 1 finding" in told.stdout
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"


def test_nothing_found_ends_with_status_0(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    told = inside("check", tmp_path)
    assert told.exit_code == 0
    assert "1 file read: nothing found." in told.stdout


def test_json_holds_findings_files_and_what_could_not_be_read(tmp_path):
    (tmp_path / "a.py").write_text(BAD)
    (tmp_path / "b.py").write_text("def (")
    told = inside("check", tmp_path, "--json")
    answer = strict(told.stdout)
    assert told.exit_code == 2
    assert answer["findings"][0]["where"]["line"] == 3
    assert answer["files"] == [str(tmp_path / "a.py")]
    assert "b.py" in answer["unchecked"][0]["what"]
    assert "Error: " in told.stderr
    assert "Traceback" not in told.stderr


def test_what_cannot_be_done_ends_with_status_2(tmp_path):
    for words in (("check",), ("check", "nowhere.py"), ("check", str(tmp_path), "--select", "nonsense"),
                  ("check", str(tmp_path), "--sarif", str(tmp_path / "a.txt"))):
        told = inside(*words)
        assert told.exit_code == 2
        assert told.stderr.startswith("Error: ")


def test_kinds_are_listed_with_their_examples():
    told = inside("check", "--kinds").stdout
    assert all(f"{kind.name} ({kind.severity}): {kind.title}" in told for kind in KINDS.values())
    assert {one["name"] for one in strict(inside("check", "--kinds", "--json").stdout)} == set(KINDS)
