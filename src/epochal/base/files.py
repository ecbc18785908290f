"""Write a file as a whole or not at all."""

import errno
import os
import pathlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import psutil
from platformdirs import user_cache_path

from .errors import UsageError


def as_path(option: str, name: str | os.PathLike[str]) -> pathlib.Path:
    """The path that `name` means, `~` the user's home; raises `UsageError` for what no system takes as the name of a file."""
    path = pathlib.Path(name)
    try:
        path = path.expanduser()
        path.stat()
    except (RuntimeError, ValueError) as error:  # no such user; a zero byte
        raise _no_name(option, name, error) from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
            raise _no_name(option, name, error.strerror) from error
    return path


def _no_name(option, name, why):
    return UsageError(f"`{option}` must be the name of a file or folder; got {os.fspath(name)!r:.60} ({why}). Check the name.")


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a text as UTF-8, as `whole_file` does: a kill or a full disk at any moment leaves the old file or the new."""
    with whole_file(path) as file:
        file.write(text.encode("utf-8"))


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to write to, which takes the place of `path` when the block ends well, and else leaves no trace.

    Its folder is made where it does not exist. What a kill leaves behind, a draft whose name begins with a point, the next writing
    of the same file removes.

    Raises:
        OSError: there is no room, or no right to write there.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}")
    for other in path.parent.glob(f".{path.name}.*.*"):
        owner = other.name.removeprefix(f".{path.name}.").split(".")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            other.unlink(missing_ok=True)
    try:
        with open(draft, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the new name itself durable, where the system has that notion."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cache_folder() -> pathlib.Path:
    """The user's cache of this package; where the user has no home, a place that cannot be written, as in a home that is locked."""
    path = user_cache_path("epochal")
    return path if path.is_absolute() else pathlib.Path(os.devnull) / "epochal"


def no_room(option, path, error, more="Make room, or name another one."):
    """The `UsageError` for a file or folder that an option names and that could not be written.

    Raises:
        OSError: the error itself, where it is not the disk's: a template that Jinja misses is an `OSError` too.
    """
    if error.errno is None:
        raise error
    return UsageError(f"`{option}` must be a place with room to write in; {path} is not ({error.strerror or error}). {more}")
