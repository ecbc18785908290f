"""A run that is interrupted, terminated or killed loses nothing that was finished; the same command continues."""

import os
import signal
from typing import NamedTuple

import pytest
from cli.command import LONG, evidence_in, inside, measured, run, start

import epochal as ep
import epochal.services.source as source

ONCE = (("learning rates", signal.SIGINT, "60s"),)
THRICE = (("throughput", signal.SIGKILL, "20s"), ("your present setting", signal.SIGTERM, "20s"),
          ("learning rates", signal.SIGINT, "90s"))  # a busy machine comes to them, too


class Stopped(NamedTuple):
    """A run that was sent a signal, and what the folder held then."""

    how: signal.Signals
    status: int
    said: str
    measured: list
    kept: tuple


@pytest.fixture(scope="module", params=[ONCE, pytest.param(THRICE, marks=pytest.mark.third)], ids=["once", "thrice"])
def story(rows, tmp_path_factory, request):
    """`(stopped runs, the last one, its folder)`: runs stopped while they measure, then one that may end."""
    folder, stopped = tmp_path_factory.mktemp("stopped"), []
    words = ("plan", rows, "--target", "target", "--budget")
    for moment, how, budget in request.param:
        process = start(*words, budget, folder=folder)
        seen = _until(process, f"measuring: {moment}")
        os.killpg(process.pid, how)
        said, rest = process.communicate(timeout=LONG)
        [kept] = folder.glob("evidence-*.json")
        stopped.append(Stopped(how, process.returncode, said + rest, measured(seen), evidence_in(kept)))
    return stopped, run(*words, "10s", folder=folder), folder


def test_an_interrupt_before_anything_is_measured_is_one_word_and_the_usual_status(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "open_table", _interrupt)
    told = inside("plan", "wine", "--out", tmp_path)
    assert (told.exit_code, told.stderr.strip(), told.stdout) == (130, "Stopped.", "")


@pytest.mark.second
def test_every_run_was_stopped_by_its_signal(story):
    stopped, _, _ = story
    assert [one.status for one in stopped] == [130 if one.how != signal.SIGKILL else -signal.SIGKILL for one in stopped]


@pytest.mark.second
def test_an_interrupted_run_says_what_it_kept_and_how_to_continue(story):
    for one in (one for one in story[0] if one.how != signal.SIGKILL):
        assert "the same command continues" in one.said, one.said
        assert "evidence-" in one.said
        assert "Traceback" not in one.said


@pytest.mark.second
def test_a_later_run_does_not_measure_what_is_finished(story):
    stopped, last, _ = story
    before = set()
    for now in [*(one.measured for one in stopped), measured(last)]:
        assert before.isdisjoint(now)
        before |= set(now[:-1]) & {f"measuring: {name}" for name in ("memory", "throughput", "noise scale", "critical rate",
                                                                    "prediction")}  # all but the one that was stopped


@pytest.mark.second
def test_what_was_kept_stands_in_the_plan_unchanged(story):
    stopped, last, folder = story
    assert last.returncode == 0, last.stderr
    assert "Continuing:" in last.stdout
    readings, curves = evidence_in(folder / "plan.json")
    for one in stopped:
        assert readings[:len(one.kept[0])] == one.kept[0]
        assert curves[:len(one.kept[1])] == one.kept[1]
    assert stopped[-1].kept[1]      # the present setting's trainings were among it


@pytest.mark.second
def test_a_continued_run_ends_with_a_plan_and_without_its_journal(story):
    _, _, folder = story
    plan = ep.load(folder / "plan.json")
    assert plan.arms
    assert len({(c.stage, c.setting, c.seed) for c in plan.evidence.curves}) == len(plan.evidence.curves)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["plan.json", "report.html"]


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def _until(process, line):
    """What stands on standard error up to a line that begins so."""
    seen = ""
    for text in process.stderr:
        seen += text
        if text.startswith(line):
            return seen
    raise AssertionError(f"it ended before {line!r}:\n{seen}")
