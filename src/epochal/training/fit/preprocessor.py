"""Train a task of KerasHub on the rows that its preprocessor makes, computed once; its own `fit` computes them in every epoch."""

from dataclasses import replace

import keras

from ...base.text import counted
from ...seam.frozen.preprocessing import are_raw_rows, is_task, prepared


def can_prepare(request):
    """Whether a training is one of a task of KerasHub on rows, of which all are trained on in every epoch."""
    counted_in_steps = request.steps_per_epoch is not None or request.validation_steps is not None
    draws = keras.backend.backend() == "torch" and any("seed_generator" in v.path for v in request.model.variables)
    return is_task(request.model) and not counted_in_steps and not draws and all(  # which PyTorch draws otherwise there
        are_raw_rows(x) for x in (request.x, *([_judged(request)[0]] if request.validation_data is not None else [])))


def with_rows_prepared(request, tell):
    """The request with the rows that the preprocessor makes, in their order, as the task's own `fit` takes them; and a sentence.

    Raises `StepAside` where they cannot be made beforehand.
    """
    model = request.model
    rows = prepared(model, request.x, request.y, request.sample_weight, tell=tell)
    n_rows, seconds, validation = rows.n_rows, rows.seconds, None
    if request.validation_data is not None:
        judged = prepared(model, *_judged(request), tell=tell)
        validation = keras.utils.pack_x_y_sample_weight(*judged[:3])
        n_rows, seconds = n_rows + judged.n_rows, seconds + judged.seconds
    ordered = f"as in the `fit` of {type(model).__name__}, every epoch takes the rows in their order"
    sentence = (f"The preprocessor made {counted(n_rows, 'row')} once, in {seconds:.2g} s; {ordered}." if model.preprocessor
                else f"{ordered[0].upper()}{ordered[1:]}.")
    return replace(request, x=rows.x, y=rows.y, sample_weight=rows.weight, validation_data=validation, shuffle=False), sentence


def _judged(request):
    """`(x, y, sample weights)` to validate on."""
    return keras.utils.unpack_x_y_sample_weight(request.validation_data)
