"""A run of MLflow's: its metrics by epoch, and what its parameters say of the training."""

import math
import os
import pathlib
from importlib.util import find_spec

from ..base.errors import UsageError
from ..base.text import first_line
from ..base.validate import require
from ..records import History, Known
from .mapping import from_mapping

_LONGEST = 100_000  # values of one metric
_NAMES = {"training_loss": "loss", "validation_loss": "val_loss", "train_loss": "loss"}
_FIRST_BATCH = {"batch_size": int, "epochs": int, "learning_rate": float}


def is_mlflow(folder: pathlib.Path) -> bool:
    """Whether this folder is a run of MLflow's file store."""
    return (folder / "meta.yaml").is_file() and (folder / "metrics").is_dir()


def from_mlflow(source) -> History:
    """The curves of a run: the folder of a run in MLflow's file store, or `URI#RUN_ID` (else the latest) of another store.

    Raises:
        UsageError: there is no such run, or MLflow is not installed where it is needed.
    """
    if isinstance(source, pathlib.Path):
        return _of_folder(source)
    require(find_spec("mlflow") is not None, "mlflow", None, "an installed package",
            "Install it with: pip install 'epochal[mlflow]'.")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri, _, run_id = source.partition("#")
    if source.startswith("runs:/"):
        uri, run_id = os.environ.get("MLFLOW_TRACKING_URI", ""), source.removeprefix("runs:/").split("/")[0]
        require(uri, "history", source, "named with its store", "Set MLFLOW_TRACKING_URI, or pass URI#RUN_ID.")
    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if not run_id:
            places = [one.experiment_id for one in client.search_experiments()]
            runs = client.search_runs(places, order_by=["attributes.start_time DESC"], max_results=1)
            require(runs, "history", source, "a store with a run in it", "Pass URI#RUN_ID.")
            run_id = runs[0].info.run_id
        run = client.get_run(run_id)
        metrics = {name: [(one.step, one.value) for one in client.get_metric_history(run_id, name)[:_LONGEST]]
                   for name in run.data.metrics}
    except MlflowException as error:
        raise UsageError(f"`history` must be a run of MLflow's; got {source!r} ({first_line(error)}). Check the URI and the id.") \
            from error
    return _history(metrics, dict(run.data.params), f"MLflow's run {run_id}")


def _of_folder(folder):
    metrics, params = {}, {}
    for file in sorted((folder / "metrics").rglob("*")):
        if file.is_file():
            name = file.relative_to(folder / "metrics").as_posix()
            metrics[name] = [_line(file, number, line) for number, line in
                             enumerate(file.read_text(encoding="utf-8").splitlines()[:_LONGEST], 1) if line.strip()]
    for file in sorted((folder / "params").glob("*")) if (folder / "params").is_dir() else ():
        params[file.name] = file.read_text(encoding="utf-8").strip()
    return _history(metrics, params, f"MLflow's run {folder.name}")


def _line(file, number, line):
    """MLflow writes `time value step`."""
    try:
        _, value, step = line.split()[:3]
        return int(step), float(value)
    except ValueError as error:
        raise UsageError(f"`history` must be a run of MLflow's; line {number} of {str(file)!r} is damaged: {line!r:.60}. Delete "
                         "that line.") from error


def _history(metrics, params, source):
    curves = {_NAMES.get(name, name): dict(values) for name, values in metrics.items()}
    if "loss" not in curves and "val_loss" not in curves:
        raise UsageError(f"`history` must be a run with the loss by epoch; {source} has {', '.join(sorted(curves)) or 'no metric'}."
                         " Log it with the name `loss` or `val_loss`, as mlflow.keras does.")
    steps = sorted({step for name in ("loss", "val_loss") for step in curves.get(name, ())})
    kept = {name: [values.get(step, math.nan) for step in steps] for name, values in curves.items()
            if len(values) > 1 or len(steps) == 1}
    said = {name: _said(params[name], kind) for name, kind in _FIRST_BATCH.items() if name in params}
    return from_mapping(kept, source, Known(batch_size=said.get("batch_size"), planned_epochs=said.get("epochs"),
                                            learning_rate=said.get("learning_rate")))


def _said(text, kind):
    try:
        value = kind(float(text))
    except (ValueError, OverflowError):
        return None
    return value if value > 0 else None
