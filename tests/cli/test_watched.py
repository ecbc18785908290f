"""The command as it is installed: whatever ends the process that works, the command says so in a sentence, with its status."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from cli.command import LONG, surroundings

COMMAND = [sys.executable, "-m", "epochal"]
MODEL = """
import keras

class Own(keras.layers.Layer):
    def call(self, x):
        {body}
        return x

def build():
    {built}
    model = keras.Sequential([keras.Input((2,)), Own(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model
"""
TABLE = ("rows.csv", "--target", "y", "--model", "model.py:build")


@pytest.fixture
def start(tmp_path):
    """`start(*words, body="pass")`: a process of the command in a folder with a table and a model whose layer does `body`."""
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(f"{n / 7},{n * n % 11},{n % 2}\n" for n in range(60)))
    processes = []

    def started(*words, body="pass", built="pass", **variables):
        model = MODEL.format(body=body, built=built)
        if built != "pass":  # without classes of the user's, which are tried in a process of their own first
            model = "import keras\n" + model[model.index("def build"):].replace("Own()", "keras.layers.Dense(2)")
        (tmp_path / "model.py").write_text(model)
        processes.append(subprocess.Popen([*COMMAND, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          text=True, start_new_session=True, env=surroundings(**variables)))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("body", "said"), [
    ("import os; os._exit(0)", "with the code 0"),
    pytest.param("import os; os.abort()", "by SIGABRT", marks=pytest.mark.second),
    pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "by SIGKILL, as the system", marks=pytest.mark.second),
    pytest.param("import ctypes; ctypes.string_at(0)", "by SIGSEGV", marks=pytest.mark.second)])
def test_a_function_that_ends_the_process_ends_in_a_sentence(start, tmp_path, body, said):
    process = start("plan", *TABLE, built=body)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert f"the process that worked was ended while reading and building: {said}" in errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.py", "rows.csv"]


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="this system limits no addresses")
def test_too_few_addresses_to_load_the_libraries_are_told_at_once(tmp_path):
    """In 300 MB OpenBLAS asks for memory for ever, and nothing ends the process but a kill."""
    ended = subprocess.run(["bash", "-c", f"ulimit -v 307200; {sys.executable} -m epochal fit rows.csv --target y --epochs 1"],
                           cwd=tmp_path, capture_output=True, text=True, timeout=LONG, env=surroundings())
    assert ended.returncode == 2
    assert "Error: memory is limited to 300 MB here (ulimit -v)" in ended.stderr


@pytest.mark.second
@pytest.mark.parametrize(("body", "said"), [
    ("raise KeyError('k')", "KeyError"), ("raise SystemExit(5)", "5"), ("self.call(x)", "RecursionError"),
    ("raise MemoryError", "MemoryError"), ("import os; os._exit(0)", "code 0")])
def test_a_layer_that_raises_or_ends_the_process_ends_in_a_sentence(start, body, said):
    process = start("fit", *TABLE, "--epochs", "1", "--out", "model.keras", body=body)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2, errors
    assert said in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_libraries_are_loaded_is_one_word(start, how):
    process = start("plan", *TABLE, body="import time; time.sleep(600)")
    time.sleep(0.5)
    process.send_signal(how)
    said, errors = process.communicate(timeout=LONG)
    assert (process.returncode, said) == (130, "")
    assert errors.strip() in ("Stopped.", "")


def test_signals_again_and_again_end_it_with_the_status_of_an_interrupt(start):
    process = start("plan", *TABLE, body="import time; time.sleep(600)")
    while not psutil.Process(process.pid).children():  # Python itself has begun: until then it ends by the signal
        time.sleep(0.01)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert process.returncode == 130
    assert "Traceback" not in process.communicate()[1]


@pytest.mark.second
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no signals here")
def test_when_the_command_is_killed_the_work_ends_with_it(start, tmp_path):
    process = start("plan", *TABLE, body="open('begun', 'w').write(str(__import__('os').getpid())); import time; time.sleep(600)")
    until = time.monotonic() + LONG
    while not (tmp_path / "begun").exists() or not (tmp_path / "begun").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = int((tmp_path / "begun").read_text())
    process.kill()
    process.communicate()
    while _is_alive(worker):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.second
def test_a_back_end_without_its_device_ends_in_a_sentence(start):
    process = start("plan", *TABLE, JAX_PLATFORMS="cuda")
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert "`JAX_PLATFORMS` must name a device that JAX finds here; got 'cuda'" in errors
    assert "Traceback" not in errors


def _is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
