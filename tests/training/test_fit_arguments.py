"""Every argument of `ep.fit` means what it means to `model.fit`."""

import inspect
import re
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from parity.same_fit import ending, epochal_fit, keras_fit, train
from tiers import first_tier
from training.side_by_side import (
    BATCH_SIZE,
    N_BATCHES,
    N_VALIDATION_BATCHES,
    N,
    SpyOnBatches,
    assert_same,
    both,
    network,
    rows,
    run_each,
)

import epochal


def test_the_arguments_of_keras_come_first_with_the_defaults_of_keras():
    ours, theirs = (list(inspect.signature(fit).parameters.values()) for fit in (epochal.fit, keras.Model.fit))
    assert [p.name for p in ours[1:len(theirs)]] == [p.name for p in theirs[1:]]
    assert {p.name for p, q in zip(ours, theirs, strict=False) if p.default != q.default} <= {"epochs"}  # a plan may know them
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in ours[len(theirs):])


@pytest.mark.parametrize("options", first_tier(1, [
    {"batch_size": None}, {"validation_batch_size": 5}, {"batch_size": 1, "epochs": 1}, {"batch_size": N}, {"batch_size": 10 * N},
    {"validation_batch_size": 100}]), ids=str)
def test_batch_size(options):
    both(**options)


def test_arguments_may_be_given_by_position():
    def by_position(fit):
        def run(model, x, y, batch_size, epochs, verbose, callbacks, validation_data, shuffle):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return fit(model, x, y, batch_size, epochs, verbose, callbacks, 0.0, validation_data, shuffle)
        return run

    ours, theirs = (train(by_position(fit), network, batch_size=8, epochs=2, callbacks=[], shuffle=False)
                    for fit in (epochal.fit, keras.Model.fit))
    assert_same(ours, theirs)


@pytest.mark.parametrize("options", first_tier(1, [
    {"initial_epoch": 2, "epochs": 4}, {"epochs": 0}, {}, {"initial_epoch": 3, "epochs": 3},
    {"initial_epoch": 5, "epochs": 3}]), ids=str)
def test_epochs(options):
    def saying_only_this(fit):
        return lambda model, epochs, callbacks, **others: fit(model, **others, **options)

    ours, theirs = run_each(saying_only_this, list)
    assert_same(ours, theirs)
    assert ours.epoch == list(range(options.get("initial_epoch", 0), options.get("epochs", 1)))
    assert ours.params["epochs"] == options.get("epochs", 1)


@pytest.mark.parametrize("options", first_tier(1, [
    {"validation_split": 0.3, "validation_data": None}, {"validation_split": 0.3}, {"validation_data": None},
    {"validation_split": 0.3, "validation_data": None, "sample_weight": np.linspace(0, 2, N, dtype="float32")},
    {"validation_split": 0.3, "validation_data": None, "shuffle": True}]), ids=str)
def test_validation_split(options):
    """Keras takes the last rows, before any shuffling; `validation_data` goes before it."""
    if options.get("shuffle") and keras.backend.backend() != "jax":
        pytest.skip("only on JAX does Keras shuffle with NumPy's stream, which a seed winds back")
    ours, *_ = both(**options)
    assert ("val_loss" in ours.history) == (options != {"validation_data": None})


@pytest.mark.parametrize("split", first_tier(1, [0.2, 0.5]))
def test_validation_split_of_a_dict_of_inputs(split):
    def named():
        left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
        model = keras.Model({"left": left, "right": right}, layers.Dense(1)(layers.Concatenate()([left, right])))
        model.compile("sgd", "mse")
        data = rows()
        return model, {"x": {"left": data["x"][:, :3], "right": data["x"][:, 3:]}, "y": data["y"], "validation_split": split}

    both(make=named)


@pytest.mark.parametrize("frequency", first_tier(1, [3, [1, 3], 1, 2, 7, [2], []]))
def test_validation_freq(frequency):
    ours, *_ = both(epochs=4, validation_freq=frequency)
    judged = frequency if isinstance(frequency, list) else range(frequency, 5, frequency)
    assert len(ours.history.get("val_loss", [])) == len(judged)


@pytest.mark.parametrize("options", first_tier(1, [
    {"steps_per_epoch": 3, "epochs": 2}, {"validation_steps": 2}, {"steps_per_epoch": N_BATCHES},
    {"steps_per_epoch": 5, "batch_size": None}, {"steps_per_epoch": 1, "epochs": 4},
    {"validation_steps": 1, "validation_batch_size": 4},
    {"steps_per_epoch": 2, "epochs": 2, "validation_steps": N_VALIDATION_BATCHES}]), ids=str)
def test_steps(options):
    """With fewer steps than batches an epoch begins where the one before ended."""
    _, _, (mine,), (its,) = both(lambda: [SpyOnBatches()], **options)
    assert mine.calls == its.calls


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras on PyTorch refuses steps_per_execution")
@pytest.mark.parametrize("callbacks", first_tier(1, [lambda: [], lambda: [SpyOnBatches()]]), ids=["silent", "heard"])
@pytest.mark.parametrize(("at_once", "options"), first_tier(2, [
    (3, {"steps_per_epoch": 5}), (3, {"validation_steps": 2}), (3, {"steps_per_epoch": 5, "epochs": 2}),
    (7, {"steps_per_epoch": 3}), (2, {"steps_per_epoch": 4}), (5, {"steps_per_epoch": 1, "validation_steps": 1})]), ids=str)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_are_whole_executions(at_once, options, callbacks):
    """With five steps an epoch and three an execution, Keras trains six batches."""
    def make():
        model, data = network()
        model.steps_per_execution = at_once
        return model, data

    both(callbacks, make=make, **options)


@pytest.mark.parametrize("options", first_tier(1, [{"steps_per_epoch": 3, "epochs": 4}, {"steps_per_epoch": 10}]), ids=str)
def test_rows_that_run_out_are_warned_of_as_by_keras(options):
    ends = []
    for fit in (epochal_fit, keras_fit):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ends.append(train(fit, network, batch_size=BATCH_SIZE, shuffle=False, **options))
        assert any("ran out of data" in str(warning.message) for warning in caught), fit
    assert_same(*ends)


@pytest.mark.parametrize("options", first_tier(1, [
    {"sample_weight": np.linspace(0, 2, N, dtype="float32")}, {"sample_weight": np.linspace(0, 2, N)},
    {"sample_weight": np.arange(N)[:, None] % 3}]), ids=["float32", "float64", "whole numbers in a column"])
def test_sample_weight(options):
    ours, *_ = both(**options)
    assert abs(ours.history["loss"][0] - both()[0].history["loss"][0]) > 1e-3


@pytest.mark.parametrize("shape", first_tier(1, ["one number", "a column", "one-hot"]))
@pytest.mark.parametrize("weights", first_tier(1, [{0: 1.0, 1: 4.0, 2: 0.5}, {1: 4.0}, {0: 2, 1: 1, 2: 0}]), ids=str)
def test_class_weight(shape, weights):
    def classifier():
        model = keras.Sequential([keras.Input((5,)), layers.Dense(3, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy" if shape == "one-hot" else "sparse_categorical_crossentropy",
                      metrics=["accuracy"])
        data = rows()
        kinds = (np.abs(data["x"][:, 0]) * 2).astype("int32") % 3
        return model, {"x": data["x"], "y": {"one number": kinds, "a column": kinds[:, None], "one-hot": np.eye(3)[kinds]}[shape]}

    weighed, plain = both(make=classifier, class_weight=weights)[0], both(make=classifier)[0]
    assert abs(weighed.history["loss"][0] - plain.history["loss"][0]) > 1e-3


@pytest.mark.parametrize("compiled", first_tier(1, [
    {"steps_per_execution": 4}, {"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}]), ids=str)
def test_a_model_compiled_with(compiled):
    if keras.backend.backend() == "torch" and compiled in ({"jit_compile": True}, {"steps_per_execution": 4}):
        pytest.skip("not on PyTorch: Keras refuses steps_per_execution there, and jit_compile asks for a C++ compiler")
    both(make=lambda: network(**compiled))


@pytest.mark.parametrize("kind", first_tier(2, [
    "float64", "frame", "uint8", "int64", "bool", "float16", "no C order", "tensor", "column as row"]))
def test_rows_of_any_kind(kind):
    def given():
        model, data = network()
        x, y = data["x"], data["y"]
        change = {"frame": lambda a: pd.DataFrame(a.astype("float64")), "no C order": np.asfortranarray,
                  "tensor": keras.ops.convert_to_tensor, "bool": lambda a: a > 0,
                  "uint8": lambda a: (50 * np.abs(a)).astype("uint8") % 4, "int64": lambda a: (3 * a).astype("int64"),
                  "column as row": lambda a: a}.get(kind, lambda a: a.astype(kind))
        x_validation, y_validation = data["validation_data"]
        if kind == "column as row":
            y, y_validation = y[:, 0], y_validation[:, 0]
        if kind == "frame":
            y, y_validation = pd.Series(y[:, 0]), pd.Series(y_validation[:, 0])
        return model, {"x": change(x), "y": y, "validation_data": (change(x_validation), y_validation)}

    both(make=given)


@pytest.mark.parametrize("kind", first_tier(1, ["PyDataset", "generator", "PyDataset to validate on"]))
def test_data_that_cut_their_own_batches(kind):
    def given():
        model, data = network()
        (x, y), judged = (data["x"], data["y"]), data["validation_data"]
        if kind == "generator":
            return model, {"x": endless(x, y), "steps_per_epoch": 5, "validation_data": judged, "validation_batch_size": 8}
        if kind == "PyDataset":
            return model, {"x": Batches(x, y), "validation_data": judged, "validation_batch_size": 8}
        return model, {"x": x, "y": y, "validation_data": Batches(*judged), "batch_size": 8}

    given_batch = {} if kind == "PyDataset to validate on" else {"batch_size": None}
    ours, *_ = both(make=given, **given_batch)
    assert len(ours.history["val_loss"]) == 3


def test_the_most_epochs_and_steps_of_a_debugging_run():
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras says that it limits them
            ours, *_ = both(epochs=5)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    assert ours.epoch == [0, 1]
    assert int(ours.arrays["optimizer"][0]) == 6


@pytest.mark.parametrize("change", first_tier(1, ["rate", "compile", "weights", "freeze"]))
def test_what_changes_between_two_fits_counts_for_the_second(change):
    def with_a_change(fit):
        def run(model, **options):
            fit(model, **options)
            if change == "rate":
                model.optimizer.learning_rate = 0.01
            elif change == "weights":
                model.set_weights([0.5 * weight for weight in model.get_weights()])
            else:
                model.layers[0].trainable = change != "freeze"
                model.compile(keras.optimizers.Adam(0.01), "mae", metrics=["mse"])
            return fit(model, **options)
        return run

    assert_same(*run_each(with_a_change, list))


def test_the_model_afterwards_is_an_ordinary_trained_model(tmp_path):
    keras.utils.set_random_seed(3)
    model, data = network()
    history = epochal_fit(model, **data, batch_size=BATCH_SIZE, epochs=3, verbose=0)
    x, y = data["validation_data"]
    judged = model.evaluate(x, y, verbose=0, return_dict=True)
    for name, value in judged.items():
        assert history.history[f"val_{name}"][-1] == pytest.approx(value, rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    assert int(again.optimizer.iterations) == 3 * N_BATCHES
    assert model.stop_training is False
    assert_same(*(ending(m, keras_fit(m, **data, shuffle=False, verbose=0)) for m in (again, model)))


def test_verbose_0_prints_nothing(capfd):
    train(epochal_fit, network, batch_size=BATCH_SIZE, epochs=2)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""


@pytest.mark.parametrize("options", first_tier(1,
    [{}, {"validation_data": None}, {"initial_epoch": 1}, {"validation_freq": 2}]), ids=str)
def test_verbose_2_prints_the_lines_of_keras(capsys, options):
    def lines(fit):
        train(fit, network, batch_size=BATCH_SIZE, epochs=3, shuffle=False, verbose=2, **options)
        return [without_numbers(line) for line in capsys.readouterr().out.splitlines()]

    theirs, ours = lines(keras_fit), lines(epochal_fit)
    assert theirs[0] == "Epoch 0/0"
    assert [line for line in ours if line in theirs] == theirs, ours  # other lines may say which engine was chosen


@pytest.mark.parametrize("verbose", first_tier(1, [1, "auto"]))
def test_verbose_1_ends_every_epoch_with_the_line_of_keras(capsys, verbose):
    def last_lines(fit):
        train(fit, network, batch_size=BATCH_SIZE, epochs=2, shuffle=False, verbose=verbose)
        shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", capsys.readouterr().out).replace("\x08", "")
        ends = [line.split("\r")[-1] for line in shown.splitlines()]
        return [without_numbers(line) for line in ends if "val_loss" in line or line.startswith("Epoch")]

    theirs = last_lines(keras_fit)
    assert theirs == 2 * ["Epoch 0/0", "0/0 ━━━━━━━━━━━━━━━━━━━━ 0s 0s/step - loss: 0 - mae: 0 - val_loss: 0 - val_mae: 0"]
    assert last_lines(epochal_fit) == theirs


def without_numbers(line):
    """The line with every number and its unit made alike."""
    return re.sub(r"\d+(\.\d+)?(e[-+]?\d+)?", "0", re.sub(r"\d+(us|ms|s|min|h)\b", "0s", line)).strip()


class Batches(keras.utils.PyDataset):
    """Rows in batches of 9, in their order."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return -(-len(self.x) // 9)

    def __getitem__(self, i):
        return self.x[9 * i:9 * i + 9], self.y[9 * i:9 * i + 9]


def endless(x, y):
    while True:
        for start in range(0, 45, 9):
            yield x[start:start + 9], y[start:start + 9]


@pytest.mark.filterwarnings("ignore:The batches hold the classes:epochal.Advice")
@pytest.mark.parametrize(("batches", "wanted"), [("stratified", 1), ("balanced", 5)])
def test_batches_that_steps_cut_are_stratified_and_balanced_too(batches, wanted):
    y, seen = np.zeros(100, "int32"), []
    y[::10] = 1

    class Sees(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"] * (batch + 1))  # Keras' running mean, of ten times the share of the class

    def share(true, _):
        return 10 * keras.ops.cast(true, "float32")

    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), share)
    epochal.fit(model, y[:, None].astype("float32"), y, steps_per_epoch=10, batches=batches, callbacks=[Sees()], verbose=0)
    assert np.round(np.diff([0.0, *seen])).tolist() == [wanted] * 10


@pytest.mark.filterwarnings("ignore:The model was trained before:epochal.Advice", "ignore:.*trained:epochal.Advice")
def test_a_model_compiled_anew_without_metrics_sees_its_rows_in_the_order_of_keras():
    x, y = np.random.default_rng(0).normal(size=(64, 3)).astype("float32"), np.arange(64, dtype="float32") / 64

    def trained(train):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        for _ in range(2):
            model.compile("sgd", "mse")
            losses = train(model, x, y, batch_size=8, epochs=2, verbose=0).history["loss"]
        return losses

    theirs = trained(lambda model, *rows, **options: model.fit(*rows, **options))
    np.testing.assert_allclose(trained(epochal.fit), theirs, rtol=1e-6)
