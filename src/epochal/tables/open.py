"""`open_table`: from the name of a file or of a built-in data set to a `Table`."""

import difflib
from dataclasses import fields, replace

import numpy as np
import pandas as pd

from ..base.system.place import locate
from ..base.text import Wording, counted, first_few
from ..base.validate import require
from ..records.task import ColumnUse
from . import split
from .arrays import read_arrays
from .columns.clean import cleaned_target
from .columns.kinds import is_text
from .columns.sift import names_rows, sifted
from .features import as_frame, fit_features, read_columns
from .files.folder import files_of
from .files.images import decoded
from .files.read import read_frame
from .options import NOTHING_SAID
from .table import Table
from .target import far_off, find_task, without_rare
from .texts import are_texts, learn_words, of_files

_FEWEST_OF_CLASS = 3  # files of a class, one for each part
_FEWEST_ROWS = 50  # of which 8 validate: with fewer, nothing that is measured here has a useful interval


def open_table(source, *, target=None, groups=None, time=None, task=None, seed=0, options=NOTHING_SAID,
               tell=lambda share: None):
    """Arrays, task and split of a file or a built-in data set.

    64 % of the rows train, 16 % validate and 20 % test. Scaling, categories and what replaces missing values are learned
    from the training rows alone. What a column holds (numbers, text, dates), and which of its cells stand for "missing", is
    read off all rows, as any reader does.

    Args:
        source: a path to a file of text (`.csv`, `.tsv`, `.txt`, `.data` and the like, also packed), a Parquet or `.npz` file, or
            `"digits"`, `"breast_cancer"`, `"wine"`, `"diabetes"` (a file of just such a name is opened as `"./digits"`).
        target: the column to predict; must be named for text and Parquet.
        groups: a column whose equal values belong together: no group stands in two parts. Not a feature.
        time: a column to sort by: train on the earliest rows, test on the latest. Not a feature.
        task: `"classes"` or `"regression"`, where the target's numbers leave it open which they are.
        seed: makes the split repeatable.
        options: how the file is written and what becomes of its columns, where that is not to be found out.
        tell: told the share of a folder's images that is decoded.

    Returns:
        A `Table`. Its rows are no random sample of what comes later unless the file's are: where rows belong together
        (one person, one day), name `groups` or `time`, or the test part flatters.

    Raises:
        UsageError: when the file cannot be read as a table, or nothing can be learned from it.
    """
    require(task in (None, "classes", "regression"), "task", task, '"classes" or "regression"', "Leave it out to have it found.")
    require(groups is None or time is None, "groups and time", (groups, time), "given one at a time",
            "Leave one of them out: rows are kept together by group, or cut by time.")
    place = locate(source)
    if place.format in (".npz", "folder", "built-in"):
        of_all = {"built-in": ("drop", "keep", "missing", "rare", "standardise"), "folder": ("rare", "standardise")}
        said = [field.name for field in fields(options) if getattr(options, field.name) != getattr(NOTHING_SAID, field.name)
                and field.name not in of_all.get(place.format, ("standardise",))]
        require(not said, said[0] if said else "", "given", "left out for what is no table in a file", "It is read as it is.")
    if place.format == ".npz":
        for option, value in (("target", target), ("groups", groups), ("time", time)):
            require(value is None, option, value, "left out for an .npz file",
                    "Its arrays x and y have no named columns; save the rows as CSV or Parquet to name one.")
        return _from_arrays(place, task, seed, options.standardise)
    if place.format == "folder":
        for option, value in (("target", target), ("groups", groups), ("time", time), ("task", task)):
            require(value is None, option, value, "left out for a folder", "The names of the folders in it are the classes.")
        return _from_folder(place, seed, options.rare, tell)
    raw = read_frame(place, options)
    if place.format == "built-in":
        target = target or "target"
    require(target is not None, "target", target, "the name of the column to predict",
            f"The columns are {first_few(map(str, raw.frame.columns))}.")
    target, groups, time = (_as_in_file(name, raw.frame) for name in (target, groups, time))
    _check_names(raw.frame, target=target, groups=groups, time=time)
    options = options.check_columns([str(name) for name in raw.frame.columns], target)
    return _from_frame(place, raw, target, (groups, time), task, seed, options)


def _from_frame(place, raw, target, by, wanted, seed, options):
    (groups, time), whole = by, raw.frame
    answer = cleaned_target(whole[target], decimal=raw.decimal, options=options)
    rows, task = _rows_with_target(answer.values, target, wanted=wanted, rare=options.rare, far=options.far)
    frame = whole[rows].reset_index(drop=True)
    others = [name for name in (target, groups, time) if name is not None]
    columns = read_columns(frame.drop(columns=[*others, *(name for name in options.drop if name not in others)]),
                           decimal=raw.decimal, options=options)
    features = as_frame(columns, frame.index)
    same = split.same_rows(features, task.y)
    if groups is not None:
        parts = split.with_copies_told(split.by_group(frame[groups], task.codes, seed=seed), same, groups)
    elif time is not None:
        parts = split.with_copies_told(split.by_time(frame[time], task.codes, options.dates), same, time)
    else:
        parts = split.at_random(task.codes, seed=seed, same=same)
    _check_training_classes(task, parts)

    training = features.iloc[parts.train]
    known = pd.Series(task.y.reshape(-1)[parts.train], training.index)
    sieve = sifted(training, keep=options.keep, target=known, codes=None if task.kind == "regression" else task.codes[parts.train])
    text = [name for name in columns if name not in sieve.left_out]
    if len(text) == 1 and is_text(features[text[0]]) and are_texts(training[text[0]]):
        uses = tuple(_uses(whole.columns, columns, None, sieve, (answer, target), others, options))
        told = (*raw.notes, *task.notes, *parts.notes, *sieve.sentences)
        table = _of_texts(place, task, parts, list(features[text[0]].fillna("")), told, options.standardise)
        return replace(table, columns=uses, target_read=answer, text_column=text[0],
                       identifiers=tuple(name for name, why in sieve.left_out.items() if names_rows(why)))
    encoder, _, encoding_notes = fit_features(training, seed=seed, columns=columns, left_out=sieve.left_out)
    x = encoder.transform(features)
    read = _grouped([(name, sentence) for name, column in ((target, answer), *columns.items()) for sentence in column.sentences
                     if name not in sieve.left_out])
    table = _table(place, task, parts, x, encoder=encoder, standardise=options.standardise,
                   notes=(*raw.notes, *task.notes, *parts.notes, *read, *encoding_notes, *sieve.sentences))
    uses = tuple(_uses(whole.columns, columns, encoder, sieve, (answer, target), others, options))
    return replace(table, columns=uses, target_read=answer,
                   identifiers=tuple(name for name, why in sieve.left_out.items() if names_rows(why)))


def _grouped(sentences):
    """Each sentence once, behind the names of the columns that it is about."""
    names: dict[str, list[str]] = {}
    for name, sentence in sentences:
        names.setdefault(sentence, []).append(name)
    return tuple(f"{first_few(some, 3, '`{}`'.format)}: {sentence}." for sentence, some in names.items())


def _uses(names, columns, encoder, sieve, answer, others, options):
    """A `ColumnUse` for each column of the file, in its order."""
    known, filled = ({column.name: column for column in encoder.columns}, encoder.filled()) if encoder is not None else ({}, {})
    read, target = answer
    for name in map(str, names):
        if name == target:
            n = int(read.values.isna().sum())
            yield ColumnUse(name=name, kind="target", n_missing=n, filled="rows left out" if n else "",
                            remark="; ".join(read.sentences))
        elif name in others or name in options.drop:
            yield ColumnUse(name=name, kind="for the split" if name in others else "left out",
                            remark="" if name in others else "as --drop says")
        else:
            column = columns[name]
            n, use = int(column.values.isna().sum()), known.get(name)
            if encoder is None and name not in sieve.left_out:
                yield ColumnUse(name=name, kind="text", n_missing=n, filled="empty text" if n else "", remark="read word by word")
                continue
            remark = "; ".join((*column.sentences, *([sieve.left_out[name]] if name in sieve.left_out else [])))
            yield ColumnUse(name=name, kind="left out" if use is None else use.kind, n_missing=n,
                            n_features=0 if use is None else len(encoder.names_of(use)) + (name in encoder.marked()),
                            filled=filled.get(name, "") if n and use is not None else "", remark=remark)


def _from_arrays(place, wanted, seed, standardise):
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
    return _table(place, task, parts, x, notes=(*notes, *task.notes, *parts.notes), eight_bits=eight_bits,
                  standardise=standardise)


def _from_folder(place, seed, rare, tell):
    folder = files_of(place.path)
    images = decoded(folder.files, tell=tell) if folder.kind == "images" else None
    places = np.array(range(len(folder.files)) if images is None else images.places)
    labels = pd.Series([folder.labels[i] for i in places], dtype=object)
    labels, told = without_rare(labels, rare, "classes")
    kept = labels.notna().to_numpy()
    places, labels = places[kept], labels[kept].reset_index(drop=True)
    n_own_test = sum(i >= len(folder.files) - folder.n_own_test for i in places)
    require(len(labels) >= _FEWEST_ROWS, folder.kind, len(labels), f"at least {_FEWEST_ROWS}",
            "Collect more: with fewer, differences between settings are lost in chance.")
    counts, kind = labels.value_counts(), folder.kind
    require(len(counts) > 1, "DATA", Wording(f"{kind} in the folder {counts.index[0]!r} alone"),
            "a folder with a folder for each of two classes or more", "Name the folder above it.")
    fewest = counted(int(counts.iloc[-1]), kind[:-1])
    require(counts.iloc[-1] >= _FEWEST_OF_CLASS, "DATA", Wording(f"a folder {counts.index[-1]!r} with {fewest}"),
            "folders of at least 3 each: one to train on, one to validate and one to test",
            "--rare-classes drop leaves smaller ones out, merge makes one class of them.")
    task = find_task(labels, "folder")
    task = replace(task, notes=(f"{counted(len(labels), folder.kind[:-1])} of {len(task.classes)} classes, named as their folders "
                                f"({first_few(task.classes, 5)}).", *task.notes[1:], *(sentence for _, sentence in told)))
    rows, read_as = of_files([folder.files[i] for i in places]) if images is None else (images.x[kept], ())
    number = split.numbered(rows)
    parts = split.at_random(task.codes, seed=seed, n_own_test=n_own_test, same=None if n_own_test else split.same_things(number))
    _check_training_classes(task, parts)
    n_in_two = int((labels.groupby(number).transform("nunique") > 1).sum())
    in_two = [f"{counted(n_in_two, folder.kind[:-1])} stand in more than one class: no model tells them apart."] if n_in_two else []
    notes = (*folder.notes, *read_as, *task.notes, *parts.notes, *in_two)
    if images is None:
        return replace(_of_texts(place, task, parts, rows, notes), files=folder.kind)
    table = _table(place, task, parts, rows.astype(np.float32) / np.float32(255), standardise=False, eight_bits=True,
                   notes=(*notes, *images.notes))
    return replace(table, files=folder.kind)


def _of_texts(place, task, parts, texts, notes, standardise=False):
    words, sentence = learn_words([texts[i] for i in parts.train])
    table = _table(place, task, parts, words.transform(texts), notes=(*notes, sentence), standardise=standardise)
    return replace(table, words=words.known)


def _table(place, task, parts, x, *, notes, standardise, encoder=None, eight_bits=False):
    y, mean, scale = task.y, 0.0, 1.0
    if task.kind == "regression":
        training = y[parts.train]
        mean, scale = float(training.mean()), float(training.std())
        require(scale > 0, task.name, mean, "of more than one value in the training rows",
                "Nearly all rows have this one value; choose another target, or another seed.")
        if standardise:
            notes = (*notes, f"Targets are standardised by the training rows: less {mean:.6g}, divided by {scale:.6g}. "
                             "A mean squared error of 1 is what always answering the mean would get.")
        else:
            notes = (*notes, f"Targets stay as they are for your own model: mean {mean:.6g}, standard deviation {scale:.6g}. "
                             f"Always answering the mean gets a mean squared error of {scale**2:.6g}.")
            mean, scale = 0.0, 1.0
        y = ((y - mean) / scale).astype(np.float32)
    names = () if encoder is None else encoder.names()
    return Table(name=place.name, kind=task.kind, classes=task.classes, feature_names=names, encoder=encoder, target_mean=mean,
                 target_scale=scale, eight_bits=eight_bits, notes=notes, at_random=parts.at_random, groups=parts.groups,
                 x_train=x[parts.train], y_train=y[parts.train], x_validation=x[parts.validation],
                 y_validation=y[parts.validation], x_test=x[parts.test], y_test=y[parts.test])


def _as_in_file(name, frame):
    """A column's name, without the blanks around it that files have and `Raw` does not."""
    return name.strip() if isinstance(name, str) and name not in frame.columns and name.strip() in frame.columns else name


def _check_names(frame, **chosen):
    for option, name in chosen.items():
        if name is not None and name not in frame.columns:
            folded = {str(column).casefold(): column for column in frame.columns}
            close = [folded[str(name).casefold()]] if str(name).casefold() in folded else \
                difflib.get_close_matches(str(name), frame.columns, n=1)
            spoken = f"Did you mean {close[0]!r}? " if close else ""
            headless = all(column.replace(".", "").lstrip("-").isdigit() for column in frame.columns)
            spoken += "If its first line holds values and no names, write --no-header. " if headless else ""
            require(False, option, name, "a column of the table",
                    f"{spoken}The columns are {first_few(map(str, frame.columns))}.")
    for option in ("groups", "time"):
        require(chosen[option] is None or chosen[option] != chosen["target"], option, chosen[option],
                "another column than the target", "Name the column that ties rows together, or leave it out.")


def _rows_with_target(column, name, *, rare=None, far=None, **options):
    """Which rows, bool[n], have a target to learn from, and the `Task` that they make; `far` and `rare` as in `TableOptions`."""
    column, sentences = without_rare(column, rare, options.get("wanted"))
    rows = column.notna().to_numpy(copy=True)
    require(rows.any() or not len(rows), name, counted(len(rows), "missing value"), "a target with values",
            "Choose another column.")
    require(rows.sum() >= _FEWEST_ROWS, "rows with a target", int(rows.sum()), f"at least {_FEWEST_ROWS}",
            "Collect more rows: with fewer, differences between settings are lost in chance.")
    task = find_task(column[rows], name, **options)
    odd = np.flatnonzero(rows)[far_off(task.y.reshape(-1))] if task.kind == "regression" else ()
    if len(odd):
        sentences = (*sentences, _far_off(column, odd, rows, leaves=far == "drop"))
    if len(odd) and far == "drop":
        rows[odd] = False
        task = find_task(column[rows], name, **options)
    if n_missing := int((~rows).sum()) - sum(n for n, _ in sentences):
        task = replace(task, notes=(*task.notes, f"{counted(n_missing, 'row')} without a value of `{name}` left out."))
    return rows, replace(task, notes=(*task.notes, *(sentence for _, sentence in sentences)))


def _far_off(column, far, rows, *, leaves):
    """Rows left out, and a sentence, where the targets of the rows with the numbers `far` are so far off that they alone decide
    the error."""
    y = column.to_numpy("float64")
    others = y[rows & ~np.isin(np.arange(len(y)), far)]
    row = int(far[np.abs(y[far] - np.median(others)).argmax()])
    what = (f"`{column.name}` is {y[row]:.6g} in row {row + 1:,} of the table"
            + (f", and as far off in {len(far) - 1:,} more" if len(far) > 1 else "")
            + f", where the others are {others.min():.6g} to {others.max():.6g}")
    if leaves:
        return len(far), f"{what}: left out."
    return 0, (f"{what}. Is it right? Such a row decides the error alone: the standard deviation is {y[rows].std():.6g}, and "
               f"{others.std():.6g} without it. --far-targets drop leaves it out.")


def _check_training_classes(task, parts):
    present = np.unique(task.codes[parts.train])
    absent = [label for code, label in enumerate(task.classes) if code not in present]
    require(not absent, task.name, absent[0] if absent else None, "of classes that all occur in the training rows",
            "No training row is of this class: drop its rows, merge it with another class, or split another way.")
