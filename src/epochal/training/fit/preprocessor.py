"""Train a task of KerasHub on the rows that its preprocessor makes, computed once; its own `fit` computes them in every epoch."""

from dataclasses import replace

from ...base.text import counted
from ...seam.frozen.preprocessing import are_raw_rows, draws_alike, is_task, prepared, prepared_to_judge, rows_to_judge


def can_prepare(request):
    """Whether a training is one of a task of KerasHub on rows, of which all are trained on in every epoch."""
    if not is_task(request.model) or request.steps_per_epoch is not None or request.validation_steps is not None:
        return False
    judged = [] if request.validation_data is None else [rows_to_judge(request.validation_data)]
    return draws_alike(request.model) and all(map(are_raw_rows, (request.x, *judged)))


def with_rows_prepared(request, tell):
    """The request with the rows that the preprocessor makes, in their order, as the task's own `fit` takes them; and a sentence.

    Raises `StepAside` where they cannot be made beforehand.
    """
    model = request.model
    rows = prepared(model, request.x, request.y, request.sample_weight, tell=tell)
    made, validation = [rows], None
    if request.validation_data is not None:
        validation, judged = prepared_to_judge(model, request.validation_data, tell=tell)
        made.append(judged)
    ordered = f"as in the `fit` of {type(model).__name__}, every epoch takes the rows in their order"
    seconds = sum(part.seconds for part in made)
    sentence = (f"The preprocessor made {counted(sum(part.n_rows for part in made), 'row')} once, in {seconds:.2g} s; {ordered}."
                if model.preprocessor else f"{ordered[0].upper()}{ordered[1:]}.")
    return replace(request, x=rows.x, y=rows.y, sample_weight=rows.weight, validation_data=validation, shuffle=False), sentence
