"""What came of training on rows that keep arriving: faded loss and metric along the stream, alarms, batch sizes compared, lag."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...base.text import counted, difference, duration, number, quantity


@dataclass(frozen=True, slots=True)
class StreamPoint:
    """How good the answers were, by then: faded means over the rows up to number `row`, each judged before it was learned from.

    Attributes:
        row: after how many rows. loss: faded mean of the loss. score: that of the metric.
    """

    row: int
    loss: float
    score: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """The errors have risen by more than chance does.

    Attributes:
        row: after how many rows it was told.
        before, after: the level of what was watched (the share of wrong answers, or the relative loss), as the detector has it.
    """

    row: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class StreamArm:
    """One batch size on the same rows as all others, from the same weights.

    Attributes:
        loss, score: means of loss and metric over all rows, each judged before it was learned from.
        faded_loss, faded_score: the same with older rows counting less.
        lag_rows: how many rows a row waits, on average, for its batch to be full.
        seconds_a_row: what answering and learning take a row.
        mean, low, high: of the loss less that of the first batch size, over blocks of rows; `None` where there are too few.
        told: `"less"`, `"more"` or `"not told apart"`; `"the reference"` for the first.
    """

    batch_size: int
    loss: float
    score: float
    faded_loss: float
    faded_score: float
    lag_rows: float
    seconds_a_row: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    told: str = "the reference"


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The answer of `epochal stream`.

    Attributes:
        n_rows: that were answered and learned from. offset: rows of the source that need not be sent again, left-out ones included.
        fading: what a row counts when the next one has come, in the faded means.
        metric: what stands beside the loss: `"accuracy"` or `"mean_absolute_error"`. replay: rows of the buffer.
        arms: a batch size each; the first is that of the model which is kept. points: along the stream, for that one.
        alarms: of drift, for that one. left_out: sentences on the first rows that could not be read, by number.
        seconds: since the start of this run. seconds_waiting: of them, for rows. source_waited: share of the time in which the
            source was made to wait. most_behind: the most rows that had arrived and were not learned from.
        behind: rows in the topic that were not read when it ended; `None` where the source does not say.
        notes: what a reader should know of the data and of how they were read.
    """

    n_rows: int
    offset: int
    fading: float
    metric: str
    replay: int
    arms: tuple[StreamArm, ...]
    points: tuple[StreamPoint, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    seconds_waiting: float = 0.0
    source_waited: float = 0.0
    most_behind: int = 0
    behind: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        if not self.arms:
            return f"{counted(self.n_rows, 'row')}: too few to learn from."
        first = self.arms[0]
        drift = f"{counted(len(self.alarms), 'alarm')} of drift" if self.alarms else "no alarm of drift"
        return (f"{counted(self.n_rows, 'row')}, each answered before it was learned from: loss {number(first.faded_loss)} and "
                f"{self.metric.replace('_', ' ')} {number(first.faded_score)} lately, {number(first.loss)} and "
                f"{number(first.score)} over all; {drift}.")

    def arm_rows(self) -> Iterator[tuple[str, ...]]:
        """A row of strings for each batch size, the heading first."""
        yield ("batch size", "loss lately", "loss over all", self.metric.replace("_", " "), "loss against the first", "told",
               "a row waits for", "time a row")
        for arm in self.arms:
            yield (f"{arm.batch_size:,}", number(arm.faded_loss), number(arm.loss), number(arm.faded_score),
                   "–" if arm.told == "the reference" else difference(arm.mean, arm.low, arm.high), arm.told,
                   f"{number(arm.lag_rows)} rows", quantity("s", arm.seconds_a_row))

    def sentences(self) -> Iterator[str]:
        """What else a reader should know: alarms, who waited for whom, rows left out."""
        for alarm in self.alarms[:20]:
            yield (f"Row {alarm.row:,}: the answers have become worse than chance makes them ({number(alarm.before)} before, "
                   f"{number(alarm.after)} since). Look at what changed in the source; a smaller batch size, and less replay, "
                   "follow a change sooner.")
        if len(self.alarms) > 20:
            yield f"And {len(self.alarms) - 20:,} more alarms."
        yield self.pace()
        n_out = self.offset - self.n_rows
        if n_out > 0:
            yield f"{counted(n_out, 'row')} could not be used and {'was' if n_out == 1 else 'were'} left out:"
            yield from (f"  {sentence}" for sentence in self.left_out)

    def pace(self) -> str:
        """Who waited for whom, as a sentence."""
        told = (f"This run took {duration(self.seconds)}, of which {self.seconds_waiting / max(self.seconds, 1e-9):.0%} was "
                "waiting for rows.")
        if self.source_waited > 0.05:
            told += (f" The source was made to wait {self.source_waited:.0%} of the time, since rows arrived faster than they were "
                     f"learned from: up to {counted(self.most_behind, 'row')} were there that had to wait. For a file that does "
                     "not matter; else a larger batch size takes less time a row.")
        if self.behind:
            told += f" The topic holds {counted(self.behind, 'row')} more that were not read."
        return told

    def __str__(self) -> str:
        return "\n".join([self.headline, *self.sentences()])
