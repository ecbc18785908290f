"""`epochal epochs` and `epochal.epochs`: from a plan, from Keras histories, and what is refused."""

import json

import numpy as np
import pytest
from cli.command import inside
from rules.drawn_evidence import drawn

import epochal
from epochal.rules.plan.decide import decide


@pytest.fixture(scope="module")
def plan():
    return next(plan for seed in range(100) if (plan := decide(drawn(seed).evidence)).whole and plan.evidence.of("confirm"))


def test_a_plan_says_when_to_stop_and_how_long_to_train_on_all_rows(plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    told = inside("epochs", tmp_path / "plan.json")
    assert told.exit_code == 0, told.stderr
    said = " ".join(told.stdout.split())
    assert "Train with EarlyStopping(patience=" in said
    assert "(use this)" in said
    assert "On all rows: to train once more" in said
    document = json.loads(inside("epochs", tmp_path / "plan.json", "--json").stdout)
    assert document["kind"] == "EpochChoice"
    assert len(document["best"]) == len(document["trained"])


@pytest.mark.parametrize("words", [("nowhere.json",), ("a.txt",)])
def test_a_file_that_holds_no_answer_is_refused_with_a_sentence(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    told = inside("epochs", *words)
    assert told.exit_code == 2
    assert told.stderr.startswith("Error: ")
    assert "Traceback" not in told.stderr


def test_a_setting_that_was_not_trained_is_refused_with_those_that_were(plan):
    with pytest.raises(epochal.UsageError, match="no setting has.*Trained to the end were"):
        epochal.epochs(plan, batch_size=7777)


def test_histories_of_several_seeds_will_do_and_are_said_to_flatter():
    rng = np.random.default_rng(0)
    histories = [{"loss": [1 / t for t in range(1, 31)],
                  "val_loss": [abs(t - 12) / 12 + 0.01 * rng.random() for t in range(1, 31)]} for _ in range(3)]
    found = epochal.epochs(histories)
    assert found.best == (12, 12, 12)
    assert not found.honest
    assert "looks better than it is" in str(found)
    assert epochal.epochs(histories[0]).expected_regret is None


@pytest.mark.parametrize("wrong", [3, [], [{"loss": [1.0, 2.0]}], [{"val_loss": [float("nan"), 1.0]}], "nowhere"])
def test_what_holds_no_validation_losses_is_refused(wrong):
    with pytest.raises(epochal.UsageError):
        epochal.epochs(wrong)
