"""`ep.predict`: what may be asked of it, and where predictions go."""

import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from training.predicting import BACKEND, N, network, same, two_outputs

from epochal.api import predict
from epochal.base.errors import UsageError

pytestmark = pytest.mark.usefixtures("cache")


def test_the_arguments_of_keras_come_first_with_the_defaults_of_keras():
    ours, theirs = (list(inspect.signature(f).parameters.values()) for f in (predict, keras.Model.predict))
    assert [p.name for p in ours[1:len(theirs)]] == [p.name for p in theirs[1:]]
    assert [p.default for p in ours[3:len(theirs)]] == [p.default for p in theirs[3:]]
    assert ours[2].default == "auto"
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[len(theirs):])


@pytest.mark.parametrize(("wrong", "must"), [
    ({"batch_size": 0}, "`batch_size` must be a positive whole number; got 0"), ({"batch_size": 2.5}, "whole number"),
    ({"batch_size": True}, "whole number"), ({"batch_size": "large"}, "whole number"),
    ({"steps": -1}, "`steps` must be a positive whole"),
    ({"goal": "fast"}, "`goal` must be one of throughput, latency, memory"), ({"verbose": 7}, "`verbose` must be"),
    ({"x": None}, "`x` must be arrays"), ({"x": np.array(["a"])}, "`x` must be numbers"), ({"model": network}, "a Keras model"),
    ({"x": [np.zeros((3, 5)), np.zeros((4, 5))]}, "of one length"),
])
def test_what_cannot_be_meant_is_refused(wrong, must, model, x):
    if BACKEND == "tensorflow" and "numbers" in must:
        pytest.skip("TensorFlow takes text")
    with pytest.raises(UsageError, match=must):
        predict(**({"model": model, "x": x, "verbose": 0} | wrong))


@pytest.mark.parametrize("size", ["auto", None, 50])
def test_predictions_are_written_into_the_users_array_which_is_returned(model, x, size):
    out = np.full((N, 2), np.nan, "float32")
    assert predict(model, x, size, verbose=0, out=out) is out
    assert same(out, model.predict(x, verbose=0))


def test_predictions_are_written_into_a_file(model, x, tmp_path):
    out = np.memmap(tmp_path / "out.bin", "float32", "w+", shape=(N, 2))
    predict(model, x, verbose=0, out=out)
    assert same(np.fromfile(tmp_path / "out.bin", "float32").reshape(N, 2), model.predict(x, verbose=0))


def test_several_outputs_go_into_a_nesting_of_arrays(x):
    model = two_outputs()
    out = {"a": np.empty((N, 2), "float32"), "b": np.empty((N, 1), "float32")}
    assert predict(model, x, verbose=0, out=out) is out
    for name, theirs in model.predict(x, verbose=0).items():
        assert same(out[name], theirs)


@pytest.mark.parametrize("out", [
    np.empty((N, 3), "float32"), np.empty((N - 1, 2), "float32"), np.empty((N, 2)), np.empty(N, "float32"), [1, 2],
    {"a": np.empty((N, 2), "float32")}, np.broadcast_to(np.float32(0), (N, 2)), "out.npy"],
    ids=["too wide", "too short", "of another type", "flat", "a list", "a dict", "read-only", "a name"])
@pytest.mark.parametrize("size", ["auto", 50])
def test_an_array_that_does_not_fit_is_refused_with_the_one_that_would(model, x, out, size):
    with pytest.raises(UsageError, match=r"`out` must be .* got .*(\(203, 2\)|Open the file)"):
        predict(model, x, size, verbose=0, out=out)


MEMORY = """
import os, pathlib
os.environ["KERAS_BACKEND"] = {backend!r}
import numpy as np, keras
from epochal.training import remembered
from epochal.api import predict
remembered.cache_folder = lambda: pathlib.Path({folder!r})
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(512)])
x = np.ones((100_000, 4), "float32")
model.predict(x[:5000], batch_size=1000, verbose=0), predict(model, x[:5000], verbose=0)
status = pathlib.Path("/proc/self/status")  # not getrusage, which begins with the most that the parent ever held
most = lambda: int(status.read_text().split("VmHWM:")[1].split()[0])
before = most()
for call in (lambda: predict(model, x, verbose=0),
             lambda: predict(model, ((x[i:i + 500],) for i in range(0, 100_000, 500)), verbose=0),
             lambda: model.predict(x, batch_size=1000, verbose=0)):
    call()
    print((most() - before) * 1024 / (100_000 * 512 * 4))
"""


@pytest.mark.second
@pytest.mark.skipif(sys.platform != "linux", reason="the most memory ever held is told in /proc")
def test_host_memory_holds_the_predictions_once(tmp_path):
    """How often they fit into the memory that a call takes; Keras, which holds them twice, shows that the measure tells."""
    code = MEMORY.format(backend=BACKEND, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    array, batches, keras_own = map(float, done.stdout.split()[-3:])
    assert array < 1.3
    assert batches < 1.4
    assert keras_own > 1.5


def test_predictions_are_not_written_over_the_rows_they_are_made_of(tmp_path, x):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5)])
    wide = np.zeros((N, 10), "float32")
    wide[:, :5] = x
    mapped = np.memmap(tmp_path / "x.bin", "float32", "w+", shape=(2 * N, 5))
    mapped[:N] = x
    again = np.memmap(tmp_path / "x.bin", "float32", "r+", shape=(2 * N, 5))
    for rows, out in ((x, x), (x, x[::-1]), ({"a": x}["a"][:], x), (mapped[:N], mapped[:N]), (mapped[:N], again[1:N + 1])):
        with pytest.raises(UsageError, match="`out` must be another array; got 'an array in the memory or file of x'"):
            predict(model, rows, verbose=0, out=out)
    expected = predict(model, x, verbose=0)
    for rows, out in ((wide[:, :5], wide[:, 5:]), (mapped[:N], again[N:]), (x, np.empty_like(x))):
        np.testing.assert_allclose(predict(model, rows, verbose=0, out=out), expected, rtol=1e-5, atol=1e-6)


def test_the_path_of_a_file_is_for_fit(model):
    with pytest.raises(UsageError, match="`x` must be data; got 'rows.parquet'.*for fit alone.*read_parquet.*epochal predict"):
        predict(model, "rows.parquet", verbose=0)
