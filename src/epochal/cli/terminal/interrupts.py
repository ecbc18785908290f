"""Ctrl-C and SIGTERM on the command line: the first asks the work to stop, the second ends the process at once."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...base.stop import Stop

INTERRUPTED = 130  # the exit status

_STOPPING = ("\nStopping, as soon as what is under way has ended its epoch or measurement; a program that is being compiled is "
             "waited for. Ctrl-C again ends at once, with what is kept so far.")


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[Stop]:
    """A block with a `Stop` that the first Ctrl-C or SIGTERM sets; at the second one the process ends, with what is kept by then.

    Python itself answers a signal only when the main thread comes back from compiled code, and XLA may compile for minutes. So
    another thread is told, by the file descriptor that the system's own handler writes to.
    """
    stop = Stop()
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch():
        while number := reader.recv(1):
            if number[0] in before:
                if stop.is_set():
                    os._exit(INTERRUPTED)
                stop.set()
                say(_STOPPING)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: reaction for number, reaction in before.items() if reaction not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, lambda *_: None)
    descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="epochal-signals", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, reaction in before.items():
            signal.signal(number, reaction)
        writer.close()
        watcher.join()
        reader.close()
