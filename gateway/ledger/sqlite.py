"""SQLite: one process, one writer thread; concurrent writes share a transaction (group commit)."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, TypeVar

from gateway.clock import Clock
from gateway.errors import CommitUnknown, LedgerError, LedgerUnavailable
from gateway.ledger.sqlite_file import FileLock, LogBound, connect, empty_log, open_for_writing
from gateway.ledger.sqlite_time import LedgerTime, last_recorded
from gateway.ledger.store import Effects, Parameters, Row, Transaction
from gateway.model.hours import SECOND

T = TypeVar("T")

MAX_BATCH = 256
"""How many writes may share a commit: bounds how long the first of them waits."""
READERS = 2
"""Readers have a connection each, and see the state of the last commit without waiting for the writer."""
RECENT_MICROSECONDS = 120 * SECOND
"""More than the longest window of the pace."""


class SqliteTransaction:
    """`Transaction` (see there) on one connection."""

    __slots__ = ("_connection", "asked_at", "effects", "now")

    def __init__(self, connection: sqlite3.Connection, now: int, asked_at: float = 0.0) -> None:
        self._connection = connection
        self.now = now
        self.asked_at = asked_at
        self.effects = Effects()

    def lock(self, name: str) -> None:
        """See `Transaction`: SQLite has one writer."""

    def hold(self, *operation_ids: str) -> bool:  # noqa: ARG002 - see `Transaction`: SQLite has one writer
        """See `Transaction`: SQLite has one writer."""
        return False

    def rows(self, sql: str, parameters: Parameters = {}) -> Sequence[Row]:  # noqa: B006 - never written to
        """See `Transaction`."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = {}) -> Row | None:  # noqa: B006 - never written to
        """See `Transaction`."""
        row: Row | None = self._connection.execute(sql, parameters).fetchone()
        return row

    def run(self, sql: str, parameters: Parameters = {}) -> int:  # noqa: B006 - never written to
        """See `Transaction`."""
        return self._connection.execute(sql, parameters).rowcount

    def run_many(self, sql: str, many: Iterable[Parameters]) -> None:
        """See `Transaction`."""
        self._connection.executemany(sql, many)


class _Job:
    """One write: what to do, and where its result goes."""

    __slots__ = ("effects", "error", "future", "result", "work")

    def __init__(self, work: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.effects: Effects | None = None

    def deliver(self) -> None:
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class SqliteStore:
    """`Store` (see there) in one file, locked for this process; every commit is on the disk before it is answered."""

    poll_seconds: float | None = None

    def __init__(self, path: Path, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = FileLock(path)
        try:
            self._connection = open_for_writing(path, clock.now())
        except BaseException:
            self._lock.release()
            raise
        self._time = LedgerTime(clock, last_recorded(self._connection) + 1)
        self._listener: Callable[[Effects], None] = _ignore
        self._committed: Callable[[float], None] = _ignore
        self._log_bound = LogBound(self._connection, path)
        self._changes = self._connection.total_changes
        self._closed = False
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._path = path
        self._writer = threading.Thread(target=self._write_batches, name="ledger-writer", daemon=True)
        self._writer.start()

    def on_effects(self, listener: Callable[[Effects], None]) -> None:
        """See `Store`."""
        self._listener = listener

    def on_commit(self, listener: Callable[[float], None]) -> None:
        """See `Store`."""
        self._committed = listener

    def now(self) -> int:
        """See `Store`."""
        return self._time.now()

    async def write(self, work: Callable[[Transaction], T], *, in_line: bool = False) -> T:  # noqa: ARG002 - no locks
        """See `Store`."""
        if self._closed:
            message = "the ledger is closed"
            raise LedgerUnavailable(message)
        job = _Job(work, self._loop.create_future())
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store`."""
        if self._closed:
            message = "the ledger is closed"
            raise LedgerUnavailable(message)
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def wipe(self) -> bool:
        """See `Store`. Rows are overwritten as they are removed; what is left of them is in the write-ahead log."""
        try:
            return await self._loop.run_in_executor(None, empty_log, self._path)
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """See `Store`."""
        if self._closed:
            return
        self._closed = True
        # The writer goes last: whoever closes a ledger last merges its log into the file, and readers may not write.
        await self._loop.run_in_executor(None, self._end_readers)
        self._jobs.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        self._lock.release()

    def _end_readers(self) -> None:
        self._readers.shutdown()
        for connection in self._reading:
            connection.close()

    def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            connection = self._reader()
            connection.execute("BEGIN")
            try:
                return work(SqliteTransaction(connection, *self._time.read()))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _reader(self) -> sqlite3.Connection:
        """The connection of the thread that asks."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path, read_only=True)
            self._reading.append(connection)
        return connection

    def _write_batches(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, last = self._gather(job)
            seconds = self._commit(batch)
            self._loop.call_soon_threadsafe(self._deliver, batch, seconds)
            with suppress(sqlite3.Error, OSError):  # what is wrong with the disk shows at the next commit
                self._log_bound.keep()
            if last:
                break
        self._connection.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """Begin a transaction and run every write that is waiting, and those that arrive meanwhile, in it.

        If it cannot be begun, all of them fail together: one after the other, the last would wait for minutes.
        """
        batch = [first]
        begun = self._begin(first)
        if begun:
            self._run(first)
        while len(batch) < MAX_BATCH and (self._connection.in_transaction or not begun):
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            if begun:
                self._run(job)
        return batch, False

    def _begin(self, first: _Job) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            first.error = _unavailable(error)
            first.error.__cause__ = error
            return False
        return True

    def _run(self, job: _Job) -> None:
        transaction = SqliteTransaction(self._connection, *self._time.read())
        try:
            if self._time.leapt:
                self._leap(transaction.now)
            self._connection.execute("SAVEPOINT job")
            job.result = job.work(transaction)
            self._connection.execute("RELEASE job")
            job.effects = transaction.effects
        except sqlite3.Error as error:
            job.error = _unavailable(error)
            job.error.__cause__ = error
            self._undo()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller of this write alone
            job.error = error
            self._undo()

    def _leap(self, now: int) -> None:
        """Take along the calls of the last minutes, and those under way, when the wall clock is set forward.

        Otherwise the windows would seem to be empty, and the leases to have ended.
        """
        leap, self._time.leapt = self._time.leapt, 0
        self._connection.execute(
            """UPDATE calls SET granted_at = granted_at + :leap, held_until = held_until + :leap,
                   settled_at = settled_at + :leap WHERE granted_at > :recently OR held_until > :before""",
            {"leap": leap, "before": now - leap, "recently": now - leap - RECENT_MICROSECONDS},
        )

    def _undo(self) -> None:
        """Undo the write that failed, unless SQLite has already undone the whole transaction."""
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK TO job")
                self._connection.execute("RELEASE job")
            except sqlite3.Error:
                self._undo_all()

    def _undo_all(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _commit(self, batch: list[_Job]) -> float | None:
        """How many seconds it took to make the batch durable, null if it is not, or had nothing to write."""
        if not self._connection.in_transaction:
            # SQLite undoes the whole transaction when a statement meets a full disk or an I/O error.
            cause = next((job.error for job in batch if job.error is not None), None)
            _fail(batch, LedgerUnavailable(str(cause)), cause)
            return None
        before, self._changes = self._changes, self._connection.total_changes
        began = perf_counter()
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo_all()
            failure = _unavailable(error) if _surely_undone(error) else CommitUnknown(_text(error))
            _fail(batch, failure, error)
            return None
        return perf_counter() - began if self._changes > before else None

    def _deliver(self, batch: list[_Job], seconds: float | None) -> None:
        for job in batch:
            job.deliver()
        for job in batch:
            if job.effects is not None:
                self._listener(job.effects)
        if seconds is not None:
            self._committed(seconds)


def _fail(batch: list[_Job], failure: LedgerError, cause: BaseException | None) -> None:
    """Answer nothing of the batch as done."""
    failure.__cause__ = cause
    for job in batch:
        job.error = job.error or failure
        job.effects = None


def _surely_undone(error: sqlite3.Error) -> bool:
    """Whether a COMMIT that failed so left no trace; after any other error the frames may be on the disk."""
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}


def _unavailable(error: sqlite3.Error) -> LedgerUnavailable:
    return LedgerUnavailable(_text(error))


def _text(error: sqlite3.Error) -> str:
    return f"the ledger cannot be used: {error} ({getattr(error, 'sqlite_errorname', 'no code')})"


def _ignore(_news: object) -> None:
    return
