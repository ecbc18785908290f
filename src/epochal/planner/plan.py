"""`plan(model, x, y)`: measure, then decide."""

from ..base.budget import seconds_of
from ..base.errors import require
from ..rules.decide import GOALS, decide
from ..seam.given import given
from ..seam.open import open_rig
from .measure import measure


def plan(model, x=None, y=None, *, sample_weight=None, validation_data=None, validation_split=0.0, goal="fastest", budget="1 min",
         evidence=None, seed=0, keep=lambda evidence: None, watch=lambda name, done, total, what: None):
    """The batch size, learning rate, epochs and predict batch size for a Keras model, measured on these data and this machine.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read: its
            weights, its optimizer and the data are untouched. Trainings start from newly drawn weights; those of frozen layers
            are kept. The setting it is compiled with, at Keras' batch size of 32, is one of the arms.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays.
        validation_data: `(x, y)` or `(x, y, sample_weight)` to judge on.
        validation_split: the last rows as validation data, as in Keras. Without either, a fifth is held out at random.
        goal: `"fastest"` (least `fit` time to the same quality), `"best"` (quality), `"frugal"` (fewest examples) or
            `"smallest"` (memory).
        budget: seconds, or words such as `"2 min"`.
        evidence: an `Evidence`, or a `Plan` whose evidence is meant; nothing in it is measured twice.
        seed: makes the run repeatable, up to what the clock says.
        keep: called with the `Evidence` after every finished measurement.
        watch: called as `watch(name, done, total, what)` while one is under way.

    Returns:
        A `Plan`. It holds for this model, these data and this machine; its intervals are about these validation rows.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: the budget does not allow even the barest comparison, or every setting diverged.
    """
    require(goal in GOALS, "goal", goal, f"one of {', '.join(GOALS)}", 'Pass goal="fastest".')
    seconds = seconds_of(budget)
    data = given(x, y, sample_weight=sample_weight, validation_data=validation_data, validation_split=validation_split, seed=seed)
    evidence = getattr(evidence, "evidence", evidence)
    return decide(measure(open_rig(model, data), budget=seconds, evidence=evidence, seed=seed, keep=keep, watch=watch), goal=goal)
