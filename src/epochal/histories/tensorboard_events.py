"""Event files of Keras' TensorBoard callback: folders `train` and `validation` with scalars `epoch_loss` and the like."""

import math
import pathlib
from importlib.util import find_spec

from ..base.errors import UsageError
from ..base.validate import require
from ..records import History
from .mapping import from_mapping

_PREFIXES = {"train": "", "validation": "val_"}


def has_events(folder: pathlib.Path) -> bool:
    """Whether there are event files in the folder, or in its `train` or `validation`."""
    return any(any(place.glob("*.tfevents.*")) for place in (folder, *(folder / name for name in _PREFIXES)) if place.is_dir())


def from_tensorboard(folder: pathlib.Path) -> History:
    """The curves of a run.

    Raises:
        UsageError: TensorBoard is not installed, or no scalar by epoch is there.
    """
    require(find_spec("tensorboard") is not None, "tensorboard", None, "an installed package",
            "Install it with: pip install 'epochal[tensorboard]'.")
    if folder.name in _PREFIXES and not any((folder / name).is_dir() for name in _PREFIXES):
        folder = folder.parent
    found: dict[str, dict[int, float]] = {}
    places = [(folder / name, prefix) for name, prefix in _PREFIXES.items()] + [(folder, "")]
    for place, prefix in places:
        for file in sorted(place.glob("*.tfevents.*")) if place.is_dir() else ():
            for tag, step, value in _scalars(file):
                if tag.startswith("epoch_"):
                    found.setdefault(prefix + tag.removeprefix("epoch_"), {})[step] = value
                elif place == folder:  # Epochal's own, and other writers': the name as it stands
                    found.setdefault(tag, {})[step] = value
    curves = {name: values for name, values in found.items() if not name.startswith(("evaluation_", "batch_"))}
    if "loss" not in curves and "val_loss" not in curves:
        raise UsageError(f"`history` must be a folder of TensorBoard's with the loss by epoch; {str(folder)!r} holds "
                         f"{', '.join(sorted(found)) or 'no scalar'}. Name the log_dir of keras.callbacks.TensorBoard.")
    steps = sorted({step for name in ("loss", "val_loss") for step in curves.get(name, ())})
    return from_mapping({name: [values.get(step, math.nan) for step in steps] for name, values in curves.items()},
                        f"TensorBoard's {folder.name}")


def _scalars(file):
    """`(tag, step, value)` of the scalars in a file, up to where it is damaged or still being written."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    try:
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                if kind == "simple_value":
                    yield value.tag, event.step, float(value.simple_value)
                elif kind == "tensor" and value.tensor.dtype in (1, 2, 3):
                    array = make_ndarray(value.tensor)
                    if array.size == 1:
                        yield value.tag, event.step, float(array)
    except (ValueError, TypeError) as error:
        raise UsageError(f"`history` must be an event file that can be read; {str(file)!r} is damaged ({error!s:.100}). Leave that "
                         "file out.") from error
