"""What is trained, and where."""

from dataclasses import dataclass

STARTS = ("auto", "here", "fresh")  # where trainings that are compared begin
TRAINED_BEFORE = ('The model was trained before: every setting starts from its weights (start="fresh" for newly drawn ones; parts '
                  "still as drawn, such as a new head, are drawn for each seed).")  # a note


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUse:
    """What became of a column of a table.

    Attributes:
        name: of the column.
        kind: `"number"`, `"truth"`, `"date"`, `"category"`, `"text"`, `"left out"`, `"target"`, or `"for the split"`.
        n_features: inputs of the model that are made of it.
        n_missing: rows without a value, those included whose cell was taken as missing.
        filled: what stands in there, in words; `""` where none is missing.
        remark: what was decided, in words; `""` where nothing was.
    """

    name: str
    kind: str
    n_features: int = 0
    n_missing: int = 0
    filled: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is trained: the data's sizes and the model's compiled parts.

    Attributes:
        name: what the user called it: a file name, `"digits"`, or the model's name.
        kind: `"binary"`, `"multiclass"`, `"regression"`, or `"custom"` where the loss does not tell.
        n_train, n_validation, n_test: rows of each part; `n_test` is 0 where no rows were set aside.
        n_params: trainable parameters.
        n_classes: classes of the target; 0 where it has none.
        rarest: training rows of the rarest class; 0 where there are no classes.
        loss, optimizer: Keras' own names.
        metrics: names of the compiled metrics, without the loss; where one of them decides, `"loss"` stands in its place.
        decides: by what settings are compared: `"loss"`, or a compiled metric, of which less is better, or more where
            `larger_is_better`. Where more is, one less the metric stands wherever a record speaks of the validation loss, of
            quality, or of a difference or margin in it, so that less is better everywhere.
        weighted: whether rows weigh differently in the training loss (`sample_weight`, `class_weight`).
        normalises_over_batch: whether a layer takes statistics over the batch (batch-norm).
        fingerprint: changes when the architecture, the compiled parts or the data change.
        parts: `(name, digest)` of each part of the model, to say which one differs; empty in files of earlier versions.
        constant_loss: validation loss of the best constant answer, known from the training targets; `None` where the loss does not
            allow to tell. A network that does not beat it has learnt nothing.
        notes: what was decided about the data on the way, one sentence each.
        columns: of a table, what became of each of its columns.
        target_mean: what was taken from every target before, in the target's own unit, where targets were standardised; else 0.
        target_scale: how much of the target's own unit is one of the model's, where targets were standardised; else 1.
    """

    name: str
    kind: str
    n_train: int
    n_validation: int
    n_test: int = 0
    n_params: int
    n_classes: int = 0
    rarest: int = 0
    loss: str
    optimizer: str
    metrics: tuple[str, ...] = ()
    decides: str = "loss"
    larger_is_better: bool = False
    weighted: bool = False
    normalises_over_batch: bool = False
    fingerprint: str
    parts: tuple[tuple[str, str], ...] = ()
    constant_loss: float | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    target_mean: float = 0.0
    target_scale: float = 1.0

    @property
    def judged_in(self):
        """What settings are compared in, in words: `"validation loss"`, or another metric on the validation rows."""
        return f"validation {self.decides.replace('_', ' ')}"

    @property
    def best(self):
        """How it is at its best, and how it is better, in words."""
        return ("highest", "higher") if self.larger_is_better else ("lowest", "lower")

    @property
    def side(self):
        """On which side of another value a better one is, in words."""
        return "above" if self.larger_is_better else "below"

    def as_judged(self, value):
        """A value of it as the metric itself, from the record's, of which less is better."""
        return 1 - value if self.larger_is_better else value

    def apart(self, mean, low, high):
        """A difference in it, with its interval, as one of the metric itself."""
        return (-mean, -high, -low) if self.larger_is_better else (mean, low, high)

    def beside(self, loss, metrics):
        """What is shown beside what decides, `{name: value}`, a value `None` where it is not known.

        The loss where a metric decides. Else of a mean squared error R² and the mean absolute error (MAE), in the target's own
        unit, where these are known; of others average precision, or the first compiled metric.

        Args:
            loss: what decides, on validation rows; `None` leaves out what takes it. metrics: their values; empty where not kept.
        """
        known = metrics if metrics and len(metrics) == len(self.metrics) else (None,) * len(self.metrics)
        values, found = dict(zip(self.metrics, known, strict=True)), {}
        if self.decides != "loss":
            return {"loss": values["loss"]}
        if self.kind == "regression" and self.loss in ("mse", "mean_squared_error", "MeanSquaredError"):
            if self.constant_loss and loss is not None:
                found["R²"] = 1 - loss / self.constant_loss
            if name := next((one for one in ("mae", "mean_absolute_error") if one in values), None):
                found["MAE"] = None if (value := values[name]) is None else value * self.target_scale
        name = self.metrics[self.place_of_other] if self.metrics else ""
        return found or ({name.replace("_", " "): values[name]} if name else {})

    @property
    def place_of_other(self):
        """Where among the metrics is the loss, if that is not what decides; else average precision, or the first one compiled."""
        telling = "loss" if self.decides != "loss" else "average_precision"
        return self.metrics.index(telling) if telling in self.metrics else 0

    @property
    def trained_before(self):
        """Whether trainings began from weights that the model had learnt before."""
        return TRAINED_BEFORE in self.notes

    def difference(self, other):
        """What of model and data is another than in the `Task` `other`, in words; `""` where they are the same."""
        if self.fingerprint == other.fingerprint:
            return ""
        if not self.parts or not other.parts:
            return "model or data"
        mine, theirs = dict(self.parts), dict(other.parts)
        return ", ".join(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)) or "data"

    def __str__(self):
        classes = f" of {self.n_classes} classes" if self.n_classes > 2 else ""
        rare = f" ({self.rarest:,} of the rarest class)" if 0 < self.rarest < 0.5 * self.n_train / self.n_classes else ""
        test = f", {self.n_test:,} for test" if self.n_test else ""
        return (f"{self.name}: {self.kind}{classes}; {self.n_train:,} rows to train on{rare}, {self.n_validation:,} to "
                f"validate{test}; {self.n_params:,} parameters, {self.optimizer}, {self.loss}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it is trained.

    Attributes:
        backend: Keras' back end: `"jax"`, `"tensorflow"`, `"torch"`, or another.
        device: the accelerator's name, or `"cpu"`.
        n_cores: CPU cores this process may use.
        memory_bytes: the device's memory; `None` where it does not tell.
        versions: `(package, version)` of what the numbers depend on.
    """

    backend: str
    device: str
    n_cores: int
    memory_bytes: int | None
    versions: tuple[tuple[str, str], ...] = ()

    def __str__(self):
        versions = ", ".join(f"{name} {version}" for name, version in self.versions)
        return f"{self.device}, {self.n_cores} cores; Keras on {self.backend} ({versions})"
