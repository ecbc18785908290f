"""A Parquet file: opened and read with sentences in place of errors, its checksum, and the types of its columns."""

import contextlib
import os
import re
import zlib

import pyarrow
import pyarrow.parquet
from pyarrow import types

from ...base.errors import UsageError
from ...base.text import first_line

BUFFER = 2**16      # bytes read ahead in each column
_STRETCHES = 256    # of a file too long to be read for its checksum, from the first byte to the last
_STRETCH = 2**16    # bytes of each


def digest_of_file(path):
    """A checksum that changes with the rows of a file, and not with its name or place: of all of it up to 16 MB, else of its
    length, its footer (with the least and largest value of each column in every row group) and stretches all over it."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if size <= _STRETCHES * _STRETCH:
            return zlib.crc32(file.read(), size)
        file.seek(-8, os.SEEK_END)
        digest, footer = size, int.from_bytes(file.read(4), "little")  # as the format ends: footer, its length, four letters
        file.seek(-min(size, footer + 8), os.SEEK_END)
        digest = zlib.crc32(file.read(), digest & 0xFFFFFFFF)
        for i in range(_STRETCHES):
            file.seek(i * (size - _STRETCH) // (_STRETCHES - 1))
            digest = zlib.crc32(file.read(_STRETCH), digest)
    return digest


@contextlib.contextmanager
def open_parquet(path, argument):
    """The open `ParquetFile`; `argument` is what the user called its path.

    Raises:
        UsageError: it is none.
    """
    # Read as a stream, a little of each column at a time: `pre_buffer` or a memory map would hold whole row groups.
    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False, memory_map=False)
        _ = file.schema_arrow  # some damage shows here
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"`{argument}` must be a Parquet file; got {_why(path, error)}") from error
    with file:
        yield file


def batches_of(file, path, *arguments, **options):
    """`file.iter_batches(…)`, record batches.

    Raises:
        UsageError: a page of the file is damaged, which only its reading tells, or the disk is.
    """
    try:
        yield from file.iter_batches(*arguments, **options)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"A Parquet file must be whole; got {_why(path, error)}") from error


def index_columns(schema):
    """The names of the columns that hold the index of a pandas frame, which are no data."""
    try:
        index = (schema.pandas_metadata or {}).get("index_columns", [])
    except ValueError:  # no JSON: not written by pandas
        index = []
    return {name for name in schema.names if name in index or re.fullmatch(r"__index_level_\d+__", name)}


def value_type(kind):
    """The type of the values, those of categories too."""
    return kind.value_type if types.is_dictionary(kind) else kind


def is_number(kind):
    """Whether these are numbers or booleans."""
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)


def is_text(kind):
    """Whether this is text, or categories of text."""
    kind = value_type(kind)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def decoded(column):
    """Categories as their values."""
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _why(path, error):
    return f"{os.path.basename(path)!r}, which cannot be read ({first_line(error)}). Write it again."
