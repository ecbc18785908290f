"""Predicting on PyTorch: Keras' own step under `no_grad`, through `torch.compile` where the model asks for it."""

import weakref

import keras
import psutil
import torch

from ..machine import this_machine
from .changes import changed_in
from .growth import Growth


class TorchForward:
    """A `Forward`; see there."""

    def __init__(self, model):
        self._model = weakref.ref(model)
        device = next((v.value.device for v in model.variables), torch.device("cpu"))
        self._device = device
        on_cuda = device.type == "cuda"
        memory = torch.cuda.get_device_properties(device).total_memory if on_cuda else None
        self.machine = this_machine(torch.cuda.get_device_name(device).lower() if on_cuda else device.type, memory, "torch")
        self.per_shape, self.n_programs, self.changes = False, 0, ()  # the second shape makes a program for every shape
        self.verified, self.coupled, self.irregular = False, "", ""
        self._compiled = torch.compile(self._plain) if model.jit_compile and not model.run_eagerly else None
        self._looked, self._growth = False, Growth()

    def begin(self):
        self.verified = False  # whether weights were changed in place cannot be seen
        self._model().eval()   # and Keras leaves it so

    def prepare(self, data):
        self._growth = Growth()
        return 0.0  # PyTorch compiles when it runs

    def run(self, data, keep):
        data = keras.tree.map_structure(lambda leaf: leaf if leaf is None else keras.ops.convert_to_tensor(leaf), data)
        with torch.no_grad(), self._growth:
            if self._compiled and self._looked and (keep or not self.changes):
                return self._compiled(data)
            return self._plain(data) if keep and self._looked else self._apart(data, keep)

    def fetch(self, leaf):
        if not isinstance(leaf, torch.Tensor) or leaf.is_sparse:
            return leaf
        return keras.ops.convert_to_numpy(leaf) if leaf.dtype == torch.bfloat16 else leaf.detach().cpu().numpy()

    def end(self):
        pass

    def n_bytes(self, data):
        return self._growth.n_bytes if self._device.type == "cpu" else None

    def free_bytes(self):
        if self._device.type == "cuda":
            return torch.cuda.mem_get_info(self._device)[0]
        return psutil.virtual_memory().available if self._device.type == "cpu" else None

    def out_of_memory(self, error):
        return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
            isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error) and "memory" in str(error))

    def _plain(self, data):
        return self._model().predict_step(data)

    def _apart(self, data, keep):
        """Outputs; and what predicting changes is seen: variables, and PyTorch's random numbers, from which Keras' dropout draws.

        Unless they are to be kept, they are as they were afterwards.
        """
        before = self._streams()
        with keras.StatelessScope() as scope:
            outputs = self._plain(data)
        changed, after = changed_in(scope, self._model())
        drew = any(not torch.equal(old, new) for old, new in zip(before, self._streams(), strict=True))
        self._looked, self.changes = True, changed.names + (("PyTorch's random numbers",) if drew else ())
        if drew and (changed.unlisted or not keep):
            self._rewind(before)
        if keep and changed.unlisted:
            return self._plain(data)  # once more, and for good
        if keep:
            for i, value in zip(changed.places, after, strict=True):
                self._model().variables[i].assign(value)
        return outputs

    def _rewind(self, streams):
        torch.set_rng_state(streams[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(streams[1], self._device)

    def _streams(self):
        return [torch.get_rng_state(), *([torch.cuda.get_rng_state(self._device)] if self._device.type == "cuda" else [])]
