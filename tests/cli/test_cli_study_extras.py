"""Where `epochal study` is to log as well must be there before it trains for hours."""

import pytest
from cli.command import inside

QUICK = ("--batch-sizes", "32,128", "--epochs", 3, "--seeds", 3, "--trial-seeds", 1, "--learning-rates", "1e-3,1e-2", "--equal",
         "epochs")


@pytest.mark.needs("tensorboard")
def test_a_place_for_tensorboard_that_is_none_is_refused_before_anything_is_trained(tmp_path):
    told = inside("study", "breast_cancer", *QUICK, "--folder", tmp_path / "s", "--tensorboard", "/dev/null/x")
    assert (told.exit_code, told.stderr[:7]) == (2, "Error: ")
    assert "`--tensorboard` must be a folder" in told.stderr
    assert not (tmp_path / "s" / "study.json").exists()


@pytest.mark.needs("mlflow")
@pytest.mark.parametrize("uri", ["foo://bar", "http://127.0.0.1:1"])
def test_an_mlflow_that_cannot_be_reached_is_refused_before_anything_is_trained(tmp_path, uri):
    told = inside("study", "breast_cancer", *QUICK, "--folder", tmp_path / "s", "--mlflow", uri)
    assert (told.exit_code, told.stderr[:7]) == (2, "Error: ")
    assert f"`--mlflow` must be the URI of an MLflow that can be reached; got '{uri}'" in told.stderr
    assert not (tmp_path / "s" / "study.json").exists()
