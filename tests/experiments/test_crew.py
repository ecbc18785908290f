"""Who trains a study changes none of its numbers: one thread or several, one device or eight, one run or many killed ones."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import keras
import pytest
from experiments import one_study
from experiments.studies import n_blocks

from epochal.experiments import Crew

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only Keras on JAX trains lanes side by side")
SCRIPT = pathlib.Path(one_study.__file__)


class One(Crew):
    """A crew of a single thread."""

    def __init__(self, rig):
        super().__init__(rig)
        self._free.get()
        while not self._free.empty():
            self._free.get()
        self._free.put(None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return one_study.numbers(one_study.run(tmp_path_factory.mktemp("whole"), crew=One))


def elsewhere(folder, **environment):
    return subprocess.Popen([sys.executable, SCRIPT, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment)


@pytest.mark.second
def test_several_threads_give_the_numbers_of_one(tmp_path, whole):
    assert one_study.numbers(one_study.run(tmp_path)) == whole


@pytest.mark.second
def test_eight_devices_give_the_numbers_of_one_and_all_of_them_train(tmp_path, whole):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    process = elsewhere(tmp_path, XLA_FLAGS=flags)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    assert json.loads(out) == whole
    from epochal.experiments import StudyFolder

    with StudyFolder(tmp_path) as kept:
        used = {kept.provenance(name)["device"] for name in kept.blocks()}
    assert len(used) > 2


@pytest.mark.second
@pytest.mark.parametrize("n_kills", [1, pytest.param(3, marks=pytest.mark.third)])
def test_killed_again_and_again_the_study_is_the_same(tmp_path, whole, n_kills):
    """Each process is killed a moment after it has finished something that the ones before it had not."""
    chance = random.Random(1)
    for _ in range(n_kills):
        before, process = n_blocks(tmp_path), elsewhere(tmp_path)
        while n_blocks(tmp_path) <= before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.communicate()
    assert one_study.numbers(one_study.run(tmp_path)) == whole


@pytest.mark.second
def test_an_interrupt_ends_the_threads_and_keeps_what_was_finished(tmp_path, whole):
    process = elsewhere(tmp_path)
    while n_blocks(tmp_path) == 0 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert one_study.numbers(one_study.run(tmp_path)) == whole
