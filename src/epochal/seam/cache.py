"""Keep JAX's compiled programs between runs, in the user's cache directory."""

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
