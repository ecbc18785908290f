"""Keep compiled programs between runs, in the user's cache directory."""

import jax
from platformdirs import user_cache_path


def keep_programs():
    """Turn JAX's persistent compilation cache on, unless the user has set one up already. Returns its folder."""
    if jax.config.jax_compilation_cache_dir is None:
        folder = user_cache_path("epochal") / "programs"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return jax.config.jax_compilation_cache_dir
