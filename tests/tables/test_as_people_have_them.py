"""Tables as people have them: what their columns become, what is said of it, and that the values are right.

Each kind was met in use; the right values are worked out beside, from the numbers before they were written so.
"""

from datetime import datetime
from time import process_time

import numpy as np
import pandas as pd
import pytest

from epochal.base.errors import UsageError
from epochal.tables import open_table
from epochal.tables.columns.numbers import numbers_in
from epochal.tables.options import TableOptions

N = 120
NUMBERS = np.random.default_rng(0).permutation(np.arange(N) * 37 + 1200)  # from 1,200 to 5,603: thousands have their sign
NOISE = np.random.default_rng(1).normal(size=N)


@pytest.fixture
def opened(tmp_path):
    def open_one(columns, *, target="y", text=None, name="t.csv", task=None, groups=None, time=None, **options):
        path = tmp_path / name
        if text is None:
            frame = pd.DataFrame({**columns, **({} if "y" in columns else {"y": NOISE.round(4)})})
            frame.to_csv(path, index=False, sep=options.get("separator") or ",")
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_table(path, target=target, task=task, groups=groups, time=time, options=TableOptions(**options))
    return open_one


def use_of(table, name):
    return next(use for use in table.columns if use.name == name)


def values_of(table, column):
    """The numbers that a column holds in the end, in the order of the training, validation and test rows, up to scaling."""
    place = table.feature_names.index(column)
    return np.concatenate([table.x_train, table.x_validation, table.x_test])[:, place]


def assert_same_order(table, column, numbers):
    """The feature rises as `numbers` do; rows are known by their target."""
    target = np.concatenate([table.y_train, table.y_validation, table.y_test]).reshape(-1)
    of_row = np.argsort(np.argsort(target))
    expected = np.asarray(numbers, float)[np.argsort(NOISE.round(4))][of_row]
    found = values_of(table, column)
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(expected)))[0, 1] > 0.9999


def written(form):
    return [form(int(n)) for n in NUMBERS]


@pytest.mark.parametrize(("form", "said"), [
    (lambda n: f"${n:,.2f} ", "currency signs"),
    (lambda n: f"€{n / 1000:.3f}K", "multiply"),
    (lambda n: f"{n / 100:.2f}%", "per cent signs left out"),
    (lambda n: f"{n} bhp", "the unit 'bhp'"),
    (lambda n: f"{n:,}", "commas separate thousands"),
    (lambda n: f"{n},50", "decimals are written with a comma"),
    (lambda n: f"{n:,}".replace(",", ".") + ",50", "decimals are written with a comma"),
    (lambda n: f"{n:,}".replace(",", " "), ""),
    (lambda n: f"{n:,}".replace(",", "'"), ""),
    (lambda n: f"({n})", ""),
    (lambda n: f"{n} €", "currency signs"),
    (lambda n: f"Rs. {n:,}", "currency signs"),
    (lambda n: f"{n // 60}:{n % 60:02d}", "hours"),
    (lambda n: f"{n // 60}h {n % 60}m" if n > 59 else f"{n} min", "1h 30m are hours, 1.5"),
    (lambda n: f"{n:.3e}", ""),
    (lambda n: f"[{n}]", ""),
    (lambda n: f"{n} SEK", "currency signs"), (lambda n: f"Rp{n}", "currency signs"), (lambda n: f"S$ {n}", "currency signs"),
    (lambda n: f"CHF {n}.--", "currency signs"), (lambda n: f"{n // 1000},{n % 1000:03d}.-", "commas separate thousands"),
    (lambda n: f"₹{n // 1000:02d},{n % 1000 // 10:02d},{n % 10}00", "currency signs"),
    (lambda n: f"{n:,}".replace(",", "\u2009") + ",64", "decimals are written with a comma"),
    (lambda n: f"{n:,}.64-", "commas separate thousands"), (lambda n: f"$ ({n:,}.64)", "currency signs"),
    (lambda n: f"({n})%", "per cent"),
    (lambda n: f"{n}*", "marks of footnotes"), (lambda n: f"{n}[1]", "marks of footnotes"), (lambda n: f"{n} €/m²", "the unit"),
    (lambda n: f"{n} l/100km", "the unit"), (lambda n: f"{n} out of 5", "the unit"), (lambda n: f"{n} million", "multiply"),
    (lambda n: f'="{n}"', ""), (lambda n: "".join(chr(0xFF10 + int(digit)) for digit in str(n)), ""),
], ids=lambda value: value(1234) if callable(value) else "")
def test_numbers_are_read_however_they_are_written(opened, form, said):
    table = opened({"m": written(form)})
    assert use_of(table, "m").kind == "number"
    assert said in use_of(table, "m").remark
    below = "(" in form(1) or form(1).endswith("4-")
    numbers = -NUMBERS if below else [float(form(int(n))) for n in NUMBERS] if "e+" in form(2000) else NUMBERS
    assert_same_order(table, "m", numbers)


@pytest.mark.parametrize("odd", ["-", "unknown", ".", "--", "*", "missing", "N.A.", "#DIV/0!", "not measured", "n/a", "NULL"])
def test_a_number_with_an_odd_cell_is_a_number_and_the_cell_is_named(opened, odd):
    cells = written(str)
    cells[7] = odd
    table = opened({"m": cells})
    assert use_of(table, "m").kind == "number"
    assert use_of(table, "m").n_missing == 1
    assert f"{N - 1} of {N} are numbers, {odd!r} taken as missing" in use_of(table, "m").remark or odd in ("n/a", "NULL")
    assert use_of(table, "m").filled.startswith("median ")


def test_limits_of_detection_and_ranges_are_numbers(opened):
    cells = written(str)
    cells[3], cells[5] = "<1200", "2100 - 2850"
    table = opened({"m": cells})
    assert use_of(table, "m").kind == "number"
    assert use_of(table, "m").n_missing == 0
    assert "'<1200' is taken as 1200" in use_of(table, "m").remark
    assert "'2100 - 2850' became the middle" in use_of(table, "m").remark
    numbers = NUMBERS.astype(float)
    numbers[3], numbers[5] = 1200, 2475
    assert_same_order(table, "m", numbers)


@pytest.mark.parametrize("cells", [
    [f"{n}{'ABC'[i % 3] if i % 9 == 0 else ''}" for i, n in enumerate(NUMBERS % 50)],  # product codes, some with a letter
    [["25-34", "35-44", "45-54"][i % 3] for i in range(N)],
    [["0", "a", "b", "c"][i % 37 % 4 if i % 37 < 4 else 0] for i in range(N)],
    [["1st", "2nd", "3rd"][i % 3] for i in range(N)],
    [f"{n} {['Baker Street', 'Elm Road', 'High Street'][i % 3]}" for i, n in enumerate(NUMBERS)],
])
def test_what_only_looks_like_numbers_is_none(opened, cells):
    assert use_of(opened({"m": cells}), "m").kind in ("category", "text")


def test_decimal_commas_that_begin_late_are_read(opened):
    rows = [f"{i};{i % 7}" for i in range(40_000)] + [f"{i},5;{i % 7}" for i in range(40_000, 40_400)]
    table = opened(None, text="m;y\n" + "\n".join(rows), task="regression")
    assert use_of(table, "m").kind in ("number", "left out")
    assert use_of(table, "m").n_missing == 0


@pytest.mark.parametrize("code", [-999, -9999, -200, 99999, -99.9, -999.25, 32767, 65535, 2147483647, 1e20])
def test_a_number_far_outside_the_others_and_often_repeated_is_missing_and_said(opened, code):
    values = np.where(np.arange(N) % 10 == 3, code, NUMBERS / 100)
    table = opened({"m": values})
    assert use_of(table, "m").n_missing == N // 10
    assert f"{code:.10g} in 12 rows, unlike the others" in use_of(table, "m").remark
    assert "--keep m leaves it a number" in use_of(table, "m").remark
    assert use_of(opened({"m": values}, keep=("m",)), "m").n_missing == 0


def test_several_such_numbers_are_missing_too(opened):
    values = np.select([np.arange(N) % 10 == 3, np.arange(N) % 10 == 4], [-999, -888], NUMBERS / 100)
    assert use_of(opened({"m": values}), "m").n_missing == N // 5
    assert "-999 and -888 in 24 rows" in use_of(opened({"m": values}), "m").remark


@pytest.mark.parametrize("values", [
    np.where(np.arange(N) % 60 == 3, -100, NUMBERS),                # overdrafts
    np.where(np.arange(N) % 10 == 3, -5, NUMBERS / 100),            # below 0 and yet no code
    np.where(np.arange(N) == 3, -999, NUMBERS / 100),               # once
    np.where(np.arange(N) % 10 == 3, 0, NUMBERS),                   # zeros
    np.arange(N) % 2 * 99,                                          # two values
    np.where(np.arange(N) % 10 == 3, 99, np.arange(N) % 98),        # the end of a scale
], ids=["overdrafts", "-5", "once", "zeros", "two values", "end of a scale"])
def test_numbers_that_stand_for_themselves_stay(opened, values):
    assert use_of(opened({"m": values, "other": NOISE}), "m").n_missing == 0


def test_the_user_says_what_stands_for_missing(opened):
    values = np.where(np.arange(N) % 10 == 3, -5, NUMBERS / 100)
    words = np.where(np.arange(N) % 4 == 0, "k.A.", "ja")
    words[1::4] = "nein"
    table = opened({"m": values, "w": words, "other": values}, missing=("m=-5", "k.A."))
    assert use_of(table, "m").n_missing == N // 10
    assert use_of(table, "w").n_missing == N // 4
    assert use_of(table, "other").n_missing == 0


DAYS = pd.date_range("2018-11-20", periods=N, freq="9D")


@pytest.mark.parametrize("form", [
    "%d-%b-%y", "%b %d, %Y", "%m/%d/%y", "%d-%m-%y", "%d.%m.%Y", "%Y%m%d", "%A, %B %d, %Y", "%d %B %Y", "%y-%m-%d",
    "%Y-%m-%d %H:%M:%S UTC", "%a %b %d %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S +0000", "%b. %d, %Y", "%d.%b.%Y", "%Y年%m月%d日",
    "%Y_%m_%d", "%d%b%Y:%H:%M:%S", "%Y%m%d%H%M%S", "%d-%m-%Y %H.%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%SZ",
    "%d/%m/%Y %H:%M"])
def test_dates_are_read_in_every_common_order(opened, form):
    moments = DAYS + pd.to_timedelta(np.arange(N) * 77, unit="min")
    table = opened({"on": moments.strftime(form)})
    assert use_of(table, "on").kind == "date"
    read = [datetime.strptime(text, form).timestamp() for text in moments.strftime(form)]
    assert_same_order(table, "on_total_seconds", read)


@pytest.mark.parametrize("never", ["0000-00-00", "9999-12-31", "never", "someday"])
def test_a_word_that_stands_for_no_date_is_missing(opened, never):
    cells = [never if i % 5 == 0 else f"{day:%Y-%m-%d}" for i, day in enumerate(DAYS)]
    assert (use_of(opened({"on": cells}), "on").kind, use_of(opened({"on": cells}), "on").n_missing) == ("date", N // 5)


def test_dates_in_two_formats_are_read_and_sorted(opened):
    cells = [f"{day:%m/%d/%Y}" if i % 40 else f"{day:%Y-%m-%dT%H:%M:%S}.000Z" for i, day in enumerate(DAYS)]
    table = opened({"on": cells, "clock": np.arange(N) * 0.37}, time="on")
    assert (np.diff(values_of(table, "clock")) > 0).all()
    assert use_of(opened({"on": cells}), "on").n_missing == 0


def test_whole_numbers_that_are_dates_may_miss_some(opened):
    cells = [f"{day:%Y%m%d}" for day in DAYS]
    for odd in ("", "unknown", "0", "99991231"):
        cells[7] = odd
        assert (use_of(opened({"on": cells}), "on").kind, use_of(opened({"on": cells}), "on").n_missing) == ("date", 1), odd


def test_where_day_and_month_cannot_be_told_apart_it_is_said_and_can_be_set(opened):
    few = [f"{1 + i * 5 % 12:02d}/{1 + i * 7 % 11:02d}/2021" for i in range(N)]
    table = opened({"on": few})
    assert "month first" in use_of(table, "on").remark
    assert "--dates day-first" in use_of(table, "on").remark
    assert_same_order(opened({"on": few}, dates="day-first"), "on_total_seconds",
                      pd.to_datetime(few, format="%d/%m/%Y").astype("int64"))
    assert_same_order(opened({"on": few}, dates="month-first"), "on_total_seconds",
                      pd.to_datetime(few, format="%m/%d/%Y").astype("int64"))


def test_the_order_of_the_rows_tells_day_from_month(opened):
    days = [f"{day:02d}/{month:02d}/2021" for month in range(1, 11) for day in range(1, 13)]
    table = opened({"on": days})
    assert "day first" in use_of(table, "on").remark
    assert_same_order(table, "on_total_seconds", pd.to_datetime(days, format="%d/%m/%Y").astype("int64"))


def test_rows_are_sorted_by_times_some_of_which_name_their_zone(opened):
    moments = [f"{day:%Y-%m-%dT%H:%M:%S}{'Z' if i % 50 == 0 else ''}" for i, day in enumerate(DAYS)]
    table = opened({"on": moments, "clock": np.arange(N) * 0.37}, time="on")
    clock = values_of(table, "clock")
    assert (np.diff(clock) > 0).all()


@pytest.mark.parametrize(("name", "cells", "why"), [
    ("customer_id", NUMBERS * 1000 + 7, "an identifier"),
    ("CustomerId", NUMBERS * 1000 + 7, "an identifier"),
    ("surname", [f"Name{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10 % 10]}x" for i in range(N)], "names"),
    ("Unnamed: 0", np.arange(N) + 5, "row numbers"),
    ("ref", [f"AB {n} 456" for n in NUMBERS], "a different name in every row"),
    ("iban", [f"{10**19 + int(n)}" for n in NUMBERS], "16 digits or more"),
    ("same", np.full(N, 3), "constant"),
    ("copy", NUMBERS, "the same as `m` in every row"),
    ("twice", 2 * NOISE.round(4), "the target once more"),
])
def test_columns_that_cannot_help_are_left_out_and_may_be_kept(opened, name, cells, why):
    columns = {"m": NUMBERS, name: cells}
    table = opened(columns)
    assert use_of(table, name).kind == "left out"
    assert why in use_of(table, name).remark
    assert any(f"`{name}`" in note and why in note for note in table.notes)
    kept = opened(columns, keep=(name,))
    assert use_of(kept, name).kind != "left out" or why == "constant"
    assert use_of(opened({"m": NUMBERS, "other": NOISE, name: cells}, drop=(name,)), name).remark == "as --drop says"


def test_of_what_is_left_out_nothing_can_be_kept_without_a_value(opened):
    assert use_of(opened({"m": NUMBERS, "e": [None] * N}, keep=("e",)), "e").kind == "left out"


@pytest.mark.parametrize(("name", "cells"), [
    ("humid", np.random.default_rng(0).permutation(N) + 300), ("population_num", NUMBERS), ("tiny", NOISE * 1e-170),
    ("paid", NUMBERS), ("price", NUMBERS), ("year", np.arange(N) + 1900), ("shop_id", np.arange(N) % 7), ("area", NUMBERS / 7)])
def test_columns_that_may_help_stay(opened, name, cells):
    assert use_of(opened({name: cells, "other": NOISE}), name).kind == "number"


def test_an_identifier_that_repeats_suggests_groups(opened):
    table = opened({"patient_id": np.arange(N) // 2 + 100, "m": NOISE + 1})
    assert use_of(table, "patient_id").kind == "left out"
    assert any("--groups patient_id" in note for note in table.notes)


def test_a_column_that_alone_gives_the_answer_is_told(opened):
    ill = np.random.default_rng(3).random(400) < 0.4
    draw = np.random.default_rng(4)
    frame = {"boat": np.where(ill, draw.choice(["1", "2", "C"], 400), ""), "m": draw.normal(size=400),
             "y": np.where(ill ^ (np.arange(400) % 100 == 0), "yes", "no")}
    table = opened(frame)
    assert any("`boat` alone gives the answer in 9" in note and "--drop 'boat'" in note for note in table.notes)
    assert not any("`m` alone" in note for note in table.notes)


def test_columns_that_are_filled_for_one_class_alone_are_told(opened):
    draw, ill = np.random.default_rng(4), np.random.default_rng(3).random(400) < 0.4
    day = "2024-05-0" + draw.integers(1, 9, 400).astype(str).astype(object)
    frame = {"released": np.where(ill & (draw.random(400) < 0.7), day, None),
             "note": np.where(draw.random(400) < 0.5, "seen", None), "m": draw.normal(size=400), "y": np.where(ill, "yes", "no")}
    notes = opened(frame).notes
    assert any("`released`: a value stands there (nearly) only in rows of one class" in note for note in notes)
    assert not any("`note`" in note and "one class" in note for note in notes)


@pytest.mark.parametrize(("combined", "what"), [(lambda a, b: a + 2 * b, "sum"), (lambda a, b: a * b, "product")])
def test_columns_that_together_give_the_target_are_told(opened, combined, what):
    a, b, c = (np.random.default_rng(i).uniform(1, 5, N) for i in range(3))
    table = opened({"a": a, "b": b, "c": c, "y": combined(a, b)})
    assert any(f"`a` and `b` together give the target exactly, as a {what}" in note for note in table.notes)
    assert not any("together" in note for note in opened({"a": a, "b": b, "c": c, "y": a + b + 0.01 * NOISE}).notes)


def test_rows_that_repeat_stay_on_one_side(opened):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=200).round(6), "b": draw.normal(size=200), "y": draw.integers(0, 2, 200)})
    frame = pd.concat([frame] * 4).sample(frac=1, random_state=0)
    table = opened({name: frame[name].to_numpy() for name in frame})
    parts = [{row.tobytes() for row in part} for part in (table.x_train, table.x_validation, table.x_test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 200
    assert any("600 rows of 800 (75 %) repeat another row" in note for note in table.notes)
    shares = [len(part) / 800 for part in (table.x_train, table.x_validation, table.x_test)]
    np.testing.assert_allclose(shares, [0.64, 0.16, 0.20], atol=0.02)
    assert table.groups is not None


def test_rows_of_few_categories_repeat_by_chance_and_are_drawn_one_by_one(opened):
    draw = np.random.default_rng(0)
    table = opened({"a": draw.integers(0, 3, 400), "b": draw.integers(0, 3, 400), "y": draw.integers(0, 2, 400)})
    assert table.at_random
    assert not any("repeat another" in note for note in table.notes)


def test_capitals_and_blanks_make_no_class_and_no_category(opened):
    words = ["yes", "no", "yes", "no", "Yes ", "NO"] * 20
    table = opened({"m": NUMBERS, "w": words, "y": words})
    assert table.classes == ("no", "yes")
    assert "are one value" in use_of(table, "y").remark
    assert [name for name in opened({"m": NUMBERS, "w": words}).feature_names if name.startswith("w_")] == ["w_no", "w_yes"]


@pytest.mark.parametrize("name", ["None", "NA", "nan", "null"])
def test_a_class_may_have_a_name_that_stands_for_missing_elsewhere(opened, name):
    target = [name, "Sleep Apnea", name, "Insomnia"] * 30
    table = opened({"m": NUMBERS, "y": target})
    assert table.classes == tuple(sorted({name, "Sleep Apnea", "Insomnia"}))
    assert len(opened({"m": NUMBERS, "y": target}, missing=(f"y={name}",)).classes) == 2


def test_a_target_written_as_money_is_a_number(opened):
    table = opened({"m": NOISE + 3, "y": written(lambda n: f"${n:,}.50")})
    assert table.kind == "regression"
    assert table.target_mean * len(NUMBERS) == pytest.approx(np.sum(NUMBERS) + 60, rel=0.1)


def test_one_target_far_off_is_told_with_its_row_and_left_out_if_wanted(opened):
    y = np.linspace(70_000, 80_000, N)
    y[100] = 99_999_999_999
    told = opened({"a": NOISE, "y": y})
    assert any("`y` is 1e+11 in row 101 of the table, where the others are 70000 to 80000. Is it right?" in n for n in told.notes)
    left = opened({"a": NOISE, "y": y}, far="drop")
    assert any("`y` is 1e+11 in row 101 of the table, where the others are 70000 to 80000: left out." in n for n in left.notes)
    assert sum(map(len, (left.y_train, left.y_validation, left.y_test))) == N - 1
    assert left.target_scale < 3_000 < told.target_scale


def test_test_rows_that_repeat_training_rows_of_an_earlier_time_or_another_group_are_counted(opened):
    once = {"a": NOISE.round(6), "b": NOISE[::-1].round(6), "y": NOISE.round(4)}
    again = {name: [*values, *values[:40]] for name, values in once.items()}
    later = opened(again | {"t": np.arange(N + 40)}, time="t")
    assert any("32 rows of the test part (100 %) repeat a training row in every column but `t`" in note for note in later.notes)
    grouped = opened(again | {"g": np.arange(N + 40) % 17}, groups="g")
    assert any("of the test part" in note and "in every column but `g`" in note for note in grouped.notes)
    assert not any("repeat a training row" in note for note in opened(once | {"t": np.arange(N)}, time="t").notes)


def test_identifiers_of_unequal_length_are_left_out_where_most_are_long(opened):
    table = opened({"a": NOISE, "n": [str((7919 * 10**16 + 10**13 * i * i) // (100 if i % 9 else 10**8)) for i in range(N)]})
    assert use_of(table, "n").kind == "left out"


def test_targets_that_lie_wide_and_not_far_are_not_told(opened):
    assert not any("Is it right?" in note for note in opened({"m": NUMBERS + NOISE, "y": NUMBERS * 20.0}).notes)


def test_the_question_whether_numbers_are_classes_is_put_both_ways(opened):
    grades = np.arange(N) % 21
    table = opened({"m": NUMBERS, "y": grades})
    assert table.kind == "regression"
    assert any("--task classes" in note for note in table.notes)
    few = np.arange(N) % 4
    few[0] = 9
    with pytest.raises(UsageError, match=r"1 row of class '9'.*--task regression.*--rare-classes drop.*merge"):
        opened({"m": NUMBERS, "y": few})
    assert opened({"m": NUMBERS, "y": few}, rare="drop").classes == ("0", "1", "2", "3")
    few[1:4] = [10, 11, 12]
    assert opened({"m": NUMBERS, "y": few}, rare="merge").classes == ("0", "1", "2", "3", "other")


def test_signed_words_of_a_target_stay_words(opened):
    assert opened({"m": NUMBERS, "y": ["<5", "5", "6", "7+"] * 30}).classes == ("5", "6", "7+", "<5")


def test_classes_have_no_blanks_around_their_names(opened):
    assert opened({"m": NUMBERS, "y": ["yes ", "NO "] * 60}).classes == ("NO", "yes")


def test_rare_classes_are_no_matter_of_quantities(opened):
    table = opened({"m": NUMBERS, "y": (NOISE * 9).round()}, rare="drop", task="regression")
    assert len(table.x_train) + len(table.x_validation) + len(table.x_test) == N


PLAIN = "\n".join(f"{n},{'ab'[i % 2]},{i % 3}" for i, n in enumerate(NUMBERS))


@pytest.mark.parametrize(("name", "text", "options", "said"), [
    ("t.csv", "m,w,y\n" + PLAIN, {}, ""),
    ("t.csv", "\ufeffm,w,y\n" + PLAIN, {}, ""),
    ("t.csv", ("m,w,y\n" + PLAIN).encode("utf-16"), {}, ""),
    ("t.csv", ("m,w,y\n" + PLAIN.replace("b", "é")).encode("cp1252"), {}, "read as cp1252"),
    ("t.csv", ("m,w,y\n" + PLAIN.replace("b", "é")).encode("cp1252"), {"encoding": "latin-1"}, ""),
    ("t.csv", ("m,w,y\n" + "1,a,0\n" * 70_000 + PLAIN.replace("b", "é")).encode("cp1252"), {}, "read as cp1252"),
    ("t.csv", "Report of May\nmade by hand\n\nm,w,y\n" + PLAIN, {}, "The first 3 lines"),
    ("t.csv", "# a,b,c\nm,w,y\n" + PLAIN, {"skip": 1}, ""),
    ("t.csv", ",,\nTitle,,\nm,w,y\n" + PLAIN, {}, "The first 2 lines"),
    ("t.csv", "m,w,y\nkg,,\n" + PLAIN, {}, None),
    ("t.csv", "My title,,\n,,\nm,w,y\n" + PLAIN, {}, "The first 2 lines"),
    ("t.csv", ",,\nm,w,y\n" + PLAIN, {}, ""),
    ("t.csv", ("m,w,y\n" + PLAIN).encode("utf-32"), {}, ""),
    ("t.data", "m,w,y\n" + PLAIN.replace(",", "   "), {}, "called column_1"),
    ("t.dat", "m w y\n" + PLAIN.replace(",", "   "), {}, "separated by blanks"),
    ("t.txt", "m\tw\ty\n" + PLAIN.replace(",", "\t"), {}, "separated by a tab"),
    ("t.csv", "m~w~y\n" + PLAIN.replace(",", "~"), {"separator": "~"}, "separated by '~'"),
    ("t.csv", "m,w,y\n" + PLAIN.replace("\n", ",\n") + ",", {}, ""),
], ids=["plain", "mark", "utf-16", "cp1252", "latin-1", "late cp1252", "title", "skip", "commas", "units",
        "title and commas", "first commas",
        "utf-32", "headless blanks",
        "blanks", "tabs", "own sign", "trailing commas"])
def test_a_table_is_found_in_its_file(opened, name, text, options, said):
    if said == "called column_1":  # without its heading
        text, target = text.split("\n", 1)[1], "column_3"
        assert any(said in note for note in opened(None, text=text, name=name, target=target, header=False).notes)
        return
    table = opened(None, text=text, name=name, **options)
    assert table.kind == "multiclass"
    assert [use.name for use in table.columns] == ["m", "w", "y"]
    assert use_of(table, "w").kind == "category"
    if said is not None:
        assert any(said in note for note in table.notes)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_packed_files_are_unpacked(opened, tmp_path, ending):
    path = tmp_path / f"t.csv.{ending}"
    pd.DataFrame({"m": NUMBERS, "y": NUMBERS % 3}).to_csv(path, index=False)
    assert open_table(path, target="y").kind == "multiclass"


def test_an_archive_of_several_files_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "m,y\n1,2\n")
        archive.writestr("b.csv", "m,y\n1,2\n")
    with pytest.raises(UsageError, match="an archive of one table.*It holds 2 files; unpack it"):
        open_table(tmp_path / "t.zip", target="y")


@pytest.mark.parametrize(("first", "headed"), [("1200,0.5,a", False), ("sepal,petal,class", True), ("1990,1991,1992", True),
                                               ("7,7,a", False), ("0,1,2", True)])
def test_whether_the_first_line_holds_names_is_found(opened, first, headed):
    rows = "\n".join(f"{n},{n / 1000:.3f},{'abc'[i % 3]}" for i, n in enumerate(NUMBERS))
    table = opened(None, text=f"{first}\n{rows}", target=first.split(",")[2] if headed else "column_3")
    assert len(table.x_train) + len(table.x_validation) + len(table.x_test) == N + (not headed)


def test_further_headings_are_left_out(opened):
    rows = "\n".join(f"{n},{n / 1000:.3f},{'abc'[i % 3]}" for i, n in enumerate(NUMBERS))
    table = opened(None, text=f"m,k,y\nkg,cm,\n{rows}")
    assert use_of(table, "m").kind == "number"
    assert use_of(table, "m").n_missing == 0
    assert any("Below the columns' names, 1 line" in note and "'kg'" in note for note in table.notes)


def test_names_that_repeat_are_told_apart_and_said(opened):
    table = opened(None, text="a,b,a,y\n" + "\n".join(f"{n},{n % 7},{n * 3 % 11},{n % 2}" for n in NUMBERS))
    assert [use.name for use in table.columns] == ["a", "b", "a.1", "y"]
    assert any("more than one column named 'a'" in note for note in table.notes)


def test_row_names_as_r_writes_them_are_a_column(opened):
    table = opened(None, text="a,y\n" + "\n".join(f"r{i},{n},{n % 2}" for i, n in enumerate(NUMBERS)))
    assert [use.name for use in table.columns] == ["row names", "a", "y"]
    assert use_of(table, "row names").kind == "left out"


def test_every_column_of_the_file_is_listed_once_with_what_stands_in(opened):
    values = NUMBERS.astype(float)
    values[:10] = np.nan
    table = opened({"m": values, "w": ["a", "b", None] * 40, "on": DAYS.strftime("%Y-%m-%d"), "id": np.arange(N),
                    "g": np.arange(N) % 9}, groups="g")
    assert [(use.name, use.kind) for use in table.columns] == [
        ("m", "number"), ("w", "category"), ("on", "date"), ("id", "left out"), ("g", "for the split"), ("y", "target")]
    assert use_of(table, "m").filled.startswith("median ")
    assert use_of(table, "w").filled == "a value of its own"
    assert sum(use.n_features for use in table.columns) == table.x_train.shape[1]


@pytest.mark.parametrize(("options", "said"), [
    ({"drop": ("z",)}, "`--drop` must be a column of the table; got 'z'"),
    ({"keep": ("z",)}, "`--keep` must be a column"),
    ({"drop": ("m",), "keep": ("m",)}, "`--drop and --keep` must be different columns"),
    ({"dates": "ymd"}, "`dates` must be one of"),
    ({"separator": "::"}, "`--sep` must be one character"),
    ({"encoding": "rot13"}, "`--encoding` must be the name of an encoding"),
    ({"encoding": "utf-16"}, "in the encoding that --encoding names"),
    ({"missing": ("q=9",)}, "`--na` must be a column of the table; got 'q'"),
    ({"drop": ("y",)}, "This is the target"),
    ({"decimal": ";"}, "`decimal` must be one of"),
    ({"encoding": "klingon"}, "`--encoding` must be the name of an encoding"),
])
def test_options_that_cannot_be_met_are_refused(opened, options, said):
    with pytest.raises(UsageError) as refused:
        opened(None, text="m,w,y\n" + PLAIN, **options)
    assert said in str(refused.value)


def test_points_that_may_separate_thousands_are_told_and_can_be_set(opened):
    columns = {"m": [f"{n / 1000:.3f}" for n in NUMBERS], "y": np.arange(N) % 2}
    table = opened(columns, separator=";")
    assert any("`m`" in note and "--decimal ','" in note for note in table.notes)
    known = opened(columns, separator=";", decimal=",").encoder.arrays["center"][0]
    assert known == pytest.approx(1000 * table.encoder.arrays["center"][0], rel=1e-6)


def test_a_heading_that_is_half_empty_is_one(opened):
    rows = "\n".join(f"{n},{n % 7},{'xyz'[i % 3]},{i % 2}" for i, n in enumerate(NUMBERS))
    assert [use.name for use in opened(None, text=f"a,,,y\n{rows}").columns] == ["a", "Unnamed: 1", "Unnamed: 2", "y"]


def test_blanks_with_decimal_commas_between_them(opened):
    rows = "\n".join(f"0,{n} -0,{n % 97} {'ab'[i % 2]} {i % 3}" for i, n in enumerate(NUMBERS))
    table = opened(None, text=f"m k w y\n{rows}", name="t.txt")
    assert [(use.name, use.kind) for use in table.columns][:3] == [("m", "number"), ("k", "number"), ("w", "category")]


@pytest.mark.parametrize(("start", "said"), [(b"\x1f\x8b12", "table.csv.gz"), (b"%PDF-1.7\n", "a PDF"), (b"@relation x\n", "ARFF"),
                                             (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull")])
def test_what_is_no_text_is_called_by_its_name(opened, start, said):
    with pytest.raises(UsageError, match=said):
        opened(None, text=start)


def test_a_target_in_other_capitals_is_suggested(opened):
    with pytest.raises(UsageError, match="Did you mean 'Churn'"):
        opened({"m": NUMBERS, "Churn": NUMBERS % 2}, target="CHURN")


def test_truth_values_beside_missing_ones_are_truth_values(opened):
    cells = ["TRUE", "False", "NA", "true", "FALSE", ""] * 20
    use = use_of(opened({"m": cells, "other": NOISE}), "m")
    assert (use.kind, use.n_missing) == ("truth", N // 3)


@pytest.mark.parametrize("options", [{"drop": ("a",)}, {"separator": ";"}, {"rare": "drop"}])
def test_options_of_tables_are_refused_for_arrays(tmp_path, options):
    np.savez(tmp_path / "a.npz", x=np.eye(60), y=np.arange(60) % 2)
    with pytest.raises(UsageError, match=f"`{next(iter(options))}` must be left out for what is no table in a file"):
        open_table(tmp_path / "a.npz", options=TableOptions(**options))


@pytest.mark.parametrize("cell", ["1" * 200_000, "1," * 100_000], ids=["digits", "commas"])
def test_a_cell_of_any_length_is_looked_at_in_no_time(cell):
    column = pd.Series([f"{cell}x{i}" for i in range(60)])
    begun = process_time()
    assert numbers_in(column) is None
    assert process_time() - begun < 2  # without a bound on what the patterns see it takes 5 or more


def test_numbers_too_long_to_be_told_apart_are_called_identifiers(opened):
    remark = use_of(opened({"m": NUMBERS, "key no": [10**30 + int(n) for n in NUMBERS]}), "key no").remark
    assert remark == "identifiers of 16 digits or more"


def test_columns_and_values_with_an_equals_sign_can_be_named(opened):
    columns = {"a=b": NUMBERS % 50, "w": ["x=1", "z"] * 60}
    table = opened(columns, missing=("a=b=3", "w=x=1"))
    assert use_of(table, "a=b").n_missing == int((NUMBERS % 50 == 3).sum())
    assert use_of(table, "w").n_missing == N // 2
    with pytest.raises(UsageError, match="Write COLUMN=VALUE where a value has an = in it"):
        opened(columns, missing=("x=1",))
