"""Rows that keep arriving: answered before they are learned from, the same numbers however they come, and after a stop too."""

import json
import threading
import time
from itertools import pairwise

import keras
import numpy as np
import pytest

from epochal import UsageError, stream
from epochal.base.errors import Unsupported
from epochal.base.progress import Silent
from epochal.base.stop import Stop, Stopped
from epochal.services.stream import StreamRequest, offset_in
from epochal.services.stream import stream as follow

pytestmark = pytest.mark.needs("river")


def small(dropout=0.0, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(dropout),
                              keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def rows(n=1300, turns=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype("float32")
    sign = np.where(np.arange(n) < (turns or n), 1, -1)
    return x, (x[:, 0] * sign + 0.3 * rng.normal(size=n) > 0).astype("float32")


def same(a, b):
    """Whether two reports say the same of the rows, whatever the clock said."""
    pick = [(r.n_rows, r.offset, r.points, r.alarms, [(arm.loss, arm.score, arm.faded_loss, arm.mean, arm.low) for arm in r.arms])
            for r in (a, b)]
    assert pick[0] == pick[1]
    return True


def test_every_row_is_answered_by_the_weights_that_have_not_seen_it_as_keras_own_functions_do_it():
    x, y = rows(420)
    model, twin = small(), small()
    report = stream(model, zip(x, y, strict=True), batch_size=32, fading=0.99, verbose=0)
    losses, right = [], []
    for start in range(0, 420, 32):
        bx, by = x[start : start + 32], y[start : start + 32]
        p = np.clip(twin.predict_on_batch(bx)[:, 0].astype(float), 1e-7, 1 - 1e-7)
        losses += (-np.where(by > 0.5, np.log(p), np.log(1 - p))).tolist()
        right += ((p > 0.5) == (by > 0.5)).tolist()
        twin.train_on_batch(bx, by[:, None])
    weights = 0.99 ** np.arange(419, -1, -1)
    assert report.arms[0].loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert report.arms[0].faded_loss == pytest.approx(weights @ losses / weights.sum(), rel=1e-4)
    assert report.arms[0].score == pytest.approx(np.mean(right), abs=0.005)
    assert report.metric == "accuracy"
    for ours, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_rows_and_batches_give_the_same_to_the_last_digit():
    x, y = rows()
    one = stream(small(0.2), zip(x, y, strict=True), replay=100, verbose=0)
    cuts = [0, 1, 7, 64, 65, 640, 1299, 1300]
    other = stream(small(0.2), [(x[a:b], y[a:b]) for a, b in pairwise(cuts)], replay=100, verbose=0)
    assert same(one, other)


def test_each_of_several_batch_sizes_is_what_it_is_alone_and_a_row_waits_for_half_a_batch():
    x, y = rows()
    report = stream(small(), zip(x, y, strict=True), batch_size=[32, 8], verbose=0)
    alone = stream(small(), zip(x, y, strict=True), batch_size=8, verbose=0)
    assert report.arms[1].loss == pytest.approx(alone.arms[0].loss, rel=1e-5)
    assert [arm.lag_rows for arm in report.arms] == [15.5, 3.5]
    assert report.arms[1].told in ("less", "not told apart")
    assert report.arms[1].mean is not None
    assert report.arms[1].low < report.arms[1].mean < report.arms[1].high


@pytest.mark.parametrize("more", [{}, {"replay": 50, "batch_size": [8, 32]}])
def test_what_was_stopped_goes_on_from_its_folder_with_the_numbers_of_one_that_was_not(tmp_path, more):
    x, y = rows(2000, turns=1200)
    whole = stream(small(0.2), zip(x, y, strict=True), fading=0.99, verbose=0, **more)
    for until, seed in ((700, 0), (1500, 5)):
        stop, learned, before = Stop(), threading.Event(), offset_in(tmp_path)

        class Watching(Silent):
            def step(self, share, sentence, detail="", learned=learned):
                if sentence == "following":
                    learned.set()

        def source(until=until, stop=stop, learned=learned):
            yield from zip(x[:until], y[:until], strict=True)
            assert learned.wait(60)
            stop.set()
            time.sleep(1)  # so that it is looked at before more rows are there
            yield from zip(x[until:], y[until:], strict=True)

        with pytest.raises(Stopped):
            follow(StreamRequest(small(0.2, seed=seed), source(), checkpoint=tmp_path, fading=0.99, **more), stop=stop,
                   progress=Watching())
        assert before < offset_in(tmp_path) <= until
    offset = offset_in(tmp_path)
    rest = stream(small(0.2, seed=9), zip(x[offset:], y[offset:], strict=True), checkpoint=tmp_path, starts_at=offset, fading=0.99,
                  verbose=0, **more)
    assert same(whole, rest)
    assert whole.alarms
    again = stream(small(0.2), zip(x, y, strict=True), checkpoint=tmp_path, fading=0.99, verbose=0, **more)  # all is done already
    assert same(whole, again)


def test_a_turn_of_what_is_right_is_told_within_600_rows_and_not_before():
    x, y = rows(6000, turns=4000)
    report = stream(small(), zip(x, y, strict=True), verbose=0)
    assert report.alarms
    assert 4000 < report.alarms[0].row <= 4600
    assert any("worse than chance" in sentence for sentence in report.sentences())


def test_rows_of_river_and_their_words_become_features():
    from river import datasets

    report = stream(None, datasets.Phishing(), batch_size=8, fading=0.99, verbose=0)
    assert report.n_rows == 1250
    assert report.arms[0].score > 0.75
    assert "9 columns became 9 features" in " ".join(report.notes)


def test_rows_that_cannot_be_used_are_counted_named_and_left_out():
    x, y = rows(700)
    source = [({"a": float(a), "b": float(b)}, bool(t)) for (a, b, *_), t in zip(x, y, strict=True)]
    source[600] = ({"a": "many", "b": 1.0}, True)
    source[601] = ({"a": 1.0}, False)   # a value is missing, which is no fault
    source[602] = ({"a": 1.0, "b": 1.0}, "maybe")
    source[603] = 17
    report = stream(None, iter(source), verbose=0)
    assert (report.n_rows, report.offset) == (697, 700)
    assert [sentence.split(":")[0] for sentence in report.left_out] == ["row 601", "row 603", "row 604"]
    assert "'many'" in report.left_out[0]
    assert "none of the classes 'False', 'True'" in report.left_out[1]


def test_a_report_travels_as_json_and_comes_back():
    from epochal.records import dump, load

    report = stream(small(), zip(*rows(300), strict=True), batch_size=[8, 32], verbose=0)
    assert load(dump(report)) == report
    assert json.loads(dump(report))["kind"] == "StreamReport"


@pytest.mark.parametrize(("given", "said"), [
    ({"batch_size": 0}, "`batch_size` must be a positive whole number; got 0"), ({"batch_size": [8, 8]}, "sizes that differ"),
    ({"batch_size": [997, 1000]}, "sizes that divide one another"), ({"fading": 0}, "`fading` must be above 0"),
    ({"replay": -1}, "`replay`"), ({"source": 7}, "`source` must be an iterator"), ({"source": []}, "got nothing"),
    ({"source": "nowhere.csv"}, "`target`"), ({"source": "nowhere.csv", "target": "y"}, "nowhere.csv"),
    ({"source": "kafka://h", "target": "y"}, "kafka://HOST:PORT/TOPIC"), ({"starts_at": 5}, "`starts_at` must be at most 0"),
    ({"source": [({"a": 1}, 1)] * 30}, "`source`"), ({"source": [(np.zeros(3), 1.0)] * 40}, "rows of the shape (3,)"),
])
def test_what_cannot_be_done_is_a_sentence(given, said):
    with pytest.raises(UsageError) as refused:
        stream(given.get("model", small()), given.pop("source", zip(*rows(50), strict=True)), verbose=0, **given)
    assert said.split("`source`")[0] in str(refused.value)


def test_a_model_with_two_losses_is_refused():
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(1)(x)])
    model.compile("sgd", ["mse", "mse"])
    with pytest.raises((Unsupported, UsageError), match="one|y"):
        stream(model, zip(*rows(50), strict=True), verbose=0)
