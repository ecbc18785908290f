"""`epochal study` end to end: what is declared, what is found, what lies in the folder, and what stops and refusals leave."""

import importlib.util
import json
import os
import signal
import time

import pandas as pd
import pytest
from cli.command import LONG, inside, start, strict
from experiments.studies import n_blocks

import epochal as ep
from epochal.experiments import StudyFolder

QUICK = ("--batch-sizes", "32,128", "--epochs", 3, "--seeds", 3, "--trial-seeds", 1, "--learning-rates", "1e-3,1e-2", "--equal",
         "epochs")


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """`(finished command, its folder)` of a small study with the tutorial's protocol beside it."""
    folder = tmp_path_factory.mktemp("ä [b]") / "a study"
    return inside("study", "breast_cancer", *QUICK, "--protocol", "tutorial", "--folder", folder), folder


def test_it_says_what_it_will_compare_before_it_does_and_what_it_found(studied):
    told, folder = studied
    said = " ".join(told.stdout.split())
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert "Batch sizes 32, 128; learning rates 0.001, 0.01; compared after equal epochs with 3 new random seeds each." in said
    assert "Set beforehand: a difference in loss (less is better) below 1 % of what training gains is too small to matter" in said
    assert said.index("Set beforehand") < said.index("the reference")
    assert "Batch size 128 " in said
    assert "As the tutorial prints it, with one seed:" in said
    assert "What changes: " in said
    assert str(folder) in said


def test_the_folder_holds_the_study_in_every_form(studied):
    _, folder = studied
    found = ep.load(folder / "study.json")
    assert isinstance(found, ep.Study)
    assert len(pd.read_csv(folder / "contrasts.csv")) == len(found.contrasts) == 4
    assert len(pd.read_csv(folder / "trainings.csv")) == len(found.curves)
    assert len(pd.read_parquet(folder / "epochs.parquet")) == sum(c.n_epochs for c in found.curves)
    assert "<html" in (folder / "report.html").read_text()
    with StudyFolder(folder) as kept:
        assert sum(len(kept.block(name)) for name in kept.blocks()) == len(found.curves)


def test_the_same_command_trains_nothing_again_and_json_is_the_same_study(studied):
    _, folder = studied
    before = ep.load(folder / "study.json")
    told = inside("study", "breast_cancer", *QUICK, "--protocol", "tutorial", "--folder", folder, "--json")
    answer = strict(told.stdout)
    assert told.exit_code == 0, (told.stderr, told.exception)
    assert f"Continuing: {len(before.curves)} trainings of an earlier run are kept" in " ".join(told.stderr.split())
    assert ep.load(folder / "study.json") == before
    assert [c["difference"] for c in answer["contrasts"]] == [c.difference for c in before.contrasts]
    assert "curves" not in answer


def test_other_arguments_in_the_same_folder_are_refused_by_name(studied):
    _, folder = studied
    told = inside("study", "breast_cancer", *QUICK, "--seeds", 4, "--protocol", "tutorial", "--folder", folder)
    assert told.exit_code == 2
    assert "`seeds` was 3 in this folder; got 4" in " ".join(told.stderr.split())


@pytest.mark.parametrize(("words", "sentence"), [
    (("--batch-sizes", "32"), "`batch_sizes` must be at least two different sizes"),
    (("--batch-sizes", "32;64"), "`--batch-sizes` must be numbers with commas between; got '32;64'"),
    (("--learning-rates", "fast"), "`--learning-rates` must be numbers with commas between; got 'fast'"),
    (("--equal", "money"), "`equal` must be some of epochs, steps, time; got ('money',)"),
    (("--metric", "val_beauty"), "`metric` must be one of val_loss"),
    (("--metric", "val_recall_at_precision_2"), "`precision` must be more than 0 and at most 1; got 2.0"),
    (("--metric", "val_recall_at_precision_nan"), "`precision` must be more than 0 and at most 1; got nan"),
    (("--reference", 64), "`reference` must be one of the batch sizes"),
    (("--margin", -1), "`margin` must be a positive difference"),
])
def test_what_cannot_be_is_refused_in_one_sentence_with_status_2(tmp_path, words, sentence):
    told = inside("study", "breast_cancer", *QUICK, *words, "--folder", tmp_path / "s")
    assert (told.exit_code, told.stderr[:7]) == (2, "Error: ")
    assert sentence in " ".join(told.stderr.split())


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "s").write_text("mine")
    told = inside("study", "breast_cancer", *QUICK, "--folder", tmp_path / "s")
    assert told.exit_code == 2
    assert "`--folder` must be a folder" in " ".join(told.stderr.split())
    assert (tmp_path / "s").read_text() == "mine"


@pytest.mark.parametrize("extra", ["ray", "mlflow", "tensorboard"])
def test_an_extra_that_is_not_installed_is_named_before_anything_is_trained(tmp_path, extra, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == extra else find(name, *more))
    told = inside("study", "breast_cancer", *QUICK, "--folder", tmp_path / "s", f"--{extra}", "auto")
    assert told.exit_code == 2
    assert f"pip install 'epochal[{extra}]'" in told.stderr


@pytest.mark.second
def test_a_reader_that_goes_away_does_not_cost_the_files(tmp_path):
    process = start("study", "breast_cancer", *QUICK, "--folder", tmp_path / "s", folder=tmp_path)
    while "Ctrl-C stops" not in process.stdout.readline():
        pass
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=LONG)
    assert "Traceback" not in errors
    assert {"study.json", "contrasts.csv", "report.html"} <= {path.name for path in (tmp_path / "s").iterdir()}


def test_another_seed_is_one_reason_and_given_names_are_those_of_the_command(studied):
    _, folder = studied
    told = inside("study", "breast_cancer", *QUICK, "--seed", 5, "--folder", folder)
    said = " ".join(told.stderr.split())
    assert told.exit_code == 2
    assert "`seed` was 0 in this folder; got 5" in said
    assert "`protocol=\"tutorial\"` was True in this folder; got False" in said
    assert "fingerprint" not in said


@pytest.mark.second
def test_ctrl_c_keeps_what_is_done_a_second_process_is_refused_and_the_same_command_ends_it(tmp_path):
    words = ("study", "digits", "--batch-sizes", "32,256", "--equal", "epochs", "--learning-rates", "1e-3,1e-2", "--trial-seeds", 1,
             "--seeds", 4, "--epochs", 200, "--folder", tmp_path)
    process = start(*words, folder=tmp_path)
    began = time.monotonic()
    while n_blocks(tmp_path) == 0 and process.poll() is None and time.monotonic() - began < LONG:
        time.sleep(0.05)
    second = inside(*words)
    os.killpg(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=LONG)
    assert (second.exit_code, process.returncode) == (2, 130), (second.stderr, out, errors)
    assert f"process {process.pid}" in " ".join(second.stderr.split())
    assert "Stopping, as soon as what is under way has ended its epoch or measurement" in " ".join(out.split())
    assert "the same command continues there" in " ".join(out.split())
    n_before = n_blocks(tmp_path)
    assert n_before > 0
    ended = inside(*words, "--json")
    assert ended.exit_code == 0, (ended.stderr, ended.exception)
    assert n_blocks(tmp_path) > n_before
    assert json.loads(ended.stdout)["contrasts"]


@pytest.mark.second
def test_a_rare_class_is_judged_by_a_threshold_of_other_rows_and_may_weigh_more(tmp_path):
    words = ("study", "breast_cancer", *QUICK, "--metric", "val_recall_at_precision_0.9", "--folder")
    plain = inside(*words, tmp_path / "plain")
    weighed = inside(*words, tmp_path / "weighed", "--class-weight", "balanced")
    assert plain.exit_code == weighed.exit_code == 0, (plain.stderr, weighed.stderr)
    assert "every class weighs the same" in " ".join(weighed.stdout.split())
    one, other = (ep.load(tmp_path / name / "study.json") for name in ("plain", "weighed"))
    assert one.design.metric == "recall_at_precision_0.9"
    assert one.design.larger_is_better
    assert all(0 < c.quality <= 1 for c in (*one.contrasts, *other.contrasts))
    assert [c.half_a for c in one.curves] != [c.half_a for c in other.curves]


def test_class_weights_without_classes_are_refused(tmp_path):
    told = inside("study", "diabetes", *QUICK, "--class-weight", "balanced", "--folder", tmp_path)
    assert told.exit_code == 2
    assert "Error: `--class-weight` must be left out for a target of numbers" in told.stderr


def test_a_metric_for_two_classes_is_refused_for_more(tmp_path):
    told = inside("study", "wine", *QUICK, "--metric", "val_recall_at_precision_0.9", "--folder", tmp_path)
    assert told.exit_code == 2
    assert "are for two classes" in told.stderr
