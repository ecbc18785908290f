"""A study in MLflow: one run for the study, and below it one run a training."""

import dataclasses
import hashlib
import math
import os
import pathlib
import re
import time
from contextlib import contextmanager
from importlib.util import find_spec

from ...base.errors import UsageError
from ...base.text import first_line
from ...base.validate import require
from ...records import dump
from .tables import best_epoch, epoch_series, study_table, training_facts

_STUDY, _PART = "epochal.study", "epochal.part"  # tags: which study a run belongs to, and what of it the run is
_AT_ONCE, _MOST_RUNS = 1000, 50_000  # metrics in one request and runs in one answer: MLflow's limits


def log_to_mlflow(study, uri, *, experiment="epochal"):
    """Log a study to MLflow, once: a study that is there already is left as it is, and one that came half way is logged anew.

    The run of the study has the design as its parameters, the contrasts as metrics (`epochs/64/difference`) and as the table
    `contrasts.json`, and the study itself as `study.json`, which `epochal.load` reads. Each training is a run below it, with its
    batch size, learning rate, seed and stage as parameters and its losses and metrics by epoch.

    Args:
        study: a `Study`.
        uri: MLflow's tracking URI, e.g. `"sqlite:///mlflow.db"`; files logged there lie beside the database, in `mlartifacts`.
        experiment: the name of MLflow's experiment, made where it does not exist.

    Returns:
        The id of the run of the study.

    Raises:
        UsageError: MLflow is not installed.
        mlflow.exceptions.MlflowException: MLflow refuses the URI, or cannot be reached.
    """
    require(find_spec("mlflow") is not None, "mlflow", None, "an installed package",
            "Install it with: pip install 'epochal[mlflow]'.")
    from mlflow import MlflowClient

    with _environment(MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true"):  # two lines a training, where answers for machines go
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        place, text = _experiment(client, uri, experiment), dump(study)
        key = hashlib.sha256(text.encode("utf-8")).hexdigest()
        there = client.search_runs([place], f"tags.`{_STUDY}` = '{key}'", max_results=_MOST_RUNS)
        for run in there:
            if run.data.tags.get(_PART) == "study" and run.info.status == "FINISHED":
                return run.info.run_id
        for run in there:
            client.delete_run(run.info.run_id)
        return _log(client, place, key, study, text)


@contextmanager
def speaking_of(uri):
    """Raises what MLflow refuses in the block, or what keeps it from being reached, as a `UsageError`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise UsageError(f"`--mlflow` must be the URI of an MLflow that can be reached; got {uri!r} ({first_line(error)}). Pass "
                         "sqlite:///mlflow.db, say.") from error


def reach(uri):
    """Make sure that there is an MLflow at the URI, before hours of work are to be logged there.

    Raises:
        UsageError: there is none.
    """
    from mlflow import MlflowClient

    with speaking_of(uri), _environment(MLFLOW_HTTP_REQUEST_MAX_RETRIES="1"):
        MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)


@contextmanager
def _environment(**words):
    """Variables of the environment that are unset, set as long as the block lasts."""
    new = {name: word for name, word in words.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def _experiment(client, uri, name):
    known = client.get_experiment_by_name(name)
    if known is not None:
        return known.experiment_id
    beside = None
    if uri.startswith("sqlite:///"):  # MLflow itself would put files below the working directory
        beside = (pathlib.Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts").as_uri()
    return client.create_experiment(name, artifact_location=beside)


def _log(client, experiment, key, study, text):
    now = _milliseconds(time.time())
    parent = client.create_run(experiment, start_time=now, run_name=f"study of {study.task.name}",
                               tags={_STUDY: key, _PART: "study"}).info.run_id
    design = dataclasses.asdict(study.design) | {
        "margin": study.margin, "data": study.task.name, "loss": study.task.loss, "optimizer": study.task.optimizer,
        "backend": study.machine.backend, "device": study.machine.device}
    compared = [(f"{contrast.budget}/{contrast.setting.batch_size}/{name}", value, now, 0) for contrast in study.contrasts
                for name, value in dataclasses.asdict(contrast).items() if isinstance(value, int | float)]
    _batch(client, parent, params=design, metrics=compared)
    client.log_table(parent, study_table(study), "contrasts.json")
    client.log_text(parent, text, "study.json")
    for number, curve in enumerate(study.curves):
        _log_training(client, experiment, study, curve, now, tags={
            _STUDY: key, _PART: f"training {number}", "mlflow.parentRunId": parent})
    client.set_terminated(parent, "FINISHED")
    return parent


def _log_training(client, experiment, study, curve, now, *, tags):
    setting, series, best = curve.setting, epoch_series(study, curve), best_epoch(curve)
    n = max(map(len, series.values()), default=0)
    end = now + _milliseconds(curve.seconds)
    metrics = [(name, value, now + _milliseconds(curve.seconds * epoch / n), epoch)
               for name, values in series.items() for epoch, value in enumerate(values, start=1)]
    metrics += [("seconds", curve.seconds, end, 0)]
    metrics += [] if best is None else [("best_val_loss", curve.validation_loss[best], end, best + 1)]
    name = f"{curve.stage}, batch size {setting.batch_size}, rate {setting.learning_rate:.4g}, seed {curve.seed}"
    run = client.create_run(experiment, start_time=now, run_name=name, tags=tags).info.run_id
    _batch(client, run, params={**training_facts(curve), "n_epochs": curve.n_epochs}, metrics=metrics)
    client.set_terminated(run, "FINISHED" if curve.outcome.name == "OK" else "FAILED", end_time=end)


def _batch(client, run, *, params, metrics):
    from mlflow.entities import Metric, Param

    # MLflow takes letters, digits and these; a compiled metric may be called `hits@5`.
    entries = [Metric(re.sub(r"[^\w\-. :/]", "_", name), value, when, step) for name, value, when, step in metrics
               if math.isfinite(value)]
    client.log_batch(run, params=[Param(name, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
                                  for name, value in params.items()])
    for first in range(0, len(entries), _AT_ONCE):
        client.log_batch(run, metrics=entries[first:first + _AT_ONCE])


def _milliseconds(seconds):
    return round(seconds * 1000)
