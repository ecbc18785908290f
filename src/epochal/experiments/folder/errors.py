"""What a disk or SQLite reports of a study's file, as one sentence that says what to do."""

import errno
import sqlite3
from contextlib import contextmanager

from ...base.archives import Damaged
from ...base.errors import UsageError


@contextmanager
def disk_errors(file):
    """A block in which an error of the disk, of SQLite at `file`, or of what it holds becomes a `UsageError`."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # of this program itself
    except Damaged as error:
        raise UsageError(damaged(file, error)) from error
    except (OSError, sqlite3.DatabaseError) as error:
        raise UsageError((_of_system if isinstance(error, OSError) else _of_sqlite)(file, error)) from error


def damaged(file, found):
    """The sentence for a file that is damaged, or was not written by Epochal."""
    return (f"`folder` must hold a whole {file.name}; that in {str(file.parent)!r} is damaged, or was not written by Epochal "
            f"({found}). Take its backup, or use another folder.")


def sqlite_code(error):
    """SQLite's primary result code; 0 where Python itself raised the error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _of_system(file, error):
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        in_the_way = next((path for path in file.parents if path.is_file()), file.parent)
        return f"`folder` must be a folder; {str(in_the_way)!r} is a file. Pass another name."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(file)
    return _closed(file, error.strerror)


def _of_sqlite(file, error):
    return {
        sqlite3.SQLITE_FULL: _full(file),
        sqlite3.SQLITE_READONLY: _closed(file, error),
        sqlite3.SQLITE_CANTOPEN: _closed(file, error),
        sqlite3.SQLITE_IOERR: f"`folder` must lie on a disk that works; that of {str(file.parent)!r} reports {error}. Check its "
                              "room and its health, then run the same again: what was committed is kept.",
        sqlite3.SQLITE_BUSY: f"`folder` must not be in use; another program has {str(file)!r} open to write. Close it, then run "
                             "the same again.",
    }.get(sqlite_code(error), damaged(file, error))


def _full(file):
    return (f"`folder` must lie on a disk with room; that of {str(file.parent)!r} is full. Free some, then run the same again: "
            "what was committed is kept.")


def _closed(file, why):
    return f"`folder` must be one that may be read and written; got {str(file.parent)!r} ({why}). Pass a folder of your own."
