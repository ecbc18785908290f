"""`epochal measure` end to end: a line a quantity with what it means, the evidence for a plan, and what is refused."""

import pytest
from cli.command import inside

from epochal.records import Evidence, read


@pytest.mark.parametrize(("words", "said"), [
    (("wine", "--what", "memmory"), "`what` must be of all, memory,"), (("wine", "--budget", "soon"), "`budget`"),
    (("nowhere.csv", "--target", "y"), "nowhere.csv"), (("wine", "--out", "e.txt"), "ends in .json"),
])
def test_what_cannot_be_done_is_a_sentence_and_nothing_is_written(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = inside("measure", *words)
    assert told.exit_code == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert not list(tmp_path.iterdir())


def test_help_shows_the_words_and_examples():
    told = inside("measure", "--help").stdout
    for word in ("memory", "throughput", "critical_batch", "sharpness", "rare_class", "batch_norm", "accumulation", "quick"):
        assert word in told
    assert "epochal measure digits" in told


@pytest.mark.second
def test_a_line_and_its_meaning_for_each_and_evidence_that_a_plan_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = inside("measure", "wine", "--what", "rare_class,learning_rate", "--price", "quick", "--batch-size", 8, "--out", "e.json")
    assert told.exit_code == 0, (told.stderr, told.exception)
    said = " ".join(told.stdout.split())
    assert "With a batch size of 8," in said
    assert "It is not the rate to use" in said
    assert "For one recommendation: epochal plan wine --evidence e.json" in said
    found = read(tmp_path / "e.json")
    assert isinstance(found, Evidence)
    assert {"rare_class", "critical_rate", "range_test"} <= {reading.name for reading in found.readings}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.json"]
    planned = inside("plan", "wine", "--batch-size", 8, "--evidence", "e.json", "--budget", "25s", "--out", "planned")
    assert planned.exit_code == 0, (planned.stderr, planned.exception)
    assert "measuring: critical rate" not in planned.stderr
    assert "rare class" in planned.stdout  # among the bounds of the batch size
