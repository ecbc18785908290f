"""Archives of arrays, and JSON, that somebody else may have written: no code, and nothing is believed before it is checked."""

import errno
import json
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import psutil

from .errors import EpochalError
from .text import first_line

MOST_MEMBERS, LONGEST_NAME, MOST_JSON = 200_000, 1_000, 2**28  # of an archive, in letters, in bytes
# What Python and NumPy raise for damage of every kind: a password, an unknown compression, false lengths, false headers, …
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, LookupError, TypeError, struct.error,
           SyntaxError, tokenize.TokenError, MemoryError, OverflowError, RecursionError)


class Damaged(ValueError):
    """A file is no such archive or JSON, is damaged, or claims to hold more than is believed; says which in a few words."""


@contextmanager
def open_archive(file: str | os.PathLike[str] | BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The zip archive in `file` to read, once its members are few, of different and short names, and fit into the free memory.

    Raises:
        Damaged: it is none, or reading from it within the block fails. OSError: the file cannot be read.
    """
    with damage(), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        _believe(len(members) <= MOST_MEMBERS, f"it claims to hold {len(members):,} parts")
        _believe(len(names) == len(members), "two of its parts have one name")
        _believe(all(len(name) <= LONGEST_NAME for name in names), f"a name in it is longer than {LONGEST_NAME:,} letters")
        n_bytes, free = sum(member.file_size for member in members), psutil.virtual_memory().available
        _believe(n_bytes <= free, f"it claims to hold {n_bytes:,} bytes, and {free:,} are free in memory")
        yield archive


def arrays_in(file: str | os.PathLike[str] | BinaryIO) -> dict[str, np.ndarray]:
    """The arrays of the `.npz` archive in `file`, by name. Pickled objects are never loaded: a pickle runs code.

    Raises:
        Damaged, OSError: as `open_archive` does.
    """
    found = {}
    with open_archive(file) as archive:
        for name in archive.namelist():
            _believe(name.endswith(".npy"), f"{name!r} in it is no array")
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return found


def json_in(text: str | bytes) -> Any:
    """What JSON says, of a size that is believed.

    Raises:
        Damaged: it is no strict JSON, too long or nested too deeply.
    """
    _believe(len(text) <= MOST_JSON, f"it has {len(text):,} bytes, and {MOST_JSON:,} are the most")
    with damage():
        return json.loads(text, parse_constant=_no_number)


@contextmanager
def damage() -> Iterator[None]:
    """A block in which whatever damage makes Python raise becomes `Damaged`; errors of the disk pass."""
    try:
        yield
    except (Damaged, EpochalError):
        raise
    except DAMAGE as error:
        raise Damaged(first_line(error)) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # those come of a place in the file that is none
            raise
        raise Damaged(first_line(error)) from error


def _no_number(word):
    raise Damaged(f"{word} is no number in JSON")


def _believe(condition, otherwise):
    if not condition:
        raise Damaged(otherwise)
