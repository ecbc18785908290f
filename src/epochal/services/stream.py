"""Stream: a model that answers rows as they arrive and learns from them afterwards, batch sizes compared, drift told."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..base.errors import UsageError
from ..base.progress import SILENT, Agenda, Progress, Reporter
from ..base.stop import Stop, Stopped
from ..base.system.lock import writing
from ..base.text import Wording, counted, number
from ..base.validate import is_number, require, whole_number
from ..records.trainings.stream import StreamArm, StreamReport
from ..rules.stream.compare import compared
from ..rules.stream.lag import rows_waited
from ..seam.model.copying import is_builder, seeded
from ..seam.model.file import answers_with_logits
from ..seam.model.network import network_from_file, tutorial_network
from ..seam.rows import leaves, over
from ..tables.options import NOTHING_SAID, TableOptions
from ..tables.predictions import meaning_of
from ..tables.streams.kafka import Topic, is_topic
from ..tables.streams.lines import Lines
from ..tables.streams.rows import Tabular, opened
from ..training.stream.drift import detector
from ..training.stream.feeder import Feeder
from ..training.stream.follow import Follower
from ..training.stream.kept import file_in, go_on, keep, kept_in
from .fit import save_with_encoding

_LEAST_SECONDS, _SHARE = 1.0, 20  # between two writings, and times as long as one takes
_NAMED = 5                        # rows left out that are named


@dataclass(frozen=True, eq=False)
class StreamRequest:
    """What to follow.

    Attributes:
        model: a compiled Keras model, a function that builds one, `"FILE.py:FUNCTION"`, or `None`: the tutorials' network.
        source: an iterator, the path of a file, `"-"` (standard input) or `kafka://HOST:PORT/TOPIC`.
        batch_size: one, or several to compare. fading, replay, drift, seed: see `epochal.stream`.
        target, classes, task, options: of rows by name. checkpoint: a folder, or `None`.
        starts_at: which row of the stream, from 0, the source begins with; `None`: as is usual for the kind of source.
    """

    model: Any
    source: Any
    batch_size: Any = 32
    fading: float = 0.999
    replay: int = 0
    drift: bool = True
    seed: int = 0
    target: str | None = None
    classes: tuple[str, ...] = ()
    task: str | None = None
    options: TableOptions = NOTHING_SAID
    checkpoint: Any = None
    starts_at: int | None = None
    sizes: tuple[int, ...] = field(init=False, default=())

    def __post_init__(self):
        sizes = self.batch_size if isinstance(self.batch_size, list | tuple) else (self.batch_size,)
        require(len(sizes), "batch_size", sizes, "one size, or several to compare", "Pass batch_size=32.")
        for one in sizes:
            whole_number("batch_size", one, 1)
        require(len(set(sizes)) == len(sizes), "batch_size", list(sizes), "sizes that differ", "Leave one of them out.")
        whole_number("replay", self.replay, 0)
        whole_number("seed", self.seed, 0)
        require(is_number(self.fading) and 0 < self.fading <= 1, "fading", self.fading, "above 0, and 1 at most",
                "0.999 makes the last 1,000 rows count most.")
        if self.starts_at is not None:
            whole_number("starts_at", self.starts_at, 0)
        object.__setattr__(self, "sizes", tuple(int(one) for one in sizes))


def offset_in(folder: Any) -> int:
    """Rows of the source that need not be sent again, by what is kept in a folder; 0 where nothing is."""
    found = kept_in(folder)
    return 0 if found is None else int(found[0]["about"]["offset"])


def stream(request: StreamRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> tuple[StreamReport, Any, Any]:
    """The `StreamReport` when the source has ended, the model, and the `Encoding` of its rows (`None` for arrays).

    Raises:
        Stopped: it was asked to end; its `answer` is the same three, so far.
        UsageError: the request cannot be met as it stands. Unsupported: the model cannot be trained so.
    """
    if request.drift:
        detector()  # whether river is there, before anything is read
    reporter = Reporter(progress, stop)
    with ExitStack() as held:
        kept = None
        if request.checkpoint is not None:
            path = file_in(request.checkpoint)
            held.enter_context(writing(path, "checkpoint", say=progress.say))
            kept = kept_in(request.checkpoint)
        work = _Work(request, reporter, kept, held)
        try:
            work.run(stop or Stop())
        except Stopped:
            work.keep(last=True)
            raise Stopped(work.answer(), request.checkpoint) from None
        finally:
            progress.done()
        work.keep(last=True)
        return work.answer()


class _Work:
    """A stream as far as it has come."""

    def __init__(self, request, reporter, kept, held):
        self.request, self.reporter, self._kept = request, reporter, kept
        about = kept[0]["about"] if kept else {"offset": 0, "left_out": [], "reader": {}, "marks": {}, "sizes": None}
        require(about["sizes"] in (None, list(request.sizes)), "batch_size", list(request.sizes),
                f"as before, {about['sizes']}, where a checkpoint is continued", "Name another folder, or pass these.")
        self.offset, self.left_out, self._marks = about["offset"], [tuple(one) for one in about["left_out"]], dict(about["marks"])
        self.began, self.model, self.follower, self._sample = perf_counter(), None, None, about.get("sample")
        self._rows, self._written, self._cost, self._pending = [], perf_counter(), 0.0, []
        self._last = None
        self._topic, self.lines = None, None
        self.reader = self._open(about["reader"], held)
        if kept:
            reporter.say(f"Continuing: {counted(self.offset, 'row')} of the source are done. The source must go on with row "
                         f"{self.offset + 1:,}, or begin with row 1, which --starts-at 0 says.")
        self.feeder = Feeder(self.reader.chunks())
        if kept and self._sample is not None:
            self._start(*self._sample)

    def run(self, stop):
        """Follow the source to its end."""
        self.reporter.start(Agenda("", items=None))
        for chunks in self.feeder.batches(stop):
            for chunk in chunks:
                self._take(chunk)
            self._learn()
            self._tell()
            self.keep()
        self._learn(last=True)
        require(self.follower is not None, "source", Wording("no row that can be used"), "rows to learn from",
                f"The first that was left out: {self.left_out[0][1]}." if self.left_out else "Send rows.")

    def answer(self):
        """The report, the model and the encoding, so far."""
        self.feeder.close()
        follower, request = self.follower, self.request
        if follower is None:
            report = StreamReport(0, self.offset, request.fading, "accuracy", request.replay, ())
            return report, None, None
        differences = [(None, None, None, "the reference"), *compared(follower.blocks)]
        arms = tuple(StreamArm(size, losses.overall, follower.metric_of(errors.overall), losses.mean,
                               follower.metric_of(errors.mean), rows_waited(size), follower.seconds_a_row(i), *differences[i])
                     for i, (size, losses, errors) in enumerate(zip(request.sizes, follower.losses, follower.errors, strict=True)))
        seconds = perf_counter() - self.began
        for learner in follower.learners:
            learner.store()
        report = StreamReport(
            follower.n_rows, self.offset, request.fading, follower.metric, request.replay, arms, follower.points, follower.alarms,
            tuple(f"row {place + 1:,}: {why}" for place, why in self.left_out), seconds, self.feeder.seconds_waiting,
            min(1.0, self.feeder.source_waited / max(seconds, 1e-9)), self.feeder.most_behind,
            None if self._topic is None else self._topic.behind(), tuple(self.reader.notes))
        return report, self.model, self.reader.encoding

    def keep(self, *, last=False):
        """Write where the stream is, unless that was done a moment ago."""
        if self.request.checkpoint is None or self.follower is None:
            return
        if not last and perf_counter() - self._written < max(_LEAST_SECONDS, _SHARE * self._cost):
            return
        begun = perf_counter()
        reader = self.reader.state() | ({} if self.lines is None else {"names": list(self.lines.names or ()),
                                                                        "sign": self.lines.sign})
        keep(self.request.checkpoint, self.follower,
             {"offset": self.offset, "left_out": [list(one) for one in self.left_out], "reader": reader, "marks": self._marks,
              "sizes": list(self.request.sizes), "sample": list(self._sample)})
        self._written = perf_counter()
        self._cost = self._written - begun

    def _open(self, kept, held):
        """Who reads the rows."""
        request, source = self.request, self.request.source
        about = {"target": request.target, "classes": request.classes, "options": request.options, "task": request.task}
        encoding = kept if "encoding" in kept else None
        if isinstance(source, str | Path) and is_topic(source):
            require(request.target is not None, "target", None, "the name of the column to predict", "Pass --target COLUMN.")
            topic = self._topic = Topic(source, {int(name): at for name, at in self._marks.items()})
            return Tabular(topic.batches(), about, first=self.offset, kept=encoding)
        if isinstance(source, str | Path):
            require(request.target is not None, "target", None, "the name of the column to predict", "Pass --target COLUMN.")
            names = kept.get("names")
            self.lines = Lines(request.options, None if names is None else tuple(names))
            if kept.get("sign"):
                self.lines.go_on(kept["sign"])
            first, file = self.offset, sys.stdin.buffer
            if str(source) != "-":
                first, path = 0, Path(source)
                try:
                    file = held.enter_context(path.open("rb"))
                except OSError as error:
                    raise UsageError(f"`source` must be a file that you may read, - for standard input, or kafka://HOST:PORT/TOPIC"
                                     f"; got {str(source)!r} ({error.strerror}). Check the name.") from error
            first, skip = self._starts(first)
            lines = self.lines
            return Tabular((list(lines.rows(found)) for found in lines.batches(file)), about, first=first, skip=skip, kept=encoding)
        rank = None
        if not is_builder_or_none(request.model) and getattr(request.model, "inputs", None):
            rank = len(request.model.inputs[0].shape)
        first, skip = self._starts(0)
        return opened(source, rank, request.target, lambda name: about | {"target": name}, (first, skip, encoding))

    def _starts(self, usual):
        first = usual if self.request.starts_at is None else self.request.starts_at
        require(first <= self.offset, "starts_at", first, f"at most {self.offset}, where the stream is",
                "Rows in between would be missing: send the source again from there.")
        return first, self.offset - first

    def _take(self, chunk):
        for place, why in chunk.left_out:
            self._pending.append((place, why))
        if len(chunk.places):
            self._rows.append(chunk)
        else:
            self.feeder.learned(chunk.n_rows)

    def _learn(self, *, last=False):
        """Follow as many whole units as have arrived, and at the end of the source all there are."""
        n = sum(chunk.n_rows for chunk in self._rows)
        if not n:
            if last and self._pending and self.follower is not None:
                self._done(max(place for place, _ in self._pending) + 1)
            return
        if self.follower is None:
            first = self._rows[0]
            self._sample = over(lambda a: np.array(a[:2]), first.x), np.array(first.y[:2])
            self._start(*self._sample)
        most = self.follower.most()
        while n >= self.follower.unit or (last and n):
            wanted = min(most, n // self.follower.unit * self.follower.unit) or n
            x, y, places, marks = self._first(wanted)
            for alarm in self.follower.follow(x, y):
                self.reporter.say(f"Row {alarm.row:,}: the answers have become worse than chance makes them "
                                  f"({number(alarm.before)} before, {number(alarm.after)} since).")
            if marks is not None:
                for part, at in marks.tolist():
                    self._marks[str(part)] = max(at, self._marks.get(str(part), 0))
            self._done(int(places[-1]) + 1)
            self.feeder.learned(wanted)
            n -= wanted
            self.reporter.step(0.0, "following", "")
        if last and self._pending:
            self._done(max(place for place, _ in self._pending) + 1)

    def _first(self, wanted):
        """The first rows, as arrays; the rest stays."""
        taken, n = [], 0
        while n < wanted:
            chunk = self._rows.pop(0)
            if n + chunk.n_rows > wanted:
                cut = wanted - n
                parts = [chunk._replace(x=over(lambda a, s=s: a[s], chunk.x), y=chunk.y[s], places=chunk.places[s], left_out=(),
                                        marks=None if chunk.marks is None else chunk.marks[s])
                         for s in (slice(None, cut), slice(cut, None))]
                chunk = parts[0]
                self._rows.insert(0, parts[1])
            taken.append(chunk)
            n += chunk.n_rows
        together = [np.concatenate([getattr(chunk, name) for chunk in taken]) for name in ("x", "y", "places")]
        marks = None if taken[0].marks is None else np.concatenate([chunk.marks for chunk in taken])
        return (*together, marks)

    def _done(self, offset):
        """All rows of the source before number `offset`, from 0, need not be sent again."""
        self.offset = offset
        told = [one for one in self._pending if one[0] < offset]
        self._pending = [one for one in self._pending if one[0] >= offset]
        self.left_out = (self.left_out + told)[:_NAMED]

    def _start(self, x, y):
        """Build the model, and the learners, for rows like these."""
        request, encoding = self.request, self.reader.encoding
        model = request.model
        with seeded(request.seed):
            if isinstance(model, str):
                model = network_from_file(model)()
            elif model is None:
                require(encoding is not None, "model", None, "a compiled Keras model, where rows are arrays", "Pass one.")
                model = tutorial_network(encoding.shape, encoding.kind, len(encoding.classes))()
            elif is_builder(model):
                model = model()
            shape = tuple(getattr(model, "inputs", [None])[0].shape[1:]) if getattr(model, "inputs", None) else None
            came = np.shape(leaves(x)[0])[1:]
            fits = shape is None or len(shape) != len(came) or all(a in (None, b) for a, b in zip(shape, came, strict=True))
            require(fits, "model",
                    Wording(f"one that takes rows of the shape {shape}"), f"one that takes rows of the shape {came}",
                    "Its inputs are as many as the columns become features; see the notes on the rows.")
            self.model = model
            self.follower = Follower(model, (x, y), request.sizes, fading=request.fading, replay=request.replay,
                                     drift=request.drift, seed=request.seed)
        if self._kept:
            go_on(request.checkpoint, self.follower, self._kept)
        for note in self.reader.notes:
            self.reporter.say(f"· {note}")

    def _tell(self):
        follower, now = self.follower, perf_counter()
        if follower is None or (self._last is not None and now - self._last < 1.0):
            self.reporter.step(0.0, "following" if follower is not None else "waiting for the first rows")
            return
        self._last = now
        self.reporter.step(0.0, f"{counted(follower.n_rows, 'row')}",
                           f"loss {number(follower.losses[0].mean)}, {follower.metric.replace('_', ' ')} "
                           f"{number(follower.metric_of(follower.errors[0].mean))}, {counted(len(follower.alarms), 'alarm')}")


def is_builder_or_none(model):
    """Whether a model has yet to be made."""
    return model is None or isinstance(model, str) or is_builder(model)


def save_stream(model: Any, encoding: Any, path: Path) -> None:
    """Write the model, and how rows become its inputs, as one `.keras` file that `epochal predict` takes."""
    shape = tuple(model.inputs[0].shape[1:])
    outputs = model.predict_on_batch(np.zeros((2, *shape), np.float32))
    meaning = meaning_of(np.asarray(outputs), encoding.kind, len(encoding.classes), logits=answers_with_logits(model))
    save_with_encoding(model, replace(encoding, outputs=meaning), path)
