"""A study: batch sizes compared fairly, its design declared beforehand and its result."""

from dataclasses import dataclass

from ..base.lookup import ask
from ..base.text import capital, counted, listed, number, quantity, table
from .plan import Verdict
from .reading import Reading
from .task import Machine, Task
from .trainings.curve import Curve, Setting

BUDGETS = ("epochs", "steps", "time")
_WHERE = {"tutorial": "at one learning rate and equal epochs"}  # else at equal ...
_TOGETHER = 3  # comparisons without a clear difference are told in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a study compares and how it will judge, all of it said before the first training.

    Attributes:
        batch_sizes: what is compared, ascending.
        reference: the batch size that the others are measured by, one of `batch_sizes`.
        learning_rates: the rates to try at every batch size; empty where they are searched.
        epochs: passes that the reference batch size gets; the other budgets follow from it.
        equal: the budgets under which batch sizes are compared, of `"epochs"`, `"steps"` and `"time"`.
        n_seeds: fresh seeds, the same for every arm, with which settings are compared.
        n_trial_seeds: other seeds, on which learning rates are chosen.
        metric: what quality is: `"loss"`, or the name of a compiled metric, on the validation rows.
        larger_is_better: whether more of the metric is better.
        margin: a difference in the metric that counts as none; `None`: 1 % of what training gains, fixed when the learning rates
            are chosen and before the fresh seeds are trained.
        tutorial: whether the arms are also run as tutorials do: the compiled learning rate at every batch size, equal epochs, the
            lowest of all validation losses.
        halving: whether, in the search alone, the worse half of the rates is dropped after a quarter of the examples.
        seed: what everything random follows from.
    """

    batch_sizes: tuple[int, ...]
    reference: int
    learning_rates: tuple[float, ...] = ()
    epochs: int
    equal: tuple[str, ...] = BUDGETS
    n_seeds: int = 8
    n_trial_seeds: int = 3
    metric: str = "loss"
    larger_is_better: bool = False
    margin: float | None = None
    tutorial: bool = False
    halving: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedRate:
    """The learning rate that the trials chose for one batch size under one budget.

    Attributes:
        budget, batch_size: where it holds.
        value: the rate to train with, one of those tried: the one on the plateau that is nearest to `vertex`.
        vertex: where a parabola through quality against log learning rate, around the best, has its extreme; `None` where it has
            none.
        low, high: the plateau: rates whose mean is within one standard error of the best.
        interior: whether lower and higher rates were tried and were worse. If not, the rate is not known to be tuned.
        n_rates, n_trials: rates tried, and trainings in all; `n_rates` is the same for every batch size.
    """

    budget: str
    batch_size: int
    value: float
    vertex: float | None
    low: float
    high: float
    interior: bool
    n_rates: int
    n_trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One batch size against the reference under one budget, with fresh seeds, paired.

    Differences are this arm minus the reference, in the unit of the metric. `None` where it is the reference, or where a
    run diverged or fewer than two pairs are left.

    Attributes:
        budget: `"epochs"`, `"steps"`, `"time"`, or `"tutorial"`: as tutorials do it.
        setting: batch size and learning rate of this arm.
        n_epochs, n_updates: what each run was given under this budget.
        n_seeds: pairs.
        quality, quality_low, quality_high: mean over seeds at the best epoch and its 95 % interval; the epoch is chosen on one
            half of the validation rows and judged on the other (under `"tutorial"`: the best value of the whole run).
        difference, low, high: mean paired difference and its 95 % interval.
        p_value: two-sided paired t test, adjusted over the arms of this budget (Holm 1979).
        p_equivalent: two one-sided tests against the margin (Schuirmann 1987).
        superiority, superiority_low, superiority_high: share of seeds on which this arm was the better one, a tie counting
            half, with its 95 % interval (Clopper and Pearson 1934).
        detectable: the smallest true difference that so many pairs find in four of five studies.
        n_enough: seeds at which the question would be settled, were spread and difference as they look now; `None` where settled,
            or where no number would do.
        selection_bias: by how much the best value of a run flatters its quality, mean over seeds; positive is flattery.
        test, test_difference, test_low, test_high: the same on the test rows, at the epoch that the validation rows chose; read
            once, and no part of any choice.
        test_floor: standard error that so many test rows leave in a share such as the accuracy, whatever is trained; `None` for
            other metrics.
        seconds: seconds of a training as `fit` makes it; `None` where not measured.
        verdict: `BETTER`, `WORSE`, `EQUIVALENT`, `UNDECIDED`, `DIVERGED`, `NO_MEMORY` or `REFERENCE`.
        sentence: the verdict in words.
    """

    budget: str
    setting: Setting
    n_epochs: int
    n_updates: int
    n_seeds: int
    quality: float | None
    quality_low: float | None
    quality_high: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_equivalent: float | None = None
    superiority: float | None = None
    superiority_low: float | None = None
    superiority_high: float | None = None
    detectable: float | None = None
    n_enough: int | None = None
    selection_bias: float | None = None
    test: float | None = None
    test_difference: float | None = None
    test_low: float | None = None
    test_high: float | None = None
    test_floor: float | None = None
    seconds: float | None = None
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The result of a study. `print(study)` is the whole answer.

    Attributes:
        design: what was declared beforehand.
        task, machine: what was trained, and where.
        margin: the difference that counts as none, as declared.
        readings: what was measured beside the trainings: the engine, the seconds of `fit`.
        curves: every training: trials (`"screen"`) and those with fresh seeds (`"confirm"`).
        rates: the learning rate chosen for each budget and batch size.
        contrasts: the comparison, for each budget and batch size.
        derived: readings computed from the trainings: the critical batch size.
    """

    design: Design
    task: Task
    machine: Machine
    margin: float
    readings: tuple[Reading, ...]
    curves: tuple[Curve, ...]
    rates: tuple[TunedRate, ...]
    contrasts: tuple[Contrast, ...]
    derived: tuple[Reading, ...] = ()

    def of(self, budget):
        """The contrasts of one budget, by batch size."""
        return tuple(c for c in self.contrasts if c.budget == budget)

    def rows(self):
        """The fair comparison as rows of strings, the heading first. What the tutorial's protocol gives is another loss, that of
        the luckiest epoch, and no part of it."""
        fair = [c for c in self.contrasts if c.budget in BUDGETS]
        beside = {id(c): self._beside(c) for c in fair}
        named = list(dict.fromkeys(name for values in beside.values() for name in values))
        yield ("equal", "batch size", "rate", "time of a run", self.design.metric, *named, "difference (95 %)", "verdict")
        for c in fair:
            yield (c.budget, number(c.setting.batch_size), number(c.setting.learning_rate),
                   "–" if c.seconds is None else quantity("s", c.seconds),
                   "–" if c.quality is None else f"{c.quality:.4g} ({c.quality_low:.4g} to {c.quality_high:.4g})",
                   *(f"{value:.4g}" if (value := beside[id(c)].get(name)) is not None else "–" for name in named),
                   "–" if c.difference is None else f"{c.difference:+.2g} ({c.low:+.2g} to {c.high:+.2g})", c.verdict.value)

    def _beside(self, contrast):
        """What is shown beside the quality, `{name: value}`: the loss where another metric is judged by, else as in a plan. Means
        over the runs that arrived, each at its epoch of the lowest validation loss."""
        n, at = contrast.n_epochs, []
        for curve in self.curves:
            if (curve.stage, curve.setting) == ("confirm", contrast.setting) and curve.n_epochs >= n and curve.metrics:
                losses = curve.validation_loss[:n]
                best = min(range(n), key=losses.__getitem__)
                at.append((losses[best], *(values[best] for values in curve.metrics)))
        if not at or contrast.quality is None:
            return {}
        loss, *metrics = (sum(values) / len(at) for values in zip(*at, strict=True))
        return {"loss": loss} if self.design.metric != "loss" else self.task.beside(contrast.quality, tuple(metrics))

    @property
    def headline(self):
        """What was found, in one sentence."""
        found = [c for c in self.contrasts if c.budget in BUDGETS and c.verdict is not Verdict.REFERENCE]
        shown, reference = [c for c in found if c.verdict in (Verdict.BETTER, Verdict.WORSE)], f"{self.design.reference:,}"
        if not found:
            return "Nothing was compared."
        if not shown:
            n = {verdict: sum(c.verdict is verdict for c in found) for verdict in (Verdict.EQUIVALENT, Verdict.UNDECIDED)}
            told = [f"{n[verdict]} {verdict.value}" for verdict in n if n[verdict]]
            return (f"No batch size was shown to be better or worse than {reference}"
                    + (f": of {counted(len(found), 'comparison')} {listed(told)}." if told else "."))
        groups: dict[tuple[int, Verdict], list[str]] = {}
        for c in shown:
            groups.setdefault((c.setting.batch_size, c.verdict), []).append(c.budget)
        told = "; ".join(f"batch size {size:,} is {verdict.value} than {reference} at equal {listed(budgets)}"
                         for (size, verdict), budgets in groups.items())
        rest = "" if len(shown) == len(found) else "; no other was shown to be better or worse by more than the margin"
        return f"{capital(told)}{rest}."

    def sentences(self):
        """What was found, one sentence an arm and budget; where the question stays open for many, one for all of these."""
        return found_in(self.contrasts)

    def save(self, path):
        """Write the study to `path` as JSON; `epochal.load(path)` reads it back."""
        ask("save")(self, path)

    def to_pandas(self, what="contrasts"):
        """A pandas table: of the `"contrasts"`, of the `"trainings"`, or of every epoch of every training (`"epochs"`)."""
        return ask("study_table")(self, what)

    def plot(self, ax=None, name="quality", *, view=None):
        """Draw one picture onto a matplotlib axis, the current one if `None`: `"quality"`, `"losses"`, `"rates"` or `"steps"`.

        `view` is what `"losses"` is drawn against, `"epochs"` or `"updates"`, and the budget of `"rates"`.
        """
        return ask("study_plot")(self, ax, name, view=view)

    def __repr__(self):
        return f"<Study of {self.task.name if self.task else 'nothing'}: {len(self.contrasts)} comparisons>"

    def __str__(self):
        return "\n\n".join([self.headline, table(self.rows(), width=120), *self.sentences()])

    def _repr_html_(self):
        return ask("html_for")(self)


def found_in(contrasts):
    """What contrasts say, a sentence each; those without a clear difference, where there are more than two, in one together."""
    open_ones = [c for c in contrasts if c.verdict is Verdict.UNDECIDED and c.difference is not None]
    if len(open_ones) < _TOGETHER:
        return tuple(c.sentence for c in contrasts if c.sentence)
    by_budget: dict[str, list[str]] = {}
    for c in open_ones:
        by_budget.setdefault(c.budget, []).append(f"{c.setting.batch_size:,}")
    where = "; ".join(f"{listed(sizes)} {_WHERE.get(budget, f'at equal {budget}')}" for budget, sizes in by_budget.items())
    known = sorted({c.n_enough for c in open_ones if c.n_enough is not None})
    seeds = "more than 1,000 seeds" if not known else f"about {known[0]:,} seeds" if len(known) == 1 else \
        f"about {known[0]:,} to {known[-1]:,} seeds"
    return (*(c.sentence for c in contrasts if c.sentence and c not in open_ones),
            f"No clear difference for batch sizes {where}. Were the differences as they look now, {seeds} would decide.")
