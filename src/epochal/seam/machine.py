"""What machine and which versions the numbers hold for, and JAX's compiled programs, kept on it between runs."""

import functools
import os
from contextlib import contextmanager, suppress
from importlib.metadata import version

import keras

from ..base.errors import UsageError
from ..base.files import cache_folder
from ..base.system.memory import memory_here
from ..base.text import first_line
from ..records import Machine

_LEVEL = "xla_backend_optimization_level"
_WORTH_KEEPING = 0.02  # seconds of compiling: a Keras model is built from dozens of small programs


def this_machine(device, memory_bytes, package):
    """The `Machine` of this process, its device by the back end's name, `"cpu"` for the processor, whose memory need not be passed.

    `memory_bytes` is `None` where the device does not tell; `package` is the distribution name of the back end.
    """
    return Machine(
        backend=keras.backend.backend(), device=device, n_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory_bytes=memory_here().total if memory_bytes is None and device == "cpu" else memory_bytes,
        versions=tuple((name, version(name)) for name in ("epochal", "keras", package)))


def check_device():
    """Refuse a back end that finds no device to compute on; before a first array is made, which JAX would fail without a word."""
    if keras.backend.backend() != "jax":
        return
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"`JAX_PLATFORMS` must name a device that JAX finds here; got {os.environ.get('JAX_PLATFORMS', '')!r} "
                         f"({first_line(error)}). Set JAX_PLATFORMS=cpu, or install what the device needs: "
                         "pip install 'epochal[cuda]'.") from error


def backend_in_use():
    """The name of Keras' back end in this process."""
    return keras.backend.backend()


def runs_on_a_processor():
    """Whether Keras' back end in this process computes on the processor, so that another process may, too."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow

            return not tensorflow.config.list_physical_devices("GPU")
        case "torch":
            import torch

            return not torch.cuda.is_available()
    import jax

    return jax.default_backend() == "cpu"


def keep_programs():
    """Turn JAX's persistent compilation cache on, unless the user has set one up already, or it cannot be written; its folder."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        folder = cache_folder() / "programs"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK) or not _is_text(folder):
            return None
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return jax.config.jax_compilation_cache_dir


def _is_text(path):
    """Whether a path can be written as UTF-8, which XLA asks of it; on Linux any bytes may be one."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def compiled_sooner():
    """Options with which JAX compiles a program for a processor in half the time, where that is long, and about as fast a one.

    XLA's own kernels are not touched by it: only how hard LLVM tries at what lies between them. A small BERT in two lanes took 17.5
    seconds to compile, and 9.4 so; an epoch of it 37 and 35 ms. For what compares and measures: models with convolutions gain
    nothing, and one of those that were tried (text, in one dimension) trained slower by a third. What users set in `XLA_FLAGS`
    counts.
    """
    import jax

    ours = jax.devices()[0].platform == "cpu" and _LEVEL not in os.environ.get("XLA_FLAGS", "")
    return {_LEVEL: 1} if ours else None


def seconds_spared():
    """Seconds of compiling that this process was spared so far, since JAX found programs of earlier runs; a sum that rises."""
    if keras.backend.backend() != "jax":
        return 0.0
    return _listening()[0]


@functools.cache
def _listening():
    import jax

    found = [0.0]

    def hear(event, seconds, **_):
        if event == "/jax/compilation_cache/compile_time_saved_sec":
            found[0] += max(0.0, seconds)

    jax.monitoring.register_event_duration_secs_listener(hear)
    return found


@contextmanager
def compiling_anew():
    """A block in which JAX neither finds compiled programs of earlier runs nor keeps its own, as in a plain script."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # else what was decided at the first program holds
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
