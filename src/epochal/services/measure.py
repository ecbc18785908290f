"""Measure: single quantities of a model on its data, each with what it means; in a process of its own, where that can be had."""

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from ..base.errors import EpochalError, MeasurementFailed, Unsupported, UsageError
from ..base.files import no_room, write_whole
from ..base.isolated import Isolated
from ..base.progress import SILENT, Agenda, Item, Progress, Reporter
from ..base.stop import Stop, Stopped
from ..base.system.lock import writing
from ..base.text import duration, first_few, seconds_of, time_left
from ..base.validate import one_of, positive_number, require, whole_number
from ..probes.measures import ALL, MEASURES
from ..probes.probe import PRICES, Probe
from ..records import Evidence, Outcome, Reading, read, save
from ..seam.machine import backend_in_use, runs_on_a_processor
from ..seam.model.carried import carried
from ..seam.model.copying import is_builder
from ..seam.rigs.keras_rig import open_rig
from .plan_evidence import with_pace
from .source import ArraySource, TableSource, decoding

BUDGETS = {"quick": 20.0, "normal": 120.0, "thorough": 600.0}  # seconds for all that a class of prices holds
_HANGS, _SOONEST = 10, 120.0  # times what a measurement takes, and seconds, after which it is ended
_STARTING = 600.0  # seconds that reading the data, building and compiling may take
_FAILURES = 5      # processes that ended before they should, after which no further one is started
_NOT_CARRIED = ("No other process can build this model (parts of it are not Keras' own, or this one holds the device's memory): it "
                "is measured here, and what ends a measurement would end this process.")
_KINDS = {kind.__name__: kind for kind in (UsageError, Unsupported, MeasurementFailed)}


@dataclass(frozen=True, eq=False)
class MeasureRequest:
    """What to measure.

    Attributes:
        source: the model and its data.
        what: words of `MEASURES`, or `"all"`.
        price: the dearest class of `PRICES` to take; of a word that has none so cheap, the cheapest is taken.
        budget: seconds for all of it, about, or words such as `"2 min"`; `None` is what `BUDGETS` says.
        batch_size, learning_rate: what is trained with now; `None` is Keras' 32, and what the model is compiled with.
        seed: makes the draws repeatable. start: where trainings begin, of `STARTS`.
        evidence: an `Evidence` about this model, these data and this machine: nothing in it is measured twice.
        out: a file that the evidence is saved in; what is finished is kept beside it while others are measured.
        apart: whether it is measured in a process of its own where the model can be carried there.
    """

    source: ArraySource | TableSource
    what: tuple[str, ...] = (ALL,)
    price: str = "normal"
    budget: float | str | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    start: str = "auto"
    evidence: Evidence | None = None
    out: Path | None = None
    apart: bool = True


def measure(request: MeasureRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> Evidence:
    """The `Evidence`, with a reading for everything that was asked for, known or not.

    Raises:
        Stopped: it was asked to end; with the evidence so far.
        UsageError: the request cannot be met as it stands. Unsupported: the model cannot be copied or measured.
        MeasurementFailed: not even a training step could be timed.
    """
    asked = asked_for(request.what, request.price)
    whole_number("seed", request.seed, 0)
    if request.batch_size is not None:
        whole_number("batch_size", request.batch_size, 1)
    if request.learning_rate is not None:
        positive_number("learning_rate", request.learning_rate, "Pass the rate that you train with, such as 1e-3.")
    seconds = BUDGETS[request.price] if request.budget is None else seconds_of(request.budget)
    with ExitStack() as held:
        if request.out is not None:
            held.enter_context(writing(request.out, say=progress.say))
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="epochal-")))
        unfinished = folder / "evidence.json" if request.out is None else request.out.with_name(f"{request.out.name}.unfinished")
        work = _Work(asked, seconds, (unfinished, folder / "stage.json"), Reporter(progress, stop))
        work.begin(request.evidence)
        try:
            found = work.apart(request) if request.apart else work.here(request)
        except Stopped:
            raise Stopped(work.so_far(), None if request.out is None else unfinished) from None
        finally:
            progress.done()
        if request.out is not None:
            try:
                save(found, request.out)
            except OSError as error:
                raise no_room("--out", request.out, error, f"What was measured is kept in {unfinished}.") from error
        unfinished.unlink(missing_ok=True)
    return found


def asked_for(what: tuple[str, ...], price: str) -> tuple[Probe, ...]:
    """The probes that these words stand for, within a class of prices, each once, in the order of `MEASURES`."""
    one_of("price", price, PRICES, 'Pass price="normal".')
    for word in what:
        require(word in (ALL, *MEASURES), "what", word, f"of {ALL}, {', '.join(MEASURES)}", f"Pass {ALL!r} for everything.")
    cheap = PRICES[: PRICES.index(price) + 1]
    found = []
    for word, probes in MEASURES.items():
        if ALL in what or word in what:
            taken = [probe for probe in probes if probe.price in cheap]
            least = min((probe.price for probe in probes), key=PRICES.index)
            found += taken or [probe for probe in probes if probe.price == least and word in what]
    return tuple(found)


class _Job(NamedTuple):
    """What a process is told to measure: plain data and arrays."""

    source: Any  # an `ArraySource`, its model a `Carried`, or a `TableSource` that has not been read
    backend: str
    names: tuple[str, ...]
    seconds: float
    now: tuple[int | None, float | None]
    seed: int
    start: str
    place: str
    stage: str
    given: bool


class _Work:
    """What is measured, as far as it has come: in the file `place`; and what is under way, in `stage`. Who measures writes both."""

    def __init__(self, probes, seconds, files, reporter):
        self.probes, self.seconds, self.reporter, self.given = probes, seconds, reporter, False
        self.place, self.stage = files
        self._under_way, self._since = "", monotonic()

    def begin(self, evidence):
        """Tell what is going to be measured. What was given of it comes first, else what an earlier run has left over."""
        words = first_few([probe.title for probe in self.probes], 30, str)
        self.reporter.start(Agenda(f"To be measured, in about {duration(self.seconds)} (Ctrl-C stops): {words}.",
                                   items=tuple(Item(p.name, p.what, p.why) for p in self.probes)))
        if evidence is not None:
            self.given = True
            save(evidence, self.place)
        elif self.place.is_file():
            self.reporter.say(f"Continuing: what an earlier run has finished ({self.place.name}) is used if it is about the same.")

    def so_far(self):
        """The evidence of what is finished, or `None`."""
        return read(self.place) if self.place.is_file() else None

    def apart(self, request):
        """Measure in a process of its own; where it ends before it should, what was under way is told, and another one goes on."""
        source = carried_source(request.source)
        if source is None:
            self.reporter.say(_NOT_CARRIED)
            return self.here(request)
        job = _Job(source, backend_in_use(), tuple(probe.name for probe in self.probes), self.seconds,
                   (request.batch_size, request.learning_rate), request.seed, request.start, str(self.place), str(self.stage),
                   self.given)
        for _ in range(_FAILURES):
            self._under_way, self._since = "", monotonic()
            self.stage.unlink(missing_ok=True)
            try:
                ended = Isolated(_STARTING + _HANGS * self.seconds, environment={"KERAS_BACKEND": job.backend},
                                 watch=self._look).run(f"{__name__}:{measured_apart.__name__}", job)
            except _Hangs as hung:
                self._failed(Outcome.FAILED, str(hung))
                continue
            if ended.failure is None:
                if ended.value is not None:
                    kind, sentence = ended.value
                    raise _KINDS[kind](sentence)
                return read(self.place)
            self._under_way = _read_stage(self.stage).get("name", "")  # it may have ended between two looks
            if not self._under_way:
                raise MeasurementFailed(f"The process that measures ended before it had begun: {ended.sentence} "
                                        f"{ended.printed.splitlines()[-1] if ended.printed else ''}".strip())
            sentence = ended.sentence.removeprefix("UsageError: ").removeprefix("Unsupported: ")
            self._failed(Outcome.OUT_OF_MEMORY if ended.failure == "out of memory" else Outcome.FAILED, sentence)
        return self._rest_failed()

    def here(self, request):
        """Measure in this process."""
        with request.source.running():
            rig = open_rig(*request.source.open(request.seed, decoding(self.reporter)), request.batch_size, request.learning_rate,
                           start=request.start)
            known = _known(self.place, rig, self.given)
            return measured(rig, self.probes, known, self.seconds, request.seed, self._keep, self._tell)

    def _look(self):
        """Tell how far the other process is; end it where it hangs, or where the work should stop."""
        stage = _read_stage(self.stage)
        name = stage.get("name", "")
        if name != self._under_way:
            self._under_way, self._since = name, monotonic()
        most = max(_SOONEST, _HANGS * stage.get("seconds", 0.0)) if name else _STARTING
        if name and monotonic() - self._since > most:
            raise _Hangs(f"It was ended after {duration(most)}: it takes {duration(stage['seconds'])} elsewhere.")
        self._tell(stage.get("share", 0.0), name, stage.get("left", 0.0))

    def _tell(self, share, name, left):
        if name:
            self.reporter.step(share, f"measuring: {name.replace('_', ' ')}", time_left(left))
        else:
            self.reporter.step(0.0, "reading the data and building the model")

    def _keep(self, evidence):
        save(evidence, self.place)

    def _failed(self, outcome, sentence):
        probe = next(probe for probe in self.probes if probe.name == self._under_way)
        known = self.so_far() or Evidence()
        save(known.add(Reading(name=probe.name, title=probe.title, outcome=outcome, note=sentence)), self.place)

    def _rest_failed(self):
        known, tried = self.so_far(), {reading.name for reading in self.so_far().readings}
        note = f"not tried, since {_FAILURES} measurements had ended the process"
        return known.add(*(Reading(name=probe.name, title=probe.title, outcome=Outcome.SKIPPED, note=note)
                           for probe in self.probes if probe.name not in tried))


class _Hangs(Exception):
    """A measurement takes many times what it should."""


def measured_apart(job: _Job) -> tuple[str, str] | None:
    """Measure, in a process that was started for it, and write the evidence to `job.place` after every reading.

    Returns:
        `None`, or the name of an error of this package and its sentence.
    """
    place, stage, source = Path(job.place), Path(job.stage), job.source
    _tell_stage(stage, {})
    try:
        if isinstance(source, ArraySource):
            source = replace(source, model=source.model.build())
        probes = [probe for probe in asked_for((ALL,), PRICES[-1]) if probe.name in job.names]
        with source.running():
            rig = open_rig(*source.open(job.seed), *job.now, start=job.start)
            known = _known(place, rig, job.given)
            sizes = {probe.name: probe.seconds(job.seconds, known or Evidence()) for probe in probes}

            def tell(share, name, left):
                _tell_stage(stage, {"name": name, "share": share, "left": left, "seconds": sizes.get(name, 0.0)})

            measured(rig, probes, known, job.seconds, job.seed, lambda evidence: save(evidence, place), tell)
    except EpochalError as error:
        if _read_stage(stage):  # one measurement alone
            raise
        return type(error).__name__, str(error)
    return None


def _known(place, rig, given):
    """The evidence in the file, `None` where there is none; what was left over of other data, and was not given, is left aside."""
    known = read(place) if place.is_file() else None
    if known is not None and not given:
        try:
            known.about(rig.task, rig.machine, rig.present)
        except UsageError:
            return None
    return known


def measured(rig: Any, probes: Any, known: Evidence | None, seconds: float, seed: int, keep: Callable[[Evidence], None],
             tell: Callable[[float, str, float], None]) -> Evidence:
    """The evidence with a reading of each of the probes, cheapest first; `keep` is told of each at once.

    What the evidence holds already is not measured again. Where the time is over, the rest is left out, and a reading says so.
    """
    begun = perf_counter()
    evidence = (known or Evidence()).about(rig.task, rig.machine, rig.present)
    tried = {reading.name for reading in evidence.readings if reading.outcome is not Outcome.SKIPPED}
    due = sorted((probe for probe in probes if probe.name not in tried), key=lambda probe: PRICES.index(probe.price))
    evidence = with_pace(rig, evidence, seconds)
    keep(evidence)
    foreseen = {probe.name: probe.seconds(seconds, evidence) for probe in due}
    done, total = 0.0, sum(foreseen.values())
    for probe in due:
        left = seconds - (perf_counter() - begun)
        tell(done / max(total, 1e-9), probe.name, min(total - done, max(left, 0.0)))
        if (why := _not_here(probe, rig)):
            reading = Reading(name=probe.name, title=probe.title, outcome=Outcome.UNSUPPORTED, note=why)
        elif left <= 0:
            reading = Reading(name=probe.name, title=probe.title, outcome=Outcome.SKIPPED)
        else:
            reading = probe(rig, seed=seed, **probe.options(rig, evidence, min(seconds, max(left, 0.2 * seconds))))
        evidence = evidence.add(reading)
        keep(evidence)
        done += foreseen[probe.name]
    return evidence


def _not_here(probe, rig):
    """Why there is nothing to measure on this back end, or with what is installed; empty where there is."""
    if rig.machine.backend in probe.not_on:
        return f"there is nothing to measure under {rig.machine.backend}"
    return "" if probe.offered() else "what it compares is not installed"


def carried_source(source):
    """The source as plain data and arrays for another process; `None` where the model cannot be carried there, or where this one
    may hold all of a device's memory."""
    if isinstance(source, TableSource):
        return source if source.table is None else None
    if not runs_on_a_processor():
        return None
    source, _ = source.as_arrays()
    model = carried(source.model() if is_builder(source.model) else source.model)
    return None if model is None else replace(source, model=model)


def _tell_stage(path, stage):
    write_whole(path, json.dumps(stage))


def _read_stage(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
