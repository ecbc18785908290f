"""A Parquet file on disk: opened and read with sentences in place of errors, and told from others by what it holds."""

import os
import zlib

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
