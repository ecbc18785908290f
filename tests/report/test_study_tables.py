"""A study as tables: every number is in them, once, under its name, and missing where it was not measured."""

import math
from dataclasses import fields, replace

import pandas as pd
import pytest
from report.report_studies import STUDY

from epochal import UsageError
from epochal.records import Contrast
from epochal.report import write_tables


def test_the_contrasts_have_a_row_an_arm_with_every_field_of_the_record():
    table = STUDY.to_pandas()
    assert set(table) == {field.name for field in fields(Contrast)} - {"setting"} | {"batch_size", "learning_rate", "schedule"}
    reference, large = table.to_dict("records")
    assert (reference["batch_size"], reference["verdict"], reference["quality"]) == (16, "the reference", 0.2)
    assert math.isnan(reference["difference"])
    assert list(table.n_enough.isna()) == [True, False]
    assert (large["batch_size"], large["learning_rate"], large["schedule"]) == (64, 1 / 3, "constant")
    assert (large["budget"], large["difference"], large["n_enough"], large["sentence"]) == ("epochs", 0.15, 60, "Said.")


def test_the_trainings_have_a_row_each_with_the_numbers_of_the_best_epoch():
    table = STUDY.to_pandas("trainings").set_index("training")
    assert len(table) == len(STUDY.curves) == 6
    first, second, third = (table.loc[number] for number in (0, 1, 2))
    assert (third.stage, third.batch_size, third.learning_rate, third.seed) == ("confirm", 16, 0.1, 2**62)
    assert (third.n_epochs, third.best_epoch, third.outcome, third.seconds, third.updates_per_epoch) == (3, 2, "OK", 1.5, 7)
    assert (third.val_loss, third.val_loss_a, third.val_loss_b, third.train_loss) == (0.2, 0.3, 0.1, 0.6)
    assert (third.val_accuracy, third.val_accuracy_a, third.val_accuracy_b) == (0.75, 0.5, 1.0)
    assert (third.test_loss, third.test_accuracy) == (0.25, 0.7)
    assert (first.stage, first.val_loss) == ("screen", 0.2)
    assert math.isnan(first.train_loss)
    assert math.isnan(first.val_accuracy)
    assert (second.outcome, second.n_epochs, second.batch_size) == ("DIVERGED", 0, 64)
    assert second.best_epoch is pd.NA
    assert math.isnan(second.val_loss)


def test_the_epochs_have_a_row_an_epoch_that_joins_its_training():
    table = STUDY.to_pandas("epochs")
    assert len(table) == sum(curve.n_epochs for curve in STUDY.curves) == 15
    one = table[table.training == 4]
    assert list(one.epoch) == [1, 2, 3]
    assert list(one.val_loss) == list(STUDY.curves[4].validation_loss)
    assert list(one.train_loss) == [0.8, 0.6, 0.4]
    assert list(one.test_accuracy) == [0.4, 0.7, 0.6]
    assert set(zip(one.batch_size, one.learning_rate, strict=True)) == {(64, 1 / 3)}
    trainings = STUDY.to_pandas("trainings")
    best = table.loc[table.groupby("training").val_loss.idxmin()].set_index("training").val_loss
    assert dict(best) == dict(trainings.set_index("training").val_loss.dropna())


@pytest.mark.parametrize("what", ["contrasts", "trainings", "epochs"])
def test_a_study_without_trainings_has_empty_tables_of_the_same_types(what):
    empty = replace(STUDY, curves=(), contrasts=()).to_pandas(what)
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(STUDY.to_pandas(what).dtypes)
    assert empty.dtypes["batch_size"] == "int64"


def test_a_training_that_ends_in_the_middle_of_an_epoch_misses_only_what_is_missing():
    longer = replace(STUDY.curves[2], train_loss=(0.8, 0.6, 0.4, 0.3))
    one = replace(STUDY, curves=(longer,)).to_pandas("epochs")
    assert list(one.train_loss) == [0.8, 0.6, 0.4, 0.3]
    assert list(one.val_loss.isna()) == [False, False, False, True]


def test_another_table_is_refused_by_name():
    with pytest.raises(UsageError, match="one of contrasts, trainings, epochs; got 'curves'"):
        STUDY.to_pandas("curves")


def test_the_files_hold_the_tables_to_the_last_digit(tmp_path):
    paths = write_tables(STUDY, tmp_path / "new")
    assert [path.name for path in paths] == ["contrasts.csv", "trainings.csv", "epochs.parquet"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)
    for what, path in zip(("contrasts", "trainings"), paths, strict=False):
        wanted = STUDY.to_pandas(what)
        whole = {name: "float64" for name, dtype in wanted.dtypes.items() if dtype == "Int64"}  # text with gaps, by way of numbers
        found = pd.read_csv(path, dtype=str).astype(dict(wanted.dtypes) | whole).astype(dict(wanted.dtypes))
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet(paths[2]), STUDY.to_pandas("epochs"), check_exact=True)
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_tables(STUDY, tmp_path / "new")] == before


def test_a_table_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    paths = write_tables(STUDY, tmp_path)
    before = [path.read_bytes() for path in paths]

    def full(table, file, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(OSError, match="No space left"):
        write_tables(replace(STUDY, curves=(STUDY.curves[0], *STUDY.curves)), tmp_path)
    assert paths[2].read_bytes() == before[2]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
