"""Take every measurement of the agenda that is not yet known, cheapest first."""

from dataclasses import replace
from time import perf_counter

from ..engine import keep_programs
from ..probes import PROBES
from ..records import Evidence
from ..study import run_study

FEWEST_SECONDS = 10.0


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
    keep_programs(rig)
    evidence = (evidence or Evidence()).about(rig.task, rig.machine, rig.present)
    started = perf_counter()
    for name, probe in PROBES.items():
        if name not in evidence:
            watch(name, 0, 1, "")
            evidence = evidence.add(_timed(probe, rig, seed, _options(name, evidence, budget)))
            keep(evidence)
            watch(name, 1, 1, "")
    left = max(budget - (perf_counter() - started), 0.3 * budget)
    return run_study(rig, evidence, seed=seed, seconds=left, keep=keep,
                     watch=lambda done, total, what: watch("study", done, total, what))


def _options(name, evidence, budget):
    """What a probe is told: the share of the budget it may take, and the largest batch there is room for."""
    share = {"throughput": 0.25, "prediction": 0.12}
    memory = evidence.get("memory")
    if name not in share:
        return {}
    return {"seconds": share[name] * budget, "largest": None if memory is None else int(memory.value)}


def _timed(probe, rig, seed, options):
    rig.wait()
    start = perf_counter()
    reading = probe(rig, seed=seed, **options)
    rig.wait()
    return replace(reading, cost=perf_counter() - start)
