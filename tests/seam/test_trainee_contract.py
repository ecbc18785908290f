"""The trainee of this process's Keras back end, and that of Keras alone, under the contract."""

import keras
import pytest
from seam.trainee_contract import TraineeContract

from epochal.seam.trainee import portable
from epochal.seam.trainee.open import _bind

BACKEND = keras.backend.backend()
DRAWS, NOT_XLA = "draws random numbers, and XLA would draw others", "XLA cannot compile the step"


class TestOfThisBackEnd(TraineeContract):
    bind = staticmethod(_bind())
    if BACKEND == "tensorflow":
        exact = ("looped", "stepwise")
        refuses = {("fused", "dropout"): DRAWS, ("fused", "embedding_lstm"): NOT_XLA}  # noqa: RUF012
    if BACKEND == "torch":
        exact = ("stepwise",)


class TestOfKerasAlone(TraineeContract):
    bind = staticmethod(portable.bind)
    exact, splits = ("stepwise",), False
