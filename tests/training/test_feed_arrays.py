"""Arrays: the batches of a feed are those that Keras' own `fit` feeds, on each back end, under one seed."""

import importlib
import time
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from tiers import first_tier
from training.feed_probe import BACKEND, Trainee, batches, feed_of, of_feed, of_keras, same

from epochal.base.errors import UsageError
from epochal.seam.row_orders import why_unknown
from epochal.training.feeds.arrays import Resident
from epochal.training.feeds.cast import OnlyKeras


def rows(n=10, d=3):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(n, d)), "y": rng.integers(0, 3, n)}


@pytest.mark.parametrize("built", first_tier(1, [True, False]))
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize(("n", "batch_size"), first_tier(3, [(10, 3), (12, 4), (5, 5), (3, 8), (33, None), (1, 1)]))
def test_the_batches_are_those_of_fit(n, batch_size, shuffle, built):
    arguments = {**rows(n), "batch_size": batch_size, "shuffle": shuffle, "epochs": 3, "built": built}
    if why := why_unknown(shuffle):
        with pytest.raises(OnlyKeras, match=why):
            of_feed(**arguments)
        return
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("n", "batch_size", "steps"), first_tier(4,
    [(10, 3, 2), (10, 3, 3), (10, 3, 7), (12, 4, 3), (12, 4, 2), (12, None, 5),
                                                        (12, None, 4), (9, 2, 1)]))
def test_steps_per_epoch_cuts_passes_as_fit_does(n, batch_size, steps, shuffle):
    arguments = {**rows(n), "batch_size": batch_size, "shuffle": shuffle, "steps_per_epoch": steps, "epochs": 6}
    ours, theirs = of_feed(**arguments), of_keras(**arguments)
    same(ours[0], theirs[0])
    assert ours[1] == theirs[1]  # warnings that data ran out


def tensor(array):
    return keras.ops.convert_to_tensor(array.astype("float32"))


KINDS = {
    "float64": lambda x: x,
    "float16": lambda x: x.astype("float16"),
    "float32": lambda x: x.astype("float32"),
    "int64": lambda x: (10 * x).astype("int64"),
    "uint8": lambda x: np.abs(10 * x).astype("uint8"),
    "bool": lambda x: x > 0,
    "a tensor": tensor,
    "a frame": pd.DataFrame,
    "a frame of integers": lambda x: pd.DataFrame((10 * x).astype("int64")),
    "a mixed frame": lambda x: pd.DataFrame({"a": x[:, 0], "b": (10 * x[:, 1]).astype("int64"), "c": x[:, 2] > 0}),
    "a series": lambda x: pd.Series(x[:, 0]),
    "a list of inputs": lambda x: [x, x[:, :1]],
    "a tuple of inputs": lambda x: (x, pd.Series(x[:, 0])),
    "a dict of inputs": lambda x: {"b": x, "a": (10 * x).astype("int32")},
    "a nested dict": lambda x: {"b": [x, None], "a": {"c": x}},
    "Fortran order": np.asfortranarray,
}


@pytest.mark.parametrize("kind", KINDS)
def test_x_is_cast_as_in_fit(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = {"x": KINDS[kind](rows()["x"]), "y": rows()["y"], "batch_size": 4, "epochs": 2}
        theirs = of_keras(**arguments)[0]
    same(of_feed(**arguments)[0], theirs)


@pytest.mark.parametrize("kind", ["float64", "int64", "bool", "a series", "a list of inputs", "a dict of inputs"])
def test_y_is_cast_as_in_fit(kind):
    arguments = {"x": rows()["x"], "y": KINDS[kind](rows()["x"]), "batch_size": 4, "epochs": 2}
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


@pytest.mark.needs("polars")
def test_polars_frames_are_those_of_fit():
    import polars

    frame = polars.DataFrame({"a": rows()["x"][:, 0], "b": np.arange(10)})
    arguments = {"x": frame, "y": polars.Series("y", rows()["y"]), "batch_size": 4, "epochs": 2}
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


@pytest.mark.parametrize("foreign", [
    "jax", *(pytest.param(name, marks=pytest.mark.needs(name)) for name in ("tensorflow", "torch"))])
def test_tensors_of_another_back_end_are_those_of_fit(foreign):
    library = importlib.import_module(foreign)
    make = {"jax": lambda a: library.numpy.asarray(a), "torch": lambda a: library.tensor(a),
            "tensorflow": lambda a: library.constant(a)}[foreign]
    arguments = {"x": make(rows()["x"].astype("float32")), "y": make(rows()["y"].astype("int32")), "batch_size": 4, "epochs": 2}
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


def test_64_bit_integers_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feed = feed_of(rows()["x"], rows()["y"])
        assert feed.sample[1].dtype == ("int32" if BACKEND == "jax" else "int64")


def test_lists_of_numbers_are_arrays():
    ours = of_feed(x=[[1.0, 2.0], [3.0, 4.0]], y=[0, 1], epochs=1, shuffle=False)[0]
    same(ours, of_feed(x=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([0, 1]), epochs=1, shuffle=False)[0])


WEIGHTS = {
    "codes": lambda y: y, "a column of codes": lambda y: y[:, None], "floats": lambda y: y - 0.3, "a series": pd.Series,
    "one-hot rows": lambda y: np.eye(3)[y],
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_class_weights_are_those_of_fit(kind):
    arguments = {"x": rows()["x"], "y": WEIGHTS[kind](rows()["y"]), "class_weight": {0: 0.5, 2: 3}, "batch_size": 4, "epochs": 2}
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


@pytest.mark.parametrize("case", ["one", "one for two outputs", "a column for two outputs", "two for two outputs", "without y"])
def test_sample_weights_are_those_of_fit(case):
    x, y, weight = rows()["x"], rows()["y"], np.arange(10.0)
    more = {"one": {"y": y, "sample_weight": weight},
            "one for two outputs": {"y": {"a": y, "b": y}, "sample_weight": weight},
            "a column for two outputs": {"y": [y, y], "sample_weight": weight[:, None]},
            "two for two outputs": {"y": {"a": y, "b": y}, "sample_weight": {"a": weight, "b": 2 * weight}},
            "without y": {"sample_weight": weight}}[case]
    arguments = {"x": x, "batch_size": 4, "epochs": 2, **more}
    same(of_feed(**arguments)[0], of_keras(**arguments)[0])


@pytest.mark.parametrize("wrong", [
    {"y": np.zeros(9)}, {"y": np.zeros(10), "sample_weight": np.ones(9)}, {"sample_weight": np.ones(10), "class_weight": {0: 1.0}},
    {"y": [np.zeros(10)] * 2, "class_weight": {0: 1.0}}, {"y": [np.zeros(10)] * 2, "sample_weight": [np.ones(10)]},
    {"y": [np.zeros(10)] * 2, "sample_weight": np.ones((10, 4))}])
def test_what_fit_refuses_is_refused(wrong):
    arguments = {"x": np.zeros((10, 2)), "y": np.zeros(10), **wrong}
    with pytest.raises(ValueError, match="."):
        of_keras(epochs=1, **arguments)
    with pytest.raises(UsageError):
        feed_of(**arguments)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"x": None}, "`x` must be arrays"), ({"x": np.array([["a"]] * 10)}, "numbers"), ({"batch_size": 0}, "batch_size"),
    ({"batch_size": 2.5}, "batch_size"), ({"steps_per_epoch": 0}, "steps_per_epoch"), ({"class_weight": [1, 2]}, "class_weight"),
    ({"x": pd.DataFrame({"price": [1.0] * 10, "colour": ["red"] * 10})}, "colour"), ({"x": np.zeros((0, 2))}, "one length"),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "at least one row"), ({"order": lambda n: np.arange(3)}, "order"),
    ({"y": np.zeros((10, 2, 3)), "class_weight": {0: 1.0}}, "class_weight"), ({"x": object()}, "`x` must be arrays")])
def test_what_is_wrong_is_named(wrong, said):
    if BACKEND == "tensorflow" and said in ("numbers", "colour"):
        pytest.skip("on TensorFlow text is for Keras to feed")
    with pytest.raises(UsageError, match=said):
        next(iter(feed_of(**{"x": np.zeros((10, 2)), "y": np.zeros(10), **wrong}).epoch(Trainee())))


def test_sparse_arrays_are_left_to_keras():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(OnlyKeras, match="sparse"):
        feed_of(sparse.csr_matrix(np.eye(10)), np.zeros(10))


def test_all_rows_are_put_once_for_all_epochs():
    feed, trainee = feed_of(np.zeros((10, 2)), np.zeros(10), batch_size=4), Trainee()
    for _ in range(3):
        chunks = list(feed.epoch(trainee))
        assert [chunk.rows.shape for chunk in chunks] == [(2, 4), (1, 2)]
    assert trainee.n_puts == 1
    list(feed.epoch(Trainee()))
    assert isinstance(feed.source, Resident)


@pytest.mark.parametrize("skip", [0, 1, 3, 4])
def test_skipped_batches_are_drawn_and_left_out(skip):
    arguments = {**rows(), "batch_size": 3, "epochs": 1}
    same(of_feed(skip=skip, **arguments)[0], [of_feed(**arguments)[0][0][skip:]])


def test_an_epoch_that_is_left_is_not_gone_on_with():
    feed = feed_of(np.arange(9.0)[:, None], batch_size=2, shuffle=False, order=None)
    epoch = batches(feed.epoch(Trainee()))
    next(epoch)
    epoch.close()
    assert [batch[0][0, 0] for batch in batches(feed.epoch(Trainee()))] == [0, 2, 4, 6, 8]


def test_an_order_of_ones_own_replaces_shuffling():
    feed = feed_of(np.arange(6.0)[:, None], batch_size=2, order=lambda n: np.r_[np.arange(n - 1), 0][::-1])
    assert [batch[0].ravel().tolist() for batch in batches(feed.epoch(Trainee()))] == [[0, 4], [3, 2], [1, 0]]


def test_an_epoch_that_is_stopped_and_restored_goes_on_where_it_was():
    arguments, trainee = {**rows(17), "batch_size": 3, "steps_per_epoch": 2}, Trainee()  # six batches: three epochs to a pass

    def rest(feed):
        keras.utils.set_random_seed(5)
        return [list(batches(feed.epoch(trainee))) for _ in range(4)]

    keras.utils.set_random_seed(5)
    whole, other = feed_of(**arguments), feed_of(**arguments)
    list(whole.epoch(trainee))
    state = whole.state()
    expected = rest(whole)
    other.restore(state)
    same(rest(other), expected)


@pytest.mark.third
def test_an_epoch_of_50_batches_costs_little():
    feed, trainee = feed_of(np.zeros((1600, 10), "float32"), np.zeros((1600, 1), "float32"), batch_size=32), Trainee()
    list(feed.epoch(trainee))

    def seconds():
        start = time.perf_counter()
        for _ in range(100):
            for _ in feed.epoch(trainee):
                pass
        return (time.perf_counter() - start) / 100

    assert min(seconds() for _ in range(5)) < 200e-6  # 30 µs where nothing else runs; the permutation is most of it
