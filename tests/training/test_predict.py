"""`ep.predict`: where predictions go, who hears of them, and what is kept for the next call."""

import gc
import inspect
import json
import subprocess
import sys
import warnings
import weakref

import keras
import numpy as np
import pytest
from keras import layers

from epochal.api.predict import predict
from epochal.base.errors import MeasurementFailed, UsageError
from epochal.rules.training.predict_size import Trial
from epochal.seam.forward import forward
from epochal.training.predict import trials as predict_trials
from epochal.training.predict.stream import blocks, closeness, difference

N = 203
BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Batch sizes are remembered in a folder of the test's own; what else goes on in the machine decides nothing."""
    monkeypatch.setattr(predict_trials, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(predict_trials, "is_steady", lambda trials: True)
    monkeypatch.setattr("epochal.training.predict.size.worth_compiling", lambda *given: True)
    return tmp_path / "cache" / "predict"


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(N, 5)).astype("float32")


@pytest.fixture
def model():
    return network()


def network():
    return keras.Sequential([keras.Input((5,)), layers.Dense(8, "tanh"), layers.Dense(2)])


def two_outputs():
    inputs = keras.Input((5,))
    return keras.Model(inputs, {"a": layers.Dense(2)(inputs), "b": layers.Dense(1)(inputs)})


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    return True


def forward_of(model):
    return forward.forward_of(model, None)


def test_the_arguments_of_keras_come_first_with_the_defaults_of_keras():
    ours, theirs = (list(inspect.signature(f).parameters.values()) for f in (predict, keras.Model.predict))
    assert [p.name for p in ours[1:len(theirs)]] == [p.name for p in theirs[1:]]
    assert [p.default for p in ours[3:len(theirs)]] == [p.default for p in theirs[3:]]
    assert ours[2].default == "auto"
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[len(theirs):])


@pytest.mark.parametrize(("wrong", "must"), [
    ({"batch_size": 0}, "`batch_size` must be a whole number from 1 on; got 0"), ({"batch_size": 2.5}, "whole number"),
    ({"batch_size": True}, "whole number"), ({"batch_size": "large"}, "whole number"), ({"steps": -1}, "`steps` must be a whole"),
    ({"goal": "fast"}, "`goal` must be one of throughput, latency, memory"), ({"verbose": 7}, "`verbose` must be"),
    ({"x": None}, "`x` must be arrays"), ({"x": np.array(["a"])}, "`x` must be numbers"), ({"model": network}, "a Keras model"),
    ({"x": [np.zeros((3, 5)), np.zeros((4, 5))]}, "of one length"),
])
def test_what_cannot_be_meant_is_refused(wrong, must, model, x):
    if BACKEND == "tensorflow" and "numbers" in must:
        pytest.skip("TensorFlow takes text")
    with pytest.raises(UsageError, match=must):
        predict(**({"model": model, "x": x, "verbose": 0} | wrong))


# Where predictions go

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
from epochal.training import predict_trials
from epochal.api.predict import predict
predict_trials.user_cache_path = lambda name: pathlib.Path({folder!r})
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


# Sources that cut their own batches

class Dataset(keras.utils.PyDataset):
    def __init__(self, x, size, **options):
        super().__init__(**options)
        self.x, self.size, self.heard = x, size, []

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, i):
        return (self.x[i * self.size : (i + 1) * self.size], np.zeros(3))

    def on_epoch_begin(self):
        self.heard.append("begin")

    def on_epoch_end(self):
        self.heard.append("end")


def generator(x, size=30):
    for i in range(0, len(x), size):
        yield (x[i : i + size],)


def tf_data(x):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    return tf.data.Dataset.from_tensor_slices(x).batch(30)


def torch_loader(x):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(x)), batch_size=30)


@pytest.mark.parametrize("source", [generator, lambda x: Dataset(x, 30), lambda x: Dataset(x, 30, workers=2), tf_data,
                                    torch_loader], ids=["generator", "PyDataset", "with workers", "tf.data", "DataLoader"])
@pytest.mark.parametrize("size", ["auto", None])
def test_batches_are_taken_as_they_come(source, size, model, x):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of|`steps`")
        assert same(predict(model, source(x), size, verbose=0), model.predict(x, verbose=0))
        out = np.empty((N, 2), "float32")
        assert predict(model, source(x), size, verbose=0, out=out) is out
    assert same(out, model.predict(x, verbose=0))


def test_a_source_takes_no_batch_size(model, x):
    for source in (generator(x), Dataset(x, 30)):
        with pytest.raises(UsageError, match="`batch_size` must be left out"):
            predict(model, source, 32, verbose=0)


def test_a_source_with_processes_of_its_own_is_left_to_keras(model, x, monkeypatch):
    theirs = model.predict(x, verbose=0)
    out = np.empty((N, 2), "float32")
    monkeypatch.setattr(type(model), "predict", lambda self, x, **options: theirs)
    assert predict(model, Dataset(x, 30, workers=2, use_multiprocessing=True), verbose=0, out=out) is out
    assert same(out, theirs)


def test_steps_say_how_many_batches_to_take(model, x):
    whole = model.predict(x, verbose=0)
    assert same(predict(model, generator(x), steps=2, verbose=0), whole[:60])
    assert same(predict(model, Dataset(x, 30), steps=2, verbose=0), whole[:60])
    assert same(predict(model, x, 30, steps=2, verbose=0), model.predict(x, batch_size=30, steps=2, verbose=0))
    assert same(predict(model, x, steps=4, verbose=0), model.predict(x, steps=4, verbose=0))
    left = generator(x)
    predict(model, left, steps=3, verbose=0)
    assert len(next(left)[0]) == 30  # no batch is lost beyond those asked for


def test_batches_that_are_missing_are_told(model, x):
    for given, size in ((x, 100), (generator(x, 100), None)):
        with pytest.warns(UserWarning, match="`steps` is 9, but x holds only 3 batches"):
            assert len(predict(model, given, size, steps=9, verbose=0)) == N


def test_the_hooks_of_a_dataset_are_called(model, x):
    data = Dataset(x, 30)
    predict(model, data, verbose=0)
    assert data.heard == ["begin", "end"]


def test_room_for_batches_grows_with_them_and_ends_with_them(model, x):
    uneven = ((x[a:b],) for a, b in ((0, 1), (1, 3), (3, 150), (150, 151), (151, N)))
    told = predict(model, uneven, verbose=0)
    assert same(told, model.predict(x, verbose=0))
    assert told.flags.owndata
    with pytest.raises(UsageError, match="`out` must be as long as the predictions; got 'room for 100 rows'"):
        predict(model, generator(x), verbose=0, out=np.empty((100, 2), "float32"))


def test_batches_of_different_length_are_refused_with_a_sentence():
    model = keras.Sequential([keras.Input((None, 1)), layers.Dense(2)])
    with pytest.raises(UsageError, match="one shape for all batches"):
        predict(model, ((np.ones((2, n, 1), "float32"),) for n in (3, 4)), verbose=0)


def test_an_empty_source_is_refused(model, x):
    with pytest.raises(UsageError, match="must be .*one batch"):
        predict(model, generator(x[:0]), verbose=0)


# Who hears of it

class Spy(keras.callbacks.Callback):
    def __init__(self, last=None):
        super().__init__()
        self.heard, self.outputs, self.last = [], [], last

    def on_predict_begin(self, logs=None):
        self.heard.append("begin")

    def on_predict_batch_begin(self, batch, logs=None):
        self.heard.append(("in", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.heard.append(("out", batch))
        self.outputs.append(keras.tree.map_structure(keras.ops.convert_to_numpy, logs["outputs"]))
        if batch == self.last:
            self.model.stop_predicting = True

    def on_predict_end(self, logs=None):
        self.heard.append("end")


def test_callbacks_hear_what_they_hear_under_keras(model, x):
    ours, theirs = Spy(), Spy()
    predict(model, x, 30, verbose=0, callbacks=[ours])
    model.predict(x, batch_size=30, verbose=0, callbacks=[theirs])
    assert ours.heard == theirs.heard
    assert ours.params == theirs.params
    for a, b in zip(ours.outputs, theirs.outputs, strict=True):
        assert same(a, b)


@pytest.mark.parametrize("source", [lambda x: x, generator], ids=["array", "generator"])
def test_callbacks_hear_of_every_block_of_a_size_that_is_found(source, model, x):
    for _ in range(2):
        spy = Spy()
        told = predict(model, source(x), verbose=0, callbacks=spy)
        n = len(spy.outputs)
        assert spy.heard == ["begin", *(event for i in range(n) for event in (("in", i), ("out", i))), "end"]
        assert same(np.concatenate(spy.outputs), told)
        assert spy.params["steps"] in (n, None)


@pytest.mark.parametrize(("size", "rows"), [(30, 60), ("auto", None)])
def test_a_callback_may_stop_predicting(size, rows, model, x):
    spy = Spy(last=1)
    told = predict(model, x, size, verbose=0, callbacks=[spy])
    assert len(spy.outputs) == 2
    assert len(told) == sum(map(len, spy.outputs)) < N
    assert rows is None or len(told) == rows
    assert same(told, model.predict(x, verbose=0)[:len(told)])
    assert len(predict(model, x, size, verbose=0)) == N
    assert len(predict(model, generator(x), verbose=0, callbacks=[Spy(last=1)])) == 60


def test_a_list_of_callbacks_of_keras_is_used_as_it_is(model, x):
    spy = Spy()
    predict(model, x, 30, callbacks=keras.callbacks.CallbackList([spy], model=model))
    assert spy.heard[0] == "begin"
    assert len(spy.outputs) == 7


@pytest.mark.parametrize("size", ["auto", 30])
def test_the_progress_bar_is_that_of_keras(size, model, x, capsys):
    predict(model, x, size)
    shown = capsys.readouterr().out
    assert "/step" in shown
    assert "7/7" in shown or size == "auto"
    predict(model, x, size, verbose=0)
    assert capsys.readouterr().out == ""


def test_what_was_found_is_said_once_when_asked(model, x, capsys):
    predict(model, x, verbose=1)
    assert "predict: batch_size=" in capsys.readouterr().err
    predict(model, x, verbose=1)
    assert capsys.readouterr().err == ""


# What is kept

def test_the_second_call_compiles_and_measures_nothing(model, x, monkeypatch):
    for size in ("auto", 50, None):
        predict(model, x, size, verbose=0)
    known, programs = forward_of(model), forward_of(model).n_programs
    monkeypatch.setattr("epochal.training.predict.size._Search.run", lambda self: pytest.fail("measured again"))
    for size in ("auto", 50, None):
        predict(model, x, size, verbose=0)
    assert forward_of(model) is known
    assert known.n_programs == programs
    assert programs > 0 or BACKEND == "torch"


def test_rows_that_were_shown_to_stand_alone_are_not_compared_again_while_weights_are_the_same(model, x, monkeypatch):
    if BACKEND != "jax":
        pytest.skip("only on JAX can be seen whether weights are the same")
    monkeypatch.setattr("epochal.training.predict.size.pick", lambda *given, **more: 256)
    for _ in range(2):
        predict(model, x, verbose=0)
    sizes = run_out(monkeypatch, model, 1000)
    predict(model, x, verbose=0)
    assert sizes == [256]
    model.set_weights(model.get_weights())
    predict(model, x, verbose=0)
    assert sizes == [256, 256, 256]


def test_other_weights_are_used_at_once_and_compile_nothing(model, x):
    predict(model, x, verbose=0)
    programs = forward_of(model).n_programs
    for _ in range(2):
        model.set_weights([w + 1 for w in model.get_weights()])
        assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
    model.compile("sgd", "mse")
    model.fit(x, x[:, :2], verbose=0)
    assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
    assert forward_of(model).n_programs <= programs


def test_a_model_that_was_changed_and_compiled_is_not_predicted_by_its_past(model, x):
    before = predict(model, x, verbose=0)
    model.layers[0].activation = keras.activations.relu
    model.compile()
    after = predict(model, x, verbose=0)
    assert same(after, model.predict(x, verbose=0))
    assert np.abs(after - before).max() > 0.01


def test_layers_added_and_taken_away_are_noticed_without_compiling(model, x):
    predict(model, x, verbose=0)
    model.add(layers.Dense(4))
    assert predict(model, x, verbose=0).shape == (N, 4)
    model.pop()
    model.pop()
    assert predict(model, x, verbose=0).shape == (N, 8)


def test_run_eagerly_and_another_predict_step_are_noticed_without_compiling(model, x):
    first = predict(model, x, 50, verbose=0)
    seen, step = [], model.predict_step

    def spy(*given):
        seen.append(1)
        return step(*given)

    model.predict_step = spy
    model.run_eagerly = True
    assert same(predict(model, x, 50, verbose=0), first)
    assert len(seen) == 5  # every batch, not once for a trace


def test_a_model_can_go(x):
    model = network()
    predict(model, x, verbose=0)
    gone, inner = weakref.ref(model), weakref.ref(model.layers[0])
    del model
    gc.collect()
    assert gone() is None
    assert inner() is None


def test_a_size_is_remembered_by_the_next_process(model, x, cache, monkeypatch):
    predict(model, x, verbose=0)
    [path] = cache.iterdir()
    told = json.loads(path.read_text())
    assert [size for size, _ in told["trials"]][:1] == [32]
    assert told["searched"] == {"throughput": N}
    monkeypatch.setattr("epochal.training.predict.size._Search.run", lambda self: pytest.fail("measured again"))
    other = network()
    assert same(predict(other, x, verbose=0), other.predict(x, verbose=0))


def test_another_architecture_goal_or_shape_is_measured_anew(x, cache):
    def wider():
        return keras.Sequential([keras.Input((5,)), layers.Dense(9, "tanh"), layers.Dense(2)])

    def other_activation():
        return keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dense(2)])

    for n, make in enumerate((network, wider, other_activation, two_outputs), 1):
        predict(make(), x, verbose=0)
        assert len(list(cache.iterdir())) == n
    predict(network(), x.astype("int32"), verbose=0)
    assert len(list(cache.iterdir())) == 5
    predict(network(), x, verbose=0, goal="latency")
    kept = [json.loads(path.read_text()) for path in cache.iterdir()]
    assert sorted(len(told["searched"]) for told in kept) == [1, 1, 1, 1, 2]
    assert len(kept) == 5


WRITTEN = '{"format": 1, "searches": 1, "trials": %s, "searched": {"throughput": %s}}'


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"format": 1}', '{"format": 9, "trials": [], "searched": {}}',
                                    WRITTEN % ("[[32, [NaN]]]", 999), WRITTEN % ("[[32, []]]", 999), WRITTEN % ("[]", 999),
                                    WRITTEN % ("[[-3, [0.1]]]", 999), WRITTEN % ("[[32, [0.1]]]", '"many"'), "\udcff"])
def test_a_damaged_file_is_measured_anew_and_written_whole(damage, x, cache):
    predict(network(), x, verbose=0)
    [path] = cache.iterdir()
    sound = json.loads(path.read_text())
    path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The predictions of")
        model = network()
        assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
    again = json.loads(path.read_text())
    assert again["trials"][0][0] == sound["trials"][0][0] == 32
    assert again["searched"] == sound["searched"]


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_the_memory(x, cache, model):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))


def test_timings_that_look_disturbed_are_taken_again_but_not_for_ever(model, x, cache, monkeypatch):
    monkeypatch.setattr(predict_trials, "is_steady", lambda trials: False)
    for n in (1, 2, 3, 4, 5, 5, 5):
        assert same(predict(model, x, verbose=0), model.predict(x, verbose=0))
        [path] = cache.iterdir()
        told = json.loads(path.read_text())
        assert told["searches"] == n
        assert all(len(seconds) <= 8 for _, seconds in told["trials"])


def test_many_more_rows_are_measured_again(model, x, cache):
    predict(model, x[:100], verbose=0)
    [path] = cache.iterdir()
    few = json.loads(path.read_text())
    predict(model, np.tile(x, (20, 1)), verbose=0)
    many = json.loads(path.read_text())
    assert many["searched"]["throughput"] == 20 * N > 2 * few["searched"]["throughput"]
    assert len(many["trials"]) > len(few["trials"])


# Memory that runs out

def run_out(monkeypatch, model, limit):
    """Any block of more than `limit` rows is too large for the device."""
    predict(model, np.zeros((1, 5), "float32"), verbose=0)
    known = type(forward_of(model))
    whole, sizes = known.run, []

    def run(self, data, keep):
        n = len(keras.tree.flatten(data)[0])
        sizes.append(n)
        if n > limit:
            raise MemoryError
        return whole(self, data, keep)

    monkeypatch.setattr(known, "run", run)
    return sizes


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_a_size_that_does_not_fit_is_halved(limit, model, x, monkeypatch):
    x = np.tile(x, (10, 1))
    theirs = model.predict(x, verbose=0)
    sizes = run_out(monkeypatch, model, limit)
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) > limit
    sizes.clear()
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) <= max(limit, 32)  # it is remembered, up to the rows done again to compare


def test_a_size_that_fitted_once_and_no_longer_does_is_halved(model, x, monkeypatch, cache):
    theirs = model.predict(x, verbose=0)
    predict(model, x, verbose=0)
    for trials in predict_trials._known[forward_of(model)].values():
        trials.add(Trial(128, (1e-9,)))
    sizes = run_out(monkeypatch, model, 40)
    assert same(predict(model, x, verbose=0), theirs)
    assert max(sizes) == 128


def test_a_row_that_does_not_fit_is_no_reason_for_a_default(model, x, monkeypatch):
    run_out(monkeypatch, model, 0)
    with pytest.raises(MeasurementFailed, match="even one row"):
        predict(model, x, verbose=0)
    with pytest.raises(MemoryError):  # as under Keras
        predict(model, x, 32, verbose=0)


def test_other_errors_pass_through(model, x):
    with pytest.raises(ValueError, match="ncompatible|expected"):
        predict(model, x[:, :3], verbose=0)


def test_a_back_end_that_is_not_known_goes_through_keras_alone(model, x, monkeypatch):
    from epochal.seam.forward.portable import PortableForward

    monkeypatch.setattr(forward, "_open", PortableForward)
    for size in ("auto", 50):
        assert same(predict(model, x, size, verbose=0), model.predict(x, verbose=0))


# Blocks and comparisons

@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n_again", [0, 3])
@pytest.mark.parametrize("done", [0, 5])
@pytest.mark.parametrize("n", [6, 20, 40, 43])
def test_blocks_cover_every_row_once_and_are_full_where_they_must_be(whole, n_again, done, n):
    cut = list(blocks(done, n, 10, whole=lambda: whole, again=np.arange(n_again)))
    fresh = done
    for block in cut:
        assert block.first <= fresh < block.last
        fresh = block.last
        assert len(block.again) == 0 or block.again.max() < block.last
        held = block.last - block.first + len(block.again)
        assert held == 10 if whole else held <= 10
    assert fresh == n
    compared = [block for block in cut if block.first == 0 or len(block.again)]
    assert not n_again or len(compared) >= min(1, len(cut) - (done == 0))


def test_a_difference_is_a_share_of_the_largest_number():
    a = np.array([1.0, -200.0, 3.0])
    assert difference(a, a) == 0
    assert difference(a, a + np.eye(3)[2]) == pytest.approx(1 / 200)
    assert difference(a * 1e-20, (a + np.eye(3)[2]) * 1e-20) == pytest.approx(1 / 200)
    assert difference(np.zeros(3), np.zeros(3)) == 0


@pytest.mark.parametrize(("a", "b", "apart"), [
    (np.nan, np.nan, 0.0), (np.nan, 1.0, np.inf), (1.0, np.nan, np.inf), (np.inf, np.inf, 0.0), (np.inf, -np.inf, np.inf),
    (np.inf, 1e9, np.inf)])
def test_what_is_not_finite_must_be_so_on_both_sides(a, b, apart):
    assert difference(np.array([a, 1.0]), np.array([b, 1.0])) == apart
    assert difference(np.array([a]), np.array([b])) == apart


def test_whole_numbers_must_be_equal():
    assert difference(np.array([1, 2]), np.array([1, 2])) == 0
    assert difference(np.array([1, 2]), np.array([1, 3])) == np.inf
    assert difference(np.array([True]), np.array([False])) == np.inf


def test_half_precision_is_compared_by_its_own_rounding():
    assert closeness({"float32"}) == 1e-5
    assert closeness({"float32", "float16"}) == 2**-7
    assert closeness({"bfloat16"}) == 2**-4


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
