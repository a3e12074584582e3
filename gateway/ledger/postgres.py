"""PostgreSQL: several processes on one ledger, each of which hears what the others committed."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from time import perf_counter
from typing import TypeVar

import psycopg
from psycopg import errors

from gateway.clock import Clock
from gateway.errors import CommitUnknown, LedgerError, LedgerUnavailable
from gateway.ledger.news import News
from gateway.ledger.postgres_open import first_line, prepare
from gateway.ledger.postgres_password import Password, no_password
from gateway.ledger.postgres_session import (
    SERVER_CLOCK,
    ClockSetBack,
    Connection,
    PostgresTransaction,
    ServerTime,
    connect,
)
from gateway.ledger.store import Effects, Transaction

T = TypeVar("T")

WRITERS, READERS = 5, 3
"""Connections of one process at most; one more listens."""
IN_LINE = 3
"""How many of the writers may stand in line for locks: the others are there for settles and requests."""
TRANSACTION_SECONDS = 10.0
"""From the moment at which a transaction is asked for: the time in which it is done, or is given up."""
TRIES = 6
"""How often a transaction is run that the server undid for the sake of another one, or because its clock was set."""
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
POLL_SECONDS = 1.0


class PostgresStore:
    """`Store` (see there) in a database that other processes use at the same time.

    Time is the server's, so that windows and leases do not depend on the clocks of the processes agreeing; `clock` only
    tells how much of it has passed since the server was last asked. `clock_sql` is the server's clock in microseconds.
    `password` is asked for with each connection.
    """

    poll_seconds: float | None = POLL_SECONDS

    def __init__(
        self, url: str, clock: Clock, *, clock_sql: str = SERVER_CLOCK, password: Password = no_password
    ) -> None:
        """Blocks until the tables are in place. Raises LedgerUnusable."""
        self._loop = asyncio.get_running_loop()
        prepare(url, clock_sql, password)
        self._connect = partial(connect, url, password)
        self._time = ServerTime(clock)
        self._time_sql = f"SELECT {clock_sql} + ahead FROM installation"  # noqa: S608 - the store's own clock
        self._listener: Callable[[Effects], None] = _ignore
        self._committed: Callable[[float], None] = _ignore
        self._closed = False
        self._local = threading.local()
        self._opened: set[Connection] = set()
        self._guard = threading.Lock()
        self._line = asyncio.Semaphore(IN_LINE)
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="ledger-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")
        with self._connect() as connection:
            self._time.read(connection, self._time_sql)
        self._news = News(self._connect, self._loop, self._hear)

    def on_effects(self, listener: Callable[[Effects], None]) -> None:
        """See `Store`; also with what other processes committed, without their events."""
        self._listener = listener

    def on_commit(self, listener: Callable[[float], None]) -> None:
        """See `Store`."""
        self._committed = listener

    def now(self) -> int:
        """See `Store`."""
        return self._time.now()

    async def write(self, work: Callable[[Transaction], T], *, in_line: bool = False) -> T:
        """See `Store`."""
        async with self._line if in_line else nullcontext():
            return await self._in(self._writers, self._write, work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """See `Store`."""
        return await self._in(self._readers, self._read, work)

    async def wipe(self) -> bool:
        """See `Store`. The server's own vacuum sees to it."""
        return True

    async def close(self) -> None:
        """See `Store`."""
        if self._closed:
            return
        self._closed = True
        await self._loop.run_in_executor(None, self._close)

    async def _in(
        self,
        pool: ThreadPoolExecutor,
        run: Callable[[Callable[[Transaction], T], float], T],
        work: Callable[[Transaction], T],
    ) -> T:
        if self._closed:
            message = "the ledger is closed"
            raise LedgerUnavailable(message)
        give_up_at = time.monotonic() + TRANSACTION_SECONDS
        # Shielded: a caller that hangs up changes nothing about what was begun.
        return await asyncio.shield(self._loop.run_in_executor(pool, run, work, give_up_at))

    def _write(self, work: Callable[[Transaction], T], give_up_at: float) -> T:
        result, effects = self._again_and_again(WRITE, work, give_up_at)
        self._news.tell(effects)
        self._hear(effects)
        return result

    def _read(self, work: Callable[[Transaction], T], give_up_at: float) -> T:
        return self._again_and_again(READ, work, give_up_at)[0]

    def _again_and_again(self, begin: str, work: Callable[[Transaction], T], give_up_at: float) -> tuple[T, Effects]:
        """Run `work`, and anew what the server undid for a reason that passes. Raises LedgerError, and as `work`."""
        for left in reversed(range(TRIES)):
            try:
                return self._once(begin, work, give_up_at)
            except ClockSetBack:
                self._once(WRITE, _go_on, give_up_at)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                if not left:
                    raise _unavailable(error) from error
        message = "the ledger cannot be used: the server's clock is set back again and again"
        raise LedgerUnavailable(message)

    def _once(self, begin: str, work: Callable[[PostgresTransaction], T], give_up_at: float) -> tuple[T, Effects]:
        connection = self._begun(begin, give_up_at)
        try:
            transaction = PostgresTransaction(connection, self._time, self._time_sql)
            result = work(transaction)
        except (errors.DeadlockDetected, errors.SerializationFailure):
            self._roll_back(connection)
            raise
        except psycopg.Error as error:
            self._roll_back(connection)
            raise _unavailable(error) from error
        except BaseException:
            self._roll_back(connection)
            raise
        if begin == WRITE:
            seconds = self._commit(connection)
            if transaction.wrote:
                self._on_loop(self._committed, seconds)
        else:
            self._roll_back(connection)  # what was read was read, whatever becomes of the connection
        return result, transaction.effects

    def _commit(self, connection: Connection) -> float:
        """How many seconds it took."""
        began = perf_counter()
        try:
            done = connection.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            self._drop(connection)
            raise _commit_failure(error) from error
        if done != "COMMIT":
            # After a failed statement the server undoes everything, and calls that no error.
            message = "the ledger cannot be used: the server undid the transaction"
            raise LedgerUnavailable(message)
        return perf_counter() - began

    def _begun(self, begin: str, give_up_at: float) -> Connection:
        """A transaction begun on the thread's connection, a new one if that was lost. Raises LedgerUnavailable."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            with suppress(psycopg.Error):
                connection.wait_at_most(_time_left(give_up_at))
                connection.execute(begin)
                return connection
            self._drop(connection)
        _time_left(give_up_at)
        try:
            connection = self._local.connection = self._connect()
        except psycopg.Error as error:
            raise _unavailable(error) from error
        with self._guard:
            self._opened.add(connection)
        try:
            connection.wait_at_most(_time_left(give_up_at))
            connection.execute(begin)
        except psycopg.Error as error:
            self._drop(connection)
            raise _unavailable(error) from error
        return connection

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._local.connection = None
        with self._guard:
            self._opened.discard(connection)
        with suppress(psycopg.Error):
            connection.close()

    def _hear(self, effects: Effects) -> None:
        self._on_loop(self._listener, effects)

    def _on_loop(self, listener: Callable[[T], None], news: T) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear
            self._loop.call_soon_threadsafe(listener, news)

    def _close(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._news.close()
        for connection in list(self._opened):
            self._drop(connection)


def _time_left(give_up_at: float) -> float:
    """Seconds until then. Raises LedgerUnavailable if there are none."""
    left = give_up_at - time.monotonic()
    if left <= 0:
        message = "the ledger cannot be used: the server gave no answer in time"
        raise LedgerUnavailable(message)
    return left


def _go_on(transaction: PostgresTransaction) -> None:
    """Let the ledger's time go on although the server's clock was set back, unless another process did so already."""
    transaction.lock("time")
    try:
        _ = transaction.now
    except ClockSetBack as still:
        transaction.run("UPDATE installation SET ahead = ahead + :behind", {"behind": still.microseconds})


def _commit_failure(error: psycopg.Error) -> LedgerError:
    """A COMMIT that failed left no trace only if the server itself says so, and goes on to serve this connection."""
    refused = error.sqlstate is not None and error.diag.severity_nonlocalized == "ERROR"
    return _unavailable(error) if refused else CommitUnknown(_text(error))


def _unavailable(error: psycopg.Error) -> LedgerUnavailable:
    return LedgerUnavailable(_text(error))


def _text(error: psycopg.Error) -> str:
    return f"the ledger cannot be used: {first_line(error)}"


def _ignore(_news: object) -> None:
    return
