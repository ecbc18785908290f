"""The measured points behind a reading: one record for each kind, its fields named and in SI units."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """How long one training step of `fit` takes: the median of the timings, the fastest and the slowest, in seconds."""

    batch_size: int
    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTime:
    """How long one pass over the validation rows takes: the median of the timings, the fastest and the slowest, in seconds."""

    batch_size: int
    seconds_a_pass: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTime:
    """How long one row of `predict` takes: the median of the timings, the fastest and the slowest, in seconds."""

    batch_size: int
    seconds_a_row: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTime:
    """How long one training step of `fit` takes with switches of Keras' `compile`: the median, in seconds.

    Attributes:
        sooner, low, high: times sooner than as the model is compiled, timed in the same turns: the median, least and most of them.
        compile_seconds: before the first update.
    """

    batch_size: int
    steps_per_execution: int
    jit_compile: bool
    seconds: float
    sooner: float
    low: float
    high: float
    compile_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEndTime:
    """How long one training step of `fit` takes on one of Keras' back ends: median, fastest and slowest, in seconds.

    Attributes:
        backend: its name in Keras.
        compile_seconds: before the first update; `None` where not measured.
    """

    batch_size: int
    backend: str
    seconds: float
    low: float
    high: float
    compile_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """Bytes of the device's memory that one training step needs."""

    batch_size: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalRate:
    """The critical learning rate found with one pair of batches."""

    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesToTarget:
    """Updates that a batch size takes to the target.

    Attributes:
        updates: the least number over the arms of this batch size; where it did not arrive, the updates it was given.
        low, high: the interval over seeds, `high` infinite where it is open; `None` in a plan, whose arms hold it.
        learning_rate: of that arm. share_arrived: share of its seeds that reached the target. Both `None` in a plan.
    """

    batch_size: int
    updates: float
    low: float | None = None
    high: float | None = None
    learning_rate: float | None = None
    share_arrived: float | None = None

    @property
    def arrived(self):
        """Whether more than half of the seeds reached the target; else `updates` were not enough."""
        return self.share_arrived is None or self.share_arrived > 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePoint:
    """How the engine trains at one batch size, and what was measured to decide it.

    Attributes:
        mode: `"fused"`: many trainings side by side in one compiled program, or `"stepwise"`: one step at a time.
        width: trainings side by side in one program; 1 when stepwise.
        seconds: seconds a step and training in that mode, with each step's share of judging the epoch.
        seconds_stepwise, seconds_fused: what was measured for each mode; `seconds_fused` is `None` where it was not tried.
    """

    batch_size: int
    mode: str
    width: int
    seconds: float
    seconds_stepwise: float
    seconds_fused: float | None = None

    def serving(self, n_lanes):
        """As it trains so many at once: one step at a time where a program of many would be idle in too much of its width."""
        alone = replace(self, mode="stepwise", width=1, seconds=self.seconds_stepwise)
        return alone if alone.step_seconds(n_lanes) < self.step_seconds(n_lanes) else self

    def step_seconds(self, n_lanes):
        """Seconds of a step of so many trainings; a program of many takes as long when it is not full."""
        return -(-n_lanes // self.width) * self.width * self.seconds

    def __str__(self):
        fused = f"fused {self.seconds_fused * 1e3:.3g} ms" if self.seconds_fused else "fusing not tried"
        return f"{self.mode}, {self.width} lanes wide ({fused}, stepwise {self.seconds_stepwise * 1e3:.3g} ms a step and lane)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOdds:
    """How likely a batch holds no row of a class, where an epoch takes every row once in an order drawn at random; exact.

    Attributes:
        odds: of no row of the rarest class. odds_any: that some class, whichever, has no row in it; `None` where there are
            very many classes.
        batches: in an epoch, a short last one among them.
        empty: how many of those hold no row of the rarest class, on average over orders.
    """

    batch_size: int
    odds: float
    odds_any: float | None
    batches: int
    empty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsGap:
    """How far off the moving statistics of batch-norm are after some updates, on the validation rows.

    Attributes:
        n_updates: made so far, from fresh weights. weight: of what the statistics began with, in the slowest layer.
        moving, reestimated: validation loss with Keras' moving statistics, and with those estimated anew for the same
            weights.
        gap, low, high: of the first above the second, and the 95 % interval over blocks of rows.
    """

    n_updates: int
    weight: float
    moving: float
    reestimated: float
    gap: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulated:
    """How far accumulated gradients of some rows are from the gradient of one batch of the same rows.

    Attributes:
        batch_size: rows of the whole batch. micro_batch_size: of its parts, the last of which may be short.
        summed: distance over the length of the whole gradient, parts weighted by their rows. averaged: the same, each part
            alike.
    """

    batch_size: int
    micro_batch_size: int
    summed: float
    averaged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedApart:
    """How far predictions in batches of a size are from those of the same rows in one batch.

    Attributes:
        apart: the largest difference, over the largest prediction. flips: rows whose class changes; 0 where there are no
            classes.
        n_rows: that were predicted.
    """

    batch_size: int
    apart: float
    flips: int
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptRate:
    """One rate of a learning-rate range test.

    Attributes:
        learning_rate: of one step of the sweep. smoothed_loss: running mean of the training loss there.
        n_steps: the sweep's length, which is what its usual picks depend on.
    """

    learning_rate: float
    smoothed_loss: float
    n_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRate:
    """The validation loss after short trainings at one learning rate: mean over seeds, and its interval.

    Attributes:
        batch_size: of the trainings. learning_rate: constant throughout.
        loss, low, high: of the trainings that did not diverge; all `None` where every one did.
        share_diverged: of the seeds.
    """

    batch_size: int
    learning_rate: float
    loss: float | None
    low: float | None
    high: float | None
    share_diverged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRate:
    """The learning rate with the lowest validation loss at one batch size.

    Attributes:
        batch_size: of the trainings. learning_rate: the best one. low, high: its 95 % interval over seeds.
    """

    batch_size: int
    learning_rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchLoss:
    """How a branch with a larger batch ends, after the same examples, beside that of the present batch size.

    Attributes:
        batch_size: of the branch. learning_rate: the one that was best there. n_updates: that the branch made.
        worse, low, high: its validation loss less that of the present batch size: mean over seeds and rows, and its interval;
            infinite where it diverged.
    """

    batch_size: int
    learning_rate: float
    n_updates: int
    worse: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a reading was at one moment of a training, in the reading's unit, with its interval.

    Attributes:
        n_updates: that the training had had.
        n_examples: that these updates had seen.
        value: of the reading at this moment.
        low: the lower end of its 95 % interval.
        high: the upper end; infinite where there is only a lower bound.
    """

    n_updates: int
    n_examples: int
    value: float
    low: float
    high: float


Point = (StepTime | PassTime | RowTime | SwitchTime | BackEndTime | StepMemory | CriticalRate | UpdatesToTarget | EnginePoint
         | BatchOdds | StatisticsGap | Accumulated | PredictedApart | SweptRate | TrainedRate | BestRate | BranchLoss | Moment)
