"""Files written by an earlier version load, and are known as those of the same model: see `make.py`, which wrote them."""

import gzip
import json
import pathlib
import shutil
import sqlite3
from contextlib import closing

import keras
import numpy as np
import pytest
from old_files import make

import epochal
from epochal.records import dump
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the files were written on JAX")
HERE = pathlib.Path(__file__).parent


def copy_of(name, folder):
    shutil.copytree(HERE / name, folder / name)
    return folder / name


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("old") / "plan.json"
    path.write_bytes(gzip.decompress((HERE / "plan.json.gz").read_bytes()))
    return epochal.load(path)


@pytest.fixture(scope="module")
def rig():
    return open_rig(make.build, data_from_arguments(make.X, make.Y))


def test_a_plan_loads_and_its_evidence_is_of_the_same_model(plan, rig):
    assert plan.batch_size.value in {curve.setting.batch_size for curve in plan.evidence.curves}
    assert rig.task.fingerprint == plan.evidence.task.fingerprint
    known = plan.evidence.about(rig.task, rig.machine, rig.present)
    assert known.readings == plan.evidence.readings
    assert known.curves == plan.evidence.curves


def test_evidence_of_an_earlier_version_about_another_model_is_refused(plan, rig):
    def other():
        model = make.build()
        model.compile("sgd", "mse", metrics=["accuracy"])
        return model

    others = open_rig(other, data_from_arguments(make.X, make.Y)).task
    with pytest.raises(epochal.UsageError, match="the same model and data; what differs: model or data"):
        plan.evidence.about(others, rig.machine, rig.present)
    with pytest.raises(epochal.UsageError, match="what differs: optimizer, loss or metrics"):
        plan.evidence.about(rig.task, rig.machine, rig.present).about(others, rig.machine, rig.present)


def test_a_study_folder_is_continued_and_nothing_is_trained_anew(tmp_path, monkeypatch):
    folder = copy_of("study", tmp_path)
    with closing(sqlite3.connect(folder / "study.sqlite")) as file:
        kept = [json.loads(text)["record"] for (text,) in file.execute("SELECT document FROM curve")]
    monkeypatch.setattr("epochal.experiments.crew.train_block", None)  # whoever trains would call it
    study = epochal.study(make.build, make.X, make.Y, **make.STUDY, folder=folder, verbose=0)
    assert len(kept) == 8
    found = [json.loads(dump(curve))["record"] for curve in study.curves]
    for curve in found:    # later fields
        assert (curve.pop("fold"), curve.pop("blocks_a"), curve.pop("blocks_b")) == (0, [], [])
    assert sorted(found, key=repr) == sorted(kept, key=repr)


def test_a_checkpoint_goes_on_and_ends_with_the_weights_of_an_uninterrupted_training(tmp_path):
    resumed = make.training(copy_of("checkpoint", tmp_path), 6)
    assert resumed.history.epoch == [0, 1, 2, 3, 4, 5]
    whole = make.training(tmp_path / "whole", 6)
    for ours, theirs in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (ours, theirs)), rtol=1e-4, atol=1e-5)
    early = make.training(tmp_path / "early", 3)
    assert any(not np.allclose(*map(keras.ops.convert_to_numpy, pair), rtol=1e-2)
               for pair in zip(resumed.trainable_variables, early.trainable_variables, strict=True))


def test_a_checkpoint_of_another_model_is_refused_by_name(tmp_path, monkeypatch):
    def other():
        model = make_build()
        model.compile(keras.optimizers.Adam(0.03), "mse", metrics=["accuracy"])
        return model

    make_build = make.build
    monkeypatch.setattr(make, "build", other)
    with pytest.raises(epochal.UsageError, match="holds one with another loss"):
        make.training(copy_of("checkpoint", tmp_path), 6)
