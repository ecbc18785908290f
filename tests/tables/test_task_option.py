"""Where numbers leave it open what they are, the user may say it."""

import numpy as np
import pandas as pd
import pytest

from epochal import UsageError
from epochal.tables import open_table


@pytest.fixture
def counts(tmp_path):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=400), "calls": draw.poisson(2.0, 400)})
    frame.to_csv(tmp_path / "calls.csv", index=False)
    return tmp_path / "calls.csv"


def test_counts_may_be_predicted_as_numbers(counts):
    table = open_table(counts, target="calls", task="regression")
    assert table.kind == "regression"
    assert table.y_train.std() == pytest.approx(1.0, abs=1e-5)


def test_many_whole_numbers_may_be_classes(tmp_path):
    pd.DataFrame({"x": np.arange(300) / 7, "code": np.arange(300) % 30}).to_csv(tmp_path / "codes.csv", index=False)
    assert open_table(tmp_path / "codes.csv", target="code").kind == "regression"
    assert len(open_table(tmp_path / "codes.csv", target="code", task="classes").classes) == 30


def test_text_cannot_be_regressed(tmp_path):
    pd.DataFrame({"x": np.arange(90.0), "word": ["a", "b", "c"] * 30}).to_csv(tmp_path / "words.csv", index=False)
    with pytest.raises(UsageError, match="`word` must be a column of numbers for regression; got .*Leave --task out"):
        open_table(tmp_path / "words.csv", target="word", task="regression")


def test_a_task_that_is_none_is_refused(counts):
    with pytest.raises(UsageError, match=r'`task` must be "classes" or "regression"; got \'both\''):
        open_table(counts, target="calls", task="both")
