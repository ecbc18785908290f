"""Keras runs one back end per process, so the trainees of the others are tested in processes of their own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

NAMES = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
HERE = pathlib.Path(__file__).parent
INSIDE = "EPOCHAL_TESTS_OF_ONE_BACK_END"  # set in those processes, so that they start no further ones


@pytest.mark.parametrize("backend", [name for name in NAMES if name != os.environ["KERAS_BACKEND"]])
def test_the_trainees_keep_their_contract_on(backend):
    if INSIDE in os.environ:
        pytest.skip(f"this process is for Keras on {os.environ['KERAS_BACKEND']} alone")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{NAMES[backend]} is not installed: pip install 'epochal[{backend}]'")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
               *map(str, sorted(HERE.glob("test_trainee_*.py")))]
    one_thread = {"OMP_NUM_THREADS": "1"}  # PyTorch's threads wait for each other on processors that others use too
    run = subprocess.run(command, cwd=HERE.parents[1], env=os.environ | one_thread | {"KERAS_BACKEND": backend, INSIDE: "1"},
                         capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, f"Keras on {backend}:\n{run.stdout[-20_000:]}\n{run.stderr[-5_000:]}"
    assert " passed" in run.stdout
