"""A file of Keras' `CSVLogger`, or any table with a column a curve and a row an epoch."""

import csv
import pathlib

from ..base.errors import UsageError
from ..base.text import counted
from ..records import History
from .mapping import from_mapping

_NOTHING = {"", "na", "n/a", "none", "null"}


def from_csv(path: pathlib.Path) -> History:
    """The curves of a file; of one that `append=True` went on in, all epochs in their order.

    Raises:
        UsageError: it is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"`history` must be text that CSVLogger wrote; {str(path)!r} is none (byte {error.start}). Pass the file "
                         "of CSVLogger, or JSON of `history.history`.") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or "\x00" in text:
        raise UsageError(f"`history` must be a file of CSVLogger, with names and a line for each epoch; got {str(path)!r} with "
                         f"{counted(len(lines), 'line')}. Pass another file.")
    separator = max(",;\t", key=lines[0].count)
    try:
        names, *rows = csv.reader(lines, delimiter=separator, strict=True)
    except csv.Error as error:
        raise UsageError(f"`history` must be a file of CSVLogger; {str(path)!r} cannot be read ({error}). Pass another file.") \
            from error
    names = [name.strip() for name in names]
    rows = [row for row in rows if [cell.strip() for cell in row] != names]  # its heading again, after a restart
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise UsageError(f"`history` must have as many values in each line; line {number} of {str(path)!r} has {len(row)} of "
                             f"{len(names)}. A line that a kill cut short may be deleted.")
    columns = {name: [cell.strip() for cell in cells] for name, cells in zip(names, zip(*rows, strict=True), strict=True)}
    numbers = {name: [None if cell.lower() in _NOTHING else cell for cell in cells] for name, cells in columns.items()}
    return from_mapping(numbers, path.name)
