"""What a study is kept in: one SQLite file in a folder, to which every finished block of trainings is added for good.

Format history (`PRAGMA user_version`)
    1  first format

Curves are kept as plain JSON, one a row. Compressed they take 0.4 times the room, which does not pay: a training of 50 epochs is
4.5 kB, a study of 500 of them 2 MB, and plain rows can be read with any SQLite viewer.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import sqlite3
import tempfile
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

from ...base.archives import json_in
from ...base.errors import UsageError
from ...base.files import as_path, sync_folder
from ...base.system.lock import locked
from ...base.validate import require
from ...records import Curve, Design, Machine, Reading, Task, dump, load
from .errors import damaged, disk_errors, sqlite_code

FILE, FORMAT = "study.sqlite", 1
_MARK = 0x45504F43  # "EPOC", SQLite's `application_id`: tells our files from others
_PATIENCE = 30  # seconds to wait for another program that has the file open

_ARGUMENT = {"tutorial": 'protocol="tutorial"', "larger_is_better": 'mode="max"'}  # what the user calls a field of the design

_TABLES = f"""
PRAGMA application_id = {_MARK};
PRAGMA user_version = {FORMAT};
CREATE TABLE about (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE block (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seconds REAL NOT NULL, provenance TEXT NOT NULL);
CREATE TABLE curve (block INTEGER NOT NULL REFERENCES block, place INTEGER NOT NULL, document TEXT NOT NULL,
                    PRIMARY KEY (block, place));
CREATE TABLE reading (name TEXT PRIMARY KEY, document TEXT NOT NULL);
"""
_ABOUT = {"design": Design, "task": Task, "machine": Machine}  # by name in the table
_CURVES = "SELECT document FROM curve WHERE block = ? ORDER BY place"


class StudyFolder(AbstractContextManager):
    """A study that cannot lose what it has measured: whatever `commit` returned from survives a kill and a power cut.

    One process at a time: the folder, made where it does not exist, is locked until `close`. It must lie on a disk of this machine,
    not on a network's. `wait` and `say` are those of `locked`.

    Raises:
        UsageError: another process holds the folder, it cannot be written, or its file is damaged, foreign or of a newer format.
    """

    def __init__(self, folder, *, wait=False, say=None):
        self.path = as_path("folder", folder)
        with disk_errors(self.path / FILE), ExitStack() as undo:
            _make(self.path)
            undo.enter_context(locked(self.path / "study", wait=wait, say=say, leave=True))
            self._connection = undo.enter_context(closing(_connect(self.path)))
            _prepare(self._connection, self.path)
            self._file = os.stat(self.path / FILE)
            self._undo = undo.pop_all()

    def begin(self, design, task, machine):
        """Write down what is studied; where that was done before and something was trained, refuse what is not the same.

        Package versions and sizes of the machine may differ: they are recorded block by block.
        """
        with disk_errors(self.path / FILE):
            known, now = _about(self._connection, self.path), {"design": design, "task": task, "machine": machine}
            if self.blocks():
                _refuse_others(known, design, task, machine)
            elif known != now:
                with self._transaction():
                    for table in ("about", "reading"):
                        self._connection.execute(f"DELETE FROM {table}")
                    self._connection.executemany("INSERT INTO about VALUES (?, ?)",
                                                 [(name, dump(record)) for name, record in now.items()])

    def block(self, name):
        """The curves of the block called `name`, in their order; `None` where it was not committed."""
        found = self._select("SELECT number FROM block WHERE name = ?", name)
        return tuple(_record(text, Curve, self.path) for (text,) in self._select(_CURVES, *found[0])) if found else None

    def commit(self, name, curves, *, seconds, provenance):
        """Add one finished block of trainings, all of it or nothing; it is on the disk when this returns.

        The curves keep their order; `provenance` is what else should be known of the block, such as package versions, as JSON.
        """
        documents, facts = [dump(curve) for curve in curves], json.dumps(provenance, allow_nan=False, ensure_ascii=False)
        require(self._is_there(), "folder", str(self.path), f"left alone while a study runs; its {FILE} is gone, and what was "
                "measured with it", "Run the study again.")
        with disk_errors(self.path / FILE), self._transaction():
            require(name not in self.blocks(), "name", name, "a block that was not committed before", "Ask `block(name)` first.")
            number = self._connection.execute("INSERT INTO block (name, seconds, provenance) VALUES (?, ?, ?)",
                                              (name, float(seconds), facts)).lastrowid
            self._connection.executemany("INSERT INTO curve VALUES (?, ?, ?)",
                                         [(number, place, document) for place, document in enumerate(documents)])

    def provenance(self, name):
        """What was recorded with the block called `name`; `None` where it was not committed."""
        with disk_errors(self.path / FILE):
            found = self._select("SELECT provenance FROM block WHERE name = ?", name)
            return json_in(str(found[0][0])) if found else None

    def reading(self, name):
        """The reading kept under `name`, or `None`."""
        found = self._select("SELECT document FROM reading WHERE name = ?", name)
        return _record(found[0][0], Reading, self.path) if found else None

    def keep(self, name, reading):
        """Keep one reading under `name`, in the place of an earlier one; it is on the disk when this returns."""
        with disk_errors(self.path / FILE), self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO reading VALUES (?, ?)", (name, dump(reading)))

    def blocks(self):
        """The names of all blocks, in the order in which they were committed."""
        return tuple(name for (name,) in self._select("SELECT name FROM block ORDER BY number"))

    def close(self):
        """Let the folder go; a second time does nothing."""
        self._undo.close()

    def __exit__(self, *_):
        self.close()

    def _select(self, query, *values):
        with disk_errors(self.path / FILE):
            return self._connection.execute(query, values).fetchall()

    def _is_there(self):
        """Whether the file still has its name: SQLite would go on writing to one that was removed, where nobody finds it again."""
        try:
            return os.path.samestat(os.stat(self.path / FILE), self._file)
        except FileNotFoundError:
            return False

    @contextmanager
    def _transaction(self):
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def read_folder(folder):
    """What is in a study's folder, as of now: read only, without its lock, also while another process adds to it.

    Returns:
        `(design, task, machine, readings, curves)`: readings in order of name; `curves` a dict from the name of a block to its
        curves, in the order in which the blocks were committed.
    """
    folder = as_path("folder", folder)
    require((folder / FILE).is_file(), "folder", str(folder), f"the folder of a study, with {FILE} in it", "Check the name.")
    with disk_errors(folder / FILE):
        try:
            return _read(folder)
        except sqlite3.OperationalError as error:
            if sqlite_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
        # Nothing may be written there, not even SQLite's index to the log of a process that was killed: so nobody is writing now.
        with tempfile.TemporaryDirectory() as copy:
            for path in (folder / FILE, folder / f"{FILE}-wal"):
                if path.is_file():
                    shutil.copyfile(path, pathlib.Path(copy) / path.name)
            return _read(pathlib.Path(copy))


def _make(folder):
    """Make the folder, and its name durable in the folder above."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def _connect(folder, *, read_only=False):
    uri = (folder / FILE).resolve().as_uri() + ("?mode=ro" if read_only else "")
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)


def _prepare(connection, folder):
    """Check the file, or make it where it is empty; the tables come in one transaction, so that a kill leaves none or all."""
    begun = _check(connection, folder)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS alone, whose fsync leaves the data in the drive's own memory
    if not begun:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")


def _check(connection, folder):
    """Whether the file holds our tables; `False` where it is empty."""
    (mark,), (version,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
    connection.execute("PRAGMA trusted_schema = OFF")
    if (mark, version, found := _schema(connection)) == (0, 0, []):
        return False
    if mark != _MARK:
        raise UsageError(f"`folder` must hold no other program's {FILE}; {str(folder)!r} does. Use another folder.")
    if version > FORMAT:
        raise UsageError(f"`folder` must be of format {FORMAT} or older; {str(folder / FILE)!r} is of format {version}. "
                         "Upgrade the package, or use another folder.")
    with closing(sqlite3.connect(":memory:")) as new:
        new.executescript(_TABLES)
        if found != _schema(new):  # a trigger or a view of somebody else's would change what is read and written
            raise UsageError(damaged(folder / FILE, "its tables are not those of a study"))
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise UsageError(damaged(folder / FILE, str(found).splitlines()[-1]))
    return True


def _schema(connection):
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()


def _record(text, kind, folder):
    """The record of this kind that a row of the file holds; raises `UsageError` where it holds something else."""
    if not isinstance(text, str | bytes):
        raise UsageError(damaged(folder / FILE, f"a row holds {text!r:.40}"))
    record = load(text)
    if type(record) is not kind:
        raise UsageError(damaged(folder / FILE, f"a row holds a {type(record).__name__} for a {kind.__name__}"))
    return record


def _read(folder):
    with closing(_connect(folder, read_only=True)) as connection:
        connection.execute("BEGIN")  # one moment for all that is read
        known = _about(connection, folder) if _check(connection, folder) else None
        require(known, "folder", str(folder), "a folder in which a study was begun", "Run the study first.")
        readings = tuple(_record(text, Reading, folder)
                         for (text,) in connection.execute("SELECT document FROM reading ORDER BY name"))
        curves = {name: tuple(_record(text, Curve, folder) for (text,) in connection.execute(_CURVES, (number,)))
                  for number, name in connection.execute("SELECT number, name FROM block ORDER BY number").fetchall()}
        return known["design"], known["task"], known["machine"], readings, curves


def _about(connection, folder):
    """What `begin` wrote, by name; nothing before."""
    rows = dict(connection.execute("SELECT name, document FROM about").fetchall())
    if rows and set(rows) != set(_ABOUT):
        raise UsageError(damaged(folder / FILE, "it does not say what is studied"))
    return {name: _record(text, _ABOUT[name], folder) for name, text in rows.items()}


def _refuse_others(known, design, task, machine):
    """Name everything that differs from what the folder was begun with."""
    pairs = [(_ARGUMENT.get(field.name, field.name.removeprefix("n_")), _as_given(field.name, known["design"]),
              _as_given(field.name, design)) for field in dataclasses.fields(design)]
    pairs += [(name, getattr(known["machine"], name), getattr(machine, name)) for name in ("backend", "device")]
    changed = [f"`{name}` was {was!r} in this folder; got {now!r}." for name, was, now in pairs if was != now]
    if known["design"].seed == design.seed and (other := task.difference(known["task"])):  # a seed cuts the rows otherwise
        changed.append(f"The model or the data was another in this folder. What differs: {other}. It holds {known['task']}; "
                       f"got {task}.")
    if changed:
        raise UsageError(f"{' '.join(changed)} Use another folder, or the same arguments.")


def _as_given(name, design):
    """A field of a design as the user would give it."""
    value = getattr(design, name)
    return {"learning_rates": value or "auto", "margin": "the default" if value is None else value}.get(name, value)
