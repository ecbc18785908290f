"""A training as it was recorded, by whomever: its curves by name, and what is known of how it was made."""

import math
from dataclasses import dataclass

from ..base.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a training beside its curves; `None`, or the empty text, where it is not known.

    Attributes:
        batch_size: rows of an update. n_rows, n_validation: rows trained on and judged on. steps_per_epoch: updates in an epoch.
        planned_epochs: what `fit` was asked for. patience: of early stopping.
        optimizer: the name of its class, in lower case. learning_rate: what it was compiled with.
        batch_norm: the highest momentum of a batch-norm layer, 0 where there is none.
        dropout: the highest rate of a dropout layer, 0 where there is none.
        penalised: whether a penalty on weights or activations is part of the loss.
        class_weighted: whether `class_weight` or `sample_weight` scaled the training loss.
        updates_before: updates that the model had made before this training began.
    """

    batch_size: int | None = None
    n_rows: int | None = None
    n_validation: int | None = None
    steps_per_epoch: int | None = None
    planned_epochs: int | None = None
    patience: int | None = None
    optimizer: str = ""
    learning_rate: float | None = None
    batch_norm: float | None = None
    dropout: float | None = None
    penalised: bool | None = None
    class_weighted: bool | None = None
    updates_before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One training, epoch by epoch.

    Attributes:
        curves: `(name, values)` with Keras' names (`loss`, `val_loss`, `accuracy`, …), a value for each epoch; not a number where
            none was recorded.
        source: where it was read, in words.
        known: what else is known of it.
        rates: the learning rate of each epoch; empty where it was not recorded.
    """

    curves: tuple[tuple[str, tuple[float, ...]], ...]
    source: str = "a History"
    known: Known = Known()
    rates: tuple[float, ...] = ()

    @property
    def n_epochs(self) -> int:
        return max((len(values) for _, values in self.curves), default=0)

    @property
    def n_updates(self) -> int | None:
        """Updates of all epochs together; `None` where unknown."""
        steps = self.steps_per_epoch
        return None if steps is None else steps * self.n_epochs

    @property
    def steps_per_epoch(self) -> int | None:
        """Updates in an epoch, counted or reckoned from rows and batch size; `None` where neither can be."""
        known = self.known
        if known.steps_per_epoch is None and known.n_rows is not None and known.batch_size is not None:
            return math.ceil(known.n_rows / known.batch_size)
        return known.steps_per_epoch

    def curve(self, name: str) -> tuple[float, ...]:
        """The values of this name; empty where there are none."""
        return dict(self.curves).get(name, ())

    def __str__(self) -> str:
        return f"{self.source}: {counted(self.n_epochs, 'epoch')} of {', '.join(name for name, _ in self.curves)}"
