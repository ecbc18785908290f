"""New rows for a trained model: encoded exactly as in training, and whatever is unlike training is said or refused."""

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.tables import open_table
from epochal.tables.encoding import encoding_of
from epochal.tables.features import as_frame, read_columns
from epochal.tables.new_rows import apply

N = 200


def town(n=N, seed=0):
    """A table as people have it, with a column of every kind, and blanks."""
    stream = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "rent": stream.normal(900, 200, n).round(2),
        "rooms": stream.integers(1, 6, n),
        "lift": stream.random(n) < 0.5,
        "street": stream.choice(["Ring", "Allee", "Weg"], n),
        "code": stream.choice(["007", "12", "A1"], n),
        "since": pd.date_range("2020-01-01", periods=n, freq="3D").strftime("%d/%m/%Y"),
        "words": [f"{stream.choice(list('abcdefgh'))}{i % 60} and more" for i in range(n)],
        "same": 1,
        "agent": np.arange(n) % 12,
        "sold": stream.choice(["no", "yes"], n),
        "price": stream.normal(300, 90, n).round(3),
    })
    frame.loc[::9, "rent"] = np.nan
    return frame


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    town().to_csv(folder / "town.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def table(home):
    return open_table(home / "town.csv", target="sold", groups="agent")


@pytest.fixture(scope="module")
def encoding(table):
    return encoding_of(table, target="sold", split_columns=["agent"], outputs="probabilities")


@pytest.fixture
def new(tmp_path, encoding):
    """What `apply` makes of a table, written as CSV or as Parquet."""
    def made(frame, ending=".csv", encoding=encoding):
        path = tmp_path / f"new{ending}"
        frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
        return apply(encoding, path)
    return made


def features():
    return town().drop(columns=["sold", "agent", "same"])


def expected(table, frame):
    """The features as the training itself computes them, of columns that need no conversion."""
    return table.encoder.transform(as_frame(read_columns(frame)))


def test_the_training_file_gives_the_features_of_training_in_its_order(home, table, encoding):
    rows = apply(encoding, home / "town.csv")
    together = np.concatenate([table.x_train, table.x_validation, table.x_test])
    assert sorted(map(tuple, rows.x)) == sorted(map(tuple, together))
    np.testing.assert_array_equal(rows.x, expected(table, town()))
    np.testing.assert_array_equal(rows.y, town().sold == "yes")
    assert rows.notes == ()
    assert rows.x.dtype == np.float32


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_order_of_columns_and_a_missing_target_change_nothing(new, table, ending):
    frame = features()
    rows = new(frame[frame.columns[::-1]], ending)
    np.testing.assert_array_equal(rows.x, expected(table, frame))
    assert rows.y is None
    assert rows.notes == ()


@pytest.mark.second
def test_every_row_alone_is_encoded_as_among_others(new, table):
    """What a reader makes of a column depends on the other rows: 007 alone is 7, True alone is a truth value."""
    frame, whole = features(), expected(table, features())
    for i in range(12):
        np.testing.assert_array_equal(new(frame.iloc[[i]]).x, whole[[i]], err_msg=str(frame.iloc[i].to_dict()))


def test_all_missing_columns_are_named_with_what_may_be_meant(new):
    with pytest.raises(UsageError) as refused:
        new(features().drop(columns=["rent", "lift"]).rename(columns={"street": "Street"}))
    said = str(refused.value)
    assert all(f"`{name}`" in said for name in ("rent", "lift", "street"))
    assert "Is `Street` meant for `street`?" in said
    assert "`rooms`" not in said
    assert said.count("Rename it.") == 1


def test_what_was_no_feature_may_be_missing_or_there_and_other_columns_are_named(new, table):
    frame = features()
    assert new(frame.assign(same=5, agent=3)).notes == ()
    rows = new(frame.assign(zip=1, y2="u", y3=1, y4=1, y5=1, y6=1, y7=1))
    assert rows.notes == ("Not used, since the model was trained without: `zip`, `y2`, `y3`, `y4`, `y5` and 2 more.",)
    np.testing.assert_array_equal(rows.x, expected(table, frame))


def test_unseen_categories_are_counted_named_and_encoded_as_none(new, table):
    frame = features()
    rows = new(frame.assign(street=["Gasse", "Steig", "Gasse", "Ufer"] + ["Weg"] * (N - 4)))
    assert rows.notes == ("`street` holds 3 values that no training row has ('Gasse', 'Steig', 'Ufer'), in 4 rows: encoded as none "
                          "of the known values.",)
    names = table.feature_names
    known = expected(table, frame.assign(street="Weg"))
    streets = [i for i, name in enumerate(names) if name.startswith("street_")]
    others = np.setdiff1d(np.arange(len(names)), streets)
    np.testing.assert_array_equal(rows.x[:, others], known[:, others])
    of_street = next(column for column in table.encoder.columns if column.name == "street")
    assert not table.encoder._of(of_street, pd.Series(["Gasse"])).any()
    np.testing.assert_array_equal(rows.x[4:], known[4:])


def test_values_missing_where_training_had_none_are_said(new, table):
    frame = features()
    blank = frame.astype({"lift": object, "rooms": "float64"})
    blank.loc[[3, 5], "rooms"] = np.nan
    blank.loc[3, ["lift", "street", "since", "words", "rent"]] = np.nan
    rows = new(blank)
    said = " ".join(rows.notes)
    assert np.isfinite(rows.x).all()
    assert "`rooms` is missing in 2 rows, but in no training row: the median of the training rows stands in." in said
    assert all(f"`{name}` is missing in 1 row" in said for name in ("lift", "street", "since"))
    assert "`rent`" not in said     # it was missing in training rows too, and the model knows what that means
    np.testing.assert_array_equal(np.delete(rows.x, [3, 5], 0), np.delete(expected(table, frame), [3, 5], 0))


def test_text_that_stands_for_missing_is_missing_as_in_training(new, table):
    frame = features().iloc[:3]
    rows = new(frame.assign(street=["N/A", " null ", "Weg"], rent=["n/a", 900.5, "#N/A"], since=["None", *frame.since[1:]]))
    blank = new(frame.assign(street=[None, None, "Weg"], rent=[None, 900.5, None], since=[None, *frame.since[1:]]))
    np.testing.assert_array_equal(rows.x, blank.x)
    assert rows.notes == blank.notes


def test_a_whole_column_may_be_empty(new):
    for name in features().columns:
        rows = new(features().assign(**{name: np.nan}))
        assert np.isfinite(rows.x).all(), name


@pytest.mark.parametrize(("name", "values", "said"), [
    ("rooms", ["three"], ("`rooms`", "'three' in row 1", "numbers, as in training")),
    ("rooms", [2, "12 m", 3, "9 m"], ("'12 m' in row 2 and 1 more",)),
    ("rent", [np.inf], ("`rent`", "'inf' in row 1", "finite numbers")),
    ("rent", ["2020-01-01"], ("`rent`", "'2020-01-01' in row 1", "numbers")),
    ("lift", ["yes", "no"], ("`lift`", "'yes' in row 1 and 1 more", "true and false")),
    ("lift", [2], ("`lift`", "'2'", "true and false")),
    ("since", ["rubbish", "01/02/2021"], ("`since`", "'rubbish' in row 1", "%d/%m/%Y")),
    ("since", ["01/02/2021", "02/13/2021"], ("`since`", "'02/13/2021' in row 2",)),
    ("since", [20210201], ("`since`", "'20210201' in row 1", "dates")),
])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_other_things_than_in_training_are_refused_by_an_example(new, name, values, said, ending):
    frame = features().iloc[: len(values)]
    if ending == ".parquet" and len({type(value) for value in values}) > 1:
        values = list(map(str, values))
    with pytest.raises(UsageError) as refused:
        new(frame.assign(**{name: values}), ending)
    sentence = str(refused.value).replace("got 20210201 ", "got '20210201' ").replace("got 2 ", "got '2' ")
    assert all(word in sentence for word in said), sentence
    assert "empty" in sentence


@pytest.mark.parametrize("turned", [
    lambda days: days, lambda days: days.astype("datetime64[ns]"), lambda days: days.dt.tz_localize("UTC"),
    lambda days: days.dt.date, lambda days: days.dt.strftime("%Y-%m-%d"), lambda days: days.dt.strftime("%Y-%m-%dT00:00:00Z"),
], ids=["µs", "ns", "zone", "date", "text", "text with a zone"])
def test_dates_may_come_as_dates_or_in_iso_order(new, table, turned):
    frame = features()
    since = turned(pd.to_datetime(frame.since, format="%d/%m/%Y"))
    rows = new(frame.assign(since=since), ".parquet")
    np.testing.assert_allclose(rows.x, expected(table, frame), atol=1e-6)


def test_dates_that_came_as_dates_are_not_guessed_from_text(tmp_path, home):
    frame = town().assign(since=pd.to_datetime(town().since, format="%d/%m/%Y"))
    frame.to_parquet(tmp_path / "town.parquet")
    encoding = encoding_of(open_table(tmp_path / "town.parquet", target="sold"), target="sold")
    with pytest.raises(UsageError, match=r"dates, as %Y-%m-%d, as in training; got '01/01/2020'"):
        apply(encoding, home / "town.csv")


@pytest.mark.parametrize("text", [True, False])
def test_moments_with_a_time_zone_keep_it(tmp_path, text):
    frame = town()
    since = pd.to_datetime(frame.since, format="%d/%m/%Y").dt.tz_localize("Europe/Berlin")
    frame["since"] = since.dt.tz_convert("+01:00").dt.strftime("%Y-%m-%dT%H:%M:%S+01:00") if text else since
    frame.to_parquet(tmp_path / "town.parquet")
    table = open_table(tmp_path / "town.parquet", target="sold", groups="agent")
    encoding = encoding_of(table, target="sold", split_columns=["agent"])
    rows = apply(encoding, tmp_path / "town.parquet")
    np.testing.assert_array_equal(rows.x, expected(table, frame.drop(columns=["agent", "sold"])))
    frame.assign(since=since.dt.tz_convert("UTC")).to_parquet(tmp_path / "elsewhere.parquet")
    np.testing.assert_allclose(apply(encoding, tmp_path / "elsewhere.parquet").x, rows.x, atol=1e-6)


def test_numbers_categories_and_truths_of_other_dtypes_are_the_same_rows(new, table):
    frame = features()
    for turned in (frame.assign(rooms=frame.rooms.astype("float64"), lift=frame.lift.astype(int)),
                   frame.assign(rooms=frame.rooms.astype(str), lift=frame.lift.astype(str).str.upper()),
                   frame.assign(street=pd.Categorical(frame.street), code=pd.Categorical(frame.code))):
        np.testing.assert_array_equal(new(turned, ".parquet").x, expected(table, frame))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_no_rows_are_refused(new, ending):
    with pytest.raises(UsageError, match="`DATA` must be a table with rows"):
        new(features().iloc[:0], ending)


def test_one_row_and_many_rows_are_welcome(new, table):
    assert new(features().iloc[:1]).x.shape == (1, table.x_train.shape[1])


def test_a_table_of_a_single_column_is_read_with_an_empty_line_as_an_empty_cell(tmp_path):
    pd.DataFrame({"a": np.arange(60) / 7, "y": np.arange(60) % 2}).to_csv(tmp_path / "two.csv", index=False)
    encoding = encoding_of(open_table(tmp_path / "two.csv", target="y"), target="y")
    (tmp_path / "one.csv").write_text("\n\na\n1.5\n\n2.5\n")
    rows = apply(encoding, tmp_path / "one.csv")
    both = apply(encoding, _csv(tmp_path / "both.csv", "a,y\n1.5,\n2.5,\n"))
    assert len(rows.x) == 3
    np.testing.assert_array_equal(rows.x[[0, 2]], both.x)
    assert "missing in 1 row" in rows.notes[0]
    assert both.y is None


def _csv(path, text):
    path.write_text(text)
    return path


def test_known_answers_are_found_by_their_labels_and_odd_ones_are_counted(new):
    frame = features().iloc[:4]
    rows = new(frame.assign(sold=["yes", "no", "maybe", None]))
    assert rows.y.tolist() == [1, 0, -1, -1]
    assert rows.notes == ("`sold` is no class of the model in 1 row (such as 'maybe'): predicted, but not judged.",)
    assert new(frame.assign(sold=None)).y is None


@pytest.mark.parametrize("labels", [[0, 1], [0.5, 1.5], [True, False], ["7", "x"]])
def test_labels_are_found_whatever_the_reader_made_of_them(tmp_path, labels):
    frame = pd.DataFrame({"a": np.arange(60) / 7, "b": np.cos(np.arange(60)), "y": labels * 30})
    frame.to_csv(tmp_path / "train.csv", index=False)
    table = open_table(tmp_path / "train.csv", target="y")
    frame.astype({"y": object}).mask(frame.index.to_series() == 3, np.nan, axis=0).to_csv(tmp_path / "new.csv", index=False)
    rows = apply(encoding_of(table, target="y"), tmp_path / "new.csv")
    wanted = [table.classes.index(str(value)) for value in frame.y]
    wanted[3] = -1
    assert rows.y.tolist() == wanted


def test_a_target_of_numbers_is_in_its_own_unit(home, tmp_path):
    encoding = encoding_of(open_table(home / "town.csv", target="price"), target="price", outputs="numbers")
    frame = town().iloc[:4].astype({"price": object})
    frame["price"] = [1.5, "n/a?", None, -3]
    frame.to_csv(tmp_path / "new.csv", index=False)
    rows = apply(encoding, tmp_path / "new.csv")
    np.testing.assert_array_equal(rows.y, [1.5, np.nan, np.nan, -3])
    assert "no finite number in 1 row" in " ".join(rows.notes)


@pytest.fixture
def images(tmp_path):
    """The encoding of 8-bit images, and a function that writes arrays and applies it."""
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "train.npz", x=draw.integers(0, 256, (60, 4, 4), dtype=np.uint8), y=np.arange(60) % 2)
    encoding = encoding_of(open_table(tmp_path / "train.npz"), target="y", outputs="probabilities")

    def made(encoding=encoding, **arrays):
        np.savez(tmp_path / "new.npz", **arrays)
        return apply(encoding, tmp_path / "new.npz")
    return made


def test_8_bit_arrays_are_divided_however_dark_they_are(images):
    dark = np.ones((3, 4, 4), np.uint8)
    np.testing.assert_array_equal(images(x=dark).x, np.full((3, 4, 4), 1 / 255, np.float32))
    np.testing.assert_array_equal(images(x=dark / 255).x, np.full((3, 4, 4), 1 / 255, np.float32))
    with pytest.raises(UsageError, match=r"8-bit numbers as in training.*got 'float64 up to 7'"):
        images(x=dark * 7.0)


def test_arrays_with_known_answers_or_a_test_part_are_read(images):
    x = np.ones((3, 4, 4), np.uint8)
    assert images(x=x, y=np.array([0, 1, 5])).y.tolist() == [0, 1, -1]
    assert images(x_train=x, y_train=x[:, 0, 0], x_test=x[:2], y_test=np.array([[1], [0]])).y.tolist() == [1, 0]


@pytest.mark.parametrize(("arrays", "said"), [
    ({"x": np.ones((3, 4, 5), np.uint8)}, ("`x`", "(3, 4, 5)", "(4, 4)")),
    ({"x": np.ones((0, 4, 4), np.uint8)}, ("`x`", "with rows")),
    ({"x": np.array(5)}, ("`x`", "with rows")),
    ({"x": np.full((3, 4, 4), np.nan)}, ("`x`", "48 values infinite or not a number")),
    ({"x": np.full((3, 4, 4), "u")}, ("`x`", "numbers")),
    ({"z": np.ones(3)}, ("array x", "It holds z")),
    ({"x": np.ones((3, 4, 4), np.uint8), "y": np.ones(2)}, ("`y`", "2 rows", "3 rows")),
])
def test_arrays_that_do_not_fit_are_refused(images, arrays, said):
    with pytest.raises(UsageError) as refused:
        images(**arrays)
    assert all(word in str(refused.value) for word in said), str(refused.value)


def test_a_table_for_arrays_and_arrays_for_a_table_are_refused(images, encoding, home):
    with pytest.raises(UsageError, match="arrays, whose columns have no names"):
        images(encoding=encoding, x=np.ones((3, 9)))
    with pytest.raises(UsageError, match="nothing says how columns become its inputs"):
        apply(None, home / "town.csv")


def test_a_model_without_an_encoding_takes_arrays_as_they_are(images):
    x = np.full((3, 2), 200, np.uint8)
    rows = images(encoding=None, x=x)
    np.testing.assert_array_equal(rows.x, x)
    assert (rows.y, rows.notes) == (None, ())


def odd_table(n=N, seed=1):
    """A table whose columns are written as people write them, and the plain numbers behind it."""
    stream = np.random.default_rng(seed)
    pay, size, on = stream.integers(1000, 9000, n), stream.normal(50, 9, n), pd.date_range("2021-03-05", periods=n, freq="5D")
    tone = stream.choice(["warm", "Cold"], n)
    frame = pd.DataFrame({"customer_id": np.arange(n) + 10_000, "pay": [f"${p:,}.50" for p in pay],
                          "size": [f"{s:.2f} mm".replace(".", ",") for s in size], "on": on.strftime("%d.%m.%Y"), "tone": tone,
                          "level": np.where(np.arange(n) % 20 == 7, -999, stream.integers(0, 400, n)),
                          "good": np.where(pay + 90 * size > 9000, "yes", "no")})
    frame.loc[3, "pay"] = "on request"
    return frame


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    odd_table().to_csv(folder / "odd.csv", index=False, sep=";")
    table = open_table(folder / "odd.csv", target="good")
    return table, encoding_of(table, target="good", outputs="probabilities")


def test_new_rows_are_read_as_those_of_training_were(odd, new):
    table, encoding = odd
    assert {use.name: use.kind for use in table.columns} == {
        "customer_id": "left out", "pay": "number", "size": "number", "on": "date", "tone": "category", "level": "number",
        "good": "target"}
    rows = new(odd_table().drop(columns="good"), encoding=encoding)
    assert rows.notes == ()
    known = np.concatenate([table.x_train, table.x_validation, table.x_test])
    assert {row.tobytes() for row in rows.x} == {row.tobytes() for row in known}
    np.testing.assert_array_equal(rows.carried["customer_id"].astype(int), np.arange(N) + 10_000)


@pytest.mark.parametrize(("name", "cells", "same_as"), [
    ("pay", ["1234.50", "$1,234.50", " 1,234.50 $"], "$1,234.50"), ("pay", ["on request", "-", ""], ""),
    ("size", ["50,25", "50,25 mm", "50,25mm"], "50,25 mm"), ("on", ["2021-03-05", "05.03.2021", " 05.03.2021"], "05.03.2021"),
    ("tone", ["WARM", " warm", "Warm "], "warm"), ("level", [-999, "", -999.0], "")])
def test_other_ways_to_write_the_same_are_the_same(odd, new, name, cells, same_as):
    frame = odd_table().drop(columns="good").iloc[10:13]
    rows = [new(frame.astype(object).assign(**{name: of}), encoding=odd[1]).x for of in (cells, [same_as] * 3)]
    np.testing.assert_array_equal(*rows)


def test_names_with_blanks_around_them_and_codes_that_look_like_numbers(tmp_path):
    stream = np.random.default_rng(0)
    frame = pd.DataFrame({" code ": stream.choice(["007", "012", "A1"], 90), "m": stream.normal(size=90), "y": np.arange(90) % 2})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = open_table(tmp_path / "t.csv", target="y")
    frame.drop(columns="y").assign(**{" code ": "007"}).to_csv(tmp_path / "new.csv", index=False)
    rows = apply(encoding_of(table, target="y"), tmp_path / "new.csv")
    assert rows.notes == ()
    assert (rows.x[:, table.feature_names.index("code_007")] == rows.x[0, table.feature_names.index("code_007")]).all()
    assert rows.x[0, table.feature_names.index("code_007")] > rows.x[0, table.feature_names.index("code_A1")]


def test_cells_that_no_training_row_had_are_refused_by_name(odd, new):
    frame = odd_table().drop(columns="good").iloc[:5].astype(object)
    with pytest.raises(UsageError, match=r"`size` must be a column of finite numbers, as in training; got '12 inch' in row 2"):
        new(frame.assign(size=["50,1 mm", "12 inch", "3,5", "4", "5"]), encoding=odd[1])


def test_rows_of_another_kind_are_refused(tmp_path):
    stream = np.random.default_rng(0)
    frame = pd.DataFrame({"town": stream.choice(["Ulm", "Bonn"], 90), "kind": stream.choice(["a", "b"], 90)})
    frame["y"] = np.arange(90) % 2
    frame.to_csv(tmp_path / "t.csv", index=False)
    encoding = encoding_of(open_table(tmp_path / "t.csv", target="y"), target="y")
    frame.assign(town="Lyon", kind="z").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(UsageError, match=r"rows like those of training.*most values of `town`, `kind`.*such as 'Lyon'.*right file"):
        apply(encoding, tmp_path / "new.csv")
    frame.assign(town="Lyon").to_csv(tmp_path / "new.csv", index=False)
    assert len(apply(encoding, tmp_path / "new.csv").notes) == 1  # one column may change
