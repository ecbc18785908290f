"""`epochal.study(model, x, y)`: batch sizes compared fairly, hundreds of trainings at once, nothing lost."""

from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal

from ..base.stop import Stop, set_by_ctrl_c
from ..records import BUDGETS, Study
from ..rules.study.design import Choices
from ..services.source import ArraySource
from ..services.study import StudyRequest
from ..services.study import study as make_study
from .display import Verbosity, display


def study(model: Any, x: Any = None, y: Any = None, *, batch_sizes: Iterable[int] = (32, 256, 1024),
          learning_rates: Literal["auto"] | Iterable[float] | None = "auto", seeds: int = 8, epochs: int = 50,
          equal: str | Iterable[str] = BUDGETS, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
          validation_data: Any = None, validation_split: float = 0.0, test_data: Any = None, metric: str = "val_loss",
          mode: Literal["auto", "min", "max"] = "auto", margin: float | None = None, reference: int | None = None,
          protocol: Literal["fair", "tutorial"] = "fair", trial_seeds: int = 3, halving: bool = True, seed: int = 0,
          folder: str | PathLike[str] | None = None, ray: str | None = None, verbose: Verbosity = "auto") -> Study:
    """Which batch sizes differ in quality once the learning rate is tuned for each of them, and by how much.

    The learning rate is tuned at every batch size with the same number of trials; the settings chosen are trained anew with fresh
    seeds, the same for all (initial weights, order of rows, dropout); the differences are paired over seeds.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays.
        batch_sizes: what to compare; at least two.
        learning_rates: the rates to try at every batch size, or `"auto"`: a grid of half decades that widens until the best lies
            inside.
        seeds: fresh seeds for the comparison, at least 2; five or more tell something.
        epochs: passes over the data that the reference batch size gets.
        equal: under which budgets to compare: of `"epochs"`, `"steps"` (as many updates as the reference makes) and `"time"` (as
            many seconds of `fit` as the reference takes). All come from the same trainings where they can.
        class_weight: as in Keras, `{class: weight}`: it scales the training loss alone, and judging is without it.
        validation_data, validation_split: as for `epochal.plan`.
        test_data: `(x, y)` or `(x, y, sample_weight)`: rows that no choice sees, read once at the end.
        metric: `"val_loss"`, or the name of a compiled metric (with or without `val_`).
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        margin: the difference in the metric that counts as none. By default 1 % of what training gains, fixed before the
            comparison.
        reference: the batch size that others are compared with; 32 where it is among them, else the smallest.
        protocol: `"fair"`; `"tutorial"` adds the comparison as tutorials make it, beside the fair one.
        trial_seeds: seeds on which learning rates are chosen.
        halving: whether the search drops the worse half of the rates after a quarter of the examples. The comparison never does.
        seed: what everything random follows from.
        folder: where the study is kept and, after a crash, resumed. Without it, it is kept in the user's cache until it has ended.
        ray: `"auto"` or the address of a Ray cluster, which then trains; `None`: the devices of this machine do.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Study`. Its intervals are over seeds, on these validation rows. It says "equivalent" only of differences within the
        margin, and "not resolvable", with the number of seeds that would be enough, where the data do not tell.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end, after the epoch under way (a second one ends it at once). Its `answer` is the
            study so far, or `None`.
        UsageError: an argument is not usable, or the folder holds another study; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: every learning rate diverged at the reference batch size, or a batch of it does not fit into memory.
    """
    source = ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split, test_data)
    choices = Choices(batch_sizes=batch_sizes, learning_rates=learning_rates, seeds=seeds, epochs=epochs, equal=equal,
                      metric=metric, mode=mode, margin=margin, reference=reference, protocol=protocol, trial_seeds=trial_seeds,
                      halving=halving, seed=seed)
    progress = display(verbose)
    with set_by_ctrl_c(Stop()) as stop:
        return make_study(StudyRequest(source, choices, folder, ray), progress=progress, stop=stop)
