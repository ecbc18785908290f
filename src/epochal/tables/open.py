"""`open_table`: from the name of a file or of a built-in data set to a `Table`."""

import difflib
from dataclasses import replace

import numpy as np
import pandas as pd

from ..base.text import Wording, counted, first_few
from ..base.validate import require
from . import split
from .arrays import read_arrays
from .features import fit_features, readable
from .read import locate, read_frame
from .table import Table
from .target import find_task

_FEWEST_ROWS = 50  # of which 8 validate: with fewer, nothing that is measured here has a useful interval


def open_table(source, *, target=None, group=None, time=None, task=None, seed=0):
    """Arrays, task and split of a file or a built-in data set.

    64 % of the rows train, 16 % validate and 20 % test. Scaling, categories and what replaces missing values are learned
    from the training rows alone. The dtype of a column (number, text, date) is read off all rows, as any reader does.

    Args:
        source: a path to a CSV (`.csv`, `.tsv`, `.txt`, also with `.gz`), Parquet or `.npz` file, or `"digits"`,
            `"breast_cancer"`, `"wine"`, `"diabetes"` (a file of just such a name is opened as `"./digits"`).
        target: the column to predict; must be named for CSV and Parquet.
        group: a column whose equal values belong together: no group stands in two parts. Not a feature.
        time: a column to sort by: train on the earliest rows, test on the latest. Not a feature.
        task: `"classes"` or `"regression"`, where the target's numbers leave it open which they are.
        seed: makes the split repeatable.

    Returns:
        A `Table`. Its rows are no random sample of what comes later unless the file's are: where rows belong together
        (one person, one day), name `group` or `time`, or the test part flatters.

    Raises:
        UsageError: when the file cannot be read as a table, or nothing can be learned from it.
    """
    require(task in (None, "classes", "regression"), "task", task, '"classes" or "regression"', "Leave it out to have it found.")
    require(group is None or time is None, "group and time", (group, time), "given one at a time",
            "Leave one of them out: rows are kept together by group, or cut by time.")
    place = locate(source)
    if place.format == ".npz":
        for option, value in (("target", target), ("group", group), ("time", time)):
            require(value is None, option, value, "left out for an .npz file",
                    "Its arrays x and y have no named columns; save the rows as CSV or Parquet to name one.")
        return _from_arrays(place, task, seed)
    return _from_frame(place, target, group, time, task, seed)


def _from_frame(place, target, group, time, wanted, seed):
    frame, notes = read_frame(place)
    if place.format == "built-in":
        target = target or "target"
    require(target is not None, "target", target, "the name of the column to predict",
            f"The columns are {first_few(map(str, frame.columns))}.")
    _check_names(frame, target=target, group=group, time=time)

    rows, task = _rows_with_target(frame[target], target, wanted=wanted)
    frame = frame[rows].reset_index(drop=True)
    if group is not None:
        parts = split.by_group(frame[group], task.codes, seed=seed)
    elif time is not None:
        parts = split.by_time(frame[time], task.codes)
    else:
        parts = split.at_random(task.codes, seed=seed)
    _check_training_classes(task, parts)

    features = readable(frame.drop(columns=[name for name in (target, group, time) if name is not None]))
    encoder, feature_names, encoding_notes = fit_features(features.iloc[parts.train], seed=seed)
    x = encoder.transform(features)
    return _table(place, task, parts, x, encoder=encoder, feature_names=feature_names,
                  notes=(*notes, *task.notes, *parts.notes, *encoding_notes))


def _from_arrays(place, wanted, seed):
    x, y, n_own_test, eight_bits, notes = read_arrays(place.path)
    rows, task = _rows_with_target(pd.Series(y), "y", wanted=wanted, most_classes=1000 if x.ndim > 2 else 20)
    x = x[rows]
    if n_own_test:
        n_own_test = int(rows[-n_own_test:].sum())
        require(n_own_test > 0, "y_test", Wording("no value"), "known in some rows",
                "Fill it in, or save x_train and y_train alone.")
        n_rest = len(x) - n_own_test
        require(n_rest >= _FEWEST_ROWS, "x_train", counted(n_rest, "row"), f"at least {_FEWEST_ROWS} rows long",
                "Move rows over from x_test.")
    parts = split.at_random(task.codes, seed=seed, n_own_test=n_own_test)
    _check_training_classes(task, parts)
    return _table(place, task, parts, x, notes=(*notes, *task.notes, *parts.notes), eight_bits=eight_bits)


def _table(place, task, parts, x, *, notes, encoder=None, feature_names=(), eight_bits=False):
    y, mean, scale = task.y, 0.0, 1.0
    if task.kind == "regression":
        training = y[parts.train]
        mean, scale = float(training.mean()), float(training.std())
        require(scale > 0, task.name, mean, "of more than one value in the training rows",
                "Nearly all rows have this one value; choose another target, or another seed.")
        y = ((y - mean) / scale).astype(np.float32)
        notes = (*notes, f"Targets are standardised by the training rows: less {mean:.6g}, divided by {scale:.6g}. "
                         "A mean squared error of 1 is what always answering the mean would get.")
    return Table(name=place.name, kind=task.kind, classes=task.classes, feature_names=feature_names, encoder=encoder,
                 target_mean=mean, target_scale=scale, eight_bits=eight_bits, notes=notes, at_random=parts.at_random,
                 groups=parts.groups, x_train=x[parts.train], y_train=y[parts.train], x_validation=x[parts.validation],
                 y_validation=y[parts.validation], x_test=x[parts.test], y_test=y[parts.test])


def _check_names(frame, **chosen):
    for option, name in chosen.items():
        if name is not None and name not in frame.columns:
            close = difflib.get_close_matches(str(name), frame.columns, n=1)
            spoken = f"Did you mean {close[0]!r}? " if close else ""
            headless = all(column.replace(".", "").lstrip("-").isdigit() for column in frame.columns)
            spoken += "Its first line seems to hold values; it must hold the columns' names. " if headless else ""
            require(False, option, name, "a column of the table",
                    f"{spoken}The columns are {first_few(map(str, frame.columns))}.")
    for option in ("group", "time"):
        require(chosen[option] is None or chosen[option] != chosen["target"], option, chosen[option],
                "another column than the target", "Name the column that ties rows together, or leave it out.")


def _rows_with_target(column, name, **options):
    rows = column.notna().to_numpy()
    require(rows.any() or not len(rows), name, counted(len(rows), "missing value"), "a target with values",
            "Choose another column.")
    require(rows.sum() >= _FEWEST_ROWS, "rows with a target", int(rows.sum()), f"at least {_FEWEST_ROWS}",
            "Collect more rows: with fewer, differences between settings are lost in chance.")
    task = find_task(column[rows], name, **options)
    if n_missing := int((~rows).sum()):
        task = replace(task, notes=(*task.notes, f"{counted(n_missing, 'row')} without a value of `{name}` left out."))
    return rows, task


def _check_training_classes(task, parts):
    present = np.unique(task.codes[parts.train])
    absent = [label for code, label in enumerate(task.classes) if code not in present]
    require(not absent, task.name, absent[0] if absent else None, "of classes that all occur in the training rows",
            "No training row is of this class: drop its rows, merge it with another class, or split another way.")
