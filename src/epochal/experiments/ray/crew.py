"""Who trains a study's blocks on a Ray cluster: each block is a task; this process alone writes what comes back."""

import hashlib
from collections import Counter
from contextlib import ExitStack

from ...base.errors import EpochalError, MeasurementFailed, UsageError
from ...seam.packing import environment_of, open_packed, pack
from ..blocks import train_block
from .cluster import connected, require_ray

_LOOK = 0.5  # seconds between two looks at whether to go on
_LIVES = 5  # times that a block may lose the process that trains it
_RIGS = {}  # in a worker's process: {name of what it was sent: the rig}, so that a model is traced once in each


class RayCrew:
    """Trains blocks as Ray tasks; used as `with RayCrew(rig, source, data) as crew:`.

    A block's programs and their shapes are its own, so the numbers are those of one machine of that kind. A node that dies costs
    the blocks that it had not finished; they are begun anew elsewhere.

    Args:
        rig: the model on this process's bench; it measures how to train, the workers train.
        source, data, start: what the rig was opened with, for the workers to open theirs.
        address: as for `connected`.

    Attributes:
        n_at_once: blocks that the cluster can train at one time, as it was when the connection was made.
        n_sharing: how many of them may share one memory: on CPUs as many as a node like this one has cores.
        lost: the name of a block for each time that its worker or node died while training it.
    """

    def __init__(self, rig, source, data, *, address="auto", start="auto"):
        require_ray(address)
        self._rig, self._source, self._data, self._start, self._address = rig, source, data, start, address
        self._under_way, self.lost, self.n_at_once = {}, [], 1
        self.n_sharing = rig.machine.n_cores if rig.machine.device == "cpu" else 1

    def __enter__(self):
        with ExitStack() as stack:
            self._ray = ray = stack.enter_context(connected(self._address))
            content = pack(self._source, self._data, ray.cloudpickle, self._start)
            stack.callback(self._cancel)
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            n_gpus, n_cpus = (sum(int(node.get(kind, 0)) for node in nodes) for kind in ("GPU", "CPU"))
            self._on_gpu = self._rig.machine.device != "cpu" and n_gpus > 0
            self._most_cpus = max(1, *(int(node.get("CPU", 0)) for node in nodes), 1)
            self.n_at_once = max(1, n_gpus if self._on_gpu else n_cpus)
            self._order = (hashlib.blake2b(content, digest_size=16).hexdigest(), [ray.put(content)], self._rig.task.fingerprint,
                           self._rig.machine)
            self._task = ray.remote(max_retries=0, runtime_env={"env_vars": environment_of(self._rig)})(_train)
            self._undo = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self._undo.close()

    def train(self, blocks, watch):
        """Yield `(block, curves, facts)` as blocks are finished, in whatever order; see `Crew.train`."""
        died, wrong = self._ray.exceptions, Counter()
        for block in blocks:
            self._begin(block)
        while self._under_way:
            ended, _ = self._ray.wait(list(self._under_way), timeout=_LOOK)
            if not ended:  # a worker far away does not tell how far it is, but whoever watches may want to end the work
                watch(next(iter(self._under_way.values())), 0.0)
                continue
            (task,) = ended
            block = self._under_way.pop(task)
            try:
                curves, facts = self._ray.get(task)
            except died.RayTaskError as error:
                raise _as_ours(error, block) from error
            except (died.NodeDiedError, died.WorkerCrashedError, died.ObjectLostError, died.OutOfMemoryError) as error:
                self.lost.append(block.name)
                wrong[block.name] += 1
                if wrong[block.name] == _LIVES:
                    raise MeasurementFailed(f"Block {block.name} lost its worker {_LIVES} times ({type(error).__name__}). "
                                            "Look into Ray's logs on the nodes; the same command continues.") from error
                self._begin(block)
                continue
            yield block, curves, facts

    def ahead(self, batch_size, width):  # noqa: ARG002 - the workers compile for themselves
        return None

    def _begin(self, block):
        """Hand a block to the cluster: one core, as in `Crew`, or one GPU; what is trained step by step has a node's cores."""
        n_cpus = 1 if self._on_gpu or block.mode == "fused" else min(self._rig.machine.n_cores, self._most_cpus)
        task = self._task.options(num_cpus=n_cpus, num_gpus=int(self._on_gpu)).remote(*self._order, block)
        self._under_way[task] = block

    def _cancel(self):
        for task in self._under_way:
            self._ray.cancel(task, force=True)
        self._under_way.clear()


def _as_ours(error, block):
    """What went wrong in a worker, as one of the package's own errors."""
    cause = error.cause
    if isinstance(cause, EpochalError):
        return cause
    said = (str(cause).strip().splitlines() or [type(cause).__name__])[0].rstrip(".")
    if "failed to import on the worker" in str(cause):
        return UsageError("`ray` must be a cluster whose nodes have this package; a node does not. Install there what is installed "
                          "here, in the same versions.")
    return MeasurementFailed(f"A worker failed while it trained block {block.name}: {type(cause).__name__}: {said}. The same model "
                             "without Ray shows where.")


def _train(name, content, fingerprint, machine, block):
    """In a worker: the block's curves, and where they were made. `content` is a list, so that it is fetched only when needed."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    if name not in _RIGS:
        _RIGS.clear()
        rig = open_packed(ray.get(content[0]))
        _refuse_others(rig, fingerprint, machine, node)
        _RIGS[name] = rig
    curves, facts = train_block(_RIGS[name], block)
    return curves, facts | {"node": node}


def _refuse_others(rig, fingerprint, machine, node):
    """Another device, another version or another model would give other numbers."""
    there = rig.machine
    pairs = [("device", machine.device, there.device), *((package, ours, dict(there.versions).get(package))
                                                         for package, ours in machine.versions)]
    different = [f"{what} {theirs} where it is {ours} here" for what, ours, theirs in pairs if ours != theirs]
    if different:
        raise UsageError(f"`ray` must be a cluster whose nodes train as this machine does; node {node[:8]} has "
                         f"{', '.join(different)}. Install the same there, or start the study on such a node.")
    if rig.task.fingerprint != fingerprint:
        raise UsageError(f"`model` must be the same on every machine; node {node[:8]} built a different one. Let the function that "
                         "builds it depend on nothing but its own code.")
