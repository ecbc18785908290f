"""A model and its data as a user names them, in memory or in a file; and what is put on the bench of them."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from os import PathLike, fspath
from time import perf_counter
from typing import Any

from ..base.errors import Unsupported, UsageError, advise
from ..base.progress import Progress
from ..base.text import quantity
from ..base.validate import require
from ..rules.training.advice import sorted_split
from ..rules.training.prior import balanced_weights
from ..seam.apart import data_apart
from ..seam.frozen.features import StepAside
from ..seam.frozen.preprocessing import are_raw_rows, is_task, prepared, prepared_to_judge
from ..seam.machine import check_device
from ..seam.model.copying import first_line, is_builder
from ..seam.model.metrics import rare_class_metric
from ..seam.model.network import code_of, data_of, image_network, network_from_file, text_network, try_out, tutorial_network
from ..seam.origin import Origin
from ..seam.rows import Data, data_from_arguments, leaves
from ..tables import open_table
from ..tables.encoding import class_shares
from ..tables.options import NOTHING_SAID, TableOptions
from ..tables.target import RARE
from ..training.feeds.cast import with_class_weights
from ..training.feeds.sources import BATCH_SIZE, cuts_own_batches, gathered, is_factory, made_by

_WITHOUT_END = 2**31  # batches: so many that reading ends by the rows that are wanted


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A Keras model, or a function that builds one, and rows as Keras' `fit` takes them; see `epochal.plan`.

    `class_weight` scales the training loss and leaves judging alone; of `test_data` no choice sees a row. The steps are batches
    of an epoch where rows come in batches that have no end. `preprocessed` rows are no longer raw ones, which the preprocessor of
    a task of KerasHub is for. `groups` and `time` say which rows are held out, as `seam.apart` does it.
    """

    model: Any
    x: Any = None
    y: Any = None
    sample_weight: Any = None
    class_weight: dict[int, float] | None = None
    validation_data: Any = None
    validation_split: float = 0.0
    test_data: Any = None
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    preprocessed: bool = False
    groups: Any = None
    time: Any = None

    def open(self, seed: int, tell: Callable[[float], None] = lambda share: None) -> tuple[Any, Data]:  # noqa: ARG002 - as TableSource
        apart = self.groups is not None or self.time is not None
        if apart:
            self._check_apart()
        source, notes = self.as_arrays(steps=_WITHOUT_END)
        if not apart:
            data = data_from_arguments(source.x, source.y, sample_weight=source.sample_weight,
                                       validation_data=source.validation_data, validation_split=source.validation_split,
                                       test_data=source.test_data, seed=seed)
            if self.validation_split and len(targets := leaves(source.y)) == 1:
                cut = len(targets[0]) - int(len(targets[0]) * self.validation_split)
                advise(sorted_split(targets[0][:cut], targets[0][cut:]))
        else:
            data = data_apart(source.x, source.y, groups=self.groups, time=self.time, sample_weight=source.sample_weight,
                              test_data=source.test_data, seed=seed)
        return source.model, replace(_weighted(data, source.class_weight), notes=(*data.notes, *notes),
                                     preprocessed=source.preprocessed, origin=self._origin())

    def _origin(self):
        """Where the rows come from, where they come in batches that can be read again; else `None`."""
        if not _comes_in_batches(self.x) or isinstance(self.x, str | PathLike):
            return None
        return Origin(made_by(self.x, BATCH_SIZE) if is_factory(self.x) else self.x, self.steps_per_epoch)

    def _check_apart(self):
        """Whether the rows may be held out by groups, or by time."""
        name = "groups" if self.time is None else "time"
        require(self.groups is None or self.time is None, "groups and time", "both", "given one at a time", "Leave one out.")
        require(self.validation_data is None and not self.validation_split, name, "given beside validation data",
                "left out where you hold rows out yourself", "Leave out validation_data and validation_split to have it done.")
        require(not _comes_in_batches(self.x), name, f"given for {_named(self.x)}", "left out where x comes in batches",
                "Pass validation_data.")

    def as_arrays(self, steps: int | None = None) -> tuple["ArraySource", list[str]]:
        """The same with arrays of the first rows where rows come in batches, and a sentence for each of those.

        Args:
            steps: of an epoch where it is not said; without either a source that has no end is refused.

        Raises:
            UsageError: they cannot be read into arrays, or not a second time.
        """
        source, sentences = self, []
        if _comes_in_batches(self.x):
            require(not self.validation_split, "validation_split", self.validation_split, "left out where x comes in batches",
                    "They cannot be cut; pass validation_data.")
            begun = perf_counter()
            found = gathered(self.x, self.y, sample_weight=self.sample_weight, class_weight=self.class_weight,
                             steps=self.steps_per_epoch or steps)
            reading = (perf_counter() - begun) / found.n_rows
            order = "" if found.drawn else " in its own order, a sample"
            sample = "" if found.whole else f"{order}: with more rows fewer epochs may do"
            sentences.append(f"Measured on {found} of {_named(self.x)}{sample}; reading takes {quantity('s', reading)} a row, "
                             "which no time here holds.")
            source = replace(source, x=found.x, y=found.y,  # with class weights the weights are those of the classes
                             sample_weight=None if self.class_weight is not None else found.weight)
        judged = self.validation_data
        first = judged[0] if isinstance(judged, tuple | list) and judged else judged
        require(not isinstance(first, str | PathLike), "validation_data", first, "arrays or batches to be measured on",
                "Leave it out: then some of the rows of x are held out.")
        if _comes_in_batches(self.validation_data):
            require(not hasattr(self.validation_data, "__next__"), "validation_data", f"a {type(self.validation_data).__name__}",
                    "something that can be read twice where something is measured", "Pass the function that makes it, or arrays.")
            found = gathered(self.validation_data, name="validation_data", steps=self.validation_steps or steps)
            sentences.append(f"Judged on {found} of validation_data.")
            weights = () if found.weight is None else (found.weight,)
            source = replace(source, validation_data=(found.x, found.y, *weights))
        return source._by_preprocessor(sentences)

    def _by_preprocessor(self, sentences):
        """The same, its rows made by the model's preprocessor where it has one, and that said in one more sentence."""
        if self.preprocessed or "keras_hub" not in sys.modules or not are_raw_rows(self.x):
            return self, sentences
        model = self.model() if is_builder(self.model) else self.model
        if not is_task(model) or model.preprocessor is None:
            return self, sentences
        try:
            rows = prepared(model, self.x, self.y, self.sample_weight)
            judged = {name: prepared_to_judge(model, given)[0] for name in ("validation_data", "test_data")
                      if (given := getattr(self, name)) is not None}
        except StepAside as aside:
            raise Unsupported(f"The preprocessor of `{model.name}` cannot make the rows beforehand: {aside}. Pass x = "
                              "model.preprocessor(x), and a model with preprocessor=None.") from aside
        except UsageError:
            raise
        except (ValueError, TypeError) as error:
            raise UsageError(f"`x` must be raw rows that the preprocessor of `{model.name}` takes; it says: {first_line(error)} "
                             "Drop or mend such rows.") from error
        told = (f"The model's preprocessor has made the rows, {quantity('s', rows.seconds / rows.n_rows)} each; `model.fit` makes "
                "them in every epoch, which no time here holds.")
        return replace(self, x=rows.x, y=rows.y, sample_weight=rows.weight, preprocessed=True, **judged), [*sentences, told]

    def running(self) -> AbstractContextManager[Any]:
        """A block in which the model runs: what it raises passes through to who made it."""
        return nullcontext()


def _weighted(data, class_weight):
    """The `Data` whose rows weigh as their classes do in training, and as they did in judging."""
    folds = data.folds and replace(data.folds, rows=with_class_weights(data.folds.rows, class_weight))
    return replace(data, train=with_class_weights(data.train, class_weight), folds=folds)


def _comes_in_batches(x):
    return is_factory(x) or cuts_own_batches(x) or isinstance(x, str | PathLike)


def _named(x):
    """How a source of batches is called in a sentence."""
    if isinstance(x, str | PathLike):
        return fspath(x)
    return f"make_dataset({BATCH_SIZE})" if is_factory(x) else f"the {type(x).__name__}"


def decoding(progress: Progress) -> Callable[[float], None]:
    """Tells how much of a folder's images is decoded."""
    return lambda share: progress.step(share, "reading the images")


@dataclass(frozen=True, eq=False)
class TableSource:
    """A table by name, and the model to train on it.

    Attributes:
        path: a table as text, Parquet or .npz file, a folder of images or texts, or real data by name.
        target, groups, time, task, options: see `tables.open_table`.
        model: `"FILE.py:FUNCTION"`, or `None` for the tutorials' network, a small CNN for images, an embedding for texts.
        class_weight: `"balanced"`, where every class is to weigh the same in the training loss.
        metric: what will be judged by; the tutorials' network gets it where it is one for rare classes, and average precision where
            one of two classes is rare.
        table, build: the table, and the function that builds the model; of a source that has been read.
    """

    path: str
    target: str | None = None
    groups: str | None = None
    time: str | None = None
    task: str | None = None
    model: str | None = None
    class_weight: str | None = None
    metric: str = ""
    options: TableOptions = NOTHING_SAID
    table: Any = None
    build: Any = None

    def read(self, seed: int, tell: Callable[[float], None] = lambda share: None) -> "TableSource":
        """The same, with its table read and split; `tell` is told how much of a folder's images is decoded."""
        if self.table is not None:
            return self
        check_device()
        table = open_table(self.path, target=self.target, groups=self.groups, time=self.time, task=self.task, seed=seed, tell=tell,
                           options=replace(self.options, standardise=self.model is None))
        metric = self.metric.removeprefix("val_")
        about = (table.x_train.shape[1:], table.kind, len(table.classes))
        if self.model:
            build = network_from_file(self.model)
        elif table.files == "images":
            build = image_network(*about)
        elif table.words:
            build = text_network(table.x_train.shape[1], len(table.words), *about[1:])
        else:
            rare = table.kind == "binary" and float(table.y_train.mean()) <= RARE
            also = metric if rare_class_metric(metric) is not None else "average_precision" if rare else ""
            build = tutorial_network(*about, (also,) if also else ())
        return replace(self, table=table, build=build)

    def open(self, seed: int, tell: Callable[[float], None] = lambda share: None) -> tuple[Any, Data]:
        source = self.read(seed, tell)
        data = data_of(source.table, seed=seed)
        if source.model is not None:
            try_out(source.model, source.build, data.train)
        if self.class_weight is not None:
            note = "In the training loss every class weighs the same; judging is without weights."
            data = replace(_weighted(data, source.class_weights()), notes=(*data.notes, note))
        own = () if source.model is not None or source.table.files or source.table.words else (
            "The network is a small ready-made one (Dense 64, Dense 32, output; Adam at 0.001); --model FILE.py:FUNCTION takes "
            "another.",)
        return source.build, replace(data, notes=(*data.notes, *source._for_a_rare_class(), *own))

    def _for_a_rare_class(self):
        """What can be asked for where one of two classes is rare, and was not: as a note, or nothing."""
        if self.table.kind != "binary" or float(self.table.y_train.mean()) > RARE:
            return
        offers = (("--class-weight balanced, to let it weigh as much as the other", self.class_weight),
                  ("--metric val_average_precision, to compare by it", self.metric))
        offered = [words for words, asked in offers if not asked]
        if offered and self.model is None:
            yield f"For a rare class there are {' and '.join(offered)}."

    def running(self) -> AbstractContextManager[Any]:
        """A block in which the model runs: what code of the user's raises becomes a sentence."""
        return nullcontext() if self.model is None else code_of(self.model)

    def class_weights(self) -> dict[int, float] | None:
        """`{class: weight}` where classes are to weigh the same, else `None`; of a source that has been read."""
        shares = class_shares(self.table)
        require(self.class_weight is None or shares, "--class-weight", self.class_weight, "left out for a target of numbers",
                "It needs classes.")
        return balanced_weights(shares) if self.class_weight else None
