"""A model in training on another back end, in a process of its own, held against the same training here.

Keras runs one back end per process, so each of the others costs the seconds of its import, once for all the tests on it.
"""

import importlib.util
import os
import signal
from contextlib import contextmanager

import keras
import numpy as np
import psutil
import pytest
from keras import layers

from epochal.base.errors import Unsupported, UsageError
from epochal.engine import bench
from epochal.engine.bench import BenchLost, open_bench, other_backends
from epochal.seam.remote.plain import groups
from epochal.seam.trainee import open_trainee

N, SIZE = 48, 8
OTHERS = [name for name in ("tensorflow", "torch", "jax") if name != keras.backend.backend()]


def network(*extra, optimizer="adam"):
    """Convolution, batch-norm, and metrics; without biases that batch-norm makes idle, which Adam moves by rounding alone."""
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(momentum=0.9),
                              layers.ReLU(), layers.Flatten(), layers.Dense(6, activation="tanh"), *extra, layers.Dense(3)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 6, 6, 2)).astype("float32"), rng.integers(0, 3, N), rng.uniform(0.5, 2, N).astype("float32")


def rows(n, seed=1):
    return np.random.default_rng(seed).integers(0, N, (n, SIZE)).astype("int32")


def arrays(model):
    return [keras.ops.convert_to_numpy(variable.value).copy() for group in groups(model) for variable in group]


def close(ours, theirs, tolerance=1e-4):
    """Each variable within a share of its largest number, or of a thousandth of the largest of all."""
    floor = 1e-3 * max(np.abs(a).max() for a in theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.astype("float64") - b).max() <= tolerance * max(np.abs(b).max(), floor)


@pytest.fixture(scope="module", params=OTHERS)
def moved(request):
    """`(model, trainee elsewhere, what the model's variables held at first)`."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: pip install 'epochal[{request.param}]'")
    model = network()
    trainee = open_bench(model, request.param, tuple(part[:16] for part in data()))
    yield model, trainee, arrays(model)
    trainee.close()


@pytest.fixture
def fresh(moved):
    """The same, as it was at first."""
    model, trainee, first = moved
    for variable, array in zip((v for group in groups(model) for v in group), first, strict=True):
        variable.assign(array)
    trainee.load()
    return model, trainee


def here(model):
    """Another model of the same values, and its trainee on the back end of this process."""
    copy = network()
    trainee, _ = open_trainee(copy, tuple(part[:SIZE] for part in data()))
    for group, other in zip(groups(model), groups(copy), strict=True):
        for variable, twin in zip(group, other, strict=True):
            twin.assign(variable.value)
    trainee.load()
    return copy, trainee


def test_training_elsewhere_is_the_same_training(fresh):
    model, trainee = fresh
    copy, own = here(model)
    assert trainee.backend in OTHERS
    assert "stepwise" in trainee.modes
    for t in (trainee, own):
        part = t.put(data())
        for mode in ("stepwise", t.modes[0]):
            t.reset_metrics()
            logs = t.numbers(t.train(part, rows(6), mode))
        t.store()
        t.last = logs if t is trainee else None
        theirs = logs
    assert trainee.last == pytest.approx(theirs, rel=1e-4)
    close(arrays(model), arrays(copy))
    assert int(model.optimizer.iterations) == 12


def test_what_was_begun_elsewhere_goes_on_here(fresh):
    """So that the optimizer's state came back: all in one place is the same."""
    model, trainee = fresh
    copy, own = here(model)
    trainee.train(trainee.put(data()), rows(5, 1), "stepwise")
    trainee.store()
    middle, back = here(model)
    back.train(back.put(data()), rows(5, 2), "stepwise")
    back.store()
    whole = own.put(data())
    own.train(whole, rows(5, 1), "stepwise")
    own.train(whole, rows(5, 2), "stepwise")
    own.store()
    close(arrays(middle), arrays(copy))


def test_what_the_model_holds_counts_after_load(fresh):
    model, trainee = fresh
    model.optimizer.learning_rate.assign(0.0)
    trainee.load()
    before = [v.numpy() for v in model.trainable_variables]
    trainee.train(trainee.put(data()), rows(3), "stepwise")
    trainee.store()
    for v, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), old)
    model.optimizer.learning_rate.assign(0.1)
    trainee.load()
    trainee.train(trainee.put(data()), rows(3), "stepwise")
    trainee.load()  # what was trained and not stored is given up
    trainee.store()
    trainee.wait()
    trainee.train(trainee.put(data()), rows(1), "stepwise")
    trainee.store()
    assert int(model.optimizer.iterations) == 4


def test_a_trial_is_undone(fresh):
    model, trainee = fresh
    part = trainee.put(data())
    trainee.train(part, rows(2), "stepwise")
    trainee.store()
    before = arrays(model)
    with trainee.kept():
        trainee.train(part, rows(2), "stepwise")
        trainee.store()
        assert any((a != b).any() for a, b in zip(arrays(model), before, strict=True))
    for a, b in zip(arrays(model), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with trainee.kept():
        trainee.train(part, rows(2), "stepwise")
    trainee.store()
    for a, b in zip(arrays(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_judging_changes_the_metrics_alone(fresh):
    model, trainee = fresh
    before = arrays(model)
    trainee.reset_metrics()
    logs = trainee.test(trainee.put(data()), np.arange(N, dtype="int32").reshape(-1, SIZE), "stepwise")
    trainee.store()
    x, y, weight = data()
    model.reset_metrics()
    expected = model.evaluate(x, y, sample_weight=weight, batch_size=SIZE, verbose=0, return_dict=True)
    assert trainee.numbers(logs) == pytest.approx(expected, rel=1e-4)
    n = len(arrays(model)) - len(model.metrics_variables)
    for a, b in zip(arrays(model)[:n], before[:n], strict=True):
        np.testing.assert_array_equal(a, b)


def test_logs_are_a_mapping_of_numbers_as_callbacks_expect(fresh):
    _, trainee = fresh
    part = trainee.put(data())
    first, second = trainee.train(part, rows(2), "stepwise"), trainee.train(part, rows(2), "stepwise")
    assert sorted(second) == ["accuracy", "loss"]  # asked for out of order
    assert float(first["loss"]) != float(second["loss"])
    assert {name: float(value) for name, value in first.items()} == trainee.numbers(first)
    assert trainee.numbers({}) == {}


def test_data_that_nobody_refers_to_is_given_back(fresh):
    _, trainee = fresh
    process = psutil.Process(trainee._process.pid)
    block = np.ones((2**24 // 72, 6, 6, 2), "float32")  # 64 MiB
    trainee.put((block, None, None))
    trainee.wait()
    before = process.memory_info().rss
    for _ in range(6):
        trainee.put((block, None, None))
        assert trainee._process._n_calls - trainee._process._n_replies < 3  # no more blocks under way than one
    trainee.wait()
    assert process.memory_info().rss - before < 3 * block.nbytes


def test_ctrl_c_is_not_for_the_other_process(fresh):
    _, trainee = fresh
    part = trainee.put(data())
    logs = trainee.train(part, rows(2), "stepwise")
    os.kill(trainee._process.pid, signal.SIGINT)
    assert np.isfinite(trainee.numbers(logs)["loss"])


def test_a_refusal_leaves_the_process_alive(fresh):
    _, trainee = fresh
    if trainee.backend == "jax":
        pytest.skip("the trainee of JAX refuses nothing")
    part = trainee.put(data())
    logs = trainee.train(part, rows(1), "no such mode")
    with pytest.raises((Unsupported, UsageError), match="no such mode"):
        trainee.numbers(logs)
    with pytest.raises((Unsupported, UsageError), match="no such mode"):
        trainee.numbers(logs)
    assert np.isfinite(trainee.numbers(trainee.train(part, rows(1), "stepwise"))["loss"])


@pytest.mark.parametrize("backend", OTHERS)
def test_dropout_elsewhere_is_dropout_until_the_process_is_killed(backend):
    """Masks differ between back ends; how much they drop does not. At a rate of zero the loss of each step is a fresh draw.

    PyTorch draws from the stream of its process, and leaves the layer's seed as it is.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: pip install 'epochal[{backend}]'")
    model = network(layers.Dropout(0.5), optimizer=keras.optimizers.SGD(0.0))
    trainee = open_bench(model, backend, tuple(part[:16] for part in data()))
    with closing(trainee):
        seeds = [v.numpy().tolist() for v in model.non_trainable_variables if "seed" in v.name]
        part, whole = trainee.put(data()), np.arange(N, dtype="int32")[None]
        losses = []
        for _ in range(40):
            trainee.reset_metrics()
            losses.append(trainee.numbers(trainee.train(part, whole, "stepwise"))["loss"])
        trainee.store()
        assert len(set(losses)) == 40
        assert backend == "torch" or seeds != [v.numpy().tolist() for v in model.non_trainable_variables if "seed" in v.name]
        own, _ = open_trainee(model, data())
        mine = []
        part_here = own.put(data())
        for _ in range(40):
            own.reset_metrics()
            mine.append(own.numbers(own.train(part_here, whole, "stepwise"))["loss"])
        own.store()
        error = np.sqrt((np.var(losses) + np.var(mine)) / 40)
        assert abs(np.mean(losses) - np.mean(mine)) < 5 * error  # fails once in a million by chance
        assert 0.4 < np.std(losses) / np.std(mine) < 2.5

        model.optimizer.learning_rate.assign(0.1)
        trainee.load()
        trainee.train(part, whole, "stepwise")
        trainee.store()
        stored = arrays(model)
        os.kill(trainee._process.pid, signal.SIGSTOP)  # or else it may have answered before it is killed
        logs = trainee.train(part, whole, "stepwise")
        os.kill(trainee._process.pid, signal.SIGKILL)
        with pytest.raises(BenchLost, match="was ended by SIGKILL"):
            trainee.store()
        for a, b in zip(arrays(model), stored, strict=True):
            np.testing.assert_array_equal(a, b)
        with pytest.raises(BenchLost, match="is closed"):
            trainee.numbers(logs)
        own.load()
        assert np.isfinite(own.numbers(own.train(part_here, whole, "stepwise"))["loss"])


@contextmanager
def closing(trainee):
    pid = trainee._process.pid
    try:
        yield
    finally:
        trainee.close()
    assert not psutil.pid_exists(pid)


@pytest.fixture
def some_other():
    if not other_backends():
        pytest.skip("no other back end is installed: pip install 'epochal[torch]'")
    return other_backends()[-1]


def test_a_model_that_does_not_compute_the_same_is_refused_with_the_figure(some_other, monkeypatch):
    told = bench.answers
    monkeypatch.setattr(bench, "answers", lambda *arguments: (a := told(*arguments))._replace(loss=a.loss + 1))
    pids = []
    started = bench.Process.__init__
    monkeypatch.setattr(bench.Process, "__init__", lambda self, name: (started(self, name), pids.append(self.pid))[0])
    sentence = r"does not train on .* as it does here: its loss on a batch is [\d.]+ there and [\d.]+"
    with pytest.raises(Unsupported, match=sentence) as caught:
        open_bench(network(), some_other, tuple(part[:16] for part in data()))
    assert not psutil.pid_exists(pids[0])  # even while the error, with all it refers to, is looked at
    assert isinstance(caught.value, NotImplementedError)


def test_a_model_that_is_not_plain_starts_no_process(some_other, monkeypatch):
    monkeypatch.setattr(bench, "Process", None)
    with pytest.raises(Unsupported, match=r"cannot be moved to .*: its layer `.*` \(Lambda\) is not the same on every back end\."):
        open_bench(network(layers.Lambda(keras.ops.tanh)), some_other, tuple(part[:16] for part in data()))


def test_a_back_end_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match=r"`backend` must be an installed back end of Keras; got 'theano'\. Installed: "):
        open_bench(network(), "theano", data())


def test_other_back_ends_are_found_without_importing_them(monkeypatch):
    assert keras.backend.backend() not in other_backends()
    monkeypatch.setattr(bench, "find_spec", lambda name: name == "torch" or None)
    assert other_backends() == (() if keras.backend.backend() == "torch" else ("torch",))
