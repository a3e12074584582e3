"""The ledger's file: locked for one process, checked, and brought up to this version's tables."""

import fcntl
import os
import sqlite3
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from gateway.errors import LedgerUnusable
from gateway.ledger import migrations

CHECKED_WHOLE_BYTES = 32 * 1024 * 1024
"""A file up to this size is checked whole at start; a larger one would delay it, and is only opened."""
BUSY_MILLISECONDS = 5_000
READERS_MILLISECONDS = 500
"""How long a merge of the write-ahead log waits for readers to be done."""
LONGEST_LOG_BYTES = 64 * 1024 * 1024
"""A write-ahead log longer than this is cut off. Where readers pause now and then it stays at some MiB."""
LOOK_EVERY = 64
"""Commits. Each look at the file lets go of the interpreter's lock, and the writer then stands in line for it."""
OLDEST_SQLITE = (3, 37, 0)
"""UPSERT with a condition, row values and RETURNING are in every later one."""


class FileLock:
    """Held as long as the process lives: the operating system frees it, whatever ends the process."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"{path}: the folder cannot be written ({error.strerror}); give the gateway a folder of its own"
            raise LedgerUnusable(message) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            message = (
                f"{path}: another gateway is using this ledger; stop it, or use postgresql:// for several replicas"
            )
            raise LedgerUnusable(message) from error

    def release(self) -> None:
        """Let another process have the ledger."""
        os.close(self._descriptor)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time."""
    mode = "ro" if read_only else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    return connection


def open_for_writing(path: Path, now: int) -> sqlite3.Connection:
    """The writer's connection to a sound ledger with every table in place. Raises LedgerUnusable."""
    if path.is_dir():
        message = f"{path}: a folder stands where the ledger should be; name a file, such as sqlite:///gateway.db"
        raise LedgerUnusable(message)
    try:
        connection = connect(path)
        try:
            _prepare(connection, path, now)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        message = (
            f"{path}: the ledger cannot be opened: {error}. Restore it from a backup, or check disk and permissions"
        )
        raise LedgerUnusable(message) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, now: int) -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        message = f"SQLite {sqlite3.sqlite_version} is too old; the ledger needs 3.37"
        raise LedgerUnusable(message)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = OFF")
    # What retention removes is overwritten. The space is used again: the file does not shrink, nor grow for ever.
    connection.execute("PRAGMA secure_delete = ON")
    _check(connection, path)
    _migrate(connection, path)
    # Written at every start: a read-only file or a full disk shows now, and not at the first deletion.
    connection.execute(
        """INSERT INTO installation (id, checked_at) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM installation)""",
        (str(uuid4()), now),
    )
    connection.execute("UPDATE installation SET checked_at = max(checked_at, ?)", (now,))
    connection.execute("UPDATE installation SET receipt_key = ? WHERE receipt_key IS NULL", (token_hex(32),))


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size > CHECKED_WHOLE_BYTES:
        return
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        message = f"{path}: the ledger is corrupt ({found}); restore it from a backup"
        raise LedgerUnusable(message)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    revision = _revision(connection)
    if revision == migrations.HEAD:
        return
    if revision is not None and revision > migrations.HEAD:
        message = f"{path}: the ledger was written by a newer version (revision {revision}); run that version or later"
        raise LedgerUnusable(message)
    migrations.upgrade_sqlite(connection)


def _revision(connection: sqlite3.Connection) -> str | None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return row[0] if row else None


def empty_log(path: Path) -> bool:
    """Merge the write-ahead log into the file and cut it off; whether nobody stood in the way. Raises sqlite3.Error.

    The log goes on holding what has been removed from the file since, until it is cut off or happens to be overwritten.
    """
    connection = connect(path)
    try:
        return _cut_off_log(connection)
    finally:
        connection.close()


def _cut_off_log(connection: sqlite3.Connection) -> bool:
    """Wait for readers, but not for long; whether nobody stood in the way. Raises sqlite3.Error."""
    connection.execute(f"PRAGMA busy_timeout = {READERS_MILLISECONDS}")
    try:
        return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")


class LogBound:
    """Cuts off the write-ahead log when it has grown long: SQLite begins it anew only at an instant without a reader.

    The writer waits for the readers of this moment, and no longer than they usually take. One that stays for long, such
    as a backup, is left alone: it is tried again when the log has grown by as much once more.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._log = path.with_name(path.name + "-wal")
        self._left_bytes = 0
        self._commits = 0

    def keep(self) -> None:
        """Called by the writer behind each of its transactions. Raises sqlite3.Error and OSError."""
        self._commits += 1
        if self._commits % LOOK_EVERY:
            return
        size = self._log.stat().st_size
        if size - self._left_bytes <= LONGEST_LOG_BYTES:
            return
        self._left_bytes = 0 if _cut_off_log(self._connection) else size
