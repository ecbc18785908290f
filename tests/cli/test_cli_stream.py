"""`epochal stream` end to end: rows from a file and from standard input, what is left out, kills, and what is refused."""

import json
import os
import random
import signal
import subprocess

import numpy as np
import pytest
from cli.command import COMMAND, LONG, inside, strict, surroundings
from click.testing import CliRunner

from epochal.cli import main

pytestmark = pytest.mark.needs("river")
HEAD = "a,b,city,y"


def lines(n, turns=None, seed=0):
    """Rows of CSV without their heading: two numbers, a category, a target."""
    rng = np.random.default_rng(seed)
    a, b, city = rng.normal(size=n), rng.normal(size=n), rng.integers(0, 3, n)
    sign = np.where(np.arange(n) < (turns or n), 1, -1)
    y = (a + b) * sign + (city == 0) + 0.3 * rng.normal(size=n) > 0
    return [f"{p:.4f},{q:.4f},{'xyz'[k]},{('no', 'yes')[int(t)]}" for p, q, k, t in zip(a, b, city, y, strict=True)]


def told(text):
    record = strict(text)
    return {name: record[name] for name in ("n_rows", "offset", "points", "alarms", "left_out")} | {
        "arms": [{name: arm[name] for name in ("batch_size", "loss", "score", "faded_loss", "mean")} for arm in record["arms"]]}


def test_rows_of_a_file_with_some_that_cannot_be_read_and_a_model_that_answers_new_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = lines(900)
    rows[600:600] = ["1,2", '"1,2,x,yes', "nan-ish,2,x,yes", "1,2,x,perhaps", ",2,w,yes"]  # the last can be used
    (tmp_path / "rows.csv").write_text("\n".join([HEAD, *rows]))
    found = inside("stream", "rows.csv", "--target", "y", "--out", "m.keras", "--report", "r.html", "--batch-size", "16,64")
    assert found.exit_code == 0, (found.stderr, found.exception)
    said = " ".join(found.stdout.split())
    assert "901 rows, each answered before it was learned from" in said
    assert "4 rows could not be used and were left out: row 601: it has 2 values, and there are 4 columns" in said
    assert "row 602: its quotes" in said
    assert "'perhaps', which is none of the classes 'no', 'yes'" in said
    assert "<html" in (tmp_path / "r.html").read_text()
    (tmp_path / "new.csv").write_text("\n".join([HEAD, *lines(50, seed=1)]))
    again = inside("predict", "m.keras", "new.csv", "--out", "answers.csv")
    assert again.exit_code == 0, (again.stderr, again.exception)
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 51


def test_json_lines_say_the_same_as_csv(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = lines(600)
    (tmp_path / "rows.csv").write_text("\n".join([HEAD, *rows]))
    objects = [{"a": float(a), "b": float(b), "city": city, "y": y} for a, b, city, y in (row.split(",") for row in rows)]
    (tmp_path / "rows.jsonl").write_text("\n".join([*map(json.dumps, objects), "{broken", "[1]"]))
    one, other = (inside("stream", name, "--target", "y", "--json") for name in ("rows.csv", "rows.jsonl"))
    assert (one.exit_code, other.exit_code) == (0, 0), (one.stderr, other.stderr)
    a, b = told(one.stdout), told(other.stdout)
    assert a["points"] == b["points"]
    assert (b["n_rows"], b["offset"]) == (600, 602)
    assert [why.split(":")[0] for why in b["left_out"]] == ["row 601", "row 602"]


@pytest.mark.parametrize(("words", "text", "said"), [
    (("-",), "a,y\n1,2\n", "--target"), (("-", "--target", "z"), HEAD + "\n" + "\n".join(lines(30)), "The columns are"),
    (("-", "--target", "y"), "", "no row that can be used"), (("-", "--target", "y"), "a,a,y\n1,2,3\n", "different names"),
    (("-", "--target", "y", "--batch-size", "many"), "", "--batch-size"), (("nowhere.csv", "--target", "y"), "", "nowhere.csv"),
    (("-", "--target", "y", "--out", "m.h5"), "", "ends in .keras"), (("-", "--show-offset"), "", "--checkpoint"),
    (("-", "--target", "y"), HEAD + "\n" + "\n".join(lines(5)), "at least 10 rows"),
])
def test_what_cannot_be_done_is_a_sentence(words, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["stream", *words], input=text, prog_name="epochal")
    assert found.exit_code == 2, (found.stdout, found.exception)
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_help_shows_examples():
    said = inside("stream", "--help").stdout
    assert "epochal stream - --target clicked --batch-size 1,8,32,128" in said
    assert main.commands["stream"] is not None


def _stream(folder, kept, rows, *, kill=None):
    """Send rows from where the folder asks for them, and kill the command after so many bytes; its output, or `None`."""
    offset = int(subprocess.run([*COMMAND, "stream", "-", "--checkpoint", kept, "--show-offset"], cwd=folder, env=surroundings(),
                                capture_output=True, text=True, check=True, timeout=LONG).stdout)
    process = subprocess.Popen([*COMMAND, "stream", "-", "--target", "y", "--checkpoint", kept, "--json", "--replay", "64",
                                "--batch-size", "8,32"], cwd=folder, env=surroundings(), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text = ("\n".join([HEAD, *rows[offset:]]) + "\n").encode()
    if kill is None:
        out, said = process.communicate(text, timeout=LONG)
        assert process.returncode == 0, said
        return offset, out
    wait, share = kill
    try:
        process.stdin.write(text[: int(len(text) * share)])
        process.stdin.flush()
        process.wait(wait)
    except subprocess.TimeoutExpired:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=LONG)
    return offset, None


@pytest.mark.second
def test_killed_at_random_moments_and_sent_the_rows_again_from_where_it_asks_it_ends_with_the_same_metrics(tmp_path):
    rows = lines(20_000, turns=12_000)
    rows[5000] = "1,2"
    _, whole = _stream(tmp_path, "whole", rows)
    chance, offsets = random.Random(16), []
    for _ in range(4):
        offset, _ = _stream(tmp_path, "killed", rows, kill=(chance.uniform(9, 16), chance.uniform(0.3, 0.9)))
        offsets.append(offset)
    offset, last = _stream(tmp_path, "killed", rows)
    assert offset > 0, offsets
    assert told(last) == told(whole)
    assert told(whole)["alarms"]
    assert told(whole)["n_rows"] == 19_999


@pytest.mark.second
def test_ctrl_c_prints_the_answer_so_far_and_the_same_command_goes_on(tmp_path):
    rows = lines(3000)
    process = subprocess.Popen([*COMMAND, "stream", "-", "--target", "y", "--checkpoint", "kept"], cwd=tmp_path, env=surroundings(),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    process.stdin.write(("\n".join([HEAD, *rows[:2000]]) + "\n").encode())
    process.stdin.flush()
    while b" rows (loss" not in process.stderr.readline():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=LONG)
    assert process.returncode == 130
    assert b"Stopped. The answer so far:" in out
    assert b"The same command goes on with row" in out
    offset, _ = 0, None
    found = subprocess.run([*COMMAND, "stream", "-", "--checkpoint", "kept", "--show-offset"], cwd=tmp_path, env=surroundings(),
                           capture_output=True, text=True, check=True, timeout=LONG)
    offset = int(found.stdout)
    assert 0 < offset <= 2000
