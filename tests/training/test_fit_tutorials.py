"""The literal code of the tutorials gives the same curves when `model.fit(` becomes `ep.fit(model, `, on TensorFlow."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).with_name("tutorial_script.py")
TUTORIALS = ["epochs, batch size, learning rate", "batch size effects"]
pytestmark = pytest.mark.needs("tensorflow")  # the tutorials say `from tensorflow import keras`

# How far two curves may be apart at any epoch, declared before ours were looked at. Rows in their order: up to 300 updates, each
# rounded in its last bit, and up to two rows of a hundred on the other side of one half.
IN_ORDER = {"loss": 1e-3, "accuracy": 0.02}
# Shuffled: TensorFlow's order cannot be drawn alike. Six runs of Keras from the same weights, with other orders, had a standard
# deviation of up to 0.0104 (losses) and 0.024 (accuracies) at any epoch; two runs are apart by more than five times √2 of that
# with probability below 1e-6 an epoch, were they normal. With the seed of the test both are drawn the same every time.
SHUFFLED = {"loss": 0.075, "accuracy": 0.17}


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """`{tutorial: {fit: {order: (curves of every call, what was printed)}}}`."""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path_factory.mktemp("tutorial"))], env=environment, timeout=600,
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-5000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_rows_in_order_give_the_curves_of_keras(curves, tutorial):
    (ours, _), (theirs, _) = (curves[tutorial][fit]["in order"] for fit in ("ep.fit", "model.fit"))
    assert_within(ours, theirs, IN_ORDER)


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_the_literal_code_gives_curves_as_close_as_two_runs_of_keras(curves, tutorial):
    (ours, _), (theirs, _) = (curves[tutorial][fit]["shuffled"] for fit in ("ep.fit", "model.fit"))
    assert_within(ours, theirs, SHUFFLED)
    assert ours[0]["loss"] != curves[tutorial]["ep.fit"]["in order"][0][0]["loss"], "the rows were not shuffled"


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_the_curves_are_those_of_a_model_that_learns(curves, tutorial):
    """So that the intervals above mean something: training moves the loss by far more than they allow."""
    for fit in ("ep.fit", "model.fit"):
        first = curves[tutorial][fit]["shuffled"][0][0]["loss"]
        assert first[0] - first[-1] > 2 * SHUFFLED["loss"]


def test_what_the_tutorial_prints_is_printed(curves):
    _, printed = curves["batch size effects"]["ep.fit"]["shuffled"]
    lines = [line for line in printed.splitlines() if line.startswith("batch_size=")]
    assert [line.partition("time")[0].replace(" ", "") for line in lines] == ["batch_size=32", "batch_size=256", "batch_size=1024"]
    _, printed = curves["epochs, batch size, learning rate"]["ep.fit"]["shuffled"]
    assert printed.count("Epoch 10/10") == 2


def assert_within(ours, theirs, limits):
    assert len(ours) == len(theirs) in (2, 3)
    for call, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
        assert list(mine) == list(its) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        for name, curve in its.items():
            assert len(curve) in (10, 15, 50)
            gap = np.abs(np.array(mine[name]) - curve).max()
            assert gap <= limits[name.removeprefix("val_")], f"fit number {call + 1}, {name}: {gap}"
