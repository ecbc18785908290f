"""The verbs: Keras' arguments in, one workflow of `services` run, its record out; and records read from files."""

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..base.stop import Stop, set_by_ctrl_c
from ..codecheck import check as check_code
from ..records import BUDGETS, Checked, EpochChoice, Evidence, Plan, StreamReport, Study, read
from ..rules.study.design import Choices
from ..services import epochs as choosing_epochs
from ..services import fit as fitting
from ..services import measure as measuring
from ..services import plan as planning
from ..services import predict as predicting
from ..services import study as studying
from ..services.source import ArraySource
from ..training.fit.arguments import FitRequest, History
from ..training.predict.request import PredictRequest
from .display import Verbosity, display, display_of_fit, display_of_predict

if TYPE_CHECKING:
    import numpy as np


def plan(model: Any, x: Any = None, y: Any = None, *, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
         validation_data: Any = None, validation_split: float = 0.0, groups: Any = None, time: Any = None,
         batch_size: int | None = None, learning_rate: float | None = None, epochs: int | None = None,
         fixed: Literal["batch_size", "learning_rate", "epochs"] | Iterable[str] = (),
         trains_with: Literal["keras", "epochal"] | None = None, max_memory: float | str | None = None,
         max_time: float | str | None = None, until: str | None = None, metric: str | None = None,
         mode: Literal["auto", "min", "max"] = "auto",
         goal: Literal["fastest", "best", "frugal", "smallest"] = "fastest", budget: float | str = "1 min",
         evidence: Evidence | Plan | None = None, start: Literal["auto", "here", "fresh"] = "auto", seed: int = 0,
         verbose: Verbosity = "auto") -> Plan:
    """The batch size, learning rate, epochs and predict batch size for a Keras model, measured on these data and this machine.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read: its
            weights, its optimizer and the data are untouched. Trainings start from newly drawn weights, or from what it has learnt:
            see `start`. Weights of frozen and LoRA layers are kept in any case, and those of a class with its own `get_config`,
            such as the tasks of KerasHub.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays. Of what cuts its
            own batches (`keras.utils.PyDataset`, `tf.data`, `DataLoader`), of a function `make_dataset(batch_size)` and of the path
            of a Parquet file (`y` is the name of its target) the first 20,000 rows are measured on, 256 MB at most. For a task of
            KerasHub, raw texts or images, of which its preprocessor makes rows once.
        class_weight: as in Keras, `{class: weight}`: it scales the training loss alone, and judging is without it.
        validation_data: `(x, y)` or `(x, y, sample_weight)` to judge on, or batches as for `x`.
        validation_split: the last rows as validation data, as in Keras. Without either, a fifth is held out at random,
            another one in every other training, so that all rows tell (up to 256 MB of them). Rows that you hold out are never
            trained on; where trainings to the end fit the budget, a fifth of the training rows is held out beside a fifth of them
            in turn, unless those turn out much harder or easier.
        groups: one value for each row of arrays, where some belong together (a patient, a shop): no group is both trained on and
            judged on, and other groups are held out in turn. Left out where you hold rows out yourself.
        time: one number or date for each row of arrays: the latest fifth is held out, since what is learnt is for what comes later.
        batch_size, learning_rate, epochs: what you train with now. It is always among the settings compared, and stands unless
            another is shown better or as good and cheaper. `None` is Keras' batch size of 32, the learning rate that the model is
            compiled with, and an unknown number of epochs; all `None` is called the default. With epochs, the seconds of whole
            trainings are told also where only the beginning of one could be seen.
        fixed: `"batch_size"` or `"learning_rate"`, where it is to stay as it is now: then only the other one is chosen. With
            `"epochs"` no training is longer than those you say: what a setting reaches by then is compared. Or a list of them.
        trains_with: `"keras"` (Keras' own `fit`) or `"epochal"` (`epochal.fit`): the one that you will train with, by whose seconds
            it is decided. Ours spends less on each update, so that a larger batch saves less. `None` is as the evidence says, else
            Keras.
        max_memory: what one update may take, as a number of bytes or `"4 GB"`: larger batch sizes are not compared. `None` is nine
            tenths of what the device has.
        max_time: what a whole training may take, as for `budget`, compiling and validation included: it limits the epochs.
        until: what a training is to reach on the validation rows, `"val_accuracy>=0.95"` or `"val_loss<=0.1"`: a compiled metric or
            the loss. Settings that reach it with every seed are good enough, and time counts until then; where none does, it is
            said, and decided as without it. Trainings to the end tell; a race does not.
        metric: by what settings are compared and trainings stopped: `"val_loss"`, or the name of a compiled metric (with or without
            `val_`), such as `"accuracy"`. What it cannot tell apart, as an accuracy on few rows, stays undecided where the loss
            might tell. Where loss and metric disagree, it is said. `None` is as the evidence says, else the loss.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        goal: `"fastest"` (least training time to the same quality), `"best"` (quality), `"frugal"` (fewest examples) or
            `"smallest"` (memory).
        budget: seconds, words such as `"2 min"`, or with `epochs` a share of the training as it is now, `"10%"`. Where whole
            trainings do not fit it, settings are trained for equal seconds instead, and compared over the beginning of a training.
        evidence: an `Evidence`, or a `Plan` whose evidence is meant; nothing in it is measured twice.
        start: `"here"`: every setting starts from the weights that the model has learnt before, to fine-tune it; `"fresh"`: from
            newly drawn ones; `"auto"` is the first where the model was trained before, which the answer says. Parts that are still
            as drawn, such as a new head, are drawn for each seed. Left out for a function: what it returns is where trainings
            start.
        seed: makes the run repeatable, up to what the clock says.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Plan`. It holds for this model, these data and this machine; intervals of losses are over seeds and validation rows,
        those of times over seeds and the clock. A run that was interrupted or killed is continued by the next call with the same
        model and data.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end, after the measurement under way (a second one ends it at once). Its `answer` is
            the plan so far, or `None`.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: not even a training step could be timed in this budget, or every setting diverged.
    """
    source = ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split, groups=groups, time=time)
    progress = display(verbose)
    request = planning.PlanRequest(source, goal, budget, evidence, seed, batch_size=batch_size, learning_rate=learning_rate,
                                   epochs=epochs, fixed=fixed, trains_with=trains_with, max_memory=max_memory, max_time=max_time,
                                   until=until, metric=metric, mode=mode, start=start)
    with set_by_ctrl_c(Stop()) as stop:
        return planning.plan(request, progress=progress, stop=stop)


def fit(model: Any, x: Any = None, y: Any = None, batch_size: int | Literal["auto"] | None = None,
        epochs: int | Literal["auto"] | None = None, verbose: int | Literal["auto"] = "auto", callbacks: Any = None,
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None, sample_weight: Any = None, initial_epoch: int = 0,
        steps_per_epoch: int | None = None, validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: Any = 1, *, learning_rate: float | Literal["auto"] | None = None, plan: Plan | None = None,
        budget: float | str | None = None, metric: str | None = None,
        batches: Literal["shuffled", "stratified", "balanced"] = "shuffled",
        micro_batch_size: int | None = None, engine: str = "auto", checkpoint: str | PathLike[str] | None = None,
        cache_frozen: bool = True) -> History:
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
        budget: what measuring may take where something is `"auto"` and no plan is given, as for `plan`; by default a tenth of the
            training (of 10 to 100 epochs, by the rows, where `epochs` is `"auto"`), at least 10 s and at most a minute.
        metric: by what the numbers are chosen where something is `"auto"` and no plan is given, and trainings stopped early: as for
            `plan`; `None` is the loss.
        batches: `"shuffled"`; `"stratified"`: every batch holds its share of each class, each row once an epoch; `"balanced"`:
            every batch holds as many rows of each class, rare ones repeated, so that the model learns other odds than those of the
            data (`epochal.corrected` mends its probabilities).
        micro_batch_size: rows of which the gradient is taken at once, where a whole batch does not fit into memory; the
            gradients are summed to exactly that of the whole batch. Refused for batch-norm, whose statistics would change.
        engine: `"auto"` measures how this model is run fastest on this machine where the training is long enough to repay it;
            `"keras"` is plain `model.fit`; or a way by name: `"fused"`, `"unrolled"`, `"looped"`, `"stepwise"`.
        checkpoint: a folder. After a crash or a kill the same call goes on there, and ends with the same weights.
        cache_frozen: what layers compute that are frozen and come first (a pretrained base with `trainable = False`) is computed
            once for each row, and epochs train the rest; the numbers stay the same. That holds for arrays and sources of batches,
            two epochs or more, and models that Keras knows as a graph of layers; behind augmentation or dropout nothing is the
            same twice, and all is computed anew. `False` switches it off.

    Returns:
        The `keras.callbacks.History`. Its `params` hold what was resolved: batch size, learning rate, epochs, engine and why.

    Raises:
        KeyboardInterrupt: Ctrl-C, between two batches: the model is as the last one left it. A second one ends it at once.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: this model cannot be trained that way.
    """
    request = FitRequest(model, x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle,
                         class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size,
                         validation_freq, learning_rate, batches, micro_batch_size, engine, checkpoint, cache_frozen)
    with set_by_ctrl_c(Stop()) as stop:
        return fitting.fit(request, plan=plan, budget=budget, metric=metric, progress=display_of_fit(verbose), stop=stop)


def predict(model: Any, x: Any, batch_size: int | Literal["auto"] | None = "auto", verbose: int | Literal["auto"] = "auto",
            steps: int | None = None, callbacks: Any = None, *, goal: Literal["throughput", "memory", "latency"] = "throughput",
            out: Any = None) -> "np.ndarray | Any":
    """The predictions of a Keras model, as `model.predict` returns them, in batches of a size that suits the machine.

    Each block of rows goes through the model's own `predict_step`, compiled once. Predictions equal those of `model.predict`
    within rounding (1e-5 of the largest one) whatever the batch size. Where that is not so, because rows of a batch influence each
    other (batch-norm called with `training=True`), because predicting changes the model (a stateful recurrent layer) or is random,
    a warning says so once, and the model is run exactly as Keras runs it. This is seen by predicting a few rows twice, in the
    company of different rows; a coupling that does not show in these rows is not seen.

    Args:
        model: a Keras model, compiled or not. Predicting leaves it as Keras does.
        x: arrays, tensors, data frames, `numpy.memmap`, or dicts, lists or tuples of them; or what cuts its own batches, and
            takes no `batch_size`: a `keras.utils.PyDataset`, a `tf.data.Dataset`, a PyTorch `DataLoader`, a generator.
        batch_size: `"auto"` finds the size for the `goal` while predicting, within memory, and remembers it for this model,
            shape of rows and machine, in the user's cache directory. A number is taken as it is; `None` is Keras' 32. Up to 32
            rows are one batch.
        verbose, steps, callbacks: as for `model.predict`; with arrays and without a batch size, `steps` says how many batches to
            make of them. Callbacks are told of every block.
        goal: `"throughput"`, the smallest size with 90 % of the best throughput; `"memory"`, the smallest with 50 % of it;
            `"latency"`, the largest whose single call takes at most 25 % longer than the fastest.
        out: a writable NumPy array or `numpy.memmap`, or a nesting of them as the model's outputs, of the shape and dtype of the
            predictions: they are written there, block by block. Not in the memory or file of x.

    Returns:
        NumPy arrays in the nesting of the model's outputs; `out`, if given. Cut short where a callback stops predicting.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
        MeasurementFailed: not even one row fits into memory.
    """
    request = PredictRequest(model, x, batch_size, verbose, steps, callbacks, goal, out)
    return predicting.predict(request, progress=display_of_predict(verbose))


def study(model: Any, x: Any = None, y: Any = None, *, batch_sizes: Iterable[int] = (32, 256, 1024),
          learning_rates: Literal["auto"] | Iterable[float] | None = "auto", seeds: int = 8, epochs: int = 50,
          equal: str | Iterable[str] = BUDGETS, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
          validation_data: Any = None, validation_split: float = 0.0, groups: Any = None, time: Any = None,
          test_data: Any = None, metric: str = "val_loss",
          mode: Literal["auto", "min", "max"] = "auto", margin: float | None = None, reference: int | None = None,
          protocol: Literal["fair", "tutorial"] = "fair", trial_seeds: int = 3, halving: bool = True, seed: int = 0,
          folder: str | PathLike[str] | None = None, ray: str | None = None, start: Literal["auto", "here", "fresh"] = "auto",
          verbose: Verbosity = "auto") -> Study:
    """Which batch sizes differ in quality once the learning rate is tuned for each of them, and by how much.

    The learning rate is tuned at every batch size with the same number of trials; the settings chosen are trained anew with fresh
    seeds, the same for all (initial weights, order of rows, dropout); the differences are paired over seeds.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays.
        batch_sizes: what to compare; at least two.
        learning_rates: the rates to try at every batch size, or `"auto"`: a grid of half decades that widens until the best lies
            inside.
        seeds: fresh seeds for the comparison, at least 2; five or more tell something.
        epochs: passes over the data that the reference batch size gets.
        equal: under which budgets to compare: of `"epochs"`, `"steps"` (as many updates as the reference makes) and `"time"` (as
            many seconds of `fit` as the reference takes). All come from the same trainings where they can.
        class_weight: as in Keras, `{class: weight}`: it scales the training loss alone, and judging is without it.
        validation_data, validation_split: as for `epochal.plan`.
        groups, time: one value for each row, as for `epochal.plan`: which rows are held out.
        test_data: `(x, y)` or `(x, y, sample_weight)`: rows that no choice sees, read once at the end.
        metric: `"val_loss"`, or the name of a compiled metric (with or without `val_`).
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        margin: the difference in the metric that counts as none. By default 1 % of what training gains, fixed before the
            comparison.
        reference: the batch size that others are compared with; 32 where it is among them, else the smallest.
        protocol: `"fair"`; `"tutorial"` adds the comparison as tutorials make it, beside the fair one.
        trial_seeds: seeds on which learning rates are chosen.
        halving: whether the search drops the worse half of the rates after a quarter of the examples. The comparison never does.
        seed: what everything random follows from.
        folder: where the study is kept and, after a crash, resumed. Without it, it is kept in the user's cache until it has ended.
        start: as for `epochal.plan`.
        ray: `"auto"` or the address of a Ray cluster, which then trains; `None`: the devices of this machine do.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Study`. Its intervals are over seeds, on these validation rows. It says "equivalent" only of differences within the
        margin, and "not resolvable", with the number of seeds that would be enough, where the data do not tell.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end, after the epoch under way (a second one ends it at once). Its `answer` is the
            study so far, or `None`.
        UsageError: an argument is not usable, or the folder holds another study; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: every learning rate diverged at the reference batch size, or a batch of it does not fit into memory.
    """
    source = ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split, test_data, groups=groups,
                         time=time)
    choices = Choices(batch_sizes=batch_sizes, learning_rates=learning_rates, seeds=seeds, epochs=epochs, equal=equal,
                      metric=metric, mode=mode, margin=margin, reference=reference, protocol=protocol, trial_seeds=trial_seeds,
                      halving=halving, seed=seed)
    progress = display(verbose)
    with set_by_ctrl_c(Stop()) as stop:
        return studying.study(studying.StudyRequest(source, choices, folder, ray, start), progress=progress, stop=stop)


def measure(model: Any, x: Any = None, y: Any = None, *what: str, price: Literal["quick", "normal", "thorough"] = "normal",
            budget: float | str | None = None, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
            validation_data: Any = None, validation_split: float = 0.0, groups: Any = None, time: Any = None,
            batch_size: int | None = None, learning_rate: float | None = None, evidence: Evidence | Plan | None = None,
            start: Literal["auto", "here", "fresh"] = "auto", isolated: bool = True, seed: int = 0,
            verbose: Verbosity = "auto") -> Evidence:
    """Single quantities that batch size, learning rate and epochs follow from, each with its interval and what it means.

    Args:
        model, x, y, sample_weight, class_weight, validation_data, validation_split, groups, time: as for `epochal.plan`. The model
            is only read.
        what: `"all"`, the default, or words of: `"memory"`, `"throughput"`, `"noise_scale"`, `"critical_batch"`,
            `"learning_rate"`, `"sharpness"`, `"rare_class"`, `"batch_norm"`, `"predict"`, `"accumulation"`.
        price: the dearest class of measurements to take: `"quick"` (under 20 s for small models), `"normal"` (two minutes) or
            `"thorough"` (ten). Of a word that has none so cheap, the cheapest one is taken.
        budget: seconds for all of it, about, or words such as `"2 min"`, in place of what the class allows.
        batch_size, learning_rate: what you train with now: readings are about it. `None` is Keras' 32, and what the model is
            compiled with.
        evidence: an `Evidence`, or a `Plan` whose evidence is meant; nothing in it is measured twice.
        start: as for `epochal.plan`.
        isolated: whether to measure in a process of its own, so that nothing that a measurement does can end this one: a model of
            Keras' own parts, on a processor. What ends that process is told in the reading, and the rest goes on in another one.
        seed: makes the draws repeatable.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        An `Evidence` with a `Reading` for everything asked for: `get(name)` is the latest trustworthy one. What could not be told
        has an outcome that says why. `epochal.plan(evidence=...)` goes on from it.

    Raises:
        KeyboardInterrupt: Ctrl-C asked it to end; its `answer` is the evidence so far, or `None`.
        UsageError: an argument is not usable; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: not even a training step could be timed.
    """
    source = ArraySource(model, x, y, sample_weight, class_weight, validation_data, validation_split, groups=groups, time=time)
    known = evidence.evidence if isinstance(evidence, Plan) else evidence
    request = measuring.MeasureRequest(source, what or ("all",), price, budget, batch_size, learning_rate, seed, start, known,
                                       apart=isolated)
    progress = display(verbose)
    with set_by_ctrl_c(Stop()) as stop:
        return measuring.measure(request, progress=progress, stop=stop)


def epochs(of: Any, *, batch_size: int | None = None, learning_rate: float | None = None) -> EpochChoice:
    """How long to train and when to stop, from trainings that have ended: nothing is trained.

    Rules of early stopping (Keras' patience, and those of Prechelt 1998, "Early stopping - but when?") are replayed on the losses
    of each training: when each would have ended it, and how much validation loss that gives away against the best epoch.

    Args:
        of: a `Plan`, a `Study`, the path of a file of either, or what Keras' `fit` returned: a `History` or its dictionary, or a
            list of them, of one setting and several seeds. They must have gone on beyond their best epoch: trainings that early
            stopping has cut short cannot tell what a longer patience brings.
        batch_size, learning_rate: of the trainings to look at, in a plan or study; the recommended setting's by default.

    Returns:
        An `EpochChoice`. With fewer than three trainings it does not say how well the rule does on another one.

    Raises:
        UsageError: there are no trainings to the end with validation losses, or none of this setting.
    """
    return choosing_epochs.epochs(of, batch_size, learning_rate)


def load(path: str | PathLike[str]) -> Plan | Study | Evidence | StreamReport:
    """The record in a file: `plan.json`, or whatever `save(path)` of a plan or study wrote.

    Raises:
        UsageError: there is no such file, or it holds no record.
    """
    return read(path)


def check(paths: str | PathLike[str] | Iterable[str | PathLike[str]], *, select: Iterable[str] = (),
          ignore: Iterable[str] = ()) -> Checked:
    """What in scripts and notebooks leads to wrong or misleading results, read from the code: nothing of it is run.

    Args:
        paths: a script (.py), a notebook (.ipynb), a folder with them, or several.
        select: the kinds to look for, `"model-reused"` and others that `epochal check --kinds` lists; left out, all of them.
        ignore: kinds not to look for. A comment `# epochal: ignore` or `# epochal: ignore[kind]` leaves out what is found on its
            line.

    Returns:
        A `Checked`: its `findings`, each with the file and line it is about, the `files` that were read, and what could not be.
        Where it is not known what the code works on (it comes from another file, say), nothing is said: no finding is no proof.

    Raises:
        UsageError: a path or a kind is not usable; the message says which, and what to do.
    """
    several = paths if isinstance(paths, str | PathLike) else list(paths) if isinstance(paths, Iterable) else paths
    kinds = [(one,) if isinstance(one, str) else tuple(one) for one in (select, ignore)]
    return check_code(several, select=kinds[0], ignore=kinds[1])
