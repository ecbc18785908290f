"""Keep JAX's compiled programs between runs, in the user's cache directory."""

from contextlib import contextmanager

import jax
from platformdirs import user_cache_path

_WORTH_KEEPING = 0.02  # seconds of compiling: a Keras model is built from dozens of small programs


def keep_programs():
    """Turn JAX's persistent compilation cache on, unless the user has set one up already; returns its folder."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(user_cache_path("epochal") / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _WORTH_KEEPING)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return jax.config.jax_compilation_cache_dir


@contextmanager
def without_kept_programs():
    """A block in which no kept program is used, so that compiling takes what it takes in any other process."""
    from jax.experimental.compilation_cache import compilation_cache

    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # JAX looks at the setting once
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
