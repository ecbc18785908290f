"""`epochal.fit(model, x, y)`: Keras' own arguments, "auto" where one used to guess, and Keras' own History."""

from os import PathLike
from typing import Any, Literal

from ..base.stop import Stop, set_by_ctrl_c
from ..records import Plan
from ..services.fit import fit as train
from ..training.fit.arguments import FitRequest, History
from .display import display_of_fit


def fit(model: Any, x: Any = None, y: Any = None, batch_size: int | Literal["auto"] | None = None,
        epochs: int | Literal["auto"] | None = None, verbose: int | Literal["auto"] = "auto", callbacks: Any = None,
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None, sample_weight: Any = None, initial_epoch: int = 0,
        steps_per_epoch: int | None = None, validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: Any = 1, *, learning_rate: float | Literal["auto"] | None = None, plan: Plan | None = None,
        budget: float | str = "1 min", batches: Literal["shuffled", "stratified", "balanced"] = "shuffled",
        micro_batch_size: int | None = None, engine: str = "auto",
        checkpoint: str | PathLike[str] | None = None) -> History:
    """Train a Keras model as `model.fit` does: the same numbers, the same `History`, sooner.

    Args:
        model: a compiled Keras model. It ends trained, with its optimizer's state, as after `model.fit`.
        x, y, sample_weight: as in Keras: arrays, tensors, data frames, `np.memmap`, dicts or tuples of them; or what cuts its own
            batches: `keras.utils.PyDataset`, `tf.data`, PyTorch's `DataLoader`, a generator. Also the path of a Parquet file,
            with `y` the name of its target column (or a list of names): it may be larger than memory. Or a function
            `make_dataset(batch_size)` that returns what cuts its own batches, and is called with the batch size to train with.
        batch_size: `None` is 32, as in Keras; `"auto"` has it measured (see `epochal.plan`), on arrays, or on the first rows of
            `make_dataset(32)`, 20,000 or 256 MB at most. Several batch sizes have to be tried, so what cuts its own batches is
            refused where anything is `"auto"`.
        epochs: `None` is 1, as in Keras; `"auto"` has it measured, and adds the plan's early stopping where there are validation
            data.
        verbose, callbacks, validation_split, validation_data, shuffle, class_weight, initial_epoch, steps_per_epoch,
            validation_steps, validation_batch_size, validation_freq: as in Keras. A callback that does something at every batch
            gets its batches, as `steps_per_execution` would give them, which takes longer.
        learning_rate: a number in place of the one the model is compiled with; `"auto"` has it measured.
        plan: a `Plan`, from which whatever is not given here is taken.
        budget: what measuring may take where something is `"auto"` and no plan is given.
        batches: `"shuffled"`; `"stratified"`: every batch holds its share of each class, each row once an epoch; `"balanced"`:
            every batch holds as many rows of each class, rare ones repeated, so that the model learns other odds than those of the
            data (`epochal.corrected` mends its probabilities).
        micro_batch_size: rows of which the gradient is taken at once, where a whole batch does not fit into memory; the
            gradients are summed to exactly that of the whole batch. Refused for batch-norm, whose statistics would change.
        engine: `"auto"` measures how this model is run fastest on this machine where the training is long enough to repay it;
            `"keras"` is plain `model.fit`; or a way by name: `"fused"`, `"unrolled"`, `"looped"`, `"stepwise"`.
        checkpoint: a folder. After a crash or a kill the same call goes on there, and ends with the same weights.

    Returns:
        The `keras.callbacks.History`. Its `params` hold what was resolved: batch size, learning rate, epochs, engine and why.

    Raises:
        KeyboardInterrupt: Ctrl-C, between two batches: the model is as the last one left it. A second one ends it at once.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: this model cannot be trained that way.
    """
    request = FitRequest(model, x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle,
                         class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size,
                         validation_freq, learning_rate, batches, micro_batch_size, engine, checkpoint)
    with set_by_ctrl_c(Stop()) as stop:
        return train(request, plan=plan, budget=budget, progress=display_of_fit(verbose), stop=stop)
