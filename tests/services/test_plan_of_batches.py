"""A plan of rows that come in batches: it is made on arrays of the first of them, and says so."""

import numpy as np
import pytest
from services.two_classes import X, Y, build
from training.feed_probe import Cut

import epochal as ep
from epochal.services.source import ArraySource


def batches():
    yield from ((X[i:i + 8], Y[i:i + 8]) for i in range(0, 200, 8))


@pytest.mark.parametrize(("rows", "named"), [
    (lambda: Cut(X, Y, 16), "the Cut"), (lambda: lambda batch_size: Cut(X, Y, batch_size), "make_dataset(32)"),
    (batches, "the generator")], ids=["PyDataset", "factory", "generator"])
def test_rows_in_batches_are_measured_on_as_arrays(rows, named):
    model, data = ArraySource(build, rows(), validation_data=Cut(X[:50], Y[:50], 10)).open(0)
    assert model is build
    np.testing.assert_array_equal(data.train.x, X)
    np.testing.assert_array_equal(data.train.y, Y)
    assert data.half_a.n_rows + data.half_b.n_rows == 50
    [one, other] = [note for note in data.notes if "on all" in note]
    assert one.startswith(f"Measured on all 200 rows of {named}; reading takes ")
    assert other == "Judged on all 50 rows of validation_data."


def test_without_validation_data_rows_are_held_out_and_weights_stay():
    weight = np.linspace(1, 2, 200).astype("float32")
    _, data = ArraySource(build, ((X[i:i + 8], Y[i:i + 8], weight[i:i + 8]) for i in range(0, 200, 8))).open(0)
    assert data.train.n_rows == 160
    together = np.concatenate([data.train.weight, data.half_a.weight, data.half_b.weight])
    assert sorted(together) == pytest.approx(sorted(weight))


def test_the_rows_of_a_parquet_file_by_the_name_of_its_target(tmp_path):
    import pandas

    pandas.DataFrame({**{f"x{i}": X[:, i] for i in range(4)}, "y": Y}).to_parquet(tmp_path / "rows.parquet")
    _, data = ArraySource(build, str(tmp_path / "rows.parquet"), "y").open(0)
    rows = np.concatenate([data.train.x, data.half_a.x, data.half_b.x])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, X))
    assert any("rows.parquet; reading takes" in note for note in data.notes)


def test_of_rows_without_an_end_some_are_read():
    _, data = ArraySource(build, Cut(X, Y, 100, endless=True), validation_data=Cut(X, Y, 100, endless=True)).open(0)
    assert data.train.n_rows == data.half_a.n_rows + data.half_b.n_rows == 20_000
    assert any("the first 20,000 rows of the Cut in its own order, a sample: with more" in note for note in data.notes)


def test_a_plan_is_made_and_tells_what_it_was_made_on(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = ep.plan(build, Cut(X, Y, 16), budget=1, verbose=0)
    assert plan.evidence.task.n_train == 160
    assert any("Measured on all 200 rows of the Cut" in note for note in plan.evidence.task.notes)


@pytest.mark.parametrize(("given", "said"), [
    ({"x": Cut(X, Y, 16), "validation_split": 0.2}, r"`validation_split` must be left out where x comes in batches"),
    ({"x": Cut(X, Y, 16), "y": Y}, "`y`"),
    ({"x": Cut(X, Y, 16), "validation_data": batches()}, "`validation_data` must be something that can be read twice"),
    ({"x": X, "y": Y, "validation_data": "rows.parquet"}, "`validation_data` must be arrays or batches to be measured on"),
    ({"x": X, "y": Y, "validation_data": ("rows.parquet", "y")}, "`validation_data` must be arrays or batches"),
    ({"x": "rows.csv", "y": "y"}, "`x` must be the path of a .parquet file"),
], ids=["a split", "targets beside it", "a generator to judge on", "a file to judge on", "and its target", "a CSV"])
def test_what_cannot_be_measured_on_is_refused(given, said):
    with pytest.raises(ep.UsageError, match=said):
        ep.plan(build, **given)
