"""From a name to a table: built-in data, CSV, Parquet, groups, time."""

import gzip

import numpy as np
import pandas as pd
import pytest
from tiers import first_tier

from epochal.tables import Table, open_table

SHOPS = 12


def sales(n=240, seed=0):
    """A table as people have it: numbers, categories, dates, blanks, and a target of each sort."""
    stream = np.random.default_rng(seed)
    return pd.DataFrame({
        "price": stream.normal(20, 5, size=n).round(3),
        "colour": stream.choice(["red", "green", "blue"], size=n),
        "on": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
        "shop": stream.integers(SHOPS, size=n),
        "blank": np.where(stream.random(n) < 0.3, np.nan, stream.normal(size=n).round(3)),
        "sold": stream.choice(["no", "yes"], size=n, p=[0.7, 0.3]),
        "stars": stream.integers(1, 4, size=n),
        "profit": stream.normal(100, 30, size=n).round(3),
    })


@pytest.fixture
def shop_csv(tmp_path):
    path = tmp_path / "sales.csv"
    sales().to_csv(path, index=False)
    return path


def same(one, other):
    return one.fingerprint == other.fingerprint


@pytest.mark.parametrize(("name", "kind", "n_classes", "n_rows"), [
    ("digits", "multiclass", 10, 1797), ("breast_cancer", "binary", 2, 569), ("wine", "multiclass", 3, 178),
    ("diabetes", "regression", 0, 442)])
def test_built_in_data_open_by_name(name, kind, n_classes, n_rows):
    table = open_table(name)
    assert (table.name, table.kind, len(table.classes)) == (name, kind, n_classes)
    assert len(table.x_train) + len(table.x_validation) + len(table.x_test) == n_rows
    for x, y in ((table.x_train, table.y_train), (table.x_validation, table.y_validation), (table.x_test, table.y_test)):
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
        assert x.shape == (len(y), len(table.feature_names))
        assert y.shape == ((len(y),) if kind == "multiclass" else (len(y), 1))
        assert y.dtype == (np.int32 if kind == "multiclass" else np.float32)


def test_built_in_data_written_to_a_file_is_the_same_table(tmp_path):
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "cancer.csv", index=False)
    assert same(open_table(tmp_path / "cancer.csv", target="target"), open_table("breast_cancer"))


@pytest.mark.parametrize(("target", "kind", "classes"), [
    ("sold", "binary", ("no", "yes")), ("stars", "multiclass", ("1", "2", "3")), ("profit", "regression", ())])
def test_the_task_is_found_and_said(shop_csv, target, kind, classes):
    table = open_table(shop_csv, target=target)
    assert isinstance(table, Table)
    assert (table.kind, table.classes) == (kind, classes)
    assert any(f"`{target}`" in note and kind in note for note in table.notes)
    sizes = f"{len(table.x_train)} training, {len(table.x_validation)} validation and {len(table.x_test)} test rows."
    assert any(note.endswith(sizes) for note in table.notes), table.notes
    assert not any(target in name for name in table.feature_names)


def test_a_quantity_is_standardised_by_its_training_rows(shop_csv):
    table = open_table(shop_csv, target="profit")
    assert abs(table.y_train.mean()) < 1e-5
    assert abs(table.y_train.std() - 1) < 1e-5
    back = np.concatenate([table.y_train, table.y_validation, table.y_test]) * table.target_scale + table.target_mean
    np.testing.assert_allclose(np.sort(back[:, 0]), np.sort(sales().profit), rtol=1e-5)
    assert any(f"{table.target_mean:.6g}" in note for note in table.notes)


def test_classes_keep_mean_0_and_scale_1(shop_csv):
    table = open_table(shop_csv, target="sold")
    assert (table.target_mean, table.target_scale) == (0.0, 1.0)
    assert set(np.unique(table.y_train)) == {0.0, 1.0}


def test_nothing_is_learned_from_validation_or_test_rows(tmp_path):
    """Wild values everywhere but in the training rows: training arrays, mean, scale and features stay bit for bit."""
    frame = sales().assign(row=np.arange(240) / 7)
    frame.to_csv(tmp_path / "calm.csv", index=False)
    calm = open_table(tmp_path / "calm.csv", target="profit")
    numbers = frame.drop(columns=["profit"])
    trains = (calm.encoder.transform(numbers)[:, None].astype(np.float32) == calm.x_train[None]).all(axis=2).any(axis=1)
    assert trains.sum() == len(calm.x_train)
    wild = frame.copy()
    wild["shop"] = wild["shop"].astype(float)
    noise = 1e6 * np.random.default_rng(0).normal(size=((~trains).sum(), 5))
    wild.loc[~trains, ["price", "blank", "row", "profit", "shop"]] = noise
    wild.loc[~trains, "colour"] = "mauve"
    wild.loc[~trains, "on"] = "1950-05-05"
    wild.to_csv(tmp_path / "wild.csv", index=False)
    after = open_table(tmp_path / "wild.csv", target="profit")
    np.testing.assert_array_equal(after.x_train, calm.x_train)
    np.testing.assert_array_equal(after.y_train, calm.y_train)
    assert (after.target_mean, after.target_scale, after.feature_names) == (calm.target_mean, calm.target_scale,
                                                                          calm.feature_names)
    assert not np.array_equal(after.x_test, calm.x_test)


def test_features_and_targets_stay_together(tmp_path):
    x = np.random.default_rng(0).permutation(100) / 7
    pd.DataFrame({"x": x, "c": np.where(x > 7, "high", "low")}).to_csv(tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv", target="c")
    assert table.classes == ("high", "low")
    for part_x, part_y in ((table.x_train, table.y_train), (table.x_validation, table.y_validation),
                           (table.x_test, table.y_test)):
        assert part_x[part_y == 0].min() > part_x[part_y == 1].max()


def test_parquet_and_csv_of_one_frame_give_the_same_arrays(tmp_path, shop_csv):
    frame = sales()
    frame["on"] = pd.to_datetime(frame["on"])
    frame.to_parquet(tmp_path / "sales.parquet")
    for target in ("sold", "stars", "profit"):
        assert same(open_table(tmp_path / "sales.parquet", target=target), open_table(shop_csv, target=target))


def test_nullable_decimal_and_date_columns_of_a_parquet_file_are_ordinary_columns(tmp_path, shop_csv):
    frame = sales()
    frame["on"] = pd.to_datetime(frame["on"]).dt.date
    frame["blank"] = frame["blank"].astype("Float64")
    frame["shop"] = frame["shop"].astype("Int16")
    frame["sold"] = frame["sold"].astype("string")
    frame.to_parquet(tmp_path / "sales.parquet")
    assert same(open_table(tmp_path / "sales.parquet", target="profit"), open_table(shop_csv, target="profit"))


def test_an_empty_text_of_a_parquet_file_is_a_missing_value(tmp_path):
    frame = sales()
    frame.loc[:9, "sold"] = ""
    frame.to_parquet(tmp_path / "sales.parquet")
    table = open_table(tmp_path / "sales.parquet", target="sold")
    assert table.classes == ("no", "yes")
    assert "10 rows without a value of `sold` left out." in table.notes


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path):
    sales().set_index("sold").to_parquet(tmp_path / "sales.parquet")
    assert open_table(tmp_path / "sales.parquet", target="sold").kind == "binary"


@pytest.mark.parametrize("write", first_tier(6, [
    lambda frame, path: frame.to_csv(path / "t.csv", index=False, encoding="utf-8-sig"),
    lambda frame, path: frame.to_csv(path / "t.csv", index=False, sep=";"),
    lambda frame, path: frame.to_csv(path / "t.csv", index=False, sep=";", decimal=","),
    lambda frame, path: frame.to_csv(path / "t.tsv", index=False, sep="\t"),
    lambda frame, path: frame.to_csv(path / "t.txt", index=False, sep="|"),
    lambda frame, path: frame.to_csv(path / "t.csv", index=False, na_rep="?"),
    lambda frame, path: frame.to_csv(path / "t.csv", index=True),
    lambda frame, path: frame.to_csv(path / "t.csv.gz", index=False),
    lambda frame, path: (path / "t.csv").write_text(frame.to_csv(index=False).replace(",", ", ")),
    lambda frame, path: (path / "t.csv").write_text("\n\n" + frame.to_csv(index=False).replace("\n", "\r\n"), newline=""),
]), ids=["byte order mark", "semicolons", "decimal commas", "tabs", "bars", "question marks", "row numbers", "gzip",
        "spaces after commas", "blank lines and CRLF"])
def test_every_common_way_of_writing_a_table_gives_the_same_arrays(tmp_path, shop_csv, write):
    write(sales(), tmp_path)
    path = next(p for p in tmp_path.iterdir() if p.name.startswith("t."))
    table = open_table(str(path), target="profit")
    assert table.name == "t"
    assert same(table, open_table(shop_csv, target="profit"))


def test_a_separator_other_than_the_comma_is_said(tmp_path):
    sales().to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",")
    assert "Columns are separated by ';' and decimals written with a comma." in open_table(tmp_path / "t.csv",
                                                                                          target="sold").notes


def test_rows_without_a_target_are_left_out_and_counted(tmp_path):
    frame = sales()
    frame.loc[[3, 50, 60], "sold"] = None
    frame.to_csv(tmp_path / "holes.csv", index=False)
    frame.dropna(subset="sold").to_csv(tmp_path / "dropped.csv", index=False)
    table = open_table(tmp_path / "holes.csv", target="sold")
    assert "3 rows without a value of `sold` left out." in table.notes
    assert same(table, open_table(tmp_path / "dropped.csv", target="sold"))


def test_groups_stand_in_one_part_and_are_no_feature(tmp_path):
    frame = sales().assign(clock=np.arange(240) * 0.37)
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv", target="sold", groups="shop")
    assert not any("shop" in name for name in table.feature_names)
    assert any("groups of `shop`" in note for note in table.notes)
    column = table.feature_names.index("clock")  # it tells rows apart, so the parts can be traced back to the shops
    shop_of = dict(zip(table.encoder.transform(frame)[:, column].astype(np.float32), frame["shop"], strict=True))
    parts = [{shop_of[x] for x in part[:, column]} for part in (table.x_train, table.x_validation, table.x_test)]
    assert sum(len(part) for part in parts) == len(set.union(*parts)) == SHOPS


def test_time_cuts_the_rows_in_order_and_is_no_feature(tmp_path):
    frame = sales().assign(clock=np.arange(240) * 0.37)
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv", target="sold", time="on")
    assert not any(name.startswith("on") for name in table.feature_names)
    column = table.feature_names.index("clock")
    train, validation, test = (part[:, column] for part in (table.x_train, table.x_validation, table.x_test))
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    assert any("`on`" in note and "not a feature" in note for note in table.notes)


def test_one_seed_gives_one_table_and_another_seed_another(shop_csv):
    first, again, other = (open_table(shop_csv, target="sold", seed=seed) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


def test_the_fingerprint_sees_one_changed_number(tmp_path, shop_csv):
    frame = sales()
    frame.loc[7, "price"] += 0.5
    frame.to_csv(tmp_path / "other.csv", index=False)
    assert not same(open_table(shop_csv, target="sold"), open_table(tmp_path / "other.csv", target="sold"))


def test_the_encoder_takes_new_rows_of_the_file(shop_csv):
    table = open_table(shop_csv, target="sold")
    new = pd.read_csv(shop_csv).drop(columns="sold").head(5)
    assert table.encoder.transform(new).shape == (5, len(table.feature_names))


def test_compressed_text_is_read_in_full(tmp_path, shop_csv):
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(sales().to_csv(index=False, sep="\t").encode()))
    assert same(open_table(tmp_path / "t.tsv.gz", target="sold"), open_table(shop_csv, target="sold"))
