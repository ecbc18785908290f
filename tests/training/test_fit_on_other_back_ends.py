"""What depends on the back end about callbacks and stopping, in processes of their own: Keras runs one back end per process.

The numbers of the zoo are held against Keras on every back end by `contracts/test_other_back_ends.py`, which runs all of `parity`.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

NAMES = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
INSIDE = "EPOCHAL_TESTS_OF_ONE_BACK_END"  # set in those processes, so that they start no further ones
HERE = pathlib.Path(__file__).parent
TESTS = {  # of each file, one of every kind of thing that a back end keeps in a way of its own
    "test_fit_callbacks.py": ["early_stopping_restores", "model_checkpoint and keras", "backup_and_restore", "terminate_on_nan and 30",
                              "swap_ema_weights", "learning_rate_scheduler and 0"],
    "test_fit_hooks.py": ["every_hook and options0", "reads_the_weights", "stops_the_training and on_train_batch_end",
                          "changes_the_learning_rate and batch_end", "changes_the_weights and on_train_batch_end",
                          "raises and on_train_batch_end", "raises and on_epoch_end", "evaluates_and_predicts", "keyboard_interrupt"],
    "test_fit_arguments.py": ["validation_split and 0", "class_weight and column and 4", "ordinary_trained_model", "validation_steps and 2",
                              "rows_of_any_kind and tensor", "rows_of_any_kind and frame", "PyDataset"],
    "test_fit_refusals.py": ["interrupt_in_the_middle and auto"],
}


@pytest.mark.parametrize("backend", [name for name in NAMES if name != os.environ["KERAS_BACKEND"]])
def test_callbacks_and_arguments_mean_the_same_on(backend):
    if INSIDE in os.environ:
        pytest.skip(f"this process is for Keras on {os.environ['KERAS_BACKEND']} alone")
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{NAMES[backend]} is not installed: pip install 'epochal[{backend}]'")
    chosen = " or ".join(f"({file.removesuffix('.py')} and {words})" for file, kinds in TESTS.items() for words in kinds)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *(str(HERE / file) for file in TESTS)]
    run = subprocess.run(command, cwd=HERE.parents[1], env=os.environ | {"KERAS_BACKEND": backend, INSIDE: "1"}, capture_output=True,
                         text=True, timeout=600, check=False)
    assert run.returncode == 0, f"Keras on {backend}:\n{run.stdout[-20_000:]}\n{run.stderr[-5_000:]}"
    assert " passed" in run.stdout
