"""A connection to a Ray cluster that runs somewhere, or to a new one that never leaves this machine."""

import logging
import os
import signal
import socket
import threading
import warnings
from contextlib import contextmanager
from importlib.util import find_spec

from ...base.errors import UsageError
from ...base.validate import require

_PATIENCE = 3.0  # seconds for a cluster to answer; Ray itself would try for minutes
_LOOPBACK = "127.0.0.1"
_CURE = 'Pass the address that `ray start --head` printed, or "auto".'


def require_ray(address):
    """Refuse an address that can be none, and a machine without Ray, before anything else is done."""
    require(find_spec("ray") is not None, "ray", address, "used where Ray is installed",
            "Install it with: pip install 'epochal[ray]'.")
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    require(address == "auto" or (host and "/" not in host and port.isdecimal()), "ray", address,
            '"auto" or the HOST:PORT of a running cluster', _CURE)


@contextmanager
def connected(address):
    """Yield the module `ray`, connected; a connection that was there before is used, and left as it was.

    The address is `HOST:PORT`, or `"auto"`: what RAY_ADDRESS names, or the cluster that runs on this machine, or else a new one of
    this machine alone, which ends with the block.
    """
    with _quietly():
        ray, ours = _open(address)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _open(address):
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    _stay_on_the_loopback(address)
    import ray

    if ray.is_initialized():
        return ray, False
    found = _running(ray) if address == "auto" else address
    if found is None:
        ray.init(address="local", _node_ip_address=_LOOPBACK, include_dashboard=False, configure_logging=False, log_to_driver=False)
        return ray, True
    if not _answers(found):
        raise UsageError(f"`ray` must be the address of a running cluster; got {found!r}, where nothing answers. {_CURE}")
    try:
        ray.init(address=found, configure_logging=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(f"`ray` must be the address of a running cluster; got {found!r} ({str(error).strip().splitlines()[0]}). "
                         f"{_CURE}") from error
    return ray, True


def _running(ray):
    """The address of the cluster that `"auto"` means, or `None`; Ray's own note of one may outlive it."""
    named = os.environ.get("RAY_ADDRESS")
    if named:
        return named
    try:
        found = ray._private.services.canonicalize_bootstrap_address("auto")  # `ray.init("auto")` would wait minutes for a dead one
    except ConnectionError:
        return None
    return found if found is not None and _answers(found) else None


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
            return True
    except OSError:
        return False


def _stay_on_the_loopback(address):
    """Ray takes 127.0.0.1 for this machine's address in its network; a cluster that listens on the loopback alone is not there."""
    host, _, port = address.rpartition(":")
    if host in (_LOOPBACK, "localhost") and _answers(address) and not _answers(f"{_own_address()}:{port}"):
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # the one switch for it; read when Ray is imported


def _own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        try:
            outward.connect(("192.0.2.1", 1))  # an address of nobody's (RFC 5737); nothing is sent
        except OSError:
            return _LOOPBACK
        return outward.getsockname()[0]


@contextmanager
def _quietly():
    """Ray tells of itself on standard error, and sets a reaction to SIGTERM of its own in the place of the caller's."""
    logger, before = logging.getLogger("ray"), signal.getsignal(signal.SIGTERM)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # JAX's; after Ray's forks another program begins at once
            yield
    finally:
        logger.setLevel(level)
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)
