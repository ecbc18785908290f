"""Keras runs one back end per process, so what must hold on each is tested on the others in processes of their own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

NAMES = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
TESTS = pathlib.Path(__file__).parents[1]
INSIDE = "EPOCHAL_TESTS_OF_ONE_BACK_END"  # set in those processes, so that they start no further ones
ONE_THREAD = {"OMP_NUM_THREADS": "1"}     # PyTorch's threads wait for each other on processors that others use too
WHAT = {
    "rigs": ["contracts", "parity", "seam/test_constant_loss.py", "seam/test_metrics.py"],
    "training": ["seam/test_trainee_accumulate.py", "seam/test_trainee_contract.py", "seam/test_trainee_open.py",
                 "seam/test_trainee_tensorflow.py", "seam/test_trainee_torch.py", "training/test_predict_same.py",
                 "training/test_fit_callbacks.py"],
    "feeds": ["-k", "of_fit or in_fit", "training/test_feed_arrays.py", "training/test_feed_batches.py",
              "training/test_feed_blocks.py"],
}


@pytest.mark.parametrize("backend", [name for name in NAMES if name != os.environ["KERAS_BACKEND"]])
@pytest.mark.parametrize("what", WHAT)
def test_it_holds_on(backend, what):
    if INSIDE in os.environ:
        pytest.skip(f"this process is for Keras on {os.environ['KERAS_BACKEND']} alone")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{NAMES[backend]} is not installed: pip install 'epochal[{backend}]'")
    words = [str(TESTS / word) if (TESTS / word).exists() else word for word in WHAT[what]]
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *words], cwd=TESTS.parent,
                         env=os.environ | ONE_THREAD | {"KERAS_BACKEND": backend, INSIDE: "1"}, capture_output=True, text=True,
                         timeout=900)
    assert run.returncode == 0, f"Keras on {backend}:\n{run.stdout[-20_000:]}\n{run.stderr[-5_000:]}"
    assert " passed" in run.stdout


def test_every_word_that_looks_like_a_file_is_one():
    assert not [word for words in WHAT.values() for word in words if "/" in word and not (TESTS / word).is_file()]
