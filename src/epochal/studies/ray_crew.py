"""Who trains a study's blocks on a Ray cluster: each block is a task; this process alone writes what comes back."""

import hashlib
import inspect
import os
import sys
from concurrent.futures import Future

from ..base.errors import UsageError
from .blocks import train_block

_RETRIES = 20  # a block whose node died begins anew on another one, so often
_RIGS = {}     # in a worker's process: {what it was given: the rig}, so that a model is traced once in each


class RayCrew:
    """Trains blocks as Ray tasks; used as `with RayCrew(rig, source, data) as crew:`.

    A block's programs and their shapes are its own, so the numbers are those of one machine of that kind. A node that dies costs
    the blocks that it had not finished; they are begun anew elsewhere.

    Args:
        rig: the model on this process's bench; it measures how to train, the workers train.
        source, data: what the rig was opened with, for the workers to open theirs.
        address: of a running cluster, or `"auto"`: the cluster this process is connected to, or the one running on this machine, or
            else a new one of this machine alone.
        cpus: CPU cores a block asks for; on a cluster with GPUs a block of a GPU model asks for one GPU as well.

    Attributes:
        n_at_once: blocks that the cluster can train at one time, as it is now.
        n_sharing: how many of them may share one memory: on CPUs as many as a node like this one has cores.

    Raises:
        UsageError: no cluster answers at the address.
    """

    def __init__(self, rig, source, data, *, address="auto", cpus=1):
        import ray

        self._ray, self._ours = ray, not ray.is_initialized()
        if self._ours:
            _connect(ray, address)
        resources = ray.cluster_resources()
        on_gpu = rig.machine.device != "cpu" and resources.get("GPU", 0) >= 1
        self.n_at_once = max(1, int(resources["GPU"] if on_gpu else resources.get("CPU", 1) // cpus))
        self.n_sharing = 1 if on_gpu else max(1, rig.machine.n_cores // cpus)
        _by_value(ray, source)
        packed = ray.cloudpickle.dumps((source, data))
        self._name = hashlib.blake2b(packed, digest_size=16).hexdigest()
        self._packed = ray.put(packed)
        self._task = ray.remote(num_cpus=cpus, num_gpus=1 if on_gpu else 0, max_retries=_RETRIES, runtime_env={
            "env_vars": {"KERAS_BACKEND": rig.machine.backend}})(_train)
        self._under_way = []

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for task in self._under_way:
            self._ray.cancel(task, force=True)
        if self._ours:
            self._ray.shutdown()

    def train(self, blocks, watch):  # noqa: ARG002 - a worker far away tells when it has ended, not how far it is
        """Yield `(block, curves, facts)` as blocks are finished, in whatever order; see `Crew.train`."""
        tasks = {self._task.remote(self._name, self._packed, block): block for block in blocks}
        self._under_way = list(tasks)
        while self._under_way:
            ended, self._under_way = self._ray.wait(self._under_way)
            for task in ended:
                yield tasks[task], *self._ray.get(task)

    def ahead(self, batch_size, width):  # noqa: ARG002 - the workers compile for themselves
        """Nothing to be done here."""
        done = Future()
        done.set_result(None)
        return done


def _connect(ray, address):
    """To the cluster at the address; without one, to a new one that stays on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "configure_logging": False, "log_to_driver": False}
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except ConnectionError as error:
        if address != "auto":
            raise UsageError(f"`ray` must be the address of a running cluster; got {address!r} ({str(error).splitlines()[0]}). "
                             'Start one with `ray start --head`, or pass "auto".') from error
        ray.init(**quiet)


def _by_value(ray, source):
    """A function from the user's own file travels with its code: the workers do not have the file."""
    module = inspect.getmodule(source)
    if inspect.isroutine(source) and module is not None and module.__name__ in sys.modules and module.__name__ != "__main__":
        ray.cloudpickle.register_pickle_by_value(module) if not module.__name__.startswith("epochal") else None


def _train(name, packed, block):
    """In a worker: the block's curves, and where they were made."""
    if name not in _RIGS:
        import ray

        from ..seam.open import open_rig

        source, data = ray.cloudpickle.loads(packed)
        _RIGS.clear()
        _RIGS[name] = open_rig(source, data)
    return train_block(_RIGS[name], block)
