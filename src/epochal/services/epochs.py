"""Epochs: how long to train and when to stop, from trainings that are saved: a plan's, a study's, or Keras histories."""

import statistics
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ..base.errors import UsageError
from ..base.text import first_few
from ..base.validate import require
from ..records import Curve, EpochChoice, Outcome, Plan, Setting, Study, read
from ..rules.epochs import choose_epochs
from ..rules.margin import SHARE

_JUDGED = ("present", "confirm")  # trainings to the end; those that chose a learning rate were cut short
_CURE = "Pass a plan, a study, or what Keras' `fit` returned: `epochal.epochs([history_0, history_1, history_2])`."


def epochs(of: Any, batch_size: int | None = None, learning_rate: float | None = None) -> EpochChoice:
    """The `EpochChoice` for one setting of a `Plan`, a `Study`, or for a list of Keras `History` objects or their dictionaries.

    Raises:
        UsageError: it holds no trainings with validation losses, or none of this setting.
    """
    if isinstance(of, str | PathLike):
        of = _file(Path(of))
    if isinstance(of, Plan):
        default = Setting(batch_size=of.batch_size.value, learning_rate=of.learning_rate.value)
        curves, task = of.evidence.curves, of.evidence.task
    elif isinstance(of, Study):
        best = min((c for c in of.contrasts if c.quality is not None), key=lambda c: c.quality, default=None)
        default, curves, task = None if best is None else best.setting, of.curves, of.task
    else:
        require(batch_size is None and learning_rate is None, "batch_size", batch_size or learning_rate,
                "left out for histories, which do not tell it", "Pass the histories of one setting.")
        curves = _histories(of)
        return choose_epochs(curves, _margin(curves))
    wanted = _wanted(curves, batch_size, learning_rate, default)
    rows = None if task is None else (task.n_train, task.n_validation)
    if isinstance(of, Study) and of.design.metric != "loss":  # whose margin is one of the metric
        return choose_epochs(wanted, _margin(wanted), wanted[0].setting, rows)
    decides = f"validation {of.evidence.decides}" if isinstance(of, Plan) else "validation loss"
    return choose_epochs(wanted, of.margin, wanted[0].setting, rows, decides)


def _file(path):
    path = path / "study.json" if path.is_dir() else path
    require(path.is_file(), "FILE", str(path), "a plan.json, a study.json, or the folder of a study that has ended",
            "`epochal plan` and `epochal study` write one.")
    found = read(path)
    require(isinstance(found, Plan | Study), "FILE", str(path), "a plan or a study", "An evidence file holds no answer.")
    return found


def _wanted(curves, batch_size, learning_rate, default):
    """The trainings to the end of the setting that was asked for, or of the one that was recommended."""
    ended = [c for c in curves if c.stage in _JUDGED and c.outcome is Outcome.OK and c.n_epochs > 1]
    if not ended:
        raise UsageError("This holds no trainings to the end: settings were raced for equal seconds. Allow a longer --budget, or "
                         "train with several seeds and pass the histories.")

    def fits(setting, size, rate):
        return (size is None or setting.batch_size == size) and (rate is None or _near(setting.learning_rate, rate))

    if batch_size is None and learning_rate is None:
        found = [c for c in ended if default is not None and fits(c.setting, default.batch_size, default.learning_rate)]
        if not found:  # the recommended setting was not trained to the end
            setting = statistics.mode(c.setting for c in ended)
            found = [c for c in ended if c.setting == setting]
        return found
    found = [c for c in ended if fits(c.setting, batch_size, learning_rate)]
    settings = sorted({c.setting for c in ended})
    if len({c.setting for c in found}) != 1:
        raise UsageError(f"`batch_size` and `learning_rate` must name one setting; got {batch_size} and {learning_rate}, which "
                         f"{'no setting has' if not found else 'several settings have'}. Trained to the end were "
                         f"{first_few([f'{s.batch_size:,} at {s.learning_rate:.3g}' for s in settings], 8, str)}.")
    return found


def _near(a, b):
    return abs(a - b) <= 0.01 * b


def _histories(of):
    single = isinstance(of, Mapping) or hasattr(of, "history")
    require(single or isinstance(of, list | tuple), "of", type(of).__name__, "a Plan, a Study, or Keras histories", _CURE)
    curves = [_curve(one, seed) for seed, one in enumerate([of] if single else of)]
    require(bool(curves), "of", "an empty list", "at least one history", _CURE)
    return curves


def _curve(history, seed):
    logs = history if isinstance(history, Mapping) else getattr(history, "history", None)
    require(isinstance(logs, Mapping) and "val_loss" in logs, "of", type(history).__name__,
            "histories that hold val_loss", "Train with `validation_data` or `validation_split`.")
    losses, training = ([float(value) for value in logs.get(name, ())] for name in ("val_loss", "loss"))
    finite = next((at for at, value in enumerate(losses) if not abs(value) < float("inf")), len(losses))
    require(finite > 1, "of", f"{finite} finite epochs", "histories of two epochs or more", "Train for longer.")
    unknown = Setting(batch_size=1, learning_rate=1.0)  # a history does not tell; nothing of what follows looks at it
    return Curve(setting=unknown, seed=seed, stage="confirm", steps_per_epoch=1, train_loss=tuple(training[:finite]),
                 half_a=tuple(losses[:finite]), half_b=tuple(losses[:finite]))


def _margin(curves):
    """1 % of what the trainings gain from their first epoch on, the mean; their start is not known."""
    return SHARE * statistics.fmean(c.validation_loss[0] - min(c.validation_loss) for c in curves)
