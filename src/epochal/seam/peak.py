"""How much memory this process has held at most while it computed: of the device's allocator, or its own on a processor."""

from typing import NamedTuple

import keras

from ..base.system.memory import forget_most_held, held_here, most_held_here


class Held(NamedTuple):
    """Bytes held now, and the most of them since `begin_anew` (where that can be: else since the process began)."""

    now: int
    most: int


def held() -> Held:
    """On a GPU what the allocator of the back end has handed out, on a processor the resident memory of the process."""
    return (_held_on_gpu() or _held_by_process)()


def begin_anew() -> None:
    """Let the most that is held begin anew with what is held now. JAX's allocator cannot."""
    match keras.backend.backend():
        case "torch" if _on_cuda():
            import torch

            torch.cuda.reset_peak_memory_stats()
        case "tensorflow" if _on_gpu_of_tensorflow():
            import tensorflow as tf

            tf.config.experimental.reset_memory_stats("GPU:0")
        case _:
            forget_most_held()


def on_processor() -> bool:
    """Whether what is computed is held in the memory of the process."""
    return _held_on_gpu() is None


def _held_on_gpu():
    match keras.backend.backend():
        case "jax":
            import jax

            told = jax.devices()[0].memory_stats() or {}
            return (lambda: Held(told["bytes_in_use"], told["peak_bytes_in_use"])) if "peak_bytes_in_use" in told else None
        case "tensorflow" if _on_gpu_of_tensorflow():
            import tensorflow as tf

            told = tf.config.experimental.get_memory_info("GPU:0")
            return lambda: Held(told["current"], told["peak"])
        case "torch" if _on_cuda():
            import torch

            return lambda: Held(torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated())
    return None


def _held_by_process():
    return Held(held_here(), most_held_here())


def _on_cuda():
    import torch

    return torch.cuda.is_available()


def _on_gpu_of_tensorflow():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
