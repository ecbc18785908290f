"""`ep.predict` gives what `model.predict` gives: for models and inputs of every kind, in the batches of every size."""

import copy
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from tiers import first_tier

from epochal.api import predict
from epochal.base.errors import UsageError

N = 203         # rows: no multiple of any batch size here
CLOSE = 1e-5    # of the largest prediction: what is promised for float32
BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """Batch sizes are remembered in a folder of the test's own."""
    monkeypatch.setattr("epochal.training.remembered.cache_folder", lambda: tmp_path)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def mlp():
    return keras.Sequential([keras.Input((5,)), layers.Dense(16, "tanh"), layers.Dense(3)]), numbers(N, 5)


def convolutions():
    """Batch-norm and dropout, as they are meant when predicting."""
    body = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Flatten()]
    model = keras.Sequential([keras.Input((6, 6, 1)), *body, layers.Dense(2, "softmax")])
    for v in model.layers[1].non_trainable_variables:
        v.assign(np.full(v.shape, 0.7))
    return model, numbers(N, 6, 6, 1)


def two_inputs_two_outputs():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    body = layers.Dense(6, "tanh")(layers.Concatenate()([left, right]))
    model = keras.Model({"right": right, "left": left}, {"size": layers.Dense(1)(body), "kind": layers.Dense(3)(body)})
    return model, {"left": numbers(N, 3), "right": numbers(N, 2, seed=1)}


def a_tuple_in_and_out():
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model((a, b), (a + b, [layers.Dense(2)(a), b[:, 0]])), (numbers(N, 3), numbers(N, 3, seed=1))


def recurrent():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(10, 3), layers.LSTM(4, return_sequences=True)])
    return model, np.random.default_rng(2).integers(0, 10, (N, 4))


def mixed():
    return keras.Sequential([keras.Input((5,)), layers.Dense(16, "tanh", dtype="mixed_float16"),
                             layers.Dense(3, dtype="mixed_float16")]), numbers(N, 5)


def brain_floats():
    return keras.Sequential([keras.Input((5,)), layers.Dense(3, dtype="bfloat16")]), numbers(N, 5)


def classes():
    inputs = keras.Input((5,))
    return keras.Model(inputs, keras.ops.argmax(layers.Dense(4)(inputs), -1)), numbers(N, 5)


def bytes_in():
    return keras.Sequential([keras.Input((7,), dtype="uint8"), layers.Rescaling(1 / 255), layers.Dense(2)]), \
        np.random.default_rng(3).integers(0, 256, (N, 7), dtype="uint8")


class Subclassed(keras.Model):
    """Makes its variables only when it sees rows, and calls a layer in a way of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(8, "tanh"), layers.Dense(2)

    def call(self, x, training=False):
        return self.last(self.first(x)) + (100.0 if training else 0.0)


class OwnStep(keras.Model):
    """A model whose `predict_step` is its own."""

    def predict_step(self, *given):
        told = super().predict_step(*given)
        return (told[0] * 2 + 1, told[1]) if BACKEND == "jax" else told * 2 + 1


def subclassed():
    return Subclassed(), numbers(N, 5)


def own_step():
    inputs = keras.Input((5,))
    return OwnStep(inputs, layers.Dense(2)(inputs)), numbers(N, 5)


def eager():
    model, x = mlp()
    model.compile(run_eagerly=True)
    return model, x


def xla():
    model, x = mlp()
    model.compile(jit_compile=True)
    return model, x


PLAIN = [mlp, convolutions, two_inputs_two_outputs, a_tuple_in_and_out, recurrent, mixed, brain_floats, classes, bytes_in,
         subclassed, own_step, eager, *([xla] if BACKEND == "tensorflow" else [])]


def assert_same(ours, theirs, close=CLOSE):
    keras.tree.assert_same_structure(ours, theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
    for a, b in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        assert isinstance(a, np.ndarray)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert np.abs(a - b).max() <= close * max(np.abs(b).max(), 1e-30)


@pytest.mark.parametrize("make", first_tier((mlp, convolutions, two_inputs_two_outputs, mixed, own_step), PLAIN),
                         ids=lambda make: make.__name__)
def test_it_predicts_as_keras_in_batches_of_any_size(make):
    model, x = make()
    close = {"mixed": 2**-9, "brain_floats": 2**-6}.get(make.__name__, CLOSE)  # four roundings of half precision
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of")
        found = predict(model, x, verbose=0)
        theirs = model.predict(x, verbose=0)
        assert_same(found, theirs, close)
        for size in ("auto", None, 1000, 50):
            assert_same(predict(model, x, size, verbose=0), theirs, close)
    for a in keras.tree.flatten(found):
        a[...] = 0  # the user's own to write in


@pytest.mark.parametrize("goal", ["throughput", "latency", "memory"])
@pytest.mark.parametrize("n", first_tier(4, [1, 32, 33, 100, 2, 31, 40, 64, 65]))
def test_few_rows_are_predicted_as_keras_predicts_them(n, goal):
    model, x = mlp()
    for _ in range(2):
        assert_same(predict(model, x[:n], verbose=0, goal=goal), model.predict(x[:n], verbose=0))


@pytest.mark.parametrize("size", ["auto", None, 32])
def test_no_rows_are_refused(size):
    with pytest.raises(UsageError, match="`x` must be at least one row"):
        predict(mlp()[0], numbers(0, 5), size, verbose=0)


def test_numbers_of_every_type_and_order_in_memory_are_read_as_keras_reads_them(tmp_path):
    model, x = mlp()
    mapped = np.memmap(tmp_path / "x.bin", "float64", "w+", shape=x.shape)
    mapped[:] = x
    for given in (x.astype("float64"), x.astype("float16"), np.asfortranarray(x), x[::-1], (x * 9).astype("int64"), x > 0, mapped,
                  keras.ops.convert_to_tensor(x), np.memmap(tmp_path / "x.bin", "float64", "r", shape=x.shape)):
        assert_same(predict(model, given, verbose=0), model.predict(given, verbose=0))


def test_frames_and_series_are_read_as_keras_reads_them():
    model, x = mlp()
    frame = pd.DataFrame(x.astype("float64"), columns=list("abcde")).assign(c=lambda f: (f.c * 10).astype("int64"))
    assert_same(predict(model, frame, verbose=0), model.predict(frame, verbose=0))
    column = keras.Sequential([keras.Input((1,)), layers.Dense(2)])
    assert_same(predict(column, frame.a, verbose=0), column.predict(frame.a, verbose=0))
    named = keras.Input((1,), name="a")
    model = keras.Model({"a": named}, layers.Dense(2)(named))
    assert_same(predict(model, {"a": frame.a}, verbose=0), model.predict({"a": frame.a}, verbose=0))


@pytest.mark.needs("polars")
def test_polars_frames_are_read_as_keras_reads_them():
    import polars

    model, x = mlp()
    frame = polars.DataFrame(x, schema=list("abcde"))
    assert_same(predict(model, frame, verbose=0), model.predict(frame, verbose=0))


@pytest.mark.second
def test_sparse_rows_are_left_to_keras():
    sparse = pytest.importorskip("scipy.sparse")
    if BACKEND == "torch":
        pytest.skip("Keras on PyTorch does not read the sparse rows of this release of SciPy")
    model, x = mlp()
    rows = sparse.csr_array(np.where(x > 0.5, x, 0)) if BACKEND == "tensorflow" else sparse.csr_matrix(np.where(x > 0.5, x, 0))
    assert_same(predict(model, rows, verbose=0), model.predict(rows, verbose=0))


# What depends on the batch is named once, and run as Keras runs it: twins from the same start end alike.

class Training(layers.Layer):
    """Calls a layer as in training, whatever it is called for."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x, training=True)


def norm_over_the_batch():
    return keras.Sequential([keras.Input((5,)), Training(layers.BatchNormalization())]), numbers(N, 5)


def random_outputs():
    return keras.Sequential([keras.Input((5,)), Training(layers.Dropout(0.5, seed=3))]), numbers(N, 5)


def noise_without_seed():
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.Input((5,)), Training(layers.GaussianNoise(1.0))]), numbers(N, 5)


def stateful_recurrent():
    model = keras.Sequential([keras.Input((4, 3), batch_size=29), layers.GRU(3, stateful=True)])
    return model, numbers(N, 4, 3)  # seven batches of 29


def dropout_without_seed():
    return keras.Sequential([keras.Input((5,)), Training(layers.Dropout(0.5))]), numbers(N, 5)


class Counting(layers.Layer):
    """Counts its batches, which no prediction shows."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign(self.count + 1)
        return 2 * x


def counting():
    return keras.Sequential([keras.Input((5,)), Counting()]), numbers(N, 5)


class Centred(layers.Layer):
    """Mixes rows without changing anything in the model: only the predictions tell."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


class Numbered(layers.Layer):
    """Adds a row's place in its batch, which swaps nothing between rows."""

    def call(self, x):
        return x + keras.ops.cast(keras.ops.arange(keras.ops.shape(x)[0]), x.dtype)[:, None]


def centred():
    return keras.Sequential([keras.Input((5,)), Centred()]), numbers(N, 5)


def numbered():
    return keras.Sequential([keras.Input((5,)), Numbered()]), numbers(N, 5)


class Folded(keras.Model):
    """One number for each batch."""

    def predict_step(self, *given):
        told = super().predict_step(*given)
        outputs = told[0] if BACKEND == "jax" else told
        outputs = keras.ops.mean(outputs, axis=0, keepdims=True)
        return (outputs, told[1]) if BACKEND == "jax" else outputs


def folded():
    inputs = keras.Input((5,))
    return Folded(inputs, layers.Dense(2)(inputs)), numbers(N, 5)


def twins(make):
    """The same model twice, its random numbers included."""
    model, x = make()
    keras.utils.set_random_seed(7)
    other = make()[0]
    other.set_weights(copy.deepcopy(model.get_weights()))
    for a, b in zip(other.non_trainable_variables, model.non_trainable_variables, strict=True):
        a.assign(np.array(keras.ops.convert_to_numpy(b)))  # a copy: Keras gives the arrays of a model away
    return model, other, x


@pytest.mark.parametrize("make", [norm_over_the_batch, random_outputs, noise_without_seed, dropout_without_seed, counting, centred,
                                  numbered, folded], ids=lambda make: make.__name__)
@pytest.mark.parametrize("size", first_tier(1, ["auto", 50]))
def test_a_model_whose_rows_depend_on_the_batch_is_named_and_run_as_keras_runs_it(make, size):
    ours, theirs, x = twins(make)
    keras.utils.set_random_seed(9)  # PyTorch's own stream
    if size == "auto" or make is folded:
        with pytest.warns(UserWarning, match=f"predictions of `{ours.name}` depend on how its rows are batched"):
            first = predict(ours, x, size, verbose=0)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = predict(ours, x, size, verbose=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of")
        second = predict(ours, x, size, verbose=0)
    keras.utils.set_random_seed(9)
    for told in (first, second):
        assert_same(told, theirs.predict(x, batch_size=None if size == "auto" else size, verbose=0), close=1e-6)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


@pytest.mark.parametrize("n", first_tier(1, [33, 34, 47, 48, 63, 64, 65, 66]))
def test_rows_that_depend_on_each_other_are_found_however_many_there_are(n):
    """With 33 the block that was compared held the very rows of the first one, in another order."""
    model, x = centred()
    with pytest.warns(UserWarning, match="depend on how its rows are batched"):
        assert_same(predict(model, x[:n], verbose=0), model.predict(x[:n], verbose=0), close=1e-6)


def test_the_state_of_a_recurrent_layer_goes_on_from_batch_to_batch_and_call_to_call():
    ours, theirs, x = twins(stateful_recurrent)
    for _ in range(2):
        assert_same(predict(ours, x, 29, verbose=0), theirs.predict(x, batch_size=29, verbose=0), close=1e-6)


def test_what_a_stateful_model_keeps_is_untouched_by_the_look_at_it():
    """The look at a few rows must not move the state on: the first batch of the run is the first that lasts."""
    ours, theirs, x = twins(random_outputs)
    keras.utils.set_random_seed(9)
    with pytest.warns(UserWarning, match="depend on how"):
        told = predict(ours, x, verbose=0, goal="latency")
    keras.utils.set_random_seed(9)
    assert_same(told, theirs.predict(x, verbose=0), close=1e-6)


class Drifting(layers.Layer):
    """Row by row until its weight is moved; then it mixes rows."""

    def build(self, shape):
        self.share = self.add_weight(shape=(), initializer="zeros")

    def call(self, x):
        return x - self.share * keras.ops.mean(x, axis=0, keepdims=True)


@pytest.mark.parametrize("size", [32, 256])
def test_rows_that_stood_alone_are_looked_at_again_once_weights_change(size, monkeypatch):
    model, x = keras.Sequential([keras.Input((5,)), Drifting()]), numbers(N, 5)
    monkeypatch.setattr("epochal.training.predict.size.pick", lambda *given, **more: size)
    monkeypatch.setattr("epochal.training.predict.size.is_steady", lambda trials: True)
    for _ in range(3):  # a call that tries sizes, and calls that do not
        assert_same(predict(model, x, verbose=0), x)
    model.set_weights([np.array(1.0)])
    with pytest.warns(UserWarning, match="depend on how its rows are batched: the same row among other rows"):
        assert_same(predict(model, x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("make", [norm_over_the_batch, centred], ids=lambda make: make.__name__)
def test_up_to_32_rows_are_one_batch_whatever_the_model(make):
    ours, theirs, x = twins(make)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of")
        assert_same(predict(ours, x[:32], verbose=0), theirs.predict(x[:32], verbose=0))


class TimesRows(keras.layers.Layer):
    """Its output depends on how many rows come at once."""

    def call(self, x):
        return x * keras.ops.cast(keras.ops.shape(x)[0], x.dtype)


@pytest.mark.parametrize("n", [1003, 64, 30])
def test_a_batch_size_that_is_given_is_kept_for_the_last_rows_too(n):
    x = np.random.default_rng(0).normal(size=(n, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), TimesRows(), keras.layers.Dense(2)])
    theirs = model.predict(x, batch_size=64, verbose=0)
    np.testing.assert_allclose(predict(model, x, batch_size=64, verbose=0), theirs, rtol=1e-5)
