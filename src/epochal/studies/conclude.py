"""From the trainings of a study to its result: pure, so that it can be drawn again from the folder alone."""

from ..records import Study
from ..rules.contrasts import contrasts
from ..rules.study_steps import critical_batch_of


def conclude(design, task, machine, present, readings, curves, rates, spans, margin):
    """The `Study`.

    Args:
        present: the user's own `Setting`. rates: the `TunedRate`s. spans: `{(budget, batch size): epochs}`.
    """
    step_time = next((r for r in readings if r.name == "step_time"), None)
    seconds = {int(point[0]): point[1] for point in step_time.points} if step_time is not None else {}
    fresh = tuple(curve for curve in curves if curve.stage == "confirm")
    compared = contrasts(design, task.metrics, fresh, rates, spans, margin, n_train=task.n_train, n_test=task.n_test,
                         present_rate=present.learning_rate, fit_seconds=seconds)
    return Study(design=design, task=task, machine=machine, margin=margin, readings=readings, curves=curves, rates=rates,
                 contrasts=compared, derived=(critical_batch_of(design, task.metrics, fresh, compared, margin),))
