"""`epochal.plan(model, x, y)`: the batch size, learning rate and epochs to use, measured."""

from typing import Any, Literal

from ..base.stop import Stop, set_by_ctrl_c
from ..records import Evidence, Plan
from ..services.plan import PlanRequest
from ..services.plan import plan as make_plan
from ..services.source import ArraySource
from .display import Verbosity, display


def plan(model: Any, x: Any = None, y: Any = None, *, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
         validation_data: Any = None, validation_split: float = 0.0,
         goal: Literal["fastest", "best", "frugal", "smallest"] = "fastest", budget: float | str = "1 min",
         evidence: Evidence | Plan | None = None, seed: int = 0, verbose: Verbosity = "auto") -> Plan:
    """The batch size, learning rate, epochs and predict batch size for a Keras model, measured on these data and this machine.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read: its
            weights, its optimizer and the data are untouched. Trainings start from newly drawn weights; those of frozen layers
            are kept. The setting it is compiled with, at Keras' batch size of 32, is one of the arms.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays.
        class_weight: as in Keras, `{class: weight}`: it scales the training loss alone, and judging is without it.
        validation_data: `(x, y)` or `(x, y, sample_weight)` to judge on.
        validation_split: the last rows as validation data, as in Keras. Without either, a fifth is held out at random.
        goal: `"fastest"` (least `fit` time to the same quality), `"best"` (quality), `"frugal"` (fewest examples) or
            `"smallest"` (memory).
        budget: seconds, or words such as `"2 min"`.
        evidence: an `Evidence`, or a `Plan` whose evidence is meant; nothing in it is measured twice.
        seed: makes the run repeatable, up to what the clock says.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Plan`. It holds for this model, these data and this machine; its intervals are about these validation rows. A run
        that was interrupted or killed is continued by the next call with the same model and data.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end, after the measurement under way (a second one ends it at once). Its `answer` is
            the plan so far, or `None`.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: the budget does not allow even the barest comparison, or every setting diverged.
    """
    source = ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split)
    progress = display(verbose)
    with set_by_ctrl_c(Stop()) as stop:
        return make_plan(PlanRequest(source, goal, budget, evidence, seed), progress=progress, stop=stop)
