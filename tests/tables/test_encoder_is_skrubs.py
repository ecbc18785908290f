"""The features are, to the last bit, those of the pipeline of scikit-learn and skrub that the encoder stands for."""

import re

import numpy as np
import pandas as pd
import pytest
import skrub
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from tiers import cases

from epochal.base import seeds
from epochal.tables.features import as_frame, fit_features, read_columns

N = 150


def pipeline(frame, seed):
    """Numbers as they are, which skrub would cast to float32; all else by skrub."""
    numbers = [name for name in frame if frame[name].dtype.kind in "iuf"]
    vectorizer = skrub.TableVectorizer(
        low_cardinality=OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
        high_cardinality=skrub.StringEncoder(random_state=seeds.integer(seed, "text")),
        datetime=skrub.DatetimeEncoder(add_weekday=True, periodic_encoding="circular"))
    steps = [(name, step, columns) for name, step, columns in
             (("numbers", "passthrough", numbers), ("others", vectorizer, [name for name in frame if name not in numbers]))
             if columns]
    return Pipeline([("columns", ColumnTransformer(steps)), ("missing", SimpleImputer(strategy="median", add_indicator=True)),
                     ("scale", skrub.SquashingScaler())])


def column(stream, kind):
    moments = pd.Series(pd.date_range("1969-12-01", periods=N, freq=str(stream.choice(["31h", "9D", "7min"]))))
    values = {
        "number": lambda: stream.normal(size=N) * 10.0 ** stream.integers(-3, 9),
        "whole": lambda: stream.integers(0, 50, N),
        "rare": lambda: (stream.random(N) < 0.05).astype(float),
        "truth": lambda: stream.random(N) < 0.5,
        "few": lambda: stream.choice(["red", "green", "b l u e", "é"], N),
        "category": lambda: pd.Categorical(stream.choice(["low", "high", "odd"], N), categories=["high", "none", "low", "odd"]),
        "day": lambda: moments.dt.strftime(str(stream.choice(["%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+0200"]))),
        "moment": lambda: moments,
        "zone": lambda: moments.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        "words": lambda: [f"{stream.choice(list('abcdefgh'))}{i % 60} und Mehr" for i in range(N)],
        "short": lambda: [f"{i % 41}a" for i in range(N)],
    }[kind]()
    values = pd.Series(values)
    if stream.random() < 0.4:
        values = values.astype(object) if kind == "truth" else values.astype("float64") if kind == "whole" else values
        values.loc[stream.choice(N, N // 10, replace=False)] = None
    return values


KINDS = ("number", "whole", "rare", "truth", "few", "category", "day", "moment", "zone", "words", "short")


@pytest.mark.parametrize("case", range(cases(12)))
@pytest.mark.filterwarnings("ignore:The matrix shape")
def test_the_features_are_those_of_the_pipeline_to_the_last_bit(case):
    stream = np.random.default_rng(case)
    kinds = stream.choice(KINDS, size=stream.integers(1, 6)) if case >= len(KINDS) else [KINDS[case]]
    frame = as_frame(read_columns(pd.DataFrame({f"{kind} {i}": column(stream, kind) for i, kind in enumerate(kinds)})))
    training = frame.iloc[:100]
    encoder, names, _ = fit_features(training, seed=case)
    theirs = pipeline(training, case).fit(training)
    np.testing.assert_array_equal(encoder.transform(frame), np.asarray(theirs.transform(frame), np.float32))
    assert names == tuple(re.sub(r"(numbers|others)__", "", name, count=1) for name in theirs.get_feature_names_out())
