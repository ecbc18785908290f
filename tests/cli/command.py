"""Runs `epochal` as a user does: as a process of its own, or inside this one where that suffices."""

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from epochal.cli import main

COMMAND = [sys.executable, "-c", "from epochal.cli import main; main(prog_name='epochal')"]
LONG = 300  # seconds; no promise of speed, only an end to a test that hangs


def start(*words, folder, **options):
    """The command as a process under way, in a process group of its own, so that a signal to it spares the tests."""
    chosen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*COMMAND, *map(str, words)], cwd=folder, start_new_session=True, env=surroundings(), **chosen)


def run(*words, folder):
    """The finished process: `returncode`, `stdout`, `stderr`."""
    return subprocess.run([*COMMAND, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=LONG, check=False,
                          env=surroundings())


def inside(*words):
    """The same in this process: `exit_code`, `stdout`, `stderr`; much faster, since Keras is imported already."""
    return CliRunner().invoke(main, list(map(str, words)), prog_name="epochal")


def surroundings(**more):
    return {**os.environ, "KERAS_BACKEND": "jax", "COLUMNS": "", "PYTHONUNBUFFERED": "1", **more}


def strict(text):
    """JSON as the standard has it, without NaN and Infinity."""
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def measured(process):
    """The lines on standard error that say what was measured."""
    text = process if isinstance(process, str) else process.stderr
    return [line.split(" (")[0] for line in text.splitlines() if line.startswith("measuring: ")]


def evidence_in(path):
    """The readings and the curves of a plan or an evidence file, as they stand in it."""
    record = json.loads(Path(path).read_text())["record"]
    record = record.get("evidence", record)
    return record["readings"], record["curves"]
