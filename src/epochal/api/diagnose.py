"""`epochal.diagnose`: what went wrong in a training."""

from typing import Any

from ..base.stop import Stop, set_by_ctrl_c
from ..base.text import Wording
from ..base.validate import require
from ..records import Diagnosis
from ..services import diagnose as diagnosing
from ..services.source import ArraySource
from .display import Verbosity, display


def diagnose(history: Any, model: Any = None, x: Any = None, y: Any = None, *, baseline: Any = None, sample_weight: Any = None,
             class_weight: dict[int, float] | None = None, validation_data: Any = None, validation_split: float = 0.0,
             groups: Any = None, time: Any = None, batch_size: int | None = None, learning_rate: float | None = None,
             n_rows: int | None = None, n_validation: int | None = None, epochs: int | None = None, training: int | None = None,
             budget: float | str = "1 min", isolated: bool = True, seed: int = 0, verbose: Verbosity = "auto") -> Diagnosis:
    """What went wrong in a training, by its curves; with model and data what the curves suggest is tested.

    Args:
        history: the `History` that `fit` returned (best: it knows the model and the updates), its `.history`, a file of
            `CSVLogger` or JSON, a folder of TensorBoard's events, a run of MLflow's, a `Plan`, a `Study`, or the file or folder of
            either.
        model: the trained model as it stands, or a function that builds one: then trainings are made anew with other seeds, other
            orders of the rows and lower rates, and the trained model is judged beside another kind of model. It is only read.
        x, y, sample_weight, class_weight, validation_data, validation_split, groups, time: as for `epochal.plan`: what was trained
            with.
        baseline: an earlier training to compare with, as `history`: one with shuffled labels, or the one before this.
        batch_size, learning_rate, n_rows, n_validation, epochs: what the history does not say: rows of an update, the rate, rows
            trained and judged on, and the epochs that `fit` was asked for.
        training: which training of a plan or study, from 0; by default the first of the setting that was chosen.
        budget: seconds for the tests, about, or words such as `"2 min"`; compiling comes on top.
        isolated: whether to test in a process of its own, as for `epochal.measure`.
        seed: makes the tests repeatable.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Diagnosis`: `print` it. `findings` has the worst first, each with how sure it is; a reading of one curve is no proof.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
    """
    known = {"batch_size": batch_size, "learning_rate": learning_rate, "n_rows": n_rows, "n_validation": n_validation,
             "planned_epochs": epochs, "class_weighted": True if class_weight is not None or sample_weight is not None else None}
    source = None if x is None else ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split,
                                                groups=groups, time=time)
    require((model is None) == (x is None), "x", None if x is None else Wording("rows without a model"),
            "given together with the model", "Pass both to have the training tested, or neither.")
    request = diagnosing.DiagnoseRequest(history, baseline, known, source, training, budget, seed, isolated)
    progress = display(verbose)
    with set_by_ctrl_c(Stop()) as stop:
        return diagnosing.diagnose(request, progress=progress, stop=stop)
