"""What columns become, and that it is learned from the training rows alone."""

import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import cases

from epochal.base.errors import UsageError
from epochal.tables.features import as_frame, fit_features, read_columns


def everyday(n=200, seed=0):
    stream = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "size": stream.normal(size=n),
        "count": stream.integers(0, 50, size=n),
        "flag": stream.random(n) < 0.5,
        "colour": stream.choice(["red", "green", "blue"], size=n),
        "day": pd.Series(pd.date_range("2023-01-01", periods=n, freq="31h")).dt.strftime("%Y-%m-%d %H:%M:%S"),
        "moment": pd.date_range("2023-01-01", periods=n, freq="31h"),
        "level": pd.Categorical(stream.choice(["low", "high"], size=n)),
        "words": [f"{stream.choice(list('abcdefgh'))}{i % 60} and more" for i in range(n)],
    })
    for name in ("size", "colour", "moment", "level"):
        frame.loc[stream.choice(n, size=n // 10, replace=False), name] = None
    return as_frame(read_columns(frame))


def fitted(frame):
    return fit_features(frame, seed=0)[0]


@pytest.fixture(scope="module")
def everyday_encoder():
    return fitted(everyday())


def test_every_kind_of_column_becomes_finite_features_of_modest_size():
    frame = everyday()
    encoder, names, _ = fit_features(frame.iloc[:120], seed=0)
    x = encoder.transform(frame)
    assert x.dtype == np.float32
    assert x.shape == (200, len(names))
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 3
    for column in frame.columns:
        assert any(column in name for name in names), column


@pytest.mark.parametrize("column", everyday().columns)
def test_each_column_reaches_the_features(column, everyday_encoder):
    """A shuffled column alone must change the features; else it was silently dropped."""
    frame, encoder = everyday(), everyday_encoder
    shuffled = frame.assign(**{column: frame[column].sample(frac=1, random_state=1).to_numpy()})
    assert not np.array_equal(encoder.transform(frame), encoder.transform(shuffled))


def test_what_was_never_seen_in_training_is_encoded_all_the_same(everyday_encoder):
    strange = everyday().assign(colour="mauve", level=pd.Categorical(["none"] * 200), words="zzz", day="no date",
                                size=1e30, count=np.nan, moment=pd.NaT)
    assert np.isfinite(everyday_encoder.transform(strange)).all()


def test_missing_values_are_told_apart_from_the_median_that_replaces_them():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan, 2.0] * 20})
    encoder, names, _ = fit_features(frame, seed=0)
    x = encoder.transform(frame)
    assert names == ("a", "missingindicator_a")
    assert x[3, 0] == x[1, 0]
    assert x[3, 1] != x[1, 1]


def test_a_large_number_that_varies_little_keeps_its_variation():
    """Milliseconds since 1970 within a minute: in float32 they would all fall on one of two values."""
    milliseconds = 1.7e12 + np.random.default_rng(0).permutation(60_000)[:100].astype(float)
    x = fitted(pd.DataFrame({"ms": milliseconds})).transform(pd.DataFrame({"ms": milliseconds}))
    assert len(np.unique(x)) == 100


def test_numbers_written_as_text_are_numbers():
    numbers = pd.DataFrame({"a": np.random.default_rng(0).normal(size=80).round(3)})
    text = as_frame(read_columns(numbers.astype(str)))
    np.testing.assert_array_equal(fitted(numbers).transform(numbers), fitted(text).transform(text))


@pytest.mark.parametrize(("column", "why"), [
    ([np.nan] * 60, "without a value"),
    ([4] * 60, "constant in"),
    (["x"] * 60, "constant in"),
    (["?", "", " ", "N/A", "none", None] * 10, "without a value"),
    (list(range(60)), "row numbers"),
    (np.random.default_rng(0).permutation(60) + 1000, "row numbers"),
    ([f"id-{i}" for i in range(60)], "a different name in every row"),
])
def test_a_column_that_cannot_help_is_left_out_and_named(column, why):
    frame = as_frame(read_columns(pd.DataFrame({"useless": column, "useful": np.linspace(0, 1, 60)})))
    encoder, names, notes = fit_features(frame, seed=0)
    assert names == ("useful",)
    assert any("`useless`" in note and why in note for note in notes)
    assert encoder.transform(frame).shape == (60, 1)


@pytest.mark.parametrize("column", [
    pd.date_range("2023-01-01", periods=60).astype(str),
    [f"sentence number {word}" for word in range(60)],
    np.linspace(0, 1, 60),
    np.arange(60) * 1000,
    np.linspace(-2**62, 2**62, 60).astype(int),
    [1.0] * 59 + [np.nan],
])
def test_a_column_that_may_help_is_kept(column):
    frame = as_frame(read_columns(pd.DataFrame({"kept": column})))
    _, names, notes = fit_features(frame, seed=0)
    assert names
    assert not any("Left out" in note for note in notes)


def test_two_columns_whose_features_would_share_a_name_live_side_by_side():
    frame = pd.DataFrame({"a": ["b", "c"] * 30, "a_b": np.arange(60) / 7})
    encoder, names, _ = fit_features(frame, seed=0)
    assert encoder.transform(frame).shape == (60, 3)
    assert len(names) == 3


def test_infinite_values_are_counted_and_their_column_named():
    for bad in (np.inf, -np.inf, 1e300):
        with pytest.raises(UsageError, match=r"`a` must be finite; got 2 infinite values\. Drop those rows"):
            as_frame(read_columns(pd.DataFrame({"a": [bad, 1.0, bad]})))
    with pytest.raises(UsageError, match="`a` must be finite"):
        as_frame(read_columns(pd.DataFrame({"a": ["inf", "1.5", "2"]})))


def test_a_table_without_a_useful_column_is_refused():
    with pytest.raises(UsageError, match=r"`features` must be .* got only `a`\. Left out: `a`, constant in the training rows"):
        fit_features(pd.DataFrame({"a": [1] * 60}), seed=0)
    with pytest.raises(UsageError, match="`features` must be .* got none. The table needs a column besides the target"):
        fit_features(pd.DataFrame(index=range(60)), seed=0)


COLUMNS = {
    "numbers": st.floats(allow_nan=True, allow_infinity=False, width=32),
    "integers": st.integers(-2**62, 2**62),
    "booleans": st.booleans(),
    "maybe": st.sampled_from([True, False, None]),
    "text": st.none() | st.text(string.printable, max_size=6),
    "letters": st.sampled_from(["a", "b", "", "1", "?", None]),
    "dates": st.sampled_from([pd.Timestamp("2024-02-29"), pd.Timestamp("1969-12-31 23:59:59"), pd.NaT]),
}


@settings(max_examples=cases(8), deadline=None)
@given(st.data(), st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
def test_any_small_frame_becomes_finite_features_or_is_refused_in_words(data, names):
    n = 16
    drawn = {name: data.draw(st.lists(COLUMNS[name], min_size=n, max_size=n), label=name) for name in names}
    frame = pd.DataFrame({name: pd.Series(values, dtype=object).infer_objects() for name, values in drawn.items()})
    try:
        frame = as_frame(read_columns(frame))
        encoder, features, _ = fit_features(frame.iloc[:10], seed=0)
    except UsageError:
        return
    x = encoder.transform(frame)
    assert x.shape == (n, len(features))
    assert np.isfinite(x).all()
