"""Plans and studies of Epochal's own, diagnosed from their files."""

import gzip
import pathlib
import shutil

import pytest

from epochal.base.errors import UsageError
from epochal.services.diagnose import DiagnoseRequest, diagnose

OLD = pathlib.Path(__file__).parents[1] / "old_files"


def test_a_training_of_a_study_is_chosen_by_its_number(tmp_path):
    shutil.copytree(OLD / "study", tmp_path / "study")
    found = diagnose(DiagnoseRequest(tmp_path / "study", training=2))
    assert found.history.source.startswith("training 2 of ")
    assert found.history.known.batch_size is not None


def test_a_plan_gives_a_training_of_its_choice_and_its_validation_rows(tmp_path):
    path = tmp_path / "plan.json"
    path.write_bytes(gzip.decompress((OLD / "plan.json.gz").read_bytes()))
    found = diagnose(DiagnoseRequest(str(path)))
    assert found.history.known.n_validation > 0
    with pytest.raises(UsageError, match="training"):
        diagnose(DiagnoseRequest(str(path), training=10_000))
