"""Fit: resolve what is left to be found, by a plan given or made first, and train."""

from dataclasses import replace
from typing import Any

from ..base.errors import UsageError
from ..base.progress import SILENT, Agenda, Item, Progress
from ..base.stop import Stop, Stopped
from ..base.validate import require
from ..records import Plan
from ..rules.plan.resolve import Resolved, resolve
from ..seam.rows import leaves
from ..training.feeds.gather import BATCH_SIZE, gathered
from ..training.feeds.sources import cuts_own_batches, is_factory
from ..training.fit.fit import fit as train
from ..training.fit.request import FitRequest, History
from .plan import PlanRequest
from .plan import plan as make_plan
from .source import ArraySource

_FOUND = ("batch_size", "epochs", "learning_rate")  # what may be "auto"


def fit(request: FitRequest, *, plan: Plan | None = None, budget: float | str = "1 min", progress: Progress = SILENT,
        stop: Stop | None = None) -> History:
    """Train as asked; `batch_size`, `epochs` and `learning_rate` may be `"auto"`, and with a plan `None` is the plan's.

    Args:
        request: the training. plan: where numbers come from. budget: for measuring them, where something is `"auto"` and no plan
            is given.

    Returns:
        The `keras.callbacks.History`, whose `params` say what was resolved, and why.

    Raises:
        Stopped: it was asked to end, which leaves the model as it was between two batches; with the `History` so far. With a
            checkpoint the same request goes on from there.
        UsageError: the request cannot be met as it stands. Unsupported: this model cannot be trained that way.
    """
    stop, wanted = stop or Stop(), {name: getattr(request, name) for name in _FOUND}
    because = None
    if plan is not None or "auto" in wanted.values():
        require(plan is None or isinstance(plan, Plan), "plan", type(plan).__name__, "a Plan", 'Pass epochal.load("plan.json").')
        _check(request, plan)
        sentences: list[str] = []
        if plan is None:
            plan, sentences = _planned(request, budget, progress, stop)
            present = {"batch_size": 32, "epochs": 1, "learning_rate": plan.evidence.present.learning_rate}
        else:
            present = dict.fromkeys(_FOUND, "auto")
        found = resolve(plan, **{name: present[name] if value is None else value for name, value in wanted.items()},
                        validated=bool(request.validation_data is not None or request.validation_split))
        because = " ".join([found.because.removesuffix(".") + ".", *sentences]) if sentences else found.because
        request = replace(request, batch_size=found.batch_size, learning_rate=found.learning_rate, epochs=found.epochs,
                          default_callbacks=plan.callbacks() if found.stops_early else [])
        progress.say(f"{_numbers(found, plan)}: {because}")
    request = replace(request, epochs=1 if request.epochs is None else request.epochs)
    progress.start(Agenda("training", items=(Item("training", f"{request.epochs} epochs"),), bar=False))
    history = trained(request, progress=progress, stop=stop)
    if because is not None:
        history.params["resolved"] = because
    return history


def trained(request: FitRequest, *, progress: Progress, stop: Stop) -> History:
    """Train with numbers that are settled."""
    before = getattr(request.model, "history", None)
    try:
        return train(request, progress=progress if request.verbose != 0 else _Wordless(progress), stop=stop)
    except Stopped:
        history = getattr(request.model, "history", None)
        raise Stopped(history if history is not before and history.epoch else None, request.checkpoint) from None
    finally:
        progress.done()


class _Wordless:
    """Progress without its sentences, for `verbose=0`."""

    def __init__(self, progress: Progress) -> None:
        self.start, self.step, self.answer, self.done = progress.start, progress.step, progress.answer, progress.done

    def say(self, sentence: str) -> None: ...


def _check(request: FitRequest, plan: Plan | None) -> None:
    """Refuse, before anything is measured, what numbers of a plan cannot serve."""
    x = request.x
    if cuts_own_batches(x):
        raise UsageError(f'`x` must be arrays, or a function make_dataset(batch_size), where something is "auto" or a plan is '
                         f"given; got a {type(x).__name__}, which cuts its own batches. Pass the function that makes it.")
    known = plan is not None or is_factory(x)
    if not known and (isinstance(x, str) or not all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in leaves(x))):
        raise UsageError(f'`batch_size`, `epochs` and `learning_rate` must be numbers for a {type(x).__name__}; "auto" has to try '
                         "several batch sizes, which takes arrays. Call epochal.plan on a sample of the rows, and pass plan=.")
    if request.steps_per_epoch is not None and (request.epochs == "auto" or (plan is not None and request.epochs is None)):
        came = "'auto'" if request.epochs == "auto" else "those of the plan"
        raise UsageError(f"`epochs` must be a number beside steps_per_epoch; got {came}. Those of a plan are passes over the data; "
                         "pass epochs=10, or leave steps_per_epoch out.")
    if plan is None and is_factory(x):
        require(not request.validation_split, "validation_split", request.validation_split,
                "left out for a function make_dataset", "Its data cannot be cut; pass validation_data.")
        require(request.batches == "shuffled", "batches", request.batches, '"shuffled" for a function make_dataset',
                "Let it cut its batches so.")


def _planned(request, budget, progress, stop):
    """A plan made now, and sentences about the rows that it was made on."""
    x, y, weight, sentences = _rows(request)
    validation, more = _validation(request)
    source = ArraySource(request.model, x, y, sample_weight=weight, class_weight=request.class_weight, validation_data=validation,
                         validation_split=request.validation_split)
    return make_plan(PlanRequest(source, budget=budget), progress=progress, stop=stop), [*sentences, *more]


def _rows(request):
    """x, y and sample weights to measure on, as arrays, and sentences about them."""
    if not is_factory(request.x):
        return request.x, request.y, request.sample_weight, []
    found = gathered(request.x, request.y, sample_weight=request.sample_weight, class_weight=request.class_weight,
                     steps=request.steps_per_epoch)
    fewer = ": with more rows fewer epochs may do" if request.epochs == "auto" else ""
    sample = "." if found.whole else f" in its own order, a sample{fewer}."
    weight = None if request.class_weight is not None else found.weight  # which are those of the classes, then
    return found.x, found.y, weight, [f"Measured on {found} of make_dataset({BATCH_SIZE}){sample}"]


def _validation(request) -> tuple[Any, list[str]]:
    """Validation data as arrays, and sentences about them."""
    data = request.validation_data
    if not (is_factory(data) or cuts_own_batches(data)):
        return data, []
    require(not hasattr(data, "__next__"), "validation_data", f"a {type(data).__name__}",
            'something that can be read twice where something is "auto"', "Pass the function that makes it, or arrays.")
    found = gathered(data, name="validation_data", steps=request.validation_steps)
    weight = () if found.weight is None else (found.weight,)
    return (found.x, found.y, *weight), [f"Judged on {found} of validation_data."]


def _numbers(found: Resolved, plan: Plan) -> str:
    rate = "as compiled" if found.learning_rate is None else f"{found.learning_rate:.4g}"
    early = f" at most, stopping early (patience {plan.stopping.patience})" if found.stops_early else ""
    return f"batch_size={found.batch_size}, learning_rate={rate}, epochs={found.epochs}{early}"
