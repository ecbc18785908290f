"""What an editor or a type checker knows of the package: the public names, their arguments, and what they return."""

import ast
import json
import pathlib
import subprocess
import sys
import sysconfig

import epochal

HERE = pathlib.Path(epochal.__file__)

PROGRAM = """
from typing import Any, assert_type

import epochal
import keras
import numpy as np

def right(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    assert_type(epochal.plan(model, x, y, budget="2 min", goal="best"), epochal.Plan)
    assert_type(epochal.fit(model, x, y, batch_size=32, epochs="auto"), keras.callbacks.History)
    assert_type(epochal.study(model, x, y, batch_sizes=[32, 256], seeds=4), epochal.Study)
    assert_type(epochal.load("plan.json"), epochal.Plan | epochal.Study | epochal.Evidence | epochal.StreamReport)
    assert_type(epochal.predict(model, x, batch_size="auto"), np.ndarray | Any)
    plan = epochal.plan(model, x, y)
    assert_type(plan.batch_size.value, float)
    print(epochal.EpochalError, epochal.corrected)

def wrong(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    epochal.plan(model, x, y, bugdet="2 min")
    epochal.fit(model, x, y, batchsize=32)
    epochal.predict(model, x, batch=32)
    epochal.study(model, x, y, batches=[32, 256])
    epochal.load(file="plan.json")
    epochal.plan(model, x, y).batch_sizes
    epochal.plans(model, x, y)
"""


def test_a_type_checker_knows_what_the_verbs_return_and_refuses_wrong_names(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    checker = pathlib.Path(sysconfig.get_path("scripts"), "pyrefly")
    assert checker.is_file(), f"{checker} is missing: pip install '.[test]'"
    done = subprocess.run([checker, "check", "--preset", "default", "--output-format", "json", "--python-interpreter-path",
                           sys.executable, "--search-path", HERE.parents[1], program], capture_output=True, text=True, timeout=120)
    said = json.loads(done.stdout)["errors"]
    first_wrong = PROGRAM.splitlines().index(next(line for line in PROGRAM.splitlines() if line.startswith("def wrong"))) + 1
    refused = {error["line"] for error in said}
    assert refused == set(range(first_wrong + 1, len(PROGRAM.splitlines()) + 1)), said


def test_the_front_door_tells_type_checkers_of_every_public_name_where_it_is():
    block = next(node for node in ast.parse(HERE.read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    told = {alias.asname or alias.name: f"epochal.{line.module}:{alias.name}" for line in block.body for alias in line.names}
    assert told == {name: home if ":" in home else f"{home}:{name}" for name, home in epochal._HOME.items()}


def test_the_package_says_that_it_is_typed():
    assert (HERE.parent / "py.typed").is_file()
