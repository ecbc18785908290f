"""The first signal asks the work to stop; the second ends the process at once, whatever it is doing."""

import signal
import subprocess
import sys

import pytest

WORK = """
import sys, time
from epochal.cli.terminal.interrupts import stop_on_signals
with stop_on_signals(lambda sentence: print(sentence, flush=True)) as stop:
    print("working", flush=True)
    while {go_on}:
        time.sleep(0.01)
print("ended", flush=True)
"""


def start(go_on):
    process = subprocess.Popen([sys.executable, "-c", WORK.format(go_on=go_on)], stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_said_and_lets_the_work_end_by_itself(how):
    process = start("not stop.is_set()")
    process.send_signal(how)
    said, _ = process.communicate(timeout=60)
    assert said.strip().startswith("Stopping")
    assert said.endswith("ended\n")
    assert process.returncode == 0


def test_the_second_ends_at_once_even_work_that_never_looks():
    process = start("True")
    process.send_signal(signal.SIGINT)
    while "Stopping" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ended" not in said
