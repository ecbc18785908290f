"""What `ep.fit` cannot do is refused with a sentence, as an error of the kind that Keras raises, and the model stays usable."""

import os
import signal
import threading

import keras
import numpy as np
import pytest
from keras import layers
from parity.same_fit import epochal_fit
from tiers import first_tier
from training.side_by_side import BATCH_SIZE, N, network, rows

import epochal

X, Y, JUDGED = rows().values()
REFUSED_BY_KERAS_TOO = {  # what is wrong: (arguments, a word of the sentence)
    "targets too few": ({"y": Y[:-1]}, "samples|rows|length"),
    "weights too few": ({"sample_weight": np.ones(N - 1, "float32")}, "samples|rows|length"),
    "validation targets too few": ({"validation_data": (JUDGED[0], JUDGED[1][:-1])}, "samples|rows|length"),
    "columns too few": ({"x": X[:, :4]}, "shape|column|feature"),
    "a split that leaves no rows": ({"validation_split": 0.999, "validation_data": None}, "validation_split|row|sample"),
    "both weights": ({"sample_weight": np.ones(N, "float32"), "class_weight": {0: 1.0}}, "class_weight"),
    "validation data in four parts": ({"validation_data": (*JUDGED, None, None)}, "tuple|x, y|validation_data"),
    "a frequency in words": ({"validation_freq": "often"}, "validation_freq"),
    "batches cut twice": ({"x": None, "y": None}, "."),
}
REFUSED_BY_US = {
    "no rows": ({"x": X[:0], "y": Y[:0], "validation_data": None}, "row|empty|sample"),
    "a split below nothing": ({"validation_split": -0.2, "validation_data": None}, "validation_split"),
    "a split of everything": ({"validation_split": 1.5, "validation_data": None}, "validation_split"),
    "a batch of minus one": ({"batch_size": -1}, "batch_size"),
    "half a batch": ({"batch_size": 2.5}, "batch_size"),
    "a batch in words": ({"batch_size": "many"}, "batch_size"),
    "epochs in words": ({"epochs": "many"}, "epochs"),
    "half an epoch": ({"epochs": 1.5}, "epochs"),
    "a rate below nothing": ({"learning_rate": -0.1}, "learning_rate"),
    "a rate that is no number": ({"learning_rate": float("nan")}, "learning_rate"),
    "a rate in words": ({"learning_rate": "high"}, "learning_rate"),
    "steps in words": ({"steps_per_epoch": "a"}, "steps_per_epoch"),
    "steps of validation in words": ({"validation_steps": "q"}, "validation_steps"),
    "no steps of validation": ({"validation_steps": 0}, "validation_steps"),
    "a batch of validation below nothing": ({"validation_batch_size": -3}, "validation_batch_size"),
    "a split in words": ({"validation_split": "a", "validation_data": None}, "validation_split"),
    "a first epoch in words": ({"initial_epoch": "a"}, "initial_epoch"),
    "a callback that is none": ({"callbacks": ["a"]}, "callbacks"),
    "a folder that is a number": ({"checkpoint": 5}, "checkpoint"),
    "weights of classes in an array": ({"class_weight": np.array([1.0, 3.0])}, "`class_weight` must be a dict"),
    "an unknown engine": ({"engine": "warp"}, "engine"),
    "unknown batches": ({"batches": "sorted"}, "batches"),
    "micro-batches of minus one": ({"micro_batch_size": -1}, "micro_batch_size"),
}


@pytest.mark.parametrize(("options", "word"), first_tier(4, REFUSED_BY_KERAS_TOO.values()), ids=REFUSED_BY_KERAS_TOO)
def test_what_keras_refuses_is_refused_with_an_error_of_that_kind(options, word):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        fit_with(lambda model, **o: model.fit(**o), options)
    with pytest.raises((theirs.type, epochal.UsageError), match=f"(?i){word}") as ours:
        fit_with(epochal_fit, options)
    assert_sentence(ours.value)


@pytest.mark.parametrize(("options", "word"), first_tier(12, REFUSED_BY_US.values()), ids=REFUSED_BY_US)
def test_what_means_nothing_is_refused(options, word):
    with pytest.raises(epochal.UsageError, match=word) as ours:
        fit_with(epochal_fit, options)
    assert_sentence(ours.value)


def test_a_model_that_is_not_compiled_is_refused():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="compile") as ours:
        epochal_fit(model, x=X, y=Y, verbose=0)
    assert_sentence(ours.value)


def test_what_is_no_model_is_refused():
    with pytest.raises((epochal.UsageError, TypeError), match="model"):
        epochal_fit(np.zeros(3), x=X, y=Y, verbose=0)


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="batchsize"):
        epochal_fit(network()[0], x=X, y=Y, batchsize=3)


@pytest.mark.parametrize("engine", first_tier(1, ["auto", "stepwise"]))
def test_an_interrupt_in_the_middle_leaves_a_usable_model(engine):
    """Ctrl-C: what was trained stays, the history tells how far it went, and a further fit goes on from there."""
    model, data = network()
    first = model.evaluate(X, Y, verbose=0)[0]
    epochal_fit(model, **data, batch_size=BATCH_SIZE, epochs=1, verbose=0, engine=engine)
    watch = Watch()
    with pytest.raises(KeyboardInterrupt):
        epochal_fit(model, **data, batch_size=BATCH_SIZE, epochs=10**6, verbose=0, engine=engine, callbacks=[watch])
    assert watch.epochs >= 3
    assert len(model.history.epoch) == watch.epochs
    assert int(model.optimizer.iterations) >= 7 * (1 + watch.epochs)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert model.evaluate(X, Y, verbose=0)[0] < first
    before = int(model.optimizer.iterations)
    assert len(epochal_fit(model, **data, batch_size=BATCH_SIZE, epochs=2, verbose=0, engine=engine).epoch) == 2
    assert int(model.optimizer.iterations) == before + 14


class Watch(keras.callbacks.Callback):
    """Counts epochs; a moment after the third, in the midst of training, the process gets what Ctrl-C sends."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        if self.epochs == 3:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()


def fit_with(fit, options):
    """Train a new model with what is wrong, and see that the model can still be used."""
    model, data = network()
    try:
        fit(model, **data | {"batch_size": BATCH_SIZE, "epochs": 2, "verbose": 0} | options)
    finally:
        assert np.isfinite(model.predict(X, verbose=0)).all()
        assert model.fit(X, Y, verbose=0).epoch == [0]


def assert_sentence(error):
    text = str(error).strip()
    assert len(text.split()) >= 5, text
    assert text[0].isupper() or text[0] in "`'\"", text


def test_a_loss_without_targets_is_refused_in_a_sentence():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    with pytest.raises(ValueError, match="`y` must hold the targets"):
        epochal.fit(model, x)
    with pytest.raises(ValueError, match="`validation_data` must hold the targets"):
        epochal.fit(model, x, x[:, :1], validation_data=(x,))


def test_targets_of_text_are_refused_in_a_sentence():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must be numbers"):
        epochal.fit(model, np.ones((4, 2), "float32"), np.array(["a", "b", "a", "b"]))


@pytest.mark.parametrize("where", ["x", "validation_data", "validation_data named"])
@pytest.mark.parametrize("eager", first_tier(1, [False, True]))
def test_a_parquet_file_is_refused_where_keras_trains(tmp_path, where, eager):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager)
    path = str(tmp_path / "rows.parquet")
    judged = {"validation_data": (path, "y") if where.endswith("named") else path}
    data = {"x": path, "y": "y"} if where == "x" else {"x": np.ones((4, 2)), "y": np.ones(4)} | judged
    said = f"`{where.split()[0]}` must be arrays where model.fit.*got .*rows.parquet'.*read_parquet"
    with pytest.raises(epochal.UsageError, match=said):
        epochal.fit(model, **data, engine="auto" if eager else "keras", verbose=0)
