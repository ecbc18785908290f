"""`epochal.fit(model, x, y)`: Keras' own arguments, "auto" where one used to guess, and Keras' own History."""

import sys

from ..base.errors import UsageError
from ..base.progress import SILENT, Silent
from ..base.validate import require
from ..records import Plan
from ..rules.plan.resolve import resolve
from ..seam.rows import leaves
from ..training.feeds.gather import BATCH_SIZE, gathered
from ..training.feeds.sources import cuts_own_batches, is_factory
from ..training.fit.fit import fit as train
from ..training.fit.request import FitRequest
from .plan import plan as measured_plan


def fit(model, x=None, y=None, batch_size=None, epochs=None, verbose="auto", callbacks=None, validation_split=0.0,
        validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, steps_per_epoch=None,
        validation_steps=None, validation_batch_size=None, validation_freq=1, *, learning_rate=None, plan=None, budget="1 min",
        batches="shuffled", micro_batch_size=None, engine="auto", checkpoint=None):
    """Train a Keras model as `model.fit` does: the same numbers, the same `History`, sooner.

    Args:
        model: a compiled Keras model. It ends trained, with its optimizer's state, as after `model.fit`.
        x, y, sample_weight: as in Keras: arrays, tensors, data frames, `np.memmap`, dicts or tuples of them; or what cuts its own
            batches: `keras.utils.PyDataset`, `tf.data`, PyTorch's `DataLoader`, a generator. Also the path of a Parquet file,
            with `y` the name of its target column (or a list of names): it may be larger than memory. Or a function
            `make_dataset(batch_size)` that returns what cuts its own batches, and is called with the batch size to train with.
        batch_size: `None` is 32, as in Keras; `"auto"` has it measured (see `epochal.plan`), on arrays, or on the first rows of
            `make_dataset(32)`, 20,000 or 256 MB at most. Several batch sizes have to be tried, so what cuts its own batches is
            refused where anything is `"auto"`.
        epochs: `None` is 1, as in Keras; `"auto"` has it measured, and adds the plan's early stopping where there are validation
            data.
        verbose, callbacks, validation_split, validation_data, shuffle, class_weight, initial_epoch, steps_per_epoch,
            validation_steps, validation_batch_size, validation_freq: as in Keras. A callback that does something at every batch
            gets its batches, as `steps_per_execution` would give them, which takes longer.
        learning_rate: a number in place of the one the model is compiled with; `"auto"` has it measured.
        plan: a `Plan`, from which whatever is not given here is taken.
        budget: what measuring may take where something is `"auto"` and no plan is given.
        batches: `"shuffled"`; `"stratified"`: every batch holds its share of each class, each row once an epoch; `"balanced"`:
            every batch holds as many rows of each class, rare ones repeated, so that the model learns other odds than those of the
            data (`epochal.corrected` mends its probabilities).
        micro_batch_size: rows of which the gradient is taken at once, where a whole batch does not fit into memory; the
            gradients are summed to exactly that of the whole batch. Refused for batch-norm, whose statistics would change.
        engine: `"auto"` measures how this model is run fastest on this machine where the training is long enough to repay it;
            `"keras"` is plain `model.fit`; or a way by name: `"fused"`, `"unrolled"`, `"looped"`, `"stepwise"`.
        checkpoint: a folder. After a crash or a kill the same call goes on there, and ends with the same weights.

    Returns:
        The `keras.callbacks.History`. Its `params` hold what was resolved: batch size, learning rate, epochs, engine and why.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: this model cannot be trained that way.
    """
    auto = {"batch_size": batch_size, "epochs": epochs, "learning_rate": learning_rate}
    stopping, extra, told = [], {}, []
    if plan is not None or "auto" in auto.values():
        require(plan is None or isinstance(plan, Plan), "plan", type(plan).__name__, "a Plan", 'Pass epochal.load("plan.json").')
        validated = bool(validation_data is not None or validation_split)
        _refuse_batches(x, plan)
        _refuse_steps(plan, epochs, steps_per_epoch)
        if plan is None:
            if is_factory(x):
                _refuse_beside_a_factory(validation_split, batches)
            *rows, told = _rows(x, y, sample_weight, class_weight, steps_per_epoch, epochs)
            judged, more = _judged(validation_data, validation_steps)
            told += more
            plan = measured_plan(model, *rows[:2], sample_weight=rows[2], class_weight=class_weight, validation_data=judged,
                                 validation_split=validation_split, budget=budget, verbose=1 if verbose == 1 else "auto")
            auto = {name: ({"batch_size": 32, "epochs": 1, "learning_rate": plan.evidence.present.learning_rate}[name]
                           if value is None else value) for name, value in auto.items()}
        else:
            auto = {name: "auto" if value is None else value for name, value in auto.items()}
        found = resolve(plan, **auto, validated=validated)
        batch_size, learning_rate, epochs = found.batch_size, found.learning_rate, found.epochs
        because = " ".join([found.because.removesuffix(".") + ".", *told]) if told else found.because
        stopping, extra = plan.callbacks() if found.stops_early else [], {"resolved": because}
        _say(f"batch_size={batch_size}, learning_rate={_told(learning_rate)}, epochs={epochs}"
             + (f" at most, stopping early (patience {plan.stopping.patience})" if found.stops_early else "")
             + f": {because}")
    request = FitRequest(model, x, y, batch_size, 1 if epochs is None else epochs, verbose, callbacks, validation_split,
                         validation_data, shuffle, class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps,
                         validation_batch_size, validation_freq, learning_rate=learning_rate, batches=batches,
                         micro_batch_size=micro_batch_size, engine=engine, checkpoint=checkpoint, default_callbacks=stopping)
    history = train(request, progress=_Said() if verbose != 0 else SILENT)
    history.params.update(extra)
    return history


def _refuse_batches(x, plan):
    if cuts_own_batches(x):
        raise UsageError(f'`x` must be arrays, or a function make_dataset(batch_size), where something is "auto" or a plan is '
                         f"given; got a {type(x).__name__}, which cuts its own batches. Pass the function that makes it.")
    known = plan is not None or is_factory(x)
    if not known and (isinstance(x, str) or not all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in leaves(x))):
        raise UsageError(f'`batch_size`, `epochs` and `learning_rate` must be numbers for a {type(x).__name__}; "auto" has to try '
                         "several batch sizes, which takes arrays. Call epochal.plan on a sample of the rows, and pass plan=.")


def _refuse_steps(plan, epochs, steps_per_epoch):
    if steps_per_epoch is not None and (epochs == "auto" or (plan is not None and epochs is None)):
        given = "'auto'" if epochs == "auto" else "those of the plan"
        raise UsageError(f"`epochs` must be a number beside steps_per_epoch; got {given}. Those of a plan are passes over the "
                         "data; pass epochs=10, or leave steps_per_epoch out.")


def _refuse_beside_a_factory(validation_split, batches):
    """Refuse before measuring what training would refuse, or could not mean, afterwards."""
    require(not validation_split, "validation_split", validation_split, "left out for a function make_dataset",
            "Its data cannot be cut; pass validation_data.")
    require(batches == "shuffled", "batches", batches, '"shuffled" for a function make_dataset', "Let it cut its batches so.")


def _rows(x, y, sample_weight, class_weight, steps, epochs):
    """x, y and sample weights to measure on, as arrays, and sentences about them."""
    if not is_factory(x):
        return x, y, sample_weight, []
    found = gathered(x, y, sample_weight=sample_weight, class_weight=class_weight, steps=steps)
    fewer = ": with more rows fewer epochs may do" if epochs == "auto" else ""
    sample = "." if found.whole else f" in its own order, a sample{fewer}."
    weight = None if class_weight is not None else found.weight  # which are those of the classes, then
    return found.x, found.y, weight, [f"Measured on {found} of make_dataset({BATCH_SIZE}){sample}"]


def _judged(validation_data, steps):
    """Validation data as arrays, and sentences about them."""
    if not (is_factory(validation_data) or cuts_own_batches(validation_data)):
        return validation_data, []
    require(not hasattr(validation_data, "__next__"), "validation_data", f"a {type(validation_data).__name__}",
            'something that can be read twice where something is "auto"', "Pass the function that makes it, or arrays.")
    found = gathered(validation_data, name="validation_data", steps=steps)
    return (found.x, found.y) + (() if found.weight is None else (found.weight,)), [f"Judged on {found} of validation_data."]


def _told(learning_rate):
    return "as compiled" if learning_rate is None else f"{learning_rate:.4g}"


class _Said(Silent):
    """Progress of which sentences alone are shown."""

    def say(self, sentence):
        _say(sentence)


def _say(sentence):
    sys.stdout.write(sentence + "\n")  # where Keras prints its own
