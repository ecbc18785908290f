"""A study as pandas tables, and as files that any other program reads: its contrasts, its trainings, every epoch."""

import dataclasses
import pathlib
import typing
from itertools import zip_longest

from ...base.files import whole_file
from ...base.validate import one_of
from ...records import Contrast, Setting
from ...records.plan import Verdict

TABLES = ("contrasts", "trainings", "epochs")


def study_table(study, what="contrasts"):
    """One table of a study.

    Args:
        study: a `Study`.
        what: `"contrasts"`: one row an arm and budget. `"trainings"`: one row a training, the losses and metrics of its best epoch
            with it, which is the one of the lowest validation loss. `"epochs"`: one row an epoch of a training. The column
            `training` counts the trainings from 0 and joins the last two.

    Returns:
        A `pandas.DataFrame`. What was not measured is missing in it; numbers keep all their digits.

    Raises:
        UsageError: there is no such table.
    """
    import pandas as pd

    one_of("what", what, TABLES)
    rows = {"contrasts": _contrasts, "trainings": _trainings, "epochs": _epochs}[what](study)
    columns = _columns(study, what)
    return pd.DataFrame(rows, columns=list(columns)).astype({name: _DTYPES[kind] for name, kind in columns.items()})


def write_tables(study, folder):
    """Write `contrasts.csv`, `trainings.csv` and `epochs.parquet` to `folder`, each as a whole or not at all.

    Returns:
        The three paths.

    Raises:
        OSError: there is no room, or no right to write there.
    """
    folder = pathlib.Path(folder)
    paths = tuple(folder / name for name in ("contrasts.csv", "trainings.csv", "epochs.parquet"))
    for what, path in zip(TABLES, paths, strict=True):
        table = study_table(study, what)
        with whole_file(path) as file:
            if path.suffix == ".csv":
                file.write(table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
            else:
                table.to_parquet(file, index=False)
    return paths


def training_facts(curve):
    """What one training was given, by name."""
    return {"stage": curve.stage, "batch_size": curve.setting.batch_size, "learning_rate": curve.setting.learning_rate,
            "schedule": curve.setting.schedule, "seed": curve.seed, "updates_per_epoch": curve.steps_per_epoch}


def epoch_series(study, curve):
    """What one training measured after every epoch: `{name: values}`, metrics by their compiled names."""
    series = {"train_loss": curve.train_loss, "val_loss": curve.validation_loss, "val_loss_a": curve.half_a,
              "val_loss_b": curve.half_b, "test_loss": curve.test_loss}
    for field, pattern in _METRICS.items():
        series |= {pattern.format(name): values for name, values in zip(study.task.metrics, getattr(curve, field), strict=False)}
    return {name: values for name, values in series.items() if values}


def best_epoch(curve):
    """The epoch of the lowest validation loss, from 0; `None` where none was finished."""
    losses = curve.validation_loss
    return losses.index(min(losses)) if losses else None


_METRICS = {"metrics": "val_{}", "metrics_a": "val_{}_a", "metrics_b": "val_{}_b", "test_metrics": "test_{}"}
_FACTS = {"training": int, "stage": str, "batch_size": int, "learning_rate": float, "schedule": str, "seed": int,
          "updates_per_epoch": int}
_DTYPES = {int: "int64", float: "float64", str: "str", int | None: "Int64", float | None: "float64", Verdict: "str"}


def _columns(study, what):
    if what == "contrasts":
        kinds = typing.get_type_hints(Contrast)
        return {name: kind for field in kinds
                for name, kind in (typing.get_type_hints(Setting) if field == "setting" else {field: kinds[field]}).items()}
    losses = ("train_loss", "val_loss", "val_loss_a", "val_loss_b", "test_loss")
    metrics = (pattern.format(name) for name in study.task.metrics for pattern in _METRICS.values())
    between = {"epoch": int} if what == "epochs" else {"n_epochs": int, "outcome": str, "seconds": float, "best_epoch": int | None}
    return {**_FACTS, **between, **dict.fromkeys((*losses, *metrics), float | None)}


def _contrasts(study):
    for contrast in study.contrasts:
        fields = dataclasses.asdict(contrast)
        yield {**fields, **fields.pop("setting"), "verdict": contrast.verdict.value}


def _trainings(study):
    for number, curve in enumerate(study.curves):
        best, series = best_epoch(curve), epoch_series(study, curve)
        yield {"training": number, **training_facts(curve), "n_epochs": curve.n_epochs, "outcome": curve.outcome.name,
               "seconds": curve.seconds, "best_epoch": None if best is None else best + 1,
               **{name: values[best] for name, values in series.items() if best is not None and best < len(values)}}


def _epochs(study):
    for number, curve in enumerate(study.curves):
        facts, series = {"training": number, **training_facts(curve)}, epoch_series(study, curve)
        for epoch, values in enumerate(zip_longest(*series.values()), start=1):
            yield {**facts, "epoch": epoch, **dict(zip(series, values, strict=True))}
