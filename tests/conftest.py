"""What every test runs on: Keras on JAX, unless `KERAS_BACKEND` names another; one store of compiled programs for a run."""

import gc
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib import metadata

import pytest
from hypothesis import settings
from results import write_down
from tiers import CASES

settings.register_profile("same", derandomize=True)   # the same cases in every run ...
settings.register_profile("new")                      # ... or new ones: pytest --hypothesis-profile=new
settings.load_profile("same")

os.environ.setdefault("KERAS_BACKEND", "jax")  # before the first import of Keras; a user's keras.json may say otherwise

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it that starts pytest in the background: tests send Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What runs for a moment is compiled quickly: in a fifth of the time. With XLA_FLAGS="" programs are compiled as users have them.
_QUICKLY = " ".join((
    "--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",       # or MLIR compiles every fused loop: most of the time of small programs
    "--xla_cpu_parallel_codegen_split_count=1",  # the cores are shared by the processes of tests already
    "--xla_cpu_multi_thread_eigen=false"))
_COMPILES = {"jax": "import jax; jax.devices()",
             "tensorflow": "import tensorflow as tf; tf.function(lambda x: x + x, jit_compile=True)(1.0)"}
if "XLA_FLAGS" not in os.environ and os.environ["KERAS_BACKEND"] in _COMPILES:
    _KNOWN = subprocess.run([sys.executable, "-c", _COMPILES[os.environ["KERAS_BACKEND"]]], capture_output=True, check=False,
                            env=os.environ | {"XLA_FLAGS": _QUICKLY})  # a flag that XLA does not know ends the process
    os.environ["XLA_FLAGS"] = _QUICKLY if _KNOWN.returncode == 0 else ""

# What one test compiled, every later one finds, in whichever process it runs. The store is new for every run and gone after it.
_OURS = "JAX_COMPILATION_CACHE_DIR" not in os.environ
if _OURS:
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": tempfile.mkdtemp(prefix="epochal-tests-"),
                   "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
_MOST_MAPS = 20_000  # of the 65,530 memory maps that Linux allows a process; every compiled program takes some
_RESULTS = pathlib.Path(__file__).with_name("results.jsonl")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs a package that the README's commands do not install is in the second tier, and skips where it is missing."""
    for item in items:
        for name in (name for mark in item.iter_markers("needs") for name in mark.args):
            if name != os.environ["KERAS_BACKEND"]:
                item.add_marker(pytest.mark.second)
            if not _installed(name):
                item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


def _installed(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it is part of
        return False


def pytest_unconfigure():
    if _OURS:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _not_too_many_programs():
    """Programs stay in memory from file to file until there are so many that the process would run out of memory maps."""
    yield
    if "jax" in sys.modules and _memory_maps() > _MOST_MAPS:
        gc.collect()
        sys.modules["jax"].clear_caches()


def _memory_maps():
    try:
        with open("/proc/self/maps", "rb") as maps:
            return sum(1 for _ in maps)
    except FileNotFoundError:  # no Linux: no limit that is known
        return _MOST_MAPS + 1


def pytest_terminal_summary(terminalreporter, config):
    """A run of the third tier, or with more cases than usual, is written down in tests/results.jsonl."""
    ran = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, ()) if report.when == "call"]
    if not hasattr(config, "workerinput") and (CASES != 1 or any("third" in report.keywords for report in ran)):
        figures = {f"{report.nodeid}: {name}": value for report in ran for name, value in report.user_properties}
        failed = [report.nodeid for report in ran if report.failed]
        write_down(_RESULTS, " ".join(("pytest", *map(str, config.invocation_params.args))), "failed" if failed else "passed",
                   sum(report.duration for report in ran), {"tests": len(ran), "failed": failed, "cases": CASES} | figures)


def pytest_report_header():
    """Which back ends the tests will find; those of a missing one skip."""
    found = []
    for name in ("keras", "jax", "tensorflow", "torch"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return f"back ends: {', '.join(found)}; Keras on {os.environ['KERAS_BACKEND']}"
