"""The way of running batches that was measured to be fastest for a model on this machine, kept between processes."""

import json

from platformdirs import user_cache_path

from ...base.files import write_whole
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine
from ...seam.rows import leaves
from .choose import Manner

_FORMAT = 1
_PACKAGES = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}


class Remembered:
    """One file a model, batch size and machine.

    With it, the next training of the same model runs the same way without a trial, and so rounds in the same way too. A file that
    cannot be read counts as none, and one that cannot be written costs a trial next time.

    Args:
        model: a built Keras model. trainee: trains it on its own back end. sample: a `Batch` of its rows. batch_size: of an update.
    """

    def __init__(self, model, trainee, sample, batch_size):
        machine = this_machine(trainee.device, None, _PACKAGES.get(trainee.backend, "keras"))
        name = speed_key(model, model.train_step, machine, type(model.optimizer).__name__, batch_size, shapes_of(sample))
        self._path = user_cache_path("epochal") / "fit" / f"{name}.json"

    def recall(self, n_updates):
        """`(backend, Manner)` for a training of so many updates, or `None`: what pays in a long one need not in a short one."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            if told["format"] != _FORMAT or told["backend"] not in _PACKAGES:
                return None
            if n_updates is None or 2 * n_updates < told["n_updates"]:
                return None
            seconds = float(told["step_seconds"])
            return told["backend"], Manner(str(told["mode"]), seconds, f"as measured before: {told['because']}")
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, backend, manner, n_updates):
        """Write down what was measured for a training of so many updates."""
        told = {"format": _FORMAT, "backend": backend, "mode": manner.mode, "step_seconds": manner.step_seconds,
                "n_updates": n_updates, "because": manner.because}
        try:
            write_whole(self._path, json.dumps(told) + "\n")
        except OSError:
            return


def rows_of_a_batch(feed):
    """Rows of an update: the batch size, or those of the first batch of a source that cuts its own."""
    return feed.batch_size or len(leaves(feed.sample[0])[0])
