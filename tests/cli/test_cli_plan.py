"""`epochal plan` end to end: what a person reads, what a machine reads, and the files."""

import errno
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from cli.command import LONG, evidence_in, inside, measured, run, start, strict
from sklearn.datasets import load_wine

import epochal as ep
import epochal.services.plan as service
from epochal.records import save


def test_a_plan_on_real_data_is_printed_and_written(walked):
    process, folder = walked
    plan = ep.load(folder / "plan.json")
    assert (plan.evidence.task.name, plan.evidence.task.kind) == ("tumours ü", "binary")
    said = " ".join(process.stdout.split())  # as lines break anywhere
    assert process.returncode == 0, process.stderr
    assert plan.headline in said
    assert all(name in said for name in plan.CHOICES)
    assert plan.code() in process.stdout
    assert {line.removeprefix("measuring: ") for line in measured(process)} >= {"memory", "throughput", "your present setting"}
    assert "Traceback" not in process.stderr
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert plan.headline in page
    assert sorted(path.name for path in folder.iterdir()) == ["plan.json", "report.html"]  # nothing of the journal


def again(rows, walked, *words):
    """The same command inside this process, with the evidence of the run before."""
    _, folder = walked
    return inside("plan", rows, "--target", "target", "--budget", "3s", "--evidence", folder / "plan.json", *words)


def test_evidence_of_a_plan_is_not_measured_again_and_gives_the_same_choices(rows, walked, tmp_path):
    told = again(rows, walked, "--out", tmp_path)
    assert told.exit_code == 0, told.stderr
    assert "Everything is known already; nothing will be measured." in told.stdout
    assert measured(told.stderr) == []
    first, second = ep.load(walked[1] / "plan.json"), ep.load(tmp_path / "plan.json")
    assert second.evidence == first.evidence
    assert [getattr(second, name) for name in second.CHOICES] == [getattr(first, name) for name in first.CHOICES]


@pytest.mark.parametrize("goal", ["best", "smallest"])
def test_another_goal_decides_again_from_the_same_evidence(rows, walked, tmp_path, goal):
    told = again(rows, walked, "--out", tmp_path, "--goal", goal)
    assert told.exit_code == 0, told.stderr
    assert ep.load(tmp_path / "plan.json").goal == goal
    assert evidence_in(tmp_path / "plan.json") == evidence_in(walked[1] / "plan.json")


def test_machines_get_strict_json_alone_on_standard_output(rows, walked, tmp_path):
    told = again(rows, walked, "--out", tmp_path, "--json")
    assert told.exit_code == 0, told.stderr
    answer, plan = strict(told.stdout), ep.load(tmp_path / "plan.json")
    assert {name: answer[name]["value"] for name in plan.CHOICES} == {name: getattr(plan, name).value for name in plan.CHOICES}
    assert answer["headline"] == plan.headline
    assert [os.path.isfile(answer[name]) for name in ("plan", "report")] == [True, True]
    assert "Written:" in told.stderr
    assert "rows to train on" in told.stderr


def test_the_agenda_measures_nothing_and_writes_nothing(tmp_path):
    before = set(tmp_path.iterdir())
    told = inside("plan", "wine", "--agenda", "--out", tmp_path / "not yet there")
    assert told.exit_code == 0, told.stderr
    assert all(name in told.stdout for name in ("memory", "throughput", "noise_scale", "critical_rate", "prediction", "study"))
    assert measured(told.stderr) == []
    assert set(tmp_path.iterdir()) == before


def test_classes_may_weigh_the_same_and_numbers_have_none(tmp_path):
    told = inside("plan", "breast_cancer", "--class-weight", "balanced", "--agenda", "--out", tmp_path)
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "In the training loss every class weighs the same; judging is without weights." in " ".join(told.stdout.split())
    told = inside("plan", "diabetes", "--class-weight", "balanced", "--agenda", "--out", tmp_path)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "`--class-weight` must be left out for a target of numbers" in told.stderr


@pytest.mark.second
def test_a_full_disk_loses_nothing_and_arrays_and_a_model_of_ones_own_do(tmp_path, monkeypatch):
    x, y = load_wine(return_X_y=True)
    np.savez(tmp_path / "wine.npz", x=((x - x.mean(0)) / x.std(0)).astype("float32"), y=y)
    (tmp_path / "my_model.py").write_text("""
import keras

def build():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, activation="softmax")], name="mine")
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model
""")
    words = ("plan", tmp_path / "wine.npz", "--model", f"{tmp_path}/my_model.py:build", "--budget", "1s", "--out", tmp_path)
    with monkeypatch.context() as full:
        full.setattr(service, "save", lambda record, path: _no_room() if isinstance(record, ep.Plan) else save(record, path))
        told = inside(*words)
    [kept] = tmp_path.glob("evidence-*.json")
    assert told.exit_code == 2, told.exception
    assert os.strerror(errno.ENOSPC) in told.stderr
    assert str(kept) in told.stderr
    before = evidence_in(kept)

    told = inside(*words)
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "Continuing: " in told.stdout
    task = ep.load(tmp_path / "plan.json").evidence.task
    assert (task.optimizer, task.n_params, task.n_classes) == ("SGD", 13 * 3 + 3, 3)
    after = evidence_in(tmp_path / "plan.json")
    assert [now[:len(then)] for now, then in zip(after, before, strict=True)] == list(before)
    assert list(tmp_path.glob("evidence-*")) == []


def test_a_narrow_terminal_without_colours_shows_every_word_of_the_answer(rows, walked, tmp_path, monkeypatch):
    for name, value in {"COLUMNS": "40", "NO_COLOR": "1", "TTY_COMPATIBLE": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    told = again(rows, walked, "--out", tmp_path)
    table = re.sub(r"\x1b\[[0-9;]*m", "", told.stdout).split("To paste")[0]
    assert told.exit_code == 0, told.stderr
    assert ep.load(tmp_path / "plan.json").headline in " ".join(table.split())
    _, answer = table.split("nothing will be measured.")  # sentences before it may hold a path, and a path is not broken
    assert [line for line in answer.splitlines() if len(line) > 40] == []
    assert "\x1b[3" not in told.stdout      # a colour


@pytest.mark.second
def test_a_reader_that_goes_away_gets_no_traceback(rows, tmp_path):
    process = start("plan", rows, "--target", "target", "--agenda", folder=tmp_path)
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        failure = process.stderr.read()
    process.wait(LONG)
    assert "Traceback" not in failure
    assert "Exception ignored" not in failure


@pytest.mark.second
def test_of_two_runs_at_once_in_one_folder_one_is_refused_and_the_other_ends_with_a_plan(rows, tmp_path):
    both = [start("plan", rows, "--target", "target", "--budget", "1s", folder=tmp_path) for _ in range(2)]
    failures = [process.communicate(timeout=LONG)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], failures
    [refused] = [said for process, said in zip(both, failures, strict=True) if process.returncode]
    assert "`--out` must not be in use" in refused
    assert ep.load(tmp_path / "plan.json").evidence.readings    # in a second beside another run there may be no time to compare
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.json", "report.html"]


def test_help_shows_examples_and_every_option():
    whole, one = inside("--help"), inside("plan", "--help")
    assert (whole.exit_code, one.exit_code) == (0, 0)
    assert all("epochal plan digits" in told.stdout for told in (whole, one))
    assert all(f"--{name}" in one.stdout for name in ("target", "group", "time", "model", "backend", "goal", "budget", "seed",
                                                      "evidence", "out", "agenda", "json"))


def test_it_runs_as_a_module_too(tmp_path):
    process = run("--version", folder=tmp_path)
    assert (process.returncode, process.stdout.strip()) == (0, f"epochal, version {ep.__version__}")


def _no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# What a plan is used for.

def test_a_plan_gives_its_numbers_and_its_early_stopping(rows, walked, tmp_path, asked):
    plan = ep.load(walked[1] / "plan.json")
    told = inside("fit", rows, "--target", "target", "--plan", walked[1] / "plan.json", "--json", "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    answer = strict(told.stdout)
    assert (answer["batch_size"], answer["epochs"]) == (plan.batch_size.value, plan.epochs.value)
    assert "early stopping on the validation rows" in told.stderr
    assert "made for other rows" not in told.stderr
    [stopping] = asked["callbacks"]
    assert (stopping.patience, stopping.restore_best_weights) == (plan.stopping.patience, True)
    assert [len(part) for part in asked["validation_data"]] == [32, 32]
    assert str(walked[1] / "plan.json") in answer["source"]


@pytest.mark.second
def test_a_plan_of_other_data_is_used_and_said_to_be_so(walked, tmp_path):
    told = inside("fit", "wine", "--plan", walked[1] / "plan.json", "--epochs", 1, "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "The plan was made for other rows or another model (tumours ü: binary; 128 rows" in " ".join(told.stdout.split())


def test_epochs_beside_a_plan_are_kept_without_early_stopping(rows, walked, tmp_path, asked):
    told = inside("fit", rows, "--target", "target", "--plan", walked[1] / "plan.json", "--epochs", 3, "--json", "--out",
                  tmp_path / "m.keras")
    assert strict(told.stdout)["epochs_trained"] == 3
    assert "no early stopping" in told.stderr
    assert asked["callbacks"] == []


def test_without_numbers_they_are_planned_first_and_the_same_command_measures_nothing_again(rows, walked, tmp_path):
    words = ("fit", rows, "--target", "target", "--budget", "3s", "--json", "--out", tmp_path / "m.keras")
    plan = ep.load(walked[1] / "plan.json")                             # as an earlier run of this command leaves it
    replace(plan, evidence=replace(plan.evidence, trains_with="epochal")).save(tmp_path / "m.plan.json")
    told = inside(*words)
    plan, answer = ep.load(tmp_path / "m.plan.json"), strict(told.stdout)
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "Everything is known already; nothing will be measured." in told.stderr
    assert (answer["batch_size"], answer["epochs"]) == (plan.batch_size.value, plan.epochs.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.plan.json"]


@pytest.mark.second
def test_a_plan_of_other_data_is_replaced(walked, tmp_path):
    ep.load(walked[1] / "plan.json").save(tmp_path / "m.plan.json")
    told = inside("fit", "wine", "--budget", "1s", "--class-weight", "balanced", "--out", tmp_path / "m.keras")
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert measured(told.stderr)
    task = ep.load(tmp_path / "m.plan.json").evidence.task
    assert (task.name, task.weighted) == ("wine", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "m.plan.json"]
