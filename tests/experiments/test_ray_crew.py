"""A Ray cluster of several nodes on this machine: it changes no number of a study, and a node that dies costs its own blocks."""

import importlib.util
import json
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from experiments import one_study

from epochal.base.errors import MeasurementFailed, Unsupported, UsageError
from epochal.cli import main
from epochal.experiments import StudyFolder
from epochal.experiments.blocks import blocks_of
from epochal.experiments.ray.crew import RayCrew
from epochal.seam.model.network import network_from_file
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

pytestmark = [
    pytest.mark.needs("ray"),
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="only Keras on JAX trains lanes side by side"),
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),  # JAX's; after Ray's forks another program begins at once
]
DRIVER, SECONDS = os.getpid(), 0.2
DESIGN = replace(one_study.DESIGN, n_seeds=48, epochs=4)
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # so that Ray finds a cluster that listens on 127.0.0.1 alone
ON_THE_PATH = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def build():
    """Slow in a worker: each of a block's seeds has a model of its own built."""
    if os.getpid() != DRIVER:
        time.sleep(SECONDS)
    return one_study.build()


def rows():
    return data_from_arguments(*one_study.rows(), test_data=one_study.rows(20))


@pytest.fixture(scope="module")
def cluster():
    """Three nodes of one CPU each."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (LOOPBACK | ON_THE_PATH | {"RAY_USAGE_STATS_ENABLED": "0"}).items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        options = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=options)
        for _ in range(2):
            cluster.add_node(**options)
        yield cluster
        cluster.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return one_study.numbers(one_study.run(tmp_path_factory.mktemp("whole"), design=DESIGN))


class Assassin:
    """A crew that kills the first node, not its own, which has finished a block while others wait."""

    def __init__(self, crew, cluster):
        self.crew, self.cluster, self.dead, self.yielded = crew, cluster, None, []

    def __enter__(self):
        self.crew.__enter__()
        return self

    def __exit__(self, *failure):
        self.crew.__exit__(*failure)

    def train(self, blocks, watch):
        for block, curves, facts in self.crew.train(blocks, watch):
            self.yielded.append(block.name)
            yield block, curves, facts  # and it is committed
            victims = {node.node_id: node for node in self.cluster.worker_nodes}
            if self.dead is None and block.stage == "confirm" and facts["node"] in victims and len(self.crew._under_way) >= 3:
                self.dead = facts["node"]
                time.sleep(2 * SECONDS)  # it has begun its next block
                self.cluster.remove_node(victims[self.dead], allow_graceful=False)

    def ahead(self, batch_size, width):
        return self.crew.ahead(batch_size, width)


def test_a_node_that_dies_costs_its_unfinished_blocks_and_no_number(cluster, tmp_path, whole):
    assassins = []

    def crew(rig):
        assassins.append(Assassin(RayCrew(rig, build, rows(), address=cluster.address), cluster))
        return assassins[0]

    study = one_study.run(tmp_path, crew=crew, design=DESIGN)
    (assassin,) = assassins
    assert one_study.numbers(study) == whole
    assert assassin.crew.n_at_once == 3
    assert assassin.dead is not None
    assert assassin.crew.lost  # the dead node was in the middle of a block
    assert len(set(assassin.yielded)) == len(assassin.yielded)  # what was finished is not trained again
    assert set(assassin.crew.lost) <= set(assassin.yielded)
    with StudyFolder(tmp_path) as kept:
        nodes = [kept.provenance(name)["node"] for name in kept.blocks()]
        assert set(kept.blocks()) == set(assassin.yielded)
    assert assassin.dead in nodes  # what it had finished is kept
    assert len(set(nodes)) == 3


def own_layer(units):
    """A layer and a loss of no module that a worker could import."""

    class Scaled(keras.layers.Dense):
        def call(self, x):
            return 0.5 * super().call(x)

    def squared(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)

    return Scaled(units), squared


def models():
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 100)
    plain = one_study.build()
    frozen = keras.Sequential([keras.Input((3,)), keras.layers.Normalization(), keras.layers.Dense(8, "relu"),
                               keras.layers.Dense(1)])
    frozen.layers[0].adapt(one_study.rows()[0])
    frozen.layers[1].trainable = False
    frozen.compile(keras.optimizers.SGD(schedule, momentum=0.9), "mse")
    layer, loss = own_layer(1)
    own = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), layer])
    own.compile("adam", loss)
    tuned = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    tuned.layers[0].enable_lora(2)
    tuned.compile("adam", "mse")
    tuned.fit(*one_study.rows(), verbose=0)
    return {"a compiled model": plain, "with LoRA, trained before": tuned, "frozen, adapted, scheduled": frozen,
            "layers and a loss of the user's own": own}


@pytest.mark.parametrize("name", ["a compiled model", "with LoRA, trained before", "frozen, adapted, scheduled",
                                  "layers and a loss of the user's own"])
def test_a_model_travels_as_it_is(name):
    model, data = models()[name], rows()
    here = open_rig(model, data)
    code = ("import sys, pickle; from epochal.seam.packing import open_packed; rig = open_packed(sys.stdin.buffer.read()); "
            "import numpy as np; state, loss = rig.step(rig.fresh(3), np.arange(40), 0.01); "
            "sys.stdout.buffer.write(pickle.dumps((rig.task, rig.present, rig.weights(state), rig.evaluate(state))))")
    answer = there(code, package(model, data))
    task, present, weights, figures = pickle.loads(answer)
    state, _ = here.step(here.fresh(3), np.arange(40), 0.01)
    assert (task, present) == (here.task, here.present)
    assert (weights == here.weights(state)).all()
    assert (figures == here.evaluate(state)).all()


def test_a_function_travels_with_the_users_own_files_and_leaves_no_trace(tmp_path, monkeypatch):
    (tmp_path / "my_layers_xyz.py").write_text("import keras\n\ndef head():\n    return keras.layers.Dense(1, 'sigmoid')\n")
    (tmp_path / "my.py").write_text("""
import keras
import my_layers_xyz
from my_layers_xyz import head
UNITS = 5

def build():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(UNITS), my_layers_xyz.head(), head()])
    model.compile('adam', 'binary_crossentropy')
    return model
""")
    monkeypatch.setattr(sys, "path", list(sys.path))
    source, data = network_from_file(f"{tmp_path / 'my.py'}:build"), rows()
    here, sent = open_rig(source, data), package(source, data)
    from ray import cloudpickle

    assert "my_layers_xyz" not in cloudpickle.list_registry_pickle_by_value()
    shutil.rmtree(tmp_path)
    answer = there("import sys; from epochal.seam.packing import open_packed; "
                   "print(open_packed(sys.stdin.buffer.read()).task.fingerprint)", sent)
    assert answer.decode().split()[-1] == here.task.fingerprint


def test_settings_of_keras_travel():
    data, before = rows(), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_epsilon(1e-5)
    try:
        sent = package(one_study.build, data)
    finally:
        keras.config.set_dtype_policy(before)
        keras.config.set_epsilon(1e-7)
    answer = there("import sys, keras; from epochal.seam.packing import open_packed; open_packed(sys.stdin.buffer.read()); "
                   "print(keras.config.dtype_policy().name, keras.config.epsilon())", sent)
    assert answer.decode().split()[-2:] == ["mixed_bfloat16", "1e-05"]


def package(source, data):
    from ray import cloudpickle

    from epochal.seam.packing import pack

    return pack(source, data, cloudpickle)


def there(code, sent):
    """What a process of its own, in another folder, answers to what was packed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(str(pathlib.Path(path).resolve()) for path in sys.path if path and not path.endswith("tests"))
        done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, timeout=120, check=False, cwd=folder,
                              env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout


def test_what_cannot_be_sent_is_refused_with_a_sentence():
    lock = threading.Lock()

    def with_a_lock():
        with lock:
            return one_study.build()

    with pytest.raises(UsageError, match="`model` must be one that can be sent to another machine; it is not .*lock"):
        package(with_a_lock, rows())


FAILURES = [(UsageError("mend it."), UsageError), (Unsupported("another."), Unsupported),
            (MeasurementFailed("tried."), MeasurementFailed), (KeyError("x"), MeasurementFailed)]


def failing(error):
    def build():
        if os.getpid() != DRIVER:
            raise error
        return one_study.build()

    return build


def changing():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4 if os.getpid() == DRIVER else 5), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def test_what_a_worker_cannot_do_is_one_of_the_packages_own_errors_and_one_sentence(cluster):
    with joined(cluster):  # one connection, so that the workers are begun once
        for error, ours in FAILURES:
            with pytest.raises(ours) as caught:
                train_one(failing(error), cluster)
            assert type(caught.value) is ours
            assert "\n" not in str(caught.value)
            assert str(error) in str(caught.value)
        with pytest.raises(UsageError, match="`model` must be the same on every machine"):
            train_one(changing, cluster)
        other = open_rig(one_study.build, rows())
        other.machine = replace(other.machine, versions=tuple((name, "3.0.1") for name, _ in other.machine.versions))
        with pytest.raises(UsageError, match=r"node \w+ has .*, keras .* where it is 3\.0\.1 here.* Install the same there"):
            train_one(one_study.build, cluster, rig=other)


@contextmanager
def joined(cluster):
    """This process connected to the cluster by its own doing."""
    import ray

    reaction = signal.getsignal(signal.SIGTERM)
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    signal.signal(signal.SIGTERM, reaction)
    try:
        yield
        assert ray.is_initialized()  # whoever used the connection left it
    finally:
        ray.shutdown()


def train_one(source, cluster, *, rig=None):
    rig = rig or open_rig(source, rows())
    blocks = blocks_of("one", "confirm", 2, [(rig.present, seed) for seed in range(2)],
                       type("How", (), {"mode": "fused", "width": 8}))
    with RayCrew(rig, source, rows()) as crew:
        return list(crew.train(blocks, lambda block, share: None))


def test_the_callers_reaction_to_sigterm_stays_and_the_connection_ends(cluster):
    import ray

    def reaction(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, reaction)
    try:
        with RayCrew(open_rig(one_study.build, rows()), one_study.build, rows(), address=cluster.address):
            assert signal.getsignal(signal.SIGTERM) is reaction
        assert not ray.is_initialized()
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "no-such-host.invalid:6379"])
def test_an_address_of_nothing_is_refused_soon(address):
    start = time.monotonic()
    with pytest.raises(UsageError, match=f"must be the address of a running cluster; got '{address}', where nothing answers"), \
            RayCrew(open_rig(one_study.build, rows()), one_study.build, rows(), address=address):
        pass
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("address", ["local", "ray://127.0.0.1:10001", "127.0.0.1", ":6379", "", 6379])
def test_an_address_that_is_none_is_refused_at_once(address):
    with pytest.raises(UsageError, match='`ray` must be "auto" or the HOST:PORT of a running cluster'):
        RayCrew(None, None, None, address=address)


# the command, in a process of its own


def command(folder, *words):
    options = ["study", "digits", "--equal", "epochs", "--epochs", "3", "--seeds", "3", "--batch-sizes", "64,256",
               "--learning-rates", "1e-3,1e-2", "--folder", "out"]
    return subprocess.Popen([sys.executable, "-c", "from epochal.cli import main; main(prog_name='epochal')", *options, *words],
                            cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                            env={**os.environ, **LOOPBACK, **ON_THE_PATH, "KERAS_BACKEND": "jax"})


def test_the_command_trains_on_the_cluster_and_prints_json_alone(cluster, tmp_path):
    process = command(tmp_path, "--ray", cluster.address, "--json")
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    assert len(json.loads(out)["contrasts"]) == 2
    assert "Traceback" not in errors
    with StudyFolder(tmp_path / "out") as kept:
        nodes = {kept.provenance(name)["node"] for name in kept.blocks()}
    assert nodes <= {node.node_id for node in cluster.list_all_nodes()}


def test_an_interrupt_ends_the_command_soon_and_leaves_the_cluster_free(cluster, tmp_path):
    process = command(tmp_path, "--ray", cluster.address, "--epochs", "5000")
    for line in process.stderr:
        if "fresh" in line or "learning rates" in line or "batch size" in line:
            break
    time.sleep(2.0)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors[-3000:]
    assert "the same command continues there" in out
    assert "Traceback" not in errors
    assert time.monotonic() - start < 30


def test_without_ray_the_command_says_how_to_install_it(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else found(name, *more))
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(main, ["study", "digits", "--ray", "auto"])
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: `--ray` must be used where ray is installed; got 'auto'. Install it with: pip install")
