"""A layer of the user's that raises, kills the program or hangs: a sentence that names it, and status 2."""

import re

import numpy as np
import pytest
from cli.command import inside

from epochal.seam.model import network

FILE = """
import keras, os

class Mine(keras.layers.Layer):
    def call(self, x, training=False):
        {does}
        return x

def build():
    model = keras.Sequential([keras.Input((4,)), Mine(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model
"""


@pytest.fixture
def told(tmp_path):
    """What `epochal plan` or `study` says of a model with a layer that does this."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", x_train=rng.normal(size=(200, 4)).astype("float32"), y_train=rng.integers(0, 2, 200),
             x_test=rng.normal(size=(60, 4)).astype("float32"), y_test=rng.integers(0, 2, 60))

    def command(does, *words):
        (tmp_path / "mine.py").write_text(FILE.format(does=does))
        return inside(*words, tmp_path / "rows.npz", "--model", f"{tmp_path / 'mine.py'}:build")

    return command


@pytest.mark.second
@pytest.mark.parametrize(("does", "sentence"), [
    ("if training is True: raise RuntimeError('not today')", "RuntimeError: .*not today"),
    ("if x.shape[0] == 16: os.abort()", "SIGABRT"),  # the short last batch of the trial
], ids=["raises", "aborts"])
def test_what_fails_on_a_few_rows_is_refused_at_the_door(told, does, sentence):
    found = told(does, "plan", "--budget", "5s")
    assert found.exit_code == 2, found.stderr
    assert "Traceback" not in found.stderr
    assert "must be a model that trains and predicts on 48 rows" in found.stderr
    assert re.search(sentence, found.stderr), found.stderr


@pytest.mark.second
def test_what_hangs_is_ended_after_a_while(told, monkeypatch):
    monkeypatch.setattr(network, "_LONGEST", 20.0)
    found = told("__import__('time').sleep(600 if training is True else 0)", "plan", "--budget", "5s")
    assert found.exit_code == 2, found.stderr
    assert "It took longer than 20 s" in found.stderr


@pytest.mark.second
def test_what_raises_later_is_told_with_its_line(told, monkeypatch):
    monkeypatch.setattr(network, "try_out", lambda *arguments: None)
    monkeypatch.setattr("epochal.services.source.try_out", lambda *arguments: None)
    found = told("if x.shape[0] == 32: raise RuntimeError('not with so many')", "plan", "--budget", "5s")
    assert found.exit_code == 2, found.stderr
    assert "mine.py failed, line 6: RuntimeError" in found.stderr
