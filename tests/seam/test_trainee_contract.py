"""The trainee of this process's Keras back end, and that of Keras alone, under the contract."""

from typing import ClassVar

import keras
from seam import portable_trainee
from seam.trainee_contract import TraineeContract

from epochal.seam.trainee.open import _bind

BACKEND = keras.backend.backend()
DRAWS, NOT_XLA = "draws random numbers, and XLA would draw others", "XLA cannot compile the step"


class TestOfThisBackEnd(TraineeContract):
    bind = staticmethod(_bind())
    modes = {"jax": ("fused", "unrolled", "stepwise"), "tensorflow": ("fused", "looped", "stepwise")}.get(BACKEND, ("stepwise",))
    thorough = ("looped",) if BACKEND == "tensorflow" else ()
    exact = {"tensorflow": ("looped", "stepwise"), "torch": ("stepwise",)}.get(BACKEND, ())
    refuses: ClassVar = {("fused", "dropout"): DRAWS, ("fused", "embedding_lstm"): NOT_XLA} if BACKEND == "tensorflow" else {}
    weighs_outputs = BACKEND != "tensorflow"


class TestOfKerasAlone(TraineeContract):
    bind = staticmethod(portable_trainee.bind)
    exact, splits = ("stepwise",), False
    leaves_out: ClassVar = {"own_train_step": "train_on_batch passes three things, where fit passes two without sample weights"} | (
        {"two_inputs_two_outputs": "fit forgets there to weigh a short batch by its rows"} if BACKEND == "tensorflow" else {})
