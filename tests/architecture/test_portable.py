"""Nothing here needs what only one operating system has: without it, everything still runs, or has its counterpart."""

import ast
import os
import signal
import subprocess
import sys

import pytest
from architecture.test_floors import PACKAGE

# Modules and names that not all of Linux, macOS and Windows have.
MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "crypt", "spwd", "readline", "curses",
           "msvcrt", "winreg", "winsound", "_winapi", "nt"}
NAMES = {
    "os": {"O_BINARY", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "chroot", "eventfd", "fchmod", "fchown",
           "fork", "forkpty", "fstatvfs", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getpgrp", "getpriority",
           "getrandom", "getuid", "killpg", "lchown", "memfd_create", "mkfifo", "mknod", "nice", "openpty", "pidfd_open",
           "posix_fadvise", "posix_fallocate", "posix_spawn", "register_at_fork", "sched_getaffinity", "sched_setaffinity",
           "sendfile", "setpgid", "setpgrp", "setpriority", "setsid", "splice", "startfile", "statvfs", "sysconf", "ttyname",
           "uname", "wait", "wait3", "wait4", "waitid"},
    "signal": {"CTRL_BREAK_EVENT", "CTRL_C_EVENT", "SIGALRM", "SIGBREAK", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE",
               "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGUSR1", "SIGUSR2", "SIGXCPU", "alarm", "pause",
               "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigtimedwait", "sigwait", "sigwaitinfo"},
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
    "time": {"CLOCK_MONOTONIC", "clock_gettime", "tzset"},
    "psutil": {"RLIMIT_AS", "RLIM_INFINITY"}}

# Commands, run by modules of the package for which those modules and names are not there; `os.name` is that of Windows.
WITHOUT = """
import builtins, importlib, sys, types
MODULES, NAMES = {modules!r}, {names!r}

class Without(types.ModuleType):
    def __init__(self, module):
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name):
        if name in NAMES[self.__name__]:
            raise AttributeError(f"module {{self.__name__!r}} has no attribute {{name!r}}")
        return "nt" if (self.__name__, name) == ("os", "name") else getattr(self._module, name)

less, real = {{name: Without(importlib.import_module(name)) for name in NAMES}}, builtins.__import__

def importing(name, space=None, local=None, fromlist=(), level=0):
    if level == 0 and (space or {{}}).get("__name__", "").startswith("epochal"):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
        if name in less:
            return less[name]
    return real(name, space, local, fromlist, level)

builtins.__import__ = importing
import epochal.__main__
import epochal.cli
assert epochal.__main__.os is less["os"]
for words in {commands!r}:
    sys.argv[1:] = words
    try:
        {run}()
    except SystemExit as ended:
        assert ended.code == {status}, (words, ended.code)
"""
TABLE = ["rows.csv", "--target", "y"]
COMMANDS = [["plan", *TABLE, "--budget", "1s"], ["fit", *TABLE, "--epochs", "2", "--checkpoint", "kept", "--out", "m.keras"],
            ["predict", "m.keras", "rows.csv", "--out", "p.csv"],
            ["study", *TABLE, "--batch-sizes", "8,16", "--learning-rates", "0.01", "--epochs", "1", "--seeds", "2",
             "--trial-seeds", "1"]]


@pytest.mark.parametrize("module", PACKAGE.modules, ids=lambda module: str(module.path))
def test_what_one_system_alone_has_is_asked_for_before_it_is_used(module):
    """In a function that names it to `hasattr`, or that asks for `os.name` or `sys.platform`."""
    assert not [name[0] for _, name in module.imports if name[0] in MODULES]
    functions = [node for node in module.nodes if isinstance(node, ast.FunctionDef)]
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in NAMES.get(node.value.id, ()):
            around = [ast.unparse(one) for one in functions if one.lineno <= node.lineno <= one.end_lineno]
            asked = any(word in text for text in around for word in (f"hasattr({node.value.id}, ", "os.name", "sys.platform"))
            assert asked, f"{module.where(node)}: {node.value.id}.{node.attr} is not on every system"


def test_every_name_is_one_that_some_system_lacks_and_this_one_may_have():
    assert {"fork", "killpg"} <= {name for name in NAMES["os"] if hasattr(os, name)} or os.name != "posix"
    assert "SIGKILL" in {name for name in NAMES["signal"] if hasattr(signal, name)} or os.name != "posix"


@pytest.mark.second
def test_everything_runs_where_none_of_it_is_there(tmp_path):
    rows = "".join(f"{n / 7},{n * n % 11},{n % 2}\n" for n in range(60))
    (tmp_path / "rows.csv").write_text("a,b,y\n" + rows)
    code = WITHOUT.format(modules=MODULES, names=NAMES, commands=COMMANDS, run="epochal.cli.main", status=0)
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 0, process.stderr
    assert {"plan.json", "report.html", "m.keras", "p.csv", "study"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), pytest.param(["plan", "no.csv"], 2, marks=pytest.mark.second)])
def test_the_command_itself_starts_where_none_of_it_is_there(tmp_path, words, status):
    code = WITHOUT.format(modules=MODULES, names=NAMES, commands=[words], run="epochal.__main__.command", status=status)
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 0, process.stderr
