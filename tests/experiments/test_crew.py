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


def test_several_threads_give_the_numbers_of_one(tmp_path, whole):
    assert one_study.numbers(one_study.run(tmp_path)) == whole


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


def test_killed_again_and_again_the_study_is_the_same(tmp_path, whole):
    chance, kills = random.Random(1), 0
    while True:
        process = elsewhere(tmp_path)
        try:
            out, errors = process.communicate(timeout=chance.uniform(4, 12) if kills < 3 else 300)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        break
    assert process.returncode == 0, errors[-3000:]
    assert json.loads(out) == whole


def test_an_interrupt_ends_the_threads_and_keeps_what_was_finished(tmp_path, whole):
    process = elsewhere(tmp_path)
    while not list(tmp_path.glob("*.sqlite")) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert one_study.numbers(one_study.run(tmp_path)) == whole
