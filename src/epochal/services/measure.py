"""Take every measurement of the agenda that is not yet known, cheapest first."""

from ..experiments import run_study
from ..probes import PROBES
from ..records import Evidence


def measure(rig, *, budget, evidence=None, seed=0, keep=lambda evidence: None, watch=lambda name, done, total, what: None):
    """The evidence that a plan rests on.

    Args:
        rig: the model on the bench.
        budget: seconds to spend on it, about; probes are bounded to their share, the study takes what is left.
        evidence: an `Evidence`; nothing in it is measured twice.
        seed: makes the choice of rows, weights and orders repeatable.
        keep: called with the grown `Evidence` after every finished measurement, so that nothing finished is ever lost.
        watch: called as `watch(name, done, total, what)` while an item of the agenda is under way.

    Returns:
        The grown `Evidence`.

    Raises:
        UsageError: the evidence is about another model, other data or another machine.
        MeasurementFailed: the budget does not allow even the barest comparison.
    """
    evidence = (evidence or Evidence()).about(rig.task, rig.machine, rig.present)
    for name, probe in PROBES.items():
        if name not in evidence:
            watch(name, 0, 1, "")
            evidence = evidence.add(probe.measure(rig, evidence, budget=budget, seed=seed))
            keep(evidence)
            watch(name, 1, 1, "")
    probed = sum(reading.cost for reading in evidence.readings if reading.name in PROBES)  # in this run or an earlier one
    left = max(budget - probed, 0.3 * budget)
    return run_study(rig, evidence, seed=seed, seconds=left, keep=keep,
                     watch=lambda done, total, what: watch("study", done, total, what))

