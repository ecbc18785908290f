"""`epochal.plan(model, x, y)`: open, measure, decide."""

import sys
from dataclasses import replace

from platformdirs import user_cache_path

from ..base.budget import seconds_of
from ..base.validate import require
from ..probes.agenda import agenda
from ..records import Evidence
from ..report.live import Live
from ..rules.plan.decide import GOALS, decide
from ..seam.rigs.keras_rig import open_rig
from ..seam.rows import data_from_arguments
from ..services import Journal, measure
from ..training.feeds.cast import weighed


def plan(model, x=None, y=None, *, sample_weight=None, class_weight=None, validation_data=None, validation_split=0.0,
         goal="fastest", budget="1 min", evidence=None, seed=0, verbose="auto"):
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
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: the budget does not allow even the barest comparison, or every setting diverged.
    """
    require(goal in GOALS, "goal", goal, f"one of {', '.join(GOALS)}", 'Pass goal="fastest".')
    require(verbose in ("auto", 0, 1), "verbose", verbose, '"auto", 0 or 1', "Pass 0 for silence.")
    known = getattr(evidence, "evidence", evidence)
    require(known is None or isinstance(known, Evidence), "evidence", type(evidence).__name__, "an Evidence or a Plan",
            'Pass epochal.load("plan.json").')
    seconds = seconds_of(budget)
    data = data_from_arguments(x, y, sample_weight=sample_weight, validation_data=validation_data,
                               validation_split=validation_split, seed=seed)
    if class_weight is not None:
        data = replace(data, train=weighed(data.train, class_weight))
    rig = open_rig(model, data)
    loud = verbose == 1 or (verbose == "auto" and (sys.stderr.isatty() or "ipykernel" in sys.modules))
    warn = _to_stderr if loud else lambda sentence: None
    journal = Journal(user_cache_path("epochal") / "unfinished", f"{rig.task.fingerprint}-{rig.machine.backend}", warn)
    known = (known or journal.left_over() or Evidence()).about(rig.task, rig.machine, rig.present)
    with Live(agenda(rig.task, rig.present, known, seconds), quiet=not loud) as live:
        known = measure(rig, budget=seconds, evidence=known, seed=seed, keep=journal.keep, watch=live.watch)
    decided = decide(known, goal=goal)
    journal.ended()
    return decided


def _to_stderr(sentence):
    sys.stderr.write(sentence + "\n")
