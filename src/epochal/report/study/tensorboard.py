"""A study as TensorBoard's own event files, one a training, without importing TensorFlow or PyTorch."""

import pathlib
import time
from importlib.util import find_spec

from ...base.files import whole_file
from ...base.validate import require
from .tables import best_epoch, epoch_series, training_facts

_FILE = "events.out.tfevents.0000000000.epochal"  # always this name, so that a second writing takes the place of the first


def log_to_tensorboard(study, folder):
    """Write every training of a study for TensorBoard, its hyperparameters with it: `tensorboard --logdir folder` shows them.

    One run a training, named `000-confirm-batch-64-rate-0.01-seed-5`. Losses and metrics are scalars whose step is the epoch,
    and the HParams page compares the trainings by the lowest validation loss (`best_val_loss`). Writing a study to the same folder
    again replaces its files.

    Args:
        study: a `Study`.
        folder: made where it does not exist; best one that holds no other study.

    Returns:
        The folders of the runs, one a training.

    Raises:
        UsageError: TensorBoard is not installed.
        OSError: there is no room, or no right to write there.
    """
    require(find_spec("tensorboard") is not None, "tensorboard", None, "an installed package",
            "Install it with: pip install 'epochal[tensorboard]'.")
    folder, now = pathlib.Path(folder), time.time()
    width = len(str(max(len(study.curves) - 1, 0)))
    runs = tuple(folder / f"{number:0{width}d}-{curve.stage}-batch-{curve.setting.batch_size}"
                          f"-rate-{curve.setting.learning_rate:.4g}-seed-{curve.seed}" for number, curve in enumerate(study.curves))
    _write(folder, [(now, 0, [_experiment(study, now)])])
    for run, curve in zip(runs, study.curves, strict=True):
        _write(run, _events(study, curve, now))
    return runs


def _write(folder, events):
    """One file of events `(time, step, values)`; TensorBoard's own `EventFileWriter` would begin another each time."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    with whole_file(folder / _FILE) as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for when, step, values in events:
            records.write(Event(wall_time=when, step=step, summary=Summary(value=values)).SerializeToString())


def _events(study, curve, now):
    """What one run holds: the epochs are spread evenly over the training's seconds."""
    from tensorboard.plugins.hparams import api_pb2

    facts, series, best = training_facts(curve), epoch_series(study, curve), best_epoch(curve)
    n, end = max(map(len, series.values()), default=0), now + curve.seconds
    status = api_pb2.STATUS_SUCCESS if curve.outcome.name == "OK" else api_pb2.STATUS_FAILURE
    start = {name: {"string_value" if isinstance(value, str) else "number_value": value} for name, value in facts.items()}
    yield now, 0, [_hparams("session_start_info", start_time_secs=now, hparams=start)]
    for epoch in range(n):
        yield (now + curve.seconds * (epoch + 1) / n, epoch + 1,
               [_scalar(name, values[epoch]) for name, values in series.items() if epoch < len(values)])
    if best is not None:
        yield end, best + 1, [_scalar("best_val_loss", curve.validation_loss[best])]
    yield end, n, [_hparams("session_end_info", status=status, end_time_secs=end)]


def _experiment(study, now):
    """What the HParams page shows: which hyperparameters there are, and by which number trainings are compared."""
    from tensorboard.plugins.hparams import api_pb2

    facts = training_facts(study.curves[0]) if study.curves else {}
    infos = [{"name": name, "type": api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64}
             for name, value in facts.items()]
    scores = [{"name": {"tag": name}, "display_name": name}
              for name in ("best_val_loss", "val_loss", *(f"val_{metric}" for metric in study.task.metrics))]
    return _hparams("experiment", description=str(study.task), time_created_secs=now, hparam_infos=infos, metric_infos=scores)


def _scalar(name, value):
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.metadata import create_summary_metadata

    return Summary.Value(tag=name, simple_value=value, metadata=create_summary_metadata(display_name=name, description=""))


def _hparams(kind, **content):
    """As `tensorboard.plugins.hparams.summary` writes it, which would import TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    about = plugin_data_pb2.HParamsPluginData(**{kind: content})
    return Summary.Value(tag=f"_hparams_/{kind}", metadata=metadata.create_summary_metadata(about), tensor=metadata.NULL_TENSOR)
