"""A study in MLflow: what its own client finds is what was trained, once."""

import os
import pathlib
from dataclasses import replace

import pytest
from report.report_studies import STUDY

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # tests tell nobody

from epochal import load
from epochal.report import log_to_mlflow
from epochal.report.study import mlflow as study_mlflow
from epochal.report.study.tables import epoch_series

pytestmark = [
    pytest.mark.needs("mlflow", "sqlalchemy", "alembic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of SQLAlchemy 2.1, caused by MLflow
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A URI on this machine; its database is made once, which takes a second or two."""
    return "sqlite:///" + (tmp_path_factory.mktemp("mlflow") / "mlflow.db").as_posix()


@pytest.fixture(scope="module")
def client(store):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store, registry_uri=store)


@pytest.fixture(scope="module")
def logged(store, client):
    run = log_to_mlflow(STUDY, store, experiment="one study")
    return client.get_run(run), children(client, run, "one study")


def runs(client, experiment):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def children(client, parent, experiment):
    below = [run for run in runs(client, experiment) if run.data.tags.get("mlflow.parentRunId") == parent]
    return sorted(below, key=lambda run: run.data.tags["epochal.part"])


def test_the_run_of_the_study_has_its_design_its_contrasts_and_itself(logged, client):
    run, _ = logged
    wanted = {"batch_sizes": "16, 64", "reference": "16", "epochs": "3", "n_seeds": "2", "margin": "0.01",
              "equal": "epochs, steps, time", "data": "digits", "optimizer": "adam", "backend": "jax"}
    assert {name: run.data.params[name] for name in wanted} == wanted
    assert run.info.status == "FINISHED"
    assert run.data.metrics["epochs/64/difference"] == 0.15
    assert run.data.metrics["epochs/64/n_enough"] == 60
    assert "epochs/16/difference" not in run.data.metrics
    folder = pathlib.Path(client.download_artifacts(run.info.run_id, ""))
    assert load(folder / "study.json") == STUDY
    assert (folder / "contrasts.json").is_file()


def test_the_contrasts_are_a_table_that_mlflow_reads_back(logged, store, client, monkeypatch):
    run, _ = logged
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    table = client.load_table(run.info.experiment_id, "contrasts.json", run_ids=[run.info.run_id])
    assert list(table.batch_size) == [16, 64]
    assert table.difference[1] == 0.15
    assert list(table.verdict) == ["the reference", "undecided"]


def test_every_training_is_a_run_below_it_with_every_epoch(logged, client):
    _, below = logged
    assert len(below) == len(STUDY.curves)
    for run, curve in zip(below, STUDY.curves, strict=True):
        wanted = {"batch_size": str(curve.setting.batch_size), "learning_rate": str(curve.setting.learning_rate),
                  "seed": str(curve.seed), "stage": curve.stage, "n_epochs": str(curve.n_epochs)}
        assert {name: run.data.params[name] for name in wanted} == wanted
        series = epoch_series(STUDY, curve)
        assert set(run.data.metrics) - {"seconds", "best_val_loss"} == set(series)
        for name, values in series.items():
            history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda metric: metric.step)
            assert [(metric.step, metric.value) for metric in history] == list(enumerate(values, start=1))
        assert run.data.metrics["seconds"] == curve.seconds
        assert run.data.metrics.get("best_val_loss") == (min(curve.validation_loss) if curve.n_epochs else None)
    assert [run.info.status for run in below] == ["FINISHED", "FAILED", *["FINISHED"] * 4]
    assert {"train_loss", "val_loss", "val_accuracy", "test_loss"} <= set(below[2].data.metrics)


def test_a_study_is_logged_once_and_another_one_beside_it(store, client):
    first = log_to_mlflow(STUDY, store, experiment="twice")
    assert log_to_mlflow(STUDY, store, experiment="twice") == first
    assert len(runs(client, "twice")) == 1 + len(STUDY.curves)
    other = log_to_mlflow(replace(STUDY, margin=0.02), store, experiment="twice")
    assert other != first
    assert len(runs(client, "twice")) == 2 * (1 + len(STUDY.curves))


def test_a_study_that_came_half_way_is_logged_anew_and_not_doubled(store, client, monkeypatch):
    log_training, left = study_mlflow._log_training, [1, 1, 1]

    def stopped(*arguments, **options):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return log_training(*arguments, **options)

    monkeypatch.setattr(study_mlflow, "_log_training", stopped)
    with pytest.raises(KeyboardInterrupt):
        log_to_mlflow(STUDY, store, experiment="half way")
    assert len(runs(client, "half way")) == 4
    monkeypatch.undo()
    run = log_to_mlflow(STUDY, store, experiment="half way")
    assert len(runs(client, "half way")) == 1 + len(STUDY.curves)
    assert len(children(client, run, "half way")) == len(STUDY.curves)
    assert client.get_run(run).info.status == "FINISHED"


def test_more_epochs_than_one_request_takes_and_a_name_that_mlflow_does_not(store, client):
    n = 1100
    long = replace(STUDY.curves[2], **{name: tuple(float(i) for i in range(n)) for name in ("half_a", "half_b", "train_loss")})
    study = replace(STUDY, curves=(long,), task=replace(STUDY.task, metrics=("hits@5",)))
    (run,) = children(client, log_to_mlflow(study, store, experiment="long"), "long")
    assert len(client.get_metric_history(run.info.run_id, "val_loss")) == n
    assert "val_hits_5" in run.data.metrics


def test_nothing_is_written_to_the_working_directory(store, client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log_to_mlflow(STUDY, store, experiment="elsewhere")
    assert list(tmp_path.iterdir()) == []
    assert (pathlib.Path(store.removeprefix("sqlite:///")).parent / "mlartifacts").is_dir()
