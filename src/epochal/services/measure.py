"""Take every measurement of the agenda that is not yet known, cheapest first."""

from ..base.progress import Reporter
from ..base.text import time_left
from ..experiments import run_study
from ..probes import PROBES
from ..probes.agenda import agenda, due
from ..records import Evidence


def measure(rig, *, budget, evidence=None, seed=0, keep=lambda evidence: None, reporter=None):
    """The evidence that a plan rests on.

    Args:
        rig: the model on the bench.
        budget: seconds to spend on it, about; probes are bounded to their share, the comparison takes what is left.
        evidence: an `Evidence`; nothing in it is measured twice.
        seed: makes the choice of rows, weights and orders repeatable.
        keep: called with the grown `Evidence` after every finished measurement, so that nothing finished is ever lost.
        reporter: a `Reporter`, told of every measurement and every epoch.

    Returns:
        The grown `Evidence`.

    Raises:
        UsageError: the evidence is about another model, other data or another machine.
        MeasurementFailed: the budget does not allow even the barest comparison.
        Stopped: the reporter's `Stop` is set; all that was finished has been handed to `keep`.
    """
    evidence = (evidence or Evidence()).about(rig.task, rig.machine, rig.present)
    pace = _Pace(agenda(rig.task, rig.present, evidence, budget), reporter or Reporter())
    for probe in due(evidence, budget):
        pace.tell(probe.name, 0, 1)
        evidence = evidence.add(probe.measure(rig, evidence, budget=budget, seed=seed))
        keep(evidence)
        pace.tell(probe.name, 1, 1)
    probed = sum(reading.cost for reading in evidence.readings if reading.name in PROBES)  # in this run or an earlier one
    left = max(budget - probed, 0.3 * budget)
    return run_study(rig, evidence, seed=seed, seconds=left, keep=keep,
                     watch=lambda done, total, what: pace.tell("study", done, total, what))


class _Pace:
    """How far an agenda is, in foreseen seconds."""

    def __init__(self, items, reporter):
        self._seconds = {item.name: item.seconds for item in items}
        self._done, self._reporter = dict.fromkeys(self._seconds, 0.0), reporter

    def tell(self, name, done, total, what=""):
        """Of the item called `name`, `done` of `total` is done; the trainings give both in seconds, by measured speeds."""
        if name == "study":
            self._seconds[name] = total
        for earlier, seconds in self._seconds.items():
            if earlier == name:
                break
            self._done[earlier] = seconds
        self._done[name] = self._seconds.get(name, 0.0) * min(1.0, done / total if total else 1.0)
        finished, foreseen = sum(self._done.values()), sum(self._seconds.values())
        self._reporter.step(finished / max(foreseen, 1e-9), f"measuring: {what or name.replace('_', ' ')}",
                            time_left(max(foreseen - finished, 0)))
