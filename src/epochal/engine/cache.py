"""Keep compiled programs between runs, in the user's cache directory."""

from platformdirs import user_cache_path


def keep_programs(rig):
    """Turn JAX's persistent compilation cache on, unless the user has set one up already.

    Args:
        rig: the model on the bench; nothing happens where its back end is not JAX.

    Returns:
        The cache's folder, or `None`.
    """
    if rig.pure is None:
        return None
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(user_cache_path("epochal") / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return jax.config.jax_compilation_cache_dir
