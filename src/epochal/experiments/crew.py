"""Who trains a study's blocks on this machine: one thread a device, and one a core where the device is the CPU."""

import queue
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from .. import engine
from ..base.stop import Stop
from .blocks import train_block


class Crew(AbstractContextManager):
    """Trains blocks, several at a time where that is safe; used as `with Crew(rig) as crew:`.

    `n_at_once` blocks are under way at one time, of which `n_sharing` share one memory. That changes no number: a block's programs
    and their shapes are its own.
    """

    def __init__(self, rig):
        self._rig, self._ended = rig, Stop()
        devices = engine.local_devices(rig)
        per_device = rig.machine.n_cores if rig.pure is not None and rig.machine.device == "cpu" and len(devices) == 1 else 1
        self.n_at_once = len(devices) * per_device
        self.n_sharing = self.n_at_once if rig.machine.device == "cpu" else 1
        self._free = queue.SimpleQueue()
        for device in devices * per_device:
            self._free.put(device)
        self._pool = ThreadPoolExecutor(self.n_at_once + 1, "epochal-study")  # one more, which compiles ahead

    def __exit__(self, *failure):
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def train(self, blocks, watch):
        """Yield `(block, curves, facts)` as blocks are finished; those trained step by step one after the other.

        `watch(block, share)` is called from several threads.
        """
        if any(block.mode != "fused" for block in blocks):
            for block in blocks:
                yield block, *train_block(self._rig, block, watch=lambda share, block=block: watch(block, share))
            return
        under_way = {self._pool.submit(self._one, block, watch) for block in blocks}
        while under_way:
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()

    def ahead(self, batch_size, width):
        """Compile for a batch size beside whatever is being trained; a future to wait for, or `None`."""
        return self._pool.submit(engine.prepare, self._rig, batch_size, width, n_at_once=self.n_sharing)

    def _one(self, block, watch):
        def between_epochs(share):
            self._ended.check()
            watch(block, share)

        device = self._free.get()
        try:
            return block, *train_block(self._rig, block, device=device, watch=between_epochs)
        finally:
            self._free.put(device)
