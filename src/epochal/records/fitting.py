"""What has to fit together in a record, shown when it is read from a file: a stranger may have written it, or a disk damaged it."""

import math
from functools import singledispatch

from ..base.errors import Misfit
from .evidence import FIXABLE, TRAINERS, Evidence, Until
from .plan import Arm, Plan, Stopping, Switches
from .points import (
    Accumulated,
    BackEndTime,
    BatchOdds,
    BestRate,
    BranchLoss,
    CriticalRate,
    EnginePoint,
    Moment,
    PassTime,
    PredictedApart,
    RowTime,
    StatisticsGap,
    StepMemory,
    StepTime,
    SweptRate,
    SwitchTime,
    TrainedRate,
    UpdatesToTarget,
)
from .reading import Reading
from .study import BUDGETS, Design, Study
from .task import Machine, Task
from .trainings.curve import Curve, Setting
from .trainings.race import Lead, Run

_POINTS_OF = {"throughput": StepTime, "step_time": StepTime, "validation": PassTime, "prediction": RowTime, "switches": SwitchTime,
              "back_ends": BackEndTime, "memory": StepMemory, "critical_rate": CriticalRate, "critical_batch": UpdatesToTarget,
              "engine": EnginePoint, "rare_class": BatchOdds, "batch_norm_lag": StatisticsGap, "accumulation": Accumulated,
              "predict_invariance": PredictedApart, "range_test": SweptRate, "best_rate": TrainedRate, "rate_exponent": BestRate,
              "branched_batch": BranchLoss, "memory_validation": StepMemory, "memory_predict": StepMemory,
              "sharpness": Moment, "preconditioned_sharpness": Moment, "noise_scale_training": Moment}
MOST_FOLDS = 2**10  # of what a file may say
_DETAILS_OF = {"throughput": {"t0", "c"}, "critical_batch": {"s_min", "e_min"}, "study": {"budget"}, "race": {"budget"}}


@singledispatch
def check(record):
    """Raise `Misfit` unless the fields of `record` fit together; the records inside it have been checked."""


@check.register
def _(setting: Setting):
    _hold(setting.batch_size >= 1 and 0 <= setting.learning_rate < math.inf, "a batch size and a learning rate")


@check.register
def _(curve: Curve):
    n, metrics = curve.n_epochs, (curve.metrics, curve.metrics_a, curve.metrics_b, curve.test_metrics)
    _hold(len(curve.half_b) == n, "as many epochs on both halves of the validation rows")
    _hold(all(len(row) in (0, n) for row in (curve.train_loss, curve.test_loss)), "as many epochs of every loss")
    _hold(all(len(row) == n for rows in metrics for row in rows), "as many epochs of every metric as of the losses")
    _hold(len({len(rows) for rows in metrics if rows}) <= 1, "as many metrics everywhere")
    _hold(all(map(math.isfinite, (*curve.train_loss, *curve.half_a, *curve.half_b))), "finite losses")  # test rows end no run
    _hold(curve.steps_per_epoch >= 1 and curve.seed >= 0 and 0 <= curve.seconds < math.inf, "a number of updates, and seconds")
    _hold(len(curve.blocks_a) == len(curve.blocks_b) and all(map(math.isfinite, (*curve.blocks_a, *curve.blocks_b))),
          "as many finite losses of blocks of rows on both halves")
    _hold(0 <= curve.fold < MOST_FOLDS, "a fold")


@check.register
def _(reading: Reading):
    names, kinds, kind = [name for name, _ in reading.details], set(map(type, reading.points)), reading.name.partition("/")[0]
    _hold(len(set(names)) == len(names), "further figures of different names")
    _hold(kinds <= {_POINTS_OF.get(kind, next(iter(kinds), None))}, "points of the kind that its name says")
    _hold(reading.repeats >= 0 and 0 <= reading.cost < math.inf, "a number of repetitions, and what they cost")
    if reading.known:
        _hold(not math.isnan(reading.value) and reading.low <= reading.high, "a number within its interval")
        _hold(kind not in ("switches", "back_ends") or bool(reading.points), "what was timed")
        _hold(set(names) >= _DETAILS_OF.get(kind, set()), f"{' and '.join(_DETAILS_OF.get(kind, ()))}")


@check.register(StepTime)
@check.register(PassTime)
@check.register(RowTime)
@check.register(StepMemory)
@check.register(CriticalRate)
@check.register(UpdatesToTarget)
@check.register(SweptRate)
@check.register(TrainedRate)
@check.register(BestRate)
@check.register(BranchLoss)
@check.register(EnginePoint)
def _(point):
    _hold(getattr(point, "batch_size", 1) >= 1 and getattr(point, "width", 1) >= 1, "a batch size, and a width")
    _hold(all(0 <= getattr(point, name, 0) < math.inf for name in ("seconds", "seconds_a_row", "peak_bytes", "learning_rate")
              if getattr(point, name, 0) is not None), "numbers that are measured")


@check.register
def _(point: SwitchTime):
    _hold(point.batch_size >= 1 and point.steps_per_execution >= 1, "a batch size, and a number of steps")
    _hold(0 < point.low <= point.sooner <= point.high < math.inf, "a number within its interval")
    _hold(0 <= point.seconds < math.inf and 0 <= point.compile_seconds < math.inf, "numbers that are measured")


@check.register
def _(point: BackEndTime):
    _hold(point.batch_size >= 1 and 0 < point.low <= point.seconds <= point.high < math.inf, "seconds within their interval")
    _hold(0 <= (point.compile_seconds or 0) < math.inf, "numbers that are measured")


@check.register
def _(point: BatchOdds):
    _hold(point.batch_size >= 1 and point.batches >= 1 and 0 <= point.empty < math.inf, "numbers of batches")
    _hold(0 <= point.odds <= 1 and 0 <= (point.odds_any or 0) <= 1, "probabilities")


@check.register(Accumulated)
@check.register(PredictedApart)
def _(point):
    _hold(point.batch_size >= 1 and getattr(point, "micro_batch_size", 1) >= 1, "batch sizes")
    _hold(getattr(point, "n_rows", 1) >= getattr(point, "flips", 0) >= 0, "a number of rows")


@check.register
def _(point: StatisticsGap):
    _hold(point.n_updates >= 1 and 0 <= point.weight <= 1 and point.low <= point.gap <= point.high, "a number within its interval")


@check.register
def _(point: Moment):
    _hold(point.n_updates >= 0 and point.n_examples >= 0, "numbers of updates and of examples")
    _hold(not math.isnan(point.value), "a number")


@check.register
def _(task: Task):
    counts = (task.n_validation, task.n_test, task.n_params, task.n_classes, task.rarest)
    _hold(task.n_train >= 1 and min(counts) >= 0, "numbers of rows and of parameters")


@check.register
def _(machine: Machine):
    _hold(machine.n_cores >= 1 and (machine.memory_bytes is None or machine.memory_bytes >= 0), "cores and memory")


@check.register
def _(evidence: Evidence):
    known = [part is not None for part in (evidence.task, evidence.machine, evidence.present)]
    _hold(all(known) or not (any(known) or evidence.curves or evidence.runs), "the task, the machine and the present setting")
    _hold(set(evidence.fixed) <= {*FIXABLE} and not (evidence.fixed and evidence.present is None), "what can be fixed")
    _hold("epochs" not in evidence.fixed or evidence.present_epochs is not None, "with fixed epochs their number")
    _hold(evidence.trains_with in TRAINERS, "who trains")
    _hold(evidence.max_memory is None or evidence.max_memory >= 1, "an amount of memory")
    _hold(evidence.max_time is None or 0 < evidence.max_time < math.inf, "a time")
    task, until = evidence.task, evidence.until
    _hold(until is None or task is None or until.metric in (task.decides, *task.metrics),
          "a metric of its task as what is to be reached")
    _hold(not evidence.runs or evidence.get("untrained_loss") is not None, "with a race the loss before training")
    _hold(len({len(curve.blocks_a) for curve in evidence.curves if curve.blocks_a}) <= 1,
          "as many blocks of rows in every training that kept any")
    _hold(len({(len(mark.half_a), len(mark.half_b)) for run in evidence.runs for mark in run.marks}) <= 1,
          "as many blocks of rows in every run")
    _hold(evidence.task is None or all(len(rows) in (0, len(evidence.task.metrics)) for curve in evidence.curves
                                       for rows in (curve.metrics, curve.test_metrics)), "the metrics of its task in each curve")
    _hold(all(curve.train_loss for curve in evidence.curves if curve.stage != "screen" and curve.n_epochs), "every training's loss")
    _hold(len({bool(curve.test_loss) for curve in evidence.curves if curve.stage != "screen" and curve.n_epochs}) <= 1,
          "the loss on the test rows in all of its curves, or in none")


@check.register
def _(until: Until):
    _hold(math.isfinite(until.value) and not (until.metric == "loss" and until.at_least), "a value to reach")


@check.register
def _(run: Run):
    updates = [mark.n_updates for mark in run.marks]
    _hold(updates == sorted(set(updates)) and min(updates, default=1) >= 1, "marks in the order of their updates")
    _hold(len({(len(mark.half_a), len(mark.half_b)) for mark in run.marks}) <= 1, "as many blocks of rows at every mark")
    _hold(all(mark.half_a and mark.half_b and all(map(math.isfinite, mark.half_a + mark.half_b)) for mark in run.marks),
          "finite losses on both halves of the validation rows")
    _hold(run.stage in ("race", "fresh") and run.seed >= 0 and 0 <= run.seconds < math.inf, "a stage, a seed, and seconds")


@check.register
def _(lead: Lead):
    _hold(0 < lead.seconds < math.inf and lead.n_seeds >= 1 and lead.low <= lead.difference <= lead.high
          and 0 < lead.sooner_low <= lead.sooner <= lead.sooner_high, "each number within its interval")


@check.register
def _(switches: Switches):
    _hold(switches.steps_per_execution >= 1, "a number of steps")
    _hold(0 < switches.low <= switches.sooner <= switches.high, "a number within its interval")


@check.register
def _(stopping: Stopping):
    _hold(stopping.patience >= 0 and 0 <= stopping.min_delta < math.inf, "a patience")


@check.register
def _(arm: Arm):
    figures = [(arm.difference, arm.low, arm.high), (arm.steps, arm.steps_low, arm.steps_high),
               (arm.seconds, arm.seconds_low, arm.seconds_high)]
    _hold(all(len({figure is None for figure in one}) == 1 for one in figures), "each number with its interval")
    _hold(arm.n_seeds >= 0, "a number of seeds")


@check.register
def _(plan: Plan):
    counts = [choice.value for choice in (plan.batch_size, plan.epochs, plan.predict_batch_size)]
    _hold(all(type(n) is int and n >= 1 for n in counts) and 0 < plan.learning_rate.value < math.inf, "the numbers to train with")
    _hold(plan.margin >= 0 and plan.evidence.task is not None, "a margin, and the evidence it was made of")


@check.register
def _(design: Design):
    _hold(design.batch_sizes and min(design.batch_sizes) >= 1 and list(design.batch_sizes) == sorted(set(design.batch_sizes))
          and design.reference in design.batch_sizes, "ascending batch sizes, with the reference")
    _hold(set(design.equal) <= {*BUDGETS} and len(set(design.equal)) == len(design.equal), "budgets that exist")
    _hold(min(design.epochs, design.n_seeds, design.n_trial_seeds) >= 1, "numbers of epochs and of seeds")
    _hold(all(0 < rate < math.inf for rate in design.learning_rates), "learning rates above 0")


@check.register
def _(study: Study):
    _hold(study.margin >= 0 and {contrast.setting.batch_size for contrast in study.contrasts} <= {*study.design.batch_sizes},
          "a margin, and the batch sizes of its design")


def _hold(condition, must):
    if not condition:
        raise Misfit(f"it must hold {must}")
