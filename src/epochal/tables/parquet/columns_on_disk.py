"""Columns of a row group on disk, as numbers: for tables with so many columns that their open pages would fill the memory."""

import errno
import tempfile

import numpy as np

from ...base.errors import UsageError


class ColumnsOnDisk:
    """float32[d, n] in a file, whose pages belong to the system and not to the process; written and read in stretches of rows.

    Args:
        file: opened for reading and writing, without a buffer; `tempfile.TemporaryFile` makes one that goes with the process.
    """

    def __init__(self, file, n_features, n_rows):
        self._file, self._d, self._n = file, n_features, n_rows

    def put(self, feature, row, values):
        """Write float32[rows] of one feature from `row` on.

        Raises:
            UsageError: the disk is full.
        """
        left = memoryview(np.ascontiguousarray(values, np.float32)).cast("B")
        self._file.seek(4 * (feature * self._n + row))
        try:
            while left:
                left = left[self._file.write(left):]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            size = 4 * self._d * self._n / 1e9
            raise UsageError(f"`x` has {self._d:,} columns, which are turned to rows in the folder for temporary files; "
                             f"{tempfile.gettempdir()} has no room for {size:.1f} GB. Name another folder by the variable TMPDIR, "
                             "or write the file in smaller row groups.") from error

    def get(self, row, n):
        """float32[d, n]: all features of `n` rows from `row` on."""
        values = np.empty((self._d, n), np.float32)
        for feature in range(self._d):
            left = memoryview(values[feature]).cast("B")
            self._file.seek(4 * (feature * self._n + row))
            while left:
                left = left[self._file.readinto(left):]
        return values
