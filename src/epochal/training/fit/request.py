"""`FitRequest`: what one training is asked to be. Keras' own arguments of `fit`, and those that Epochal adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras.callbacks import History as History


@dataclass(frozen=True, eq=False)
class FitRequest:
    """One training of a compiled model. The fields up to `validation_freq` are Keras' own, in Keras' order; the rest are ours.

    Attributes:
        model: a compiled Keras model.
        x … validation_freq: as in `keras.Model.fit`; also what `epochal.fit` takes beyond that (a Parquet file, a function
            `make_dataset(batch_size)`).
        learning_rate: in place of the one the model is compiled with; `None` leaves that one.
        batches: `"shuffled"`, `"stratified"` or `"balanced"`.
        micro_batch_size: rows of which the gradient is taken at once; `None` takes whole batches.
        engine: `"auto"`, `"keras"`, or a mode by name.
        checkpoint: a folder from which an interrupted training continues, or `None`.
        default_callbacks: added where `callbacks` holds none of their class.
    """

    model: Any
    x: Any = None
    y: Any = None
    batch_size: int | str | None = None
    epochs: int | str | None = 1
    verbose: str | int = "auto"
    callbacks: Any = None
    validation_split: float = 0.0
    validation_data: Any = None
    shuffle: bool | str = True
    class_weight: dict[int, float] | None = None
    sample_weight: Any = None
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: Any = 1
    learning_rate: float | str | None = None
    batches: str = "shuffled"
    micro_batch_size: int | None = None
    engine: str = "auto"
    checkpoint: Any = None
    default_callbacks: Sequence[keras.callbacks.Callback] = ()

    def callback_list(self) -> list[keras.callbacks.Callback]:
        """The user's callbacks, and those of `default_callbacks` of whose class the user passes none."""
        own = [] if self.callbacks is None else keras.tree.flatten(self.callbacks)
        return own + [extra for extra in self.default_callbacks if not any(isinstance(callback, type(extra)) for callback in own)]
