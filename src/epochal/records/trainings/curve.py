"""One training run, epoch by epoch."""

from dataclasses import dataclass

from ..reading import Outcome


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Setting:
    """One point to train at.

    Attributes:
        batch_size: examples per update.
        learning_rate: the rate of a constant schedule, or the highest of another one.
        schedule: `"constant"`, or the name of the compiled Keras schedule.
    """

    batch_size: int
    learning_rate: float
    schedule: str = "constant"

    def __str__(self):
        return f"batch size {self.batch_size:,}, learning rate {self.learning_rate:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One training run: what was set, what came out, how it ended.

    All losses but those on test rows are finite: a run that diverged ends at its last finite epoch. The validation rows are two
    fixed halves, so that the epoch can be chosen on one and judged on the other.

    Attributes:
        setting: what was trained.
        seed: seeds initial weights, order of the rows and dropout; runs with one seed are paired, and of one fold.
        stage: `"present"`, `"screen"` (to choose learning rates) or `"confirm"` (fresh seeds, to decide).
        steps_per_epoch: updates in an epoch, the short last batch counted.
        train_loss: mean loss of each epoch while the weights move, as Keras prints it.
        half_a, half_b: loss on each half of the validation rows after each epoch.
        metrics: per compiled metric, the mean of its values on the halves after each epoch: its value on all validation rows
            where it is a mean over rows (give or take a row); near it where it is not (average precision, AUC, recall).
        metrics_a, metrics_b: the same on each half; empty outside a study. test_metrics: on the test rows, where there are any.
        test_loss: loss on the test rows after each epoch; empty where there are none. Never used to decide.
        outcome: `OK` or `DIVERGED`.
        seconds: this run's share of the engine's time.
        fold: which rows were held out; runs of one fold were judged on the same.
        blocks_a, blocks_b: loss in blocks of rows of each half, as many rows in each, at the epoch with the lowest loss on the
            other half; empty where they were not kept.
    """

    setting: Setting
    seed: int
    stage: str
    steps_per_epoch: int
    train_loss: tuple[float, ...]
    half_a: tuple[float, ...]
    half_b: tuple[float, ...]
    metrics: tuple[tuple[float, ...], ...] = ()
    test_loss: tuple[float, ...] = ()
    metrics_a: tuple[tuple[float, ...], ...] = ()
    metrics_b: tuple[tuple[float, ...], ...] = ()
    test_metrics: tuple[tuple[float, ...], ...] = ()
    outcome: Outcome = Outcome.OK
    seconds: float = 0.0
    fold: int = 0
    blocks_a: tuple[float, ...] = ()
    blocks_b: tuple[float, ...] = ()

    @property
    def validation_loss(self):
        """Loss on all validation rows after each epoch (the halves are of one size, give or take a row)."""
        return tuple((a + b) / 2 for a, b in zip(self.half_a, self.half_b, strict=True))

    @property
    def n_epochs(self):
        return len(self.half_a)
