"""Compiled programs outlive the process, in the user's cache directory or where the user keeps his own."""

import json
import os
import subprocess
import sys
import textwrap

import jax
import pytest

from epochal.seam import machine
from epochal.seam.machine import compiled_sooner, compiling_anew, keep_programs, seconds_spared

PROCESS = textwrap.dedent("""
    import json, sys
    import jax, jax.numpy as jnp
    from engine.rigs_of_jax import springs
    from epochal.engine import Batches, Lane, train
    from epochal.records import EnginePoint
    from epochal.seam.machine import compiling_anew, keep_programs

    hits = []
    jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)
    rig = springs()
    folder = keep_programs()
    step = rig.pure.step

    def long_step(data, state, rows, rate):           # long enough to be worth keeping
        state, loss = step(data, state, rows, rate)
        for i in range(40):
            state = state._replace(w=jnp.tanh(state.w * (1 + i / 1000)) @ jnp.eye(3) + jnp.sort(state.w) * 1e-9)
        return state, loss

    rig.pure = rig.pure._replace(step=long_step)
    way = EnginePoint(batch_size=10, mode="fused", width=1, seconds=1.0, seconds_stepwise=1.0)
    train(rig, [Lane(0, 0.1)], Batches(10, 1), how=way)
    print(json.dumps([folder, len(hits)]))
""")


@pytest.fixture
def settings_of_jax():
    """Whatever a test does to JAX's cache is undone."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def process(home, **more):
    """What a new process prints: the cache's folder and the number of programs it found there."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)} | more
    done = subprocess.run([sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.second
@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME is Linux' own name for the cache directory")
def test_a_second_process_finds_the_program_that_the_first_one_compiled(tmp_path):
    folder, hits = process(tmp_path)
    assert folder == str(tmp_path / "epochal" / "programs")
    kept = list((tmp_path / "epochal" / "programs").glob("*lane_epoch*-cache"))
    assert (len(kept), hits) == (1, 0)
    assert process(tmp_path)[1] >= 1
    assert list((tmp_path / "epochal" / "programs").glob("*lane_epoch*-cache")) == kept   # found, not made again under another name


def test_a_cache_that_the_user_has_set_up_is_left_alone(tmp_path, settings_of_jax):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    before = jax.config.jax_persistent_cache_min_compile_time_secs
    assert keep_programs() == str(tmp_path)
    assert jax.config.jax_persistent_cache_min_compile_time_secs == before


def test_a_cache_whose_name_is_no_text_keeps_no_programs(tmp_path, settings_of_jax, monkeypatch):
    """XLA takes names as UTF-8 alone; on Linux any bytes may be the name of a home."""
    monkeypatch.setattr(machine, "cache_folder", lambda: tmp_path / "\udcff")
    jax.config.update("jax_compilation_cache_dir", None)
    assert keep_programs() is None
    assert jax.jit(lambda x: x + 5)(1.0) == 6


def test_what_is_compiled_anew_neither_finds_nor_keeps_programs(tmp_path, settings_of_jax):
    for name, value in (("jax_compilation_cache_dir", str(tmp_path)), ("jax_persistent_cache_min_compile_time_secs", 0),
                        ("jax_persistent_cache_min_entry_size_bytes", -1)):
        jax.config.update(name, value)
    with compiling_anew():
        jax.jit(lambda x: x * 2 + 3)(1.0)
    assert list(tmp_path.iterdir()) == []
    jax.jit(lambda x: x * 2 + 4)(1.0)
    assert list(tmp_path.iterdir()) != []
    with compiling_anew():
        pass  # so that later tests are not given this folder


def test_what_programs_of_earlier_runs_spare_is_told(tmp_path, settings_of_jax):
    def long(x):
        for i in range(400):
            x = jax.numpy.tanh(x * (1 + i / 1000)) @ jax.numpy.eye(3) + jax.numpy.sort(x) * 1e-9
        return x

    for name, value in (("jax_compilation_cache_dir", str(tmp_path)), ("jax_persistent_cache_min_compile_time_secs", 0),
                        ("jax_persistent_cache_min_entry_size_bytes", -1)):
        jax.config.update(name, value)
    with compiling_anew():
        pass  # the folder is taken up
    before, x = seconds_spared(), jax.numpy.ones((3, 3))
    jax.jit(long)(x)
    assert seconds_spared() == before
    jax.clear_caches()
    jax.jit(long)(x)
    assert seconds_spared() > before
    with compiling_anew():
        pass


def test_programs_are_compiled_sooner_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
    options = compiled_sooner()
    assert options
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1.0) == 2
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
    assert compiled_sooner() is None
