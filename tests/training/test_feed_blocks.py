"""Memory-mapped files and Parquet files: read in blocks, the batches are those of all rows at once."""

import gc
import re
import threading
import warnings

import keras
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import first_tier
from training.feed_probe import Trainee, batches, feed_of, of_feed, of_keras, same
from training.side_by_side import fit

from epochal.base.errors import UsageError
from epochal.seam.row_orders import why_unknown
from epochal.tables.parquet.rows import ParquetRows
from epochal.training.feeds import arrays, blocks, sources
from epochal.training.feeds.arrays import Orders
from epochal.training.feeds.blocks import ArrayBlocks, ParquetBlocks, batches_per_block
from epochal.training.feeds.cast import OnlyKeras, rows_of
from epochal.training.feeds.feed import Feed


@pytest.fixture
def mapped(tmp_path):
    """Makes rows, and the same rows in a file mapped to memory."""
    def make(n, d=3, dtype="float64", **options):
        x = np.random.default_rng(0).normal(size=(n, d)).astype(dtype)
        np.save(tmp_path / "x.npy", x)
        return x, np.load(tmp_path / "x.npy", mmap_mode=options.get("mode", "r"))

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of some rows, read from stretches of some more, so that few rows are many of both."""
    monkeypatch.setattr(sources, "BLOCK_BYTES", 48)
    monkeypatch.setattr(blocks, "_STRETCH_BYTES", 200)
    for source, n_bytes in ((ArrayBlocks, 100), (ParquetBlocks, 300)):
        monkeypatch.setitem(source.__init__.__kwdefaults__, "block_bytes", n_bytes)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize(("n", "batch_size", "steps"), first_tier(3,
    [(50, 3, None), (48, 4, None), (50, 3, 7), (50, 3, 17), (50, 64, None)]))
def test_a_mapped_file_gives_the_batches_of_fit(mapped, n, batch_size, steps, shuffle):
    x, file = mapped(n)
    arguments = {"y": np.arange(n), "batch_size": batch_size, "shuffle": shuffle, "steps_per_epoch": steps, "epochs": 3}
    if why := why_unknown(shuffle):
        with pytest.raises(OnlyKeras, match=why):
            of_feed(x=file, **arguments)
        return
    same(of_feed(x=file, **arguments)[0], of_keras(x=x, **arguments)[0])
    assert isinstance(feed_of(file, np.arange(n)).source, ArrayBlocks)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("more", [{"class_weight": {0: 2.0, 1: 3.0}}, {"sample_weight": np.arange(50.0)}])
def test_a_mapped_file_may_have_weights(mapped, more):
    x, file = mapped(50)
    arguments = {"y": np.arange(50) % 3, "batch_size": 4, "epochs": 2, **more}
    same(of_feed(x=file, **arguments)[0], of_keras(x=x, **arguments)[0])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_mapped_file_is_read_and_not_changed(mapped, mode):
    x, file = mapped(50, mode=mode)
    if mode != "r":
        file[7] = x[7] = 5.0
    for _ in range(2):
        same(of_feed(x=file, epochs=2, shuffle=False)[0], of_feed(x=x, epochs=2, shuffle=False)[0])


def test_arrays_too_large_for_the_device_are_read_in_blocks():
    x, y = np.arange(100.0)[:, None], np.arange(100)
    feed = feed_of(x, y, resident_bytes=500)
    assert isinstance(feed.source, ArrayBlocks)
    arguments = {"x": {"a": x, "b": x}, "y": y, "batch_size": 7, "epochs": 2}
    same(of_feed(resident_bytes=500, **arguments)[0], of_keras(**arguments)[0])


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 20), per_block=st.integers(1, 8), steps=st.none() | st.integers(1, 12),
       skip=st.integers(0, 3), shuffle=st.sampled_from([True, False, "batch"]))
def test_blocks_of_any_size_give_the_same_batches(n, size, per_block, steps, skip, shuffle):
    x = np.arange(n, dtype="float32")[:, None]
    skip = min(skip, (steps or -(-n // size)) - 1, -(-n // size) - 1)

    def found(block_bytes):
        keras.utils.set_random_seed(1)
        rows = rows_of(x)
        feed = Feed(ArrayBlocks(rows, Orders(n, size, shuffle), batch_size=size,
                                     block_bytes=block_bytes), None if steps is None else min(steps, -(-n // size)))
        return [list(batches(feed.epoch(Trainee(), skip)))] + [list(batches(feed.epoch(Trainee()))) for _ in range(2)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # data that run out
        same(found(4 * size * per_block), found(2**30))


@pytest.mark.parametrize("n", [1, 2, 10, 49, 50, 51, 1000, 1013])
def test_blocks_are_of_one_size_where_that_can_be(n):
    per_block = batches_per_block(n, 10, 500)
    assert 1 <= per_block <= 50
    assert n % per_block == 0 or n > 50


def test_many_rows_are_mixed_in_two_levels(monkeypatch):
    for name, value in (("FEW_ENOUGH", 50), ("_STRETCHES", 40), ("_GROUP", 60)):
        monkeypatch.setattr(arrays, name, value)
    keras.utils.set_random_seed(3)
    for n in (51, 201, 400, 401):
        drawn = Orders(n, 4, True, mixed=True)
        first, second = drawn.draw(1), drawn.draw(2)
        rows = first[0:n]
        assert sorted(rows) == list(range(n))
        assert list(rows) != list(second[0:n])
        assert [list(first[i : i + 7]) for i in range(0, n, 7)] == [list(rows[i : i + 7]) for i in range(0, n, 7)]
        assert np.abs(np.diff(rows)).mean() > n / 5  # n / 3 for a permutation of all
        assert len(first) == n
    assert list(Orders(40, 4, True, mixed=True).draw(1)[0:3]) != [0, 1, 2]  # few rows: one permutation


# --- Parquet


@pytest.fixture
def table(tmp_path):
    """Writes rows that know their number; returns the path."""
    def write(n, *, row_group_size=10, name="rows.parquet", **more):
        columns = {"a": np.arange(n), "b": np.arange(n) * 0.5, "y": np.arange(n) * 2.0} | more
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / name, row_group_size=row_group_size)
        return tmp_path / name

    return write


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("row_group_size", first_tier(2, [1, 7, 10, 1000]))
@pytest.mark.parametrize(("n", "batch_size"), [(100, 8), (96, 8), (5, 8), (100, 1)])
def test_a_parquet_file_in_its_order_gives_the_batches_of_its_rows(table, n, batch_size, row_group_size):
    path = table(n, row_group_size=row_group_size)
    x, y = np.stack([np.arange(n), np.arange(n) * 0.5], 1).astype("float32"), 2 * np.arange(n, dtype="float32")[:, None]
    arguments = {"batch_size": batch_size, "shuffle": False, "epochs": 2}
    same(of_feed(x=path, y="y", **arguments)[0], of_feed(x=x, y=y, **arguments)[0])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shuffle", [True, "batch"])
@pytest.mark.parametrize("steps", [None, 5, 13])
@pytest.mark.parametrize("row_group_size", first_tier(1, [7, 1000]))
def test_a_shuffled_parquet_file_gives_each_row_once(table, row_group_size, steps, shuffle):
    n, size = 100, 8  # 13 batches, the last of 4 rows
    feed, trainee = feed_of(str(table(n, row_group_size=row_group_size)), "y", batch_size=size, shuffle=shuffle,
                            steps_per_epoch=steps), Trainee()
    keras.utils.set_random_seed(1)
    epochs = [list(batches(feed.epoch(trainee))) for _ in range(3)] if steps != 5 else []
    if steps == 5:
        with pytest.warns(UserWarning, match="ran out of data"):
            pieces = [list(batches(feed.epoch(trainee))) for _ in range(6)]
        assert [len(piece) for piece in pieces] == [5, 5, 3, 5, 5, 3]
        epochs = [[*a, *b, *c] for a, b, c in (pieces[:3], pieces[3:])]
    numbers = [np.concatenate([x[:, 0] for x, _, _ in epoch]) for epoch in epochs]
    assert all([len(x) for x, _, _ in epoch] == [8] * 12 + [4] for epoch in epochs)
    assert all(sorted(rows) == list(range(n)) for rows in numbers)
    assert list(numbers[0]) != list(numbers[1])
    assert all((y[:, 0] == 2 * x[:, 0]).all() for epoch in epochs for x, y, _ in epoch)


def test_one_seed_gives_one_order_of_a_parquet_file(table):
    path = table(100)
    first, second = (of_feed(x=path, y="y", batch_size=8, epochs=2, seed=5)[0] for _ in range(2))
    same(first, second)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("skip", [1, 4, 12])
@pytest.mark.parametrize("shuffle", [True, False])
def test_skipped_batches_of_a_parquet_file_are_left_out(table, shuffle, skip):
    path = table(100)
    whole = of_feed(x=path, y="y", batch_size=8, shuffle=shuffle, epochs=1)[0][0]
    same(of_feed(x=path, y="y", batch_size=8, shuffle=shuffle, epochs=1, skip=skip)[0], [whole[skip:]])


@pytest.mark.parametrize("row_group_size", [100, 2000])  # many to a block, and many blocks to one
def test_rows_of_several_row_groups_meet_in_a_block(table, row_group_size):
    path = table(16_000, row_group_size=row_group_size)
    feed = Feed(ParquetBlocks(ParquetRows(path, "y"), batch_size=10, shuffle=True, block_bytes=12 * 500))
    first = next(iter(feed.epoch(Trainee())))
    groups = np.unique(first.data[0][first.rows.ravel(), 0] // row_group_size)
    assert len(groups) >= 5
    feed.close()


def test_a_parquet_file_may_have_weights(table):
    arguments, y = {"batch_size": 20, "shuffle": False, "epochs": 1}, [0, 1, 2, 1] * 5
    weighed = of_feed(x=table(20, weight=np.arange(20)), y="y", sample_weight="weight", **arguments)[0][0][0]
    assert weighed[2].tolist() == list(range(20))
    assert weighed[0].shape == (20, 2)
    rows = ParquetRows(table(20, kind=["a", "b", "c", "b"] * 5), "kind", features=["a"])
    classes = of_feed(x=rows, class_weight={1: 3.0}, **arguments)[0][0][0]
    assert classes[1].tolist() == y
    assert classes[2].tolist() == [3.0 if code == 1 else 1.0 for code in y]


@pytest.mark.parametrize("kinds", [["no", "yes"], ["c", "a", "b"]])
def test_classes_of_text_are_weighed_by_their_labels_or_codes(table, kinds):
    path, codes = table(12, kind=kinds * (12 // len(kinds))), dict(zip(sorted(kinds), range(3), strict=False))
    weights = {kinds[0]: 9.0, kinds[1]: 0.5}
    by_code = {codes[kind]: weight for kind, weight in weights.items()}
    for asked in (weights, by_code, {kinds[0]: 9.0, np.int64(codes[kinds[1]]): 0.5}):
        rows = of_feed(x=path, y="kind", class_weight=asked, batch_size=12, shuffle=False, epochs=1)[0][0][0]
        assert rows[2].tolist() == [weights.get(kind, 1.0) for kind in kinds * (12 // len(kinds))]


@pytest.mark.parametrize(("weights", "said"), [
    ({"yes": 9.0, "maybe": 1.0}, "`class_weight` must be by labels of y ('no', 'yes') or their codes from 0 on; got ['maybe']"),
    ({2: 1.0}, "got [2]"), ({"yes": 9.0, 1: 2.0}, "by each class once"), (np.ones(2), "a dict from class to a weight")])
def test_weights_of_what_is_no_class_are_refused(table, weights, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        feed_of(table(12, kind=["no", "yes"] * 6), "kind", class_weight=weights)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"y": None}, "`y`"), ({"y": np.arange(20)}, "`y`"), ({"y": "price"}, "price"), ({"order": np.arange}, "order"),
    ({"sample_weight": np.ones(20)}, "sample_weight"), ({"x": "rows.csv"}, "parquet"), ({"x": "nowhere.parquet"}, "exists")])
def test_what_does_not_go_with_a_parquet_file_is_refused(table, wrong, said):
    with pytest.raises(UsageError, match=said):
        feed_of(**{"x": table(20), "y": "y", **wrong})


@pytest.mark.usefixtures("small_blocks")
def test_an_error_in_a_file_reaches_the_training(table):
    path = table(100)
    feed = feed_of(path, "y", batch_size=8)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 4 : len(damaged) // 2] = bytes(len(damaged) // 2 - len(damaged) // 4)
    path.write_bytes(damaged)
    with pytest.raises(UsageError, match="must be whole; got 'rows.parquet', which cannot be read"):
        list(feed.epoch(Trainee()))


@pytest.mark.usefixtures("small_blocks")
def test_a_training_that_stops_leaves_no_thread(table, mapped):
    n_threads = threading.active_count()
    for feed in (feed_of(table(1000), "y", batch_size=8), feed_of(mapped(1000)[1], batch_size=8)):
        for _ in feed.epoch(Trainee()):
            break
        feed.close()
    gc.collect()
    assert threading.active_count() == n_threads


def test_validation_on_a_parquet_file_is_that_of_keras_on_its_columns(tmp_path):
    x, path = np.random.default_rng(0).normal(size=(40, 3)).astype("float32"), str(tmp_path / "rows.parquet")
    columns = {name: x[:, i] for i, name in enumerate("abc")} | {"y": x[:, 0], "w": x[:, 1] ** 2, "z": x[:, 2], "v": x[:, 2] ** 2}
    pyarrow.parquet.write_table(pyarrow.table({name: columns[name] for name in "abcyw"}), path)
    other = str(tmp_path / "other.parquet")
    pyarrow.parquet.write_table(pyarrow.table(columns), other)
    for named in ((), ("y",), ("y", "w"), ("z",), ("z", "v")):
        judged, histories = tuple(columns[name] for name in named or ("y",)), []
        ours = {"x": path, "y": "y", "sample_weight": "w", "validation_data": (other, *named)}
        theirs = {"x": x, "y": columns["y"], "sample_weight": columns["w"], "validation_data": (x, *judged)}
        for train, arguments in ((fit, ours), (keras.Model.fit, theirs)):
            keras.utils.set_random_seed(1)
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile("sgd", "mse")
            histories.append(train(model, **arguments, shuffle=False, verbose=0).history)
        np.testing.assert_allclose(histories[0]["val_loss"], histories[1]["val_loss"], rtol=1e-6)


# --- Another batch size from one pass to the next


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["array", "mapped", "parquet"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_that_are_cut_anew_between_passes_come_once_in_each(mapped, table, kind, shuffle):
    n, trainee = 100, Trainee()
    if kind == "parquet":
        feed = feed_of(str(table(n)), "y", batch_size=8, shuffle=shuffle)
    else:
        feed = feed_of(mapped(n)[1] if kind == "mapped" else np.array(mapped(n)[0]), np.arange(n), batch_size=8, shuffle=shuffle)
    for size in (8, 33, 3, 100, 1, 64):
        if size != feed.batch_size:
            feed.recut(size)
        assert feed.n_batches == -(-n // size)
        found = [np.asarray(y).ravel() for _, y, _ in batches(feed.epoch(trainee))]
        assert [len(rows) for rows in found] == [size] * (n // size) + [n % size] * (n % size > 0)
        step = 2 if kind == "parquet" else 1
        assert sorted(np.concatenate(found).tolist()) == list(range(0, n * step, step))


def test_rows_are_not_cut_anew_within_a_pass():
    with pytest.raises(UsageError, match="`steps_per_epoch` must be left out where the batch size changes"):
        feed_of(np.ones((10, 1)), batch_size=2, steps_per_epoch=2).recut(4)
