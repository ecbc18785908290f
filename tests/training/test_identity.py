"""A checkpoint is refused by another training, and never by the same one, however often it is built."""

import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, optimizers
from tiers import first_tier
from training.side_by_side import fit

from epochal import UsageError
from epochal.seam.identity.settings import settings_as_text
from epochal.tables.parquet import file as parquet_file
from epochal.tables.parquet.file import digest_of_file
from epochal.training.checkpoint.identity import digest_of

ROWS = np.random.default_rng(0)
X = ROWS.normal(size=(40, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")
pytestmark = pytest.mark.filterwarnings("ignore:After:epochal.Advice", "ignore:The optimizer:epochal.Advice",
                                        "ignore:The model:epochal.Advice")


class Scaled(layers.Layer):
    """A user's own layer, with a layer inside and a knob that a callback may turn."""

    def __init__(self, width, beta=0.0, act="relu"):
        super().__init__()
        self.beta, self.inner, self.n_calls = beta, [layers.Dense(width, act)], 0

    def call(self, x):
        self.n_calls += 1
        return self.inner[0](x) * (1 + self.beta)


class Own(keras.Model):
    def __init__(self, **options):
        super().__init__()
        self.first, self.last = Scaled(3, **options), layers.Dense(1, "sigmoid")

    def call(self, x):
        return self.last(self.first(x))


def network(act="relu", rate=0.1, l2=None, scale=1.0, **compiled):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3, act, kernel_regularizer=l2 and keras.regularizers.L2(l2)),
                              layers.Dropout(rate), layers.Lambda(lambda x: x * scale), layers.Dense(1, "sigmoid")])
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy"} | compiled)
    return model


def graph(act=keras.ops.tanh):
    x = keras.Input((5,))
    model = keras.Model(x, layers.Dense(1, "sigmoid")(act(layers.Bidirectional(layers.LSTM(2))(layers.Reshape((5, 1))(x)))))
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC()])
    return model


def forked():
    x = keras.Input((5,))
    model = keras.Model(x, [layers.Dense(1, "sigmoid")(x), layers.Dense(1)(x)])
    model.compile("adam", ["binary_crossentropy", "mse"], metrics=[["accuracy"], [keras.metrics.MeanAbsoluteError()]])
    return model


def own(**options):
    model = Own(**options)
    model.compile("adam", "binary_crossentropy")
    return model


def descent(rate=0.1, **options):
    return {"optimizer": optimizers.SGD(rate, **options)}


def decayed(steps):
    return descent(optimizers.schedules.ExponentialDecay(0.1, steps, 0.5))


def measured():
    return network(metrics=["mae", keras.metrics.AUC()])


def trained(model, folder, x=X, y=Y, **options):
    return fit(model, x, y, batch_size=8, verbose=0, checkpoint=folder, **options)


@pytest.mark.parametrize(("was", "wrong", "what"), first_tier(3, [
    ({}, {"act": "tanh"}, "architecture"), (decayed(10), decayed(1000), "set of optimizer's settings"),
    ({"metrics": ["mae"]}, {"metrics": ["mse"]}, "list of metrics"),
    ({}, {"rate": 0.8}, "architecture"), ({"l2": 0.1}, {"l2": 0.2}, "architecture"),
    (descent(momentum=0.9), descent(momentum=0.5), "set of optimizer's settings"),
    (descent(), descent(clipnorm=0.1), "set of optimizer's settings"),
]), ids=["activation", "schedule", "metrics", "dropout", "L2", "momentum", "clipping"])
def test_another_model_optimizer_or_metric_is_refused_by_name(tmp_path, was, wrong, what):
    trained(network(**was), tmp_path)
    with pytest.raises(UsageError, match=f"`checkpoint` must be the folder of this training; .* another {what}: "):
        trained(network(**wrong), tmp_path)


@pytest.mark.parametrize("make", first_tier(2, [own, network, graph, measured, lambda: network(**decayed(10)), forked]),
                         ids=["subclassed", "sequential", "graph", "metrics", "schedule", "two outputs"])
def test_the_same_model_built_again_goes_on(tmp_path, make):
    first, y = make(), (Y, Y) if make is forked else Y
    trained(first, tmp_path, y=y, epochs=2)
    layers.Dense(2), layers.Dropout(0.5), keras.metrics.AUC()  # Keras counts on
    assert trained(make(), tmp_path, y=y, epochs=3).epoch == [0, 1, 2]
    assert trained(first, tmp_path, y=y, epochs=4).epoch == [0, 1, 2, 3]  # trained before


@pytest.mark.second
def test_settings_inside_layers_are_told():
    def text(model):
        model(X[:1])
        return settings_as_text(model)

    assert text(own(act="relu")) == text(own(act="relu")) != text(own(act="tanh"))
    assert text(own(beta=0.0)) != text(own(beta=0.5))
    assert text(graph()) == text(graph()) != text(graph(act=keras.ops.relu))
    bent = graph()
    bent.layers[2].forward_layer.cell.dropout = 0.3
    assert text(bent) != text(graph())


@pytest.mark.parametrize("crop", [layers.RandomCrop, layers.RandomRotation])
def test_seeds_that_are_drawn_make_no_other_model(crop):
    texts = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((8, 8, 1)), crop(4, 4) if crop is layers.RandomCrop else crop(0.1), layers.Dense(2)])
        texts.append(settings_as_text(model))
    assert texts[0] == texts[1]


class Warms(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.first.beta, self.model.optimizer.weight_decay = 0.5, 0.1 * epoch


def test_what_a_callback_turns_makes_no_other_training_of_the_same_model(tmp_path):
    model = own()
    trained(model, tmp_path, epochs=2, callbacks=[Warms()])
    trained(model, tmp_path, epochs=3, callbacks=[Warms()])
    assert trained(own(), tmp_path, epochs=4, callbacks=[Warms()]).epoch == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="another architecture"):
        trained(own(beta=0.5), tmp_path, epochs=4, callbacks=[Warms()])


def test_other_validation_rows_are_refused_by_name(tmp_path):
    trained(network(), tmp_path, validation_data=(X[:8], Y[:8]))
    trained(network(), tmp_path, validation_data=(X[:8].copy(), Y[:8].copy()))
    for held in ((X[:8], 1 - Y[:8]), None):
        with pytest.raises(UsageError, match="another set of validation rows"):
            trained(network(), tmp_path, validation_data=held)


def test_a_parquet_file_is_known_by_its_rows_and_not_by_its_place(tmp_path):
    def written(name, rows):
        pd.DataFrame(rows, columns=list("abcde")).assign(y=Y).to_parquet(tmp_path / name)
        return str(tmp_path / name)

    path, other = written("a.parquet", X), X.copy()
    other[20, 2] = 0.25  # neither the least nor the largest, and beyond the first batch
    judged = {"shuffle": False, "validation_data": (path, "y")}
    trained(network(), tmp_path / "run", path, "y", **judged)
    copied = shutil.copy(path, tmp_path / "b.parquet")
    os.utime(copied, (0, 0))
    trained(network(), tmp_path / "run", str(copied), "y", **judged)
    with pytest.raises(UsageError, match="another set of rows"):
        trained(network(), tmp_path / "run", written("c.parquet", other), "y", **judged)
    with pytest.raises(UsageError, match="another set of validation rows"):
        trained(network(), tmp_path / "run", path, "y", shuffle=False, validation_data=(str(tmp_path / "c.parquet"), "y"))


def test_of_a_long_file_its_footer_and_stretches_all_over_it_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "_STRETCH", 16)
    pd.DataFrame({"a": ROWS.normal(size=9000)}).to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    digest, found = digest_of_file(tmp_path / "a.parquet"), []
    for at in (0, 20, len(whole) - 100, len(whole) - 1):
        (tmp_path / "b.parquet").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        found.append(digest_of_file(tmp_path / "b.parquet") == digest)
    assert found == [False, True, False, False]


def test_rows_that_are_no_rows_have_no_digest():
    assert digest_of((None, None, None)) is None


SCRIPT = """
import sys
import keras
from training.test_identity import X, Y, graph, network, own, trained
for name, make in (("a", network), ("b", own), ("c", graph)):
    if sys.argv[2] == "later":
        make()
    print(len(trained(make(), sys.argv[1] + name, epochs=int(sys.argv[3])).epoch))
"""


@pytest.mark.second
def test_the_same_code_in_another_process_goes_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    paths = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), os.environ.get("PYTHONPATH", "")])
    for epochs, when in (("1", "first"), ("2", "later")):
        done = subprocess.run([sys.executable, str(script), f"{tmp_path}/run", when, epochs], capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": epochs}, timeout=300)
        assert done.stdout.split()[-1:] == [epochs], done.stderr
