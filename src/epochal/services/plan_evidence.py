"""What a plan rests on: the measurements of the agenda, then a comparison to the end where there is time for one, else a race."""

import itertools
from dataclasses import replace
from time import perf_counter

from ..base.progress import Reporter
from ..base.text import Wording, quantity, time_left
from ..base.validate import require
from ..engine import Lane
from ..engine.guard import memory_guard
from ..engine.stretch import Stretches
from ..experiments import run_race, run_study
from ..probes import AFTERWARDS, BACK_ENDS, COMPILATION, MEMORY, PREDICTION, PROBES, SWITCHES, THROUGHPUT, VALIDATION
from ..probes.agenda import agenda, due, goes_to_the_end, had_its_time, is_affordable, seconds_for_trainings
from ..probes.probe import COMPILING, SMALL_PROGRAM, largest_that_fits, program_seconds
from ..probes.step_time import FEWEST_REPEATS, FEWEST_SIZES
from ..records import Evidence, Outcome, Reading, StepMemory
from ..rules.plan.decide import decide
from ..rules.race.start import timed_sizes

_LARGEST = 64      # times the present batch size: no race gets further in its time
_CLOCK = 0.15      # of the budget, for the clock of a race
_CLOCKED = 2       # times at most, where the machine was too busy
_RESERVE = 0.05    # of the budget, for what is timed after a race
_PREDICTED = 0.01  # of the budget: what the largest batch takes that `predict` is timed on, where a batch takes long
_TIMING = 0.01     # of the budget, after which validation at a batch size is timed no further
_CALLS_BEFORE = 5  # calls of `fit` that find how long a timing must be, about
_SLOW, _ENDS = 3, 0.1  # times the foreseen cost, and share of the budget: other back ends are ended after the larger of them
_WORTH_A_RACE = 0.15  # of the budget: with less of it left, a race tells little
_TRIED = 64        # updates in one program, where the pace is measured


def with_pace(rig, evidence, budget):
    """The evidence with the seconds that an update takes at the present setting, as fast as it can be trained here; in two seconds.

    They tell whether there is time for trainings to the end. Nothing is measured where those have begun.

    Raises:
        MeasurementFailed: there is no memory for the present batch size.
    """
    if "pace" in evidence or evidence.curves:
        return evidence
    begun, own = perf_counter(), min(rig.present.batch_size, rig.n_examples)
    with memory_guard(rig) as guard:
        alone = Stretches(rig, own, 1)
        pace = alone.seconds_an_update(Lane(0, 0.0))
        if rig.pure is not None and not alone.in_loops and not is_affordable(
                rig.task, rig.present, pace, budget, alone.compiling):
            pace = Stretches(rig, own, _TRIED).seconds_an_update(Lane(0, 0.0))
    guard.require(own)
    return evidence.add(Reading(name="pace", title="time of an update while measuring", value=pace, unit="s", low=pace, high=pace,
                                repeats=1, cost=perf_counter() - begun, details=((COMPILING, alone.compiling),)))


def measure(rig, *, budget, goal="fastest", evidence=None, seed=0, keep=lambda evidence: None, reporter=None):
    """The evidence that a plan rests on: every measurement of the agenda that is not yet known, cheapest first.

    Args:
        budget: seconds to spend on it, about; probes are bounded to their share, the comparison takes what is left.
        goal: what the plan is for; Keras' switches are measured at the batch size that it recommends.
        evidence: an `Evidence`; nothing in it is measured twice.
        keep: called with the grown `Evidence` after every finished measurement, so that nothing finished is ever lost.

    Raises:
        UsageError: the evidence is about another model, other data or another machine.
        MeasurementFailed: there is no memory for the present setting, or its loss is no number.
        Stopped: the reporter's `Stop` is set; all that was finished has been handed to `keep`.
    """
    evidence = with_pace(rig, (evidence or Evidence()).about(rig.task, rig.machine, rig.present), budget)
    work = _Measuring(rig, budget, evidence, seed, keep, reporter or Reporter())
    if not (goes_to_the_end(rig.task, rig.present, evidence, budget) and work.to_the_end()):
        work.race()
    work.afterwards(goal)
    return work.evidence


class _Measuring:
    """The measurements of one plan under way."""

    def __init__(self, rig, budget, evidence, seed, keep, reporter):
        self.rig, self.budget, self.evidence, self.seed, self.keep, self.reporter = rig, budget, evidence, seed, keep, reporter
        self.foreseen = {item.name: item.seconds for item in agenda(rig.task, rig.present, evidence, budget)}
        self.started = perf_counter()
        self._known = evidence.curves, evidence.runs
        self._short = {}  # options that keep probes of Keras' own calls short, where these take far longer than training here
        self._predicting = 0.0  # seconds that the programs of `predict` take to compile there

    def to_the_end(self):
        """What a comparison needs to know, then trainings to the end; false where they turn out to take too long, so that a race
        has to tell in the time that is left."""
        probes = due(self.evidence, self.budget)
        if self.rig.skips and {THROUGHPUT, VALIDATION, PREDICTION} & {*probes}:
            self._short = self._for_a_dear_clock()
        for probe in probes:
            if probe not in AFTERWARDS:
                self._probe(probe)
        self._require_room()
        seconds = seconds_for_trainings(self.evidence, self.budget, self._kept_for(*AFTERWARDS))
        self.evidence = run_study(self.rig, self.evidence, seed=self.seed, seconds=seconds, keep=self.keep,
                                  watch=self._watch("study"))
        if "study" not in self.evidence:
            return False
        others = any(curve.setting != self.evidence.present for curve in self.evidence.of("confirm"))
        nothing_to_race = {"batch_size", "learning_rate"} <= {*self.evidence.fixed}
        return others or nothing_to_race or self._left("study") < _WORTH_A_RACE * self.budget

    def _for_a_dear_clock(self):
        """`{probe: options}` by the seconds that Keras takes for a batch, frozen base and all."""
        own, n = min(self.rig.present.batch_size, self.rig.n_examples), self.rig.n_examples
        compiling, batch = self.rig.predict_seconds(own, own), self.rig.predict_seconds(own, own)
        self._predicting = FEWEST_SIZES * compiling
        found = {PREDICTION: {"largest": max(FEWEST_SIZES, int(_PREDICTED * self.budget / batch * own))}}
        if self.evidence.trains_with == "keras":
            sizes = timed_sizes(own, min(n, _LARGEST * own), batch, _CLOCK * self.budget)
            found |= {THROUGHPUT: {"sizes": sizes if len(sizes) >= FEWEST_SIZES else None},
                      VALIDATION: {"sizes": (own,), "seconds": _TIMING * self.budget}}
        return found

    def race(self):
        """The memory and the clock, then the race; the other times where there is time left. What is known costs nothing."""
        present, n = self.rig.present.batch_size, self.rig.n_examples
        if "memory" not in self.evidence:
            self._probe(MEMORY, most=_LARGEST * present)
        self._require_room()
        self._clock_of_the_race(present, n)
        switches = () if program_seconds(self.evidence) > SMALL_PROGRAM else (SWITCHES,)  # else Keras' programs would take it all
        later = self._kept_for(*switches, BACK_ENDS)
        seconds, ended = self._left("study") - _RESERVE * self.budget - later, self.evidence.get("race")
        if self.evidence.get("throughput") is not None and not had_its_time(ended, seconds):
            self.evidence = run_race(self.rig, self.evidence, seed=self.seed, seconds=seconds, keep=self.keep,
                                     watch=self._watch("race"))
        compared = sorted({run.setting.batch_size for run in self.evidence.runs if run.stage == "fresh"} - {present})
        for probe, options in ((VALIDATION, {"sizes": (present, *compared), "seconds": _TIMING * self.budget}), (COMPILATION, {})):
            if probe.name not in self.evidence and self._cost(probe) < self._left("race") - self._kept_for(BACK_ENDS):
                self._probe(probe, **options)

    def _clock_of_the_race(self, present, n):
        """The clock, without which there is no race; again where the machine was too busy to tell it."""
        tried = sum(reading.name == THROUGHPUT.name for reading in self.evidence.readings)
        while self.evidence.get("throughput") is None and tried < _CLOCKED:
            largest = min(n, _LARGEST * present, largest_that_fits(self.evidence) or n)
            sizes = timed_sizes(min(present, n), largest, self.evidence.get("pace").value, _CLOCK * self.budget)
            self._probe(THROUGHPUT, largest=largest, sizes=sizes if len(sizes) >= FEWEST_SIZES else None)
            tried += 1

    def _require_room(self):
        """Refuse a limit of memory that has no room for what is trained with now, which everything is compared with."""
        most, memory = self.evidence.max_memory, self.evidence.get("memory")
        now = min(self.rig.present.batch_size, self.rig.n_examples)
        fits = now if memory is None else int(memory.value)
        if memory is None and self.evidence.why_not("memory") is Outcome.OUT_OF_MEMORY:
            fits = 0
        require(most is None or fits >= now, "max_memory", Wording(quantity("B", most or 0)), "enough for an update at batch size "
                f"{now:,}, with which others are compared ({fits:,} fit)", "Pass a batch_size that fits as what you train with.")

    def afterwards(self, goal):
        """What changes how fast the recommended setting predicts and, where there is time left, how fast Keras trains it."""
        if goal == "smallest" and (self.evidence.curves, self.evidence.runs) != self._known:
            self._bytes_of_settings()
        left = self._left("study", "race") - self._kept_for(BACK_ENDS)
        for probe in (COMPILATION, VALIDATION, PREDICTION):
            has_time = self._cost(probe) < (max(left, _ENDS * self.budget) if "study" in self.evidence else left)
            if probe is PREDICTION and self._predicting:
                has_time = self._predicting + self._cost(probe) < self._left()
            if probe.name not in self.evidence and self._fits(probe) and has_time:
                self._probe(probe)
        if "throughput" in self.evidence and any(map(self._fits, (SWITCHES, BACK_ENDS))):
            plan = decide(self.evidence, goal=goal)
            size = min(plan.batch_size.value, self.rig.n_examples)
            self._switches(size)
            self._back_ends(size, plan)

    def _bytes_of_settings(self):
        """The memory of an update at every batch size that was compared, where the device tells."""
        memory, begun = self.evidence.get("memory"), perf_counter()
        if memory is None:
            return
        compared = {min(run.setting.batch_size, self.rig.n_examples) for run in (*self.evidence.curves, *self.evidence.runs)}
        looked_at = {size: self.rig.peak_bytes(size) for size in sorted(compared - {point.batch_size for point in memory.points})}
        points = [StepMemory(batch_size=size, peak_bytes=round(found)) for size, found in looked_at.items() if found is not None]
        if points:
            both = tuple(sorted((*memory.points, *points), key=lambda point: point.batch_size))
            self.evidence = self.evidence.add(replace(memory, points=both, cost=perf_counter() - begun))
            self.keep(self.evidence)

    def _switches(self, size):
        """Keras' switches at a batch size, where there is time left for the first."""
        compiling, timed = self.evidence.get("compilation"), self.evidence.get("throughput")
        if compiling is None or timed is None or not self._fits(SWITCHES) or not self._is_missing(SWITCHES, size):
            return
        call = timed.cost / (len(timed.points) * (_CALLS_BEFORE + 2 * timed.repeats))
        one = 2 * (compiling.value + (_CALLS_BEFORE + 2 * FEWEST_REPEATS) * call) if self.rig.switches() else 0.0  # about
        left = self.budget - (perf_counter() - self.started)
        if one < max(left, _TIMING * self.budget):
            self._probe(SWITCHES, size=size, compilation=compiling.value, seconds=left - one)
        elif SWITCHES.name not in self.evidence:
            self.evidence = self.evidence.add(Reading(name=SWITCHES.name, title=SWITCHES.title, outcome=Outcome.SKIPPED))
            self.keep(self.evidence)

    def _back_ends(self, size, plan):
        """The other back ends at a batch size, where there is time left, and the training takes longer than to measure them."""
        cost, left = self._cost(BACK_ENDS), self.budget - (perf_counter() - self.started)
        compiling = self.evidence.get("compilation")
        whole = plan.seconds is not None and (plan.whole or self.evidence.present_epochs is not None)
        if (self._fits(BACK_ENDS) and self._is_missing(BACK_ENDS, size) and cost <= left
                and not (whole and plan.seconds.training.value < cost)):
            self._probe(BACK_ENDS, size=size, compilation=compiling.value if compiling else None,
                        seconds=max(_SLOW * cost, min(left, _ENDS * self.budget)))

    def _cost(self, probe):
        return probe.seconds(self.budget, self.evidence)

    def _fits(self, probe):
        return probe.fits(self.budget, self.evidence)

    def _is_missing(self, probe, size):
        """Whether a probe that measures at one batch size has not measured at this one."""
        known = self.evidence.get(probe.name)
        return self.evidence.lacks(probe.name) or (known is not None and known.points[0].batch_size != size)

    def _kept_for(self, *probes):
        """Seconds that these probes take later, about, those left out that find nothing to measure."""
        measures = {SWITCHES: self.rig.switches, BACK_ENDS: self.rig.description}
        return sum(self._cost(probe) for probe in probes if self._fits(probe) and measures.get(probe, lambda: True)())

    def _left(self, *others):
        """Seconds of the budget that the probes, and what else is named, did not take, in this run or an earlier one."""
        took = sum(reading.cost for reading in self.evidence.readings if reading.name in ("pace", *PROBES, *others))
        return self.budget - max(took, perf_counter() - self.started)

    def _probe(self, probe, **more):
        words = probe.name.replace("_", " ")
        self._tell(probe.name, 0.0, words)
        options = probe.options(self.rig, self.evidence, self.budget) | self._short.get(probe, {}) | more
        self.evidence = self.evidence.add(probe(self.rig, seed=self.seed, **options))
        self.keep(self.evidence)
        self._tell(probe.name, self.foreseen.get(probe.name, 0.0), words)

    def _tell(self, name, done, what):
        """Of the item called `name`, so many of its foreseen seconds are done."""
        done += sum(seconds for _, seconds in itertools.takewhile(lambda item: item[0] != name, self.foreseen.items()))
        total = sum(self.foreseen.values())
        self.reporter.step(done / max(total, 1e-9), f"measuring: {what}", time_left(max(total - done, 0)))

    def _watch(self, name):
        def watch(done, total, what):
            self.foreseen[name] = total  # by measured speeds
            self._tell(name, min(done, total), what)

        return watch
