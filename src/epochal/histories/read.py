"""From whatever holds a training's curves to a `History`: an object, a dictionary, a file or a folder."""

import os
import pathlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..base.errors import UsageError
from ..base.files import as_path
from ..base.text import Wording
from ..base.validate import require
from ..records import Curve, History, Known
from .csv_log import from_csv
from .mapping import from_json, from_keras, from_mapping
from .mlflow_run import from_mlflow, is_mlflow
from .tensorboard_events import from_tensorboard, has_events

KINDS = ("a Keras History or its .history, JSON of it, a CSVLogger file, a folder of TensorBoard's events, an MLflow run, or the "
         "plan.json or study folder of Epochal")


def history_of(source: Any, **known: Any) -> History:
    """The `History` in `source`.

    Args:
        source: see `KINDS`.
        known: fields of `Known`, which go before what the source says; `None` says nothing.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    found = _found(source)
    require(found.curves and found.n_epochs >= 1, "history", Wording(found.source), "a training with at least one epoch",
            "Pass the History that `fit` returned, or its file.")
    said = {name: value for name, value in known.items() if value is not None}
    return replace(found, known=replace(found.known, **said)) if said else found


def _found(source):
    if isinstance(source, History):
        return source
    if isinstance(source, Curve):
        return of_curve(source)
    if isinstance(source, Mapping):
        return from_mapping(source, "a dictionary of curves")
    if isinstance(getattr(source, "history", None), Mapping):
        return from_keras(source)
    if isinstance(source, str) and source.startswith(("runs:/", "sqlite:", "http:", "https:", "file:")):
        return from_mlflow(source)
    require(isinstance(source, str | os.PathLike), "history", Wording(f"a {type(source).__name__}"), KINDS)
    return from_path(as_path("history", source))


def from_path(path: pathlib.Path) -> History:
    """The `History` in a file or folder."""
    try:
        if path.is_dir():
            if is_mlflow(path):
                return from_mlflow(path)
            if has_events(path):
                return from_tensorboard(path)
            raise UsageError(f"`history` must be {KINDS}; got the folder {str(path)!r}, in which no such thing is. Name the folder "
                             "with train/ and validation/ in it, or the file.")
        require(path.is_file(), "history", str(path), "a file or a folder that is there", "Check the name.")
        if ".tfevents." in path.name:
            return from_tensorboard(path.parent)
        head = path.read_bytes()[:1024].lstrip(b"\xef\xbb\xbf \r\n\t")
        return from_json(path) if head[:1] in (b"{", b"[") else from_csv(path)
    except OSError as error:
        raise UsageError(f"`history` must be a file that you may read; got {str(path)!r} ({error.strerror}).") from error


def of_curve(curve: Curve, source: str = "", names: tuple[str, ...] = ()) -> History:
    """A training of Epochal's own."""
    curves = [("loss", curve.train_loss), ("val_loss", curve.validation_loss)]
    curves += [(f"val_{name}", values) for name, values in zip(names, curve.metrics, strict=False)]
    setting = curve.setting
    return History(curves=tuple(curves), source=source or f"a training of Epochal's at {setting}, seed {curve.seed}",
                   known=Known(batch_size=setting.batch_size, steps_per_epoch=curve.steps_per_epoch,
                               learning_rate=setting.learning_rate, updates_before=0))
