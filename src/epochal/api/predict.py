"""`epochal.predict(model, x)`: what `model.predict(x)` returns, in batches of a size that suits the machine."""

from typing import TYPE_CHECKING, Any, Literal

from ..services.predict import predict as predict_rows
from ..training.predict.request import PredictRequest
from .display import display_of_predict

if TYPE_CHECKING:
    import numpy as np


def predict(model: Any, x: Any, batch_size: int | Literal["auto"] | None = "auto", verbose: int | Literal["auto"] = "auto",
            steps: int | None = None, callbacks: Any = None, *, goal: Literal["throughput", "memory", "latency"] = "throughput",
            out: Any = None) -> "np.ndarray | Any":
    """The predictions of a Keras model, as `model.predict` returns them, in batches of a size that suits the machine.

    Each block of rows goes through the model's own `predict_step`, compiled once. Predictions equal those of `model.predict`
    within rounding (1e-5 of the largest one) whatever the batch size. Where that is not so, because rows of a batch influence each
    other (batch-norm called with `training=True`), because predicting changes the model (a stateful recurrent layer) or is random,
    a warning says so once, and the model is run exactly as Keras runs it. This is seen by predicting a few rows twice, in the
    company of different rows; a coupling that does not show in these rows is not seen.

    Args:
        model: a Keras model, compiled or not. Predicting leaves it as Keras does.
        x: arrays, tensors, data frames, `numpy.memmap`, or dicts, lists or tuples of them; or what cuts its own batches, and
            takes no `batch_size`: a `keras.utils.PyDataset`, a `tf.data.Dataset`, a PyTorch `DataLoader`, a generator.
        batch_size: `"auto"` finds the size for the `goal` while predicting, within memory, and remembers it for this model,
            shape of rows and machine, in the user's cache directory. A number is taken as it is; `None` is Keras' 32. Up to 32
            rows are one batch.
        verbose, steps, callbacks: as for `model.predict`; with arrays and without a batch size, `steps` says how many batches to
            make of them. Callbacks are told of every block.
        goal: `"throughput"`, the smallest size with 90 % of the best throughput; `"memory"`, the smallest with 50 % of it;
            `"latency"`, the largest whose single call takes at most 25 % longer than the fastest.
        out: a writable NumPy array or `numpy.memmap`, or a nesting of them as the model's outputs, of the shape and dtype of the
            predictions: they are written there, block by block. Not in the memory or file of x.

    Returns:
        NumPy arrays in the nesting of the model's outputs; `out`, if given. Cut short where a callback stops predicting.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
        MeasurementFailed: not even one row fits into memory.
    """
    request = PredictRequest(model, x, batch_size, verbose, steps, callbacks, goal, out)
    return predict_rows(request, progress=display_of_predict(verbose))
